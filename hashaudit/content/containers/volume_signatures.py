"""Signatures of whole disks and file systems that stand far behind the first bytes, or of kinds that are rare.

Sources: the LUKS1 specification, Linux (``btrfs_tree.h``, ``f2fs_fs.h``), libyal (BitLocker, ReFS, LVM2), Inside
Macintosh: Devices, 3.
"""

from hashaudit.model.containers import ContainerKind

_SIGNATURES = (
    (0, b"LUKS\xba\xbe", ContainerKind.LUKS),
    (3, b"-FVE-FS-", ContainerKind.BITLOCKER),
    (3, b"ReFS\0\0\0\0", ContainerKind.REFS),
    (512, b"LABELONE", ContainerKind.LVM),
    (512, b"PM\0\0", ContainerKind.PARTITIONS),
    (1024, b"\x10\x20\xf5\xf2", ContainerKind.F2FS),
)
"""Position and bytes. None of these volumes is shorter than 64 KiB."""

_BTRFS = b"_BHRfS_M"
LATEST_AT = 0x10040
"""Position of the signature of btrfs. No other one is behind it."""


def rare_volume(data: bytes | bytearray | memoryview) -> ContainerKind | None:
    """Returns the kind of a volume by its first bytes."""
    for at, magic, kind in _SIGNATURES:
        if data[at : at + len(magic)] == magic and (kind is not ContainerKind.PARTITIONS or data[:2] == b"ER"):
            return kind
    return None


def late_volume(data: bytes | bytearray | memoryview, before: int) -> ContainerKind | None:
    """Returns the kind of a volume by bytes that have ``before`` other ones before them."""
    at = LATEST_AT - before
    return ContainerKind.BTRFS if at >= 0 and data[at : at + len(_BTRFS)] == _BTRFS else None
