"""The central directory of a zip file: where it is, and what it says of each member.

Source: PKWARE APPNOTE 6.3.10; sections are cited at the structures.
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.appended_archives import TAIL_BYTES, is_end_record
from hashaudit.content.containers.interface import CHUNK_BYTES, RandomSource
from hashaudit.content.containers.volume_set import VolumeSet
from hashaudit.content.containers.zip_encryption import AES_METHOD

CENTRAL = b"PK\x01\x02"
CENTRAL_BYTES = 46
_CENTRAL_NUMBER = int.from_bytes(CENTRAL, "little")
_CENTRAL_FIELDS = struct.Struct("<I4xHHH2xIIIHHHH6xI")
"""Signature, flags, method, time, checksum, both sizes, lengths of name, extra fields and comment, disk, offset
(4.3.12)."""

NO_DIRECTORY = "the archive has no central directory; it may be cut off"
BROKEN_DIRECTORY = "the central directory is damaged"

MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A member, as one of its headers describes it."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size: int
    offset: int
    """Position of its local header in the file."""
    disk: int = 0
    time: int = 0
    """As DOS writes it. Encryption uses its upper byte."""
    extra: bytes = b""
    """Extra fields, if the member is encrypted with AES."""
    listed_at: int = 0
    """Position of its entry in the central directory."""


class Directory(msgspec.Struct, frozen=True):
    """Where a central directory is."""

    start: int
    """Position of the central directory in the file."""
    end: int
    end_record: int
    """Position of the end record, which has named it."""
    base: int
    """Bytes before the archive."""
    disk: int


def is_directory(entry: Entry) -> bool:
    """Returns whether an entry is a directory, which is not a member."""
    return not entry.size and entry.packed_bytes <= 2 and entry.name.endswith((b"/", b"\\"))


def find_directory(source: RandomSource) -> Directory | None:
    """Finds the last end record that is consistent (4.3.16, 4.3.14)."""
    tail_at = max(0, source.size - TAIL_BYTES)
    tail = source.read_at(tail_at, TAIL_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"PK\x05\x06", 0, at)) >= 0:
        if is_end_record(tail, at, source.size):
            disk, disk_of_directory, _, count, size, offset, _ = struct.unpack_from("<4xHHHHIIH", tail, at)
            end = tail_at + at
            if MOST_32 in {size, offset} or count == _MOST_16:
                found = _find_zip64(source, end)
                if found is not None:
                    return found
            if size + offset <= end:
                if disk and isinstance(source, VolumeSet):
                    start = _start_of(source, disk_of_directory) + offset
                    return Directory(start, start + size, end, 0, disk)
                base = end - size - offset
                start = end - size
                if size and source.read_at(start, 4) != CENTRAL and source.read_at(offset, 4) == CENTRAL:
                    base, start = 0, offset
                return Directory(start, start + size, end, base, disk)
    return None


def _find_zip64(source: RandomSource, end: int) -> Directory | None:
    locator = source.read_at(max(0, end - 20), 20)
    if locator[:4] != b"PK\x06\x07":
        return None
    disk, stated = struct.unpack_from("<IQ", locator, 4)
    if disk and isinstance(source, VolumeSet):
        stated += _start_of(source, disk)
    for at in (stated, end - 20 - 56):
        record = source.read_at(at, 56) if 0 <= at < end else b""
        if len(record) == 56 and record[:4] == b"PK\x06\x06":
            disk, disk_of_directory, size, offset = struct.unpack_from("<16xII16xQQ", record)
            if disk and isinstance(source, VolumeSet):
                start = _start_of(source, disk_of_directory) + offset
                return Directory(start, start + size, end, 0, disk)
            if size + offset <= at:
                return Directory(at - size, at, end, at - size - offset, disk)
    return None


def _start_of(source: VolumeSet, disk: int) -> int:
    """Returns where a volume begins; beyond the end if there is no such volume."""
    return source.starts[disk] if disk < len(source.starts) else source.size


def entries(source: RandomSource, directory: Directory, at: int = 0) -> Iterator[Entry | None]:
    """Yields the entries of the central directory (4.3.12), then ``None`` if it is damaged before its end.

    Args:
        source: the bytes of the file.
        directory: as found.
        at: position of the first entry; 0: that of the directory.
    """
    at, data, start = at or directory.start, b"", 0
    base, end, unpack = directory.base, directory.end, _CENTRAL_FIELDS.unpack_from
    volumes = source if directory.disk and isinstance(source, VolumeSet) else None
    while at < end:
        if len(data) - start < CENTRAL_BYTES:
            data, start = source.read_at(at, min(CHUNK_BYTES, end - at)), 0
            if len(data) < CENTRAL_BYTES:
                if data[:4] != _DIGITAL_SIGNATURE:
                    yield None
                return
        (signature, flags, method, time, crc, packed, size, name_bytes, extra_bytes, comment_bytes, disk, offset) = (
            unpack(data, start)
        )
        if signature != _CENTRAL_NUMBER:
            # A digital signature is the last thing in a directory.
            if data[start : start + 4] != _DIGITAL_SIGNATURE:
                yield None
            return
        length = CENTRAL_BYTES + name_bytes + extra_bytes + comment_bytes
        if len(data) - start < length:
            data, start = source.read_at(at, max(length, min(CHUNK_BYTES, end - at))), 0
            if len(data) < length:
                yield None
                return
        name_at = start + CENTRAL_BYTES
        extra_at = name_at + name_bytes
        extra = b""
        if extra_bytes and (
            method == AES_METHOD or MOST_32 in (size, packed, offset) or disk == _MOST_16
        ):  # no set is made for each
            extra = data[extra_at : extra_at + extra_bytes]
            size, packed, offset, disk = wide(extra, size, packed, offset, disk)
            extra = extra if method == AES_METHOD else b""
        if volumes is not None:
            offset += _start_of(volumes, disk)
        yield Entry(data[name_at:extra_at], flags, method, crc, packed, size, base + offset, disk, time, extra, at)
        at += length
        start += length


_DIGITAL_SIGNATURE = b"PK\x05\x05"


def wide(extra: bytes, size: int, packed: int, offset: int, disk: int) -> tuple[int, int, int, int]:
    """Returns the numbers with those of the zip64 field (4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            numbers = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            size = next(numbers, size) if size == MOST_32 else size
            packed = next(numbers, packed) if packed == MOST_32 else packed
            offset = next(numbers, offset) if offset == MOST_32 else offset
            disk = int.from_bytes(field[-4:], "little") if disk == _MOST_16 and len(field) % 8 == 4 else disk
            break
        at += 4 + length
    return size, packed, offset, disk
