"""A scan: its options, plan, main loop, events and resume. The package is also the function ``hashaudit.scan(config)``.

A function ``scan`` in ``hashaudit`` would clash with this package: the import system binds every imported submodule to
its name in the parent, so the function would be lost as soon as any module imports ``hashaudit.scan.config``. If the
parent kept the function instead, ``import hashaudit.scan.config as config`` would fail, because it looks ``config`` up
on the function. A package that can be called is both, in any order of imports
(https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access).
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashaudit.scan.findings_scan import Scan


class _CallablePackage(ModuleType):
    """Forwards a call to :func:`hashaudit.scan.findings_scan.scan`."""

    def __call__(self, *args: Any, **options: Any) -> "Scan":
        """Returns a scan: a context manager and an iterator of events."""
        # Workers and the command line's help import parts of this package, and need no scan.
        from hashaudit.scan.findings_scan import scan  # noqa: PLC0415 # as above

        return scan(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
