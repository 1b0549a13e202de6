"""Readers that need a library of an extra: which extra brings each, whether it is installed, and how it is loaded.

Nothing here is imported before it is needed, because the libraries read hostile bytes, and the parent plans with this
table. A worker loads them before its sandbox closes.
"""

import functools
from collections.abc import Callable

import msgspec

from hashaudit.content.containers.interface import RandomReader
from hashaudit.model.containers import ContainerKind


class OptionalReader(msgspec.Struct, frozen=True):
    """A reader that is there if its extra is installed."""

    extra: str
    """Name in ``hashaudit[...]``."""
    is_installed: Callable[[], bool]
    load: Callable[[], RandomReader]
    """Imports the library and lets it load all parts of itself."""


OPTIONAL_READERS: dict[ContainerKind, OptionalReader] = {}
"""By kind."""


@functools.cache
def installed_kinds() -> frozenset[ContainerKind]:
    """Returns the kinds whose library is installed."""
    return frozenset(kind for kind, reader in OPTIONAL_READERS.items() if reader.is_installed())


def missing_text(kind: ContainerKind) -> str:
    """Returns the message of the fault for a container that has no reader here."""
    extra = OPTIONAL_READERS[kind].extra if kind in OPTIONAL_READERS else None
    advice = "this version has none" if extra is None else f"install hashaudit[{extra}]"
    return f"no reader for containers of the kind {kind}; {advice}"
