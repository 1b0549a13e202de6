"""Readers that need a library of an extra: which extra brings each, whether it is installed, and how it is loaded.

Nothing here is imported before it is needed, because the libraries read hostile bytes, and the parent plans with this
table. A worker loads them before its sandbox closes.
"""

import functools
from collections.abc import Callable
from importlib.util import find_spec

import msgspec

from hashaudit.content.containers.interface import RandomReader
from hashaudit.model.containers import ContainerKind

ARCHIVES, IMAGES, LIBYAL = "archives", "images", "libyal"
"""The extras for archives, for file systems, and for what the libraries of libyal read."""


class OptionalReader(msgspec.Struct, frozen=True):
    """A reader that is there if its extra is installed."""

    extra: str
    """Name in ``hashaudit[...]``."""
    is_installed: Callable[[], bool]
    load: Callable[[], RandomReader]
    """Imports the library and lets it load all parts of itself."""


def _has_libarchive() -> bool:
    from hashaudit.content.containers.libarchive import has_library  # noqa: PLC0415 # as the module says

    return has_library()


def _libarchive(kind: ContainerKind) -> OptionalReader:
    def load() -> RandomReader:
        from hashaudit.content.containers.libarchive_reader import READERS, prepare  # noqa: PLC0415 # as above

        prepare()
        return READERS[kind]

    return OptionalReader(ARCHIVES, _has_libarchive, load)


def _load_rar() -> RandomReader:
    from hashaudit.content.containers.rar_reader import read_rar, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_rar


def _load_lzo() -> RandomReader:
    from hashaudit.content.containers.lzo_reader import read_lzo, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_lzo


def _load_filesystem() -> RandomReader:
    from hashaudit.content.containers.filesystem_reader import read_filesystem, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_filesystem


FILESYSTEMS = (ContainerKind.NTFS, ContainerKind.FAT, ContainerKind.EXT, ContainerKind.HFS)
"""Kinds that The Sleuth Kit reads."""


def _load_xfs() -> RandomReader:
    from hashaudit.content.containers.libyal_filesystem import read_xfs, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_xfs


def _load_apfs() -> RandomReader:
    from hashaudit.content.containers.libyal_filesystem import read_apfs, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_apfs


def _load_pst() -> RandomReader:
    from hashaudit.content.containers.pst_reader import read_pst, warm_up  # noqa: PLC0415 # as above

    warm_up()
    return read_pst


def _has_file_systems() -> bool:
    return find_spec("pyfsxfs") is not None and find_spec("pyfsapfs") is not None


OPTIONAL_READERS: dict[ContainerKind, OptionalReader] = {
    **{
        kind: _libarchive(kind)
        for kind in (
            ContainerKind.SEVEN_ZIP,
            ContainerKind.CAB,
            ContainerKind.LHA,
            ContainerKind.XAR,
            ContainerKind.LZ4,
            ContainerKind.COMPRESS,
        )
    },
    **{kind: OptionalReader(IMAGES, lambda: find_spec("pytsk3") is not None, _load_filesystem) for kind in FILESYSTEMS},
    ContainerKind.XFS: OptionalReader(LIBYAL, _has_file_systems, _load_xfs),
    ContainerKind.APFS: OptionalReader(LIBYAL, _has_file_systems, _load_apfs),
    ContainerKind.PST: OptionalReader(LIBYAL, lambda: find_spec("pypff") is not None, _load_pst),
    ContainerKind.LZO: OptionalReader(ARCHIVES, lambda: find_spec("lzallright") is not None, _load_lzo),
    ContainerKind.RAR: OptionalReader(ARCHIVES, lambda: find_spec("rars") is not None, _load_rar),
}
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
