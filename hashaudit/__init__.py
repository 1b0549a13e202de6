"""Bulk hash auditing: walks storage, matches known hashes, writes signed findings.

The library never prints, exits or configures logging. See docs/guides/library.md.

Every name is imported when it is first used, so ``import hashaudit`` loads nothing else: ``hashaudit --version``
answers at once, and a worker process imports only what reads content.
"""

import importlib

TYPE_CHECKING = False  # type checkers take it for typing's constant; importing typing costs a third of --version
if TYPE_CHECKING:
    from hashaudit.errors import HashauditError
    from hashaudit.lists.interface import ListSpec
    from hashaudit.lists.load import load_lists
    from hashaudit.model.entry import Entry
    from hashaudit.model.faults import Fault
    from hashaudit.model.results import Role
    from hashaudit.scan.config import ScanConfig
    from hashaudit.scan.control import Control
    from hashaudit.scan.events import (
        AlreadyComplete,
        Audited,
        CacheSkipped,
        Event,
        Finished,
        Found,
        JournalFailed,
        KeyCreated,
        ListLoaded,
        Notice,
        Paused,
        Prepared,
        PriorityNotLowered,
        Progress,
        Recorded,
        Resumed,
        Started,
        StatusReport,
    )
    from hashaudit.scan.findings_scan import Scan, scan
    from hashaudit.scan.key_policy import Signing
    from hashaudit.scan.trust_policy import verify

__version__ = "0.1.0"

__all__ = [
    "AlreadyComplete",
    "Audited",
    "CacheSkipped",
    "Control",
    "Entry",
    "Event",
    "Fault",
    "Finished",
    "Found",
    "HashauditError",
    "JournalFailed",
    "KeyCreated",
    "ListLoaded",
    "ListSpec",
    "Notice",
    "Paused",
    "Prepared",
    "PriorityNotLowered",
    "Progress",
    "Recorded",
    "Resumed",
    "Role",
    "Scan",
    "ScanConfig",
    "Signing",
    "Started",
    "StatusReport",
    "__version__",
    "load_lists",
    "scan",
    "verify",
]

_MODULES = {
    "hashaudit.errors": ("HashauditError",),
    "hashaudit.lists.interface": ("ListSpec",),
    "hashaudit.lists.load": ("load_lists",),
    "hashaudit.model.entry": ("Entry",),
    "hashaudit.model.faults": ("Fault",),
    "hashaudit.model.results": ("Role",),
    "hashaudit.scan.config": ("ScanConfig",),
    "hashaudit.scan.control": ("Control",),
    "hashaudit.scan.events": (
        "AlreadyComplete",
        "Audited",
        "CacheSkipped",
        "Event",
        "Finished",
        "JournalFailed",
        "KeyCreated",
        "ListLoaded",
        "Found",
        "Notice",
        "Paused",
        "Prepared",
        "PriorityNotLowered",
        "Progress",
        "Recorded",
        "Resumed",
        "Started",
        "StatusReport",
    ),
    "hashaudit.scan.findings_scan": ("Scan",),
    "hashaudit.scan.key_policy": ("Signing",),
    "hashaudit.scan.trust_policy": ("verify",),
}
"""Module -> the names of ``__all__`` that it defines."""

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "scan":
        # The package itself, which can be called: see hashaudit/scan/__init__.py.
        return importlib.import_module("hashaudit.scan")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
