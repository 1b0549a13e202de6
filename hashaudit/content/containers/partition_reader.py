"""The reader of disks with partitions. Each partition is a member, from which its file system is read in turn."""

from collections.abc import Iterator

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import PartSource
from hashaudit.content.containers.partition_tables import read_table
from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.content.containers.volume_set import VolumeSet, missing_volume_text
from hashaudit.model.containers import CATEGORIES, ContainerCategory
from hashaudit.model.faults import FaultCode

DAMAGED_TABLE = "the table of partitions is damaged; some may be missing"
ENDS_EARLY = "the image ends before the partition does"
ENCRYPTED = "a partition is encrypted"
UNKNOWN = "a partition has a file system that is not read"

_ENCRYPTED = (b"LUKS\xba\xbe", b"-FVE-FS-")
_SWAP_AT = (4086, 65526)
_LOOKED_AT_BYTES = 1 << 17
"""First bytes of a partition in which a file system is looked for; btrfs begins at 64 KiB."""
MOST_BLANK_BYTES = 1 << 20


def read_partitions(source: RandomSource) -> Iterator[Found]:
    """Reads the partitions in the order of the table. Space that none of them takes is not a member."""
    table = read_table(source)
    if table.is_damaged:
        yield Trouble(FaultCode.DAMAGED, DAMAGED_TABLE)
    for index, one in enumerate(table.partitions):
        part = PartSource(source, one.start, one.size)
        trouble = _unread(part)
        if trouble is not None:
            yield trouble
        if isinstance(source, VolumeSet) and one.start + one.size > source.size:
            yield Trouble(FaultCode.INCOMPLETE, missing_volume_text(source.missing))
        yield MemberContent(index, b"p%d" % one.number, content_of(part, one.size), one.size, random=part)


def content_of(source: RandomSource, stated_bytes: int) -> Iterator[bytes]:
    """Yields all bytes of a source, and then a fault if they are fewer than stated."""
    at = 0
    while data := source.read_at(at, CHUNK_BYTES):
        yield data
        at += len(data)
    if at < stated_bytes:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _unread(part: RandomSource) -> Trouble | None:
    """Returns a fault for a partition in which nothing is recognised, unless it is blank or holds swapped memory."""
    head = part.read_at(0, _LOOKED_AT_BYTES)
    if any(head[at : at + 10] in {b"SWAPSPACE2", b"SWAP-SPACE"} for at in _SWAP_AT):
        return None
    if head.startswith(_ENCRYPTED) or head[3:11] == b"-FVE-FS-":
        return Trouble(FaultCode.ENCRYPTED, ENCRYPTED)
    probe = ContainerProbe()
    probe.take(head)
    if probe.kind in CATEGORIES[ContainerCategory.IMAGES]:
        return None
    is_blank = not head.strip(b"\0") and not part.read_at(0, MOST_BLANK_BYTES).strip(b"\0")
    return None if is_blank else Trouble(FaultCode.UNSUPPORTED, UNKNOWN)
