"""The blocks of a rar archive: where each begins and ends, whether its checksum is right, and how the archive ends.

The library that unpacks refuses an archive with one damaged header, and accepts one without its end.

Source: RAR 5.0 technical note; unrar's technote.txt for versions 1.5 to 4.
"""

import zlib
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import CHUNK_BYTES, RandomSource

MARK_4, MARK_5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"

MAX_HEADER_BYTES = 2 << 20
"""Longest header of version 5."""

OLD_OWNER = 0x77
"""Type of the block with the names of owner and group, of version 2."""
MAX_OWNER_BYTES = 1 << 12

MAIN, FILE, END, ENCRYPTION = "main", "file", "end", "encryption"
_TYPES_5 = {1: MAIN, 2: FILE, 4: ENCRYPTION, 5: END}
_TYPES_4 = {0x73: MAIN, 0x74: FILE, 0x7B: END}


class Block(msgspec.Struct, frozen=True):
    """One block with a right checksum."""

    start: int
    end: int
    """Behind its data."""
    type: str
    """One of the constants; empty for others."""
    is_behind_gap: bool = False
    """Something that is no block stands before it."""
    hides_headers: bool = False
    """The headers behind it are encrypted."""
    has_next: bool = False
    """It ends a volume that another one follows."""
    data_at: int = 0
    """Behind its header."""
    is_new: bool = False
    """It is of version 5 or later."""
    flags: int = 0
    """The flags of a main block: whether the archive is solid, and has volumes."""
    continues: bool = False
    """Its data continues that of the volume before."""
    is_continued: bool = False
    """Its data continues in the next volume."""


def blocks(source: RandomSource, start: int) -> Iterator[Block]:
    """Yields the blocks behind the mark at a position. Searches for the next one behind each that is damaged."""
    is_new = source.read_at(start, 8) == MARK_5
    read = _block_5 if is_new else _block_4
    at = start + (8 if is_new else 7)
    is_gap = False
    while at < source.size:
        block = read(source, at)
        if block is None:
            is_gap = True
            found = _next(source, at + 1, is_new=is_new)
            if found is None:
                return
            at = found
            continue
        yield msgspec.structs.replace(block, is_behind_gap=is_gap)
        if block.type == END or block.hides_headers:
            return
        is_gap = False
        at = block.end


def _next(source: RandomSource, at: int, *, is_new: bool) -> int | None:
    """Returns the position of the next block of a file, or of the end."""
    while at < source.size:
        data = source.read_at(at, CHUNK_BYTES)
        for offset in range(len(data)):
            if is_new:
                # Size in one or two bytes, type, and flags that say that there is data.
                if data[offset + 4 : offset + 5] and _is_plausible(data[offset : offset + 10]):
                    block = _block_5(source, at + offset)
                    if block is not None and block.type in {FILE, END}:
                        return at + offset
            elif data[offset + 2 : offset + 3] in {b"\x74", b"\x7b"}:
                block = _block_4(source, at + offset)
                if block is not None and block.type in {FILE, END}:
                    return at + offset
        at += max(1, len(data) - 10) if len(data) == CHUNK_BYTES else len(data) or 1
    return None


def _is_plausible(head: bytes) -> bool:
    size, at = vint(head, 4)
    kind, _ = vint(head, at)
    return 2 <= size < 1 << 14 and kind in {2, 5}


def vint(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number of seven bits a byte at a position, and the position behind it; -1 if it is cut."""
    value = shift = 0
    for number in range(at, min(at + 10, len(data))):
        value |= (data[number] & 0x7F) << shift
        if data[number] < 0x80:
            return value, number + 1
        shift += 7
    return -1, len(data)


def _block_5(source: RandomSource, at: int) -> Block | None:
    head = source.read_at(at, 32)
    size, behind = vint(head, 4)
    if not 2 <= size <= MAX_HEADER_BYTES:
        return None
    end = at + behind + size
    header = source.read_at(at, behind + size)
    if len(header) < behind + size or zlib.crc32(header[4:]) != int.from_bytes(header[:4], "little"):
        return None
    kind, position = vint(header, behind)
    flags, position = vint(header, position)
    if flags & 1:
        _, position = vint(header, position)
    data = 0
    if flags & 2:
        data, position = vint(header, position)
    if data < 0 or flags < 0:
        return None
    name = _TYPES_5.get(kind, "")
    own_flags, _ = vint(header, position)
    return Block(
        at,
        end + data,
        name,
        hides_headers=name == ENCRYPTION,
        has_next=name == END and bool(own_flags & 1),
        data_at=end,
        is_new=True,
        flags=max(own_flags, 0) if name == MAIN else 0,
        continues=name == FILE and bool(flags & 8),
        is_continued=name == FILE and bool(flags & 0x10),
    )


def _block_4(source: RandomSource, at: int) -> Block | None:
    head = source.read_at(at, 7)
    if len(head) < 7:
        return None
    kind, flags, size = head[2], int.from_bytes(head[3:5], "little"), int.from_bytes(head[5:7], "little")
    if size < 7 or not 0x72 <= kind <= 0x7B:
        return None
    header = source.read_at(at, size)
    data = 0
    if flags & 0x8000 or kind == 0x74:
        data = int.from_bytes(header[7:11], "little")
        if kind == 0x74 and flags & 0x100 and size >= 36:
            data |= int.from_bytes(header[32:36], "little") << 32
    covered = header[: _covered(header, kind, flags)]
    if kind == OLD_OWNER:
        covered += source.read_at(at + size, min(data, MAX_OWNER_BYTES))  # its names, which stand as data
    if len(header) < size or zlib.crc32(covered[2:]) & 0xFFFF != int.from_bytes(header[:2], "little"):
        return None
    name = _TYPES_4.get(kind, "")
    return Block(
        at,
        at + size + data,
        name,
        hides_headers=name == MAIN and bool(flags & 0x80),
        has_next=name == END and bool(flags & 1),
        data_at=at + size,
        flags=flags if name == MAIN else 0,
        continues=name == FILE and bool(flags & 1),
        is_continued=name == FILE and bool(flags & 2),
    )


def _covered(header: bytes, kind: int, flags: int) -> int:
    """Returns how many bytes of a header its checksum covers: not the comment that versions before 3 write into it."""
    if kind == 0x73 and flags & 2:
        return 13
    if kind == 0x74 and flags & 8:
        return 32 + int.from_bytes(header[26:28], "little") + (8 if flags & 0x100 else 0) + (8 if flags & 0x400 else 0)
    return len(header)


def is_solid(block: Block) -> bool:
    """Returns whether a block says that members of the archive need those before them."""
    return block.type == MAIN and bool(block.flags & (4 if block.is_new else 8))


def has_volumes(source: RandomSource, start: int) -> bool:
    """Returns whether an archive with readable headers is one volume of several."""
    first = next(blocks(source, start), None)
    return first is not None and first.type == MAIN and not first.hides_headers and bool(first.flags & 1)
