"""Partition tables: MBR with logical partitions, GPT, and the partition map of old Macs.

The copy of a GPT at the end of the disk is used if the first one is damaged.

Source: UEFI 2.10, 5.2 and 5.3; for logical partitions, the extended boot record as Linux and Windows write it; Inside
Macintosh: Devices, 3-22 to 3-27.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import RandomSource

SECTORS = (512, 4096)
"""Sizes of the sectors that tables count in."""

MAX_PARTITIONS = 4096
_EXTENDED = frozenset((0x05, 0x0F, 0x85))
_PROTECTIVE = 0xEE
_MAP_BYTES = 512
_WITHOUT_FILES = (b"Apple_partition_map", b"Apple_Free", b"Apple_Driver", b"Apple_Patches", b"Apple_Void")


class Partition(msgspec.Struct, frozen=True):
    """One partition."""

    number: int
    """As systems number it, from 1."""
    start: int
    """First byte."""
    size: int
    """Length in bytes, as the table states it."""


class Table(msgspec.Struct):
    """The content of a table."""

    partitions: list[Partition] = []
    is_damaged: bool = False
    """Some partitions may be missing."""


def read_table(source: RandomSource) -> Table:
    """Returns the partitions of a disk in the order of its table."""
    head = source.read_at(0, 512)
    if head.startswith(b"ER") and head[510:] != b"\x55\xaa":
        return _map(source)
    rows = [head[at : at + 16] for at in range(446, 510, 16)]
    if any(len(row) == 16 and row[4] == _PROTECTIVE for row in rows):
        for sector in SECTORS:
            found = _gpt(source, sector, sector)
            if found is not None:
                return found
        for sector in SECTORS:
            found = _gpt(source, source.size - sector, sector)
            if found is not None:
                found.is_damaged = True
                return found
        return Table(is_damaged=True)
    table = Table()
    for number, row in enumerate(rows, 1):
        if len(row) < 16 or not row[4]:
            continue
        start, count = struct.unpack_from("<II", row, 8)
        if row[4] in _EXTENDED:
            logical = list(_logical(source, start, table))
            table.partitions += logical
        else:
            table.partitions.append(Partition(number, start * 512, count * 512))
    return table


def _map(source: RandomSource) -> Table:
    """Returns the partitions of a Mac's map, without those of the system that have no file system."""
    table = Table()
    count = 1
    number = 0
    while number < min(count, MAX_PARTITIONS):
        number += 1
        row = source.read_at(number * _MAP_BYTES, _MAP_BYTES)
        if row[:2] != b"PM":
            table.is_damaged = True
            break
        count, start, length = struct.unpack_from(">III", row, 4)
        if not row[48:80].startswith(_WITHOUT_FILES):
            table.partitions.append(Partition(number, start * _MAP_BYTES, length * _MAP_BYTES))
    table.is_damaged |= count > MAX_PARTITIONS
    return table


def _logical(source: RandomSource, base: int, table: Table) -> Iterator[Partition]:
    at, number = base, 5
    visited = set()
    while number < MAX_PARTITIONS:
        record = source.read_at(at * 512, 512)
        if at in visited or record[510:512] != b"\x55\xaa":
            table.is_damaged = True
            return
        visited.add(at)
        following = 0
        for row in (record[446:462], record[462:478]):
            start, count = struct.unpack_from("<II", row, 8)
            if row[4] in _EXTENDED:
                following = base + start
            elif row[4]:
                yield Partition(number, (at + start) * 512, count * 512)
                number += 1
        if not following:
            return
        at = following


def _gpt(source: RandomSource, at: int, sector: int) -> Table | None:
    """Returns a table whose checksums are right, or whose header's is; ``None``: there is none here."""
    header = source.read_at(at, sector)
    if header[:8] != b"EFI PART":
        return None
    size, stated = struct.unpack_from("<I", header, 12)[0], header[16:20]
    if not 92 <= size <= len(header):
        return None
    plain = header[:16] + bytes(4) + header[20:size]
    if zlib.crc32(plain) != int.from_bytes(stated, "little"):
        return None
    first, count, length, checksum = struct.unpack_from("<QIII", header, 72)
    if not 128 <= length <= 4096 or count > MAX_PARTITIONS:
        return None
    rows = source.read_at(first * sector, count * length)
    table = Table(is_damaged=zlib.crc32(rows) != checksum)
    for number in range(len(rows) // length):
        row = rows[number * length : (number + 1) * length]
        if row[:16].strip(b"\0"):
            start, end = struct.unpack_from("<QQ", row, 32)
            if start <= end:
                table.partitions.append(Partition(number + 1, start * sector, (end - start + 1) * sector))
            else:
                table.is_damaged = True
    return table
