"""Checks of archives that libarchive does not make: where their data ends, and checksums that it meets too late.

Source: [MS-CAB] 2.1 to 2.6; the xar file format (github.com/mackyle/xar/wiki/xarformat); the LZ4 frame format 1.6.
"""

import re
import struct
import zlib
from array import array
from functools import reduce
from operator import xor

from hashaudit.content.containers.interface import CHUNK_BYTES, RandomSource
from hashaudit.lazy import lazy_pattern

MAX_TABLE_BYTES = 64 << 20
"""Longest table of contents of a xar."""

_XAR_DATA = lazy_pattern(rb"<(data|ea|signature|x-signature|checksum)\b.*?</\1>", re.DOTALL)
_OFFSET, _LENGTH, _SIZE = (
    re.compile(rb"<%s>\s*(\d{1,18})\s*</%s>" % (name, name)) for name in (b"offset", b"length", b"size")
)


def has_wrong_checksum(source: RandomSource) -> bool:  # noqa: PLR0911 # each part may be cut
    """Returns whether a block of a cabinet has another checksum than its header states, or is not whole.

    The library meets it at the end of a block, when it has given the members before that end as good.
    """
    head = source.read_at(0, 40)
    if len(head) < 36:
        return False
    folders, _, flags = struct.unpack_from("<HHH", head, 26)
    at, for_header, for_folder, for_block = 36, 0, 0, 0
    if flags & 4 and len(head) == 40:
        for_header, for_folder, for_block = struct.unpack_from("<HBB", head, 36)
        at = 40 + for_header
    if flags & 3:
        return False  # names of other cabinets follow, and those parts are faults in any case
    for number in range(folders):
        folder = source.read_at(at + number * (8 + for_folder), 8)
        if len(folder) < 8:
            return True
        start, blocks = struct.unpack_from("<IH", folder)
        for _ in range(blocks):
            block = source.read_at(start, 8 + for_block)
            if len(block) < 8:
                return True
            stated, packed = struct.unpack_from("<IH", block)
            data = source.read_at(start + len(block), packed)
            if len(data) < packed:
                return True  # the checksum of what is left of the block cannot be known
            if stated and _checksum(block[8:] + data) ^ _checksum(block[4:8]) != stated:
                # The reserved bytes are not always a whole number of words, so a checksum of the parts is right too.
                parts = _checksum(data, _checksum(block[4:]))
                if parts != stated:
                    return True
            start += len(block) + packed
    return False


def _checksum(data: bytes, seed: int = 0) -> int:
    """Returns the exclusive or of all words; the last one is big-endian if it is not whole ([MS-CAB] 2.6)."""
    whole = len(data) & ~3
    words = array("I", data[:whole])
    rest = data[whole:]
    return reduce(xor, words, seed) ^ int.from_bytes(rest, "big")


def xar_end(source: RandomSource) -> int | None:
    """Returns the position behind the last data that the table of a xar names; ``None``: it cannot be read."""
    head = source.read_at(0, 28)
    if len(head) < 28:
        return None
    header_bytes, _, packed_bytes, table_bytes = struct.unpack_from(">HHQQ", head, 4)
    if table_bytes > MAX_TABLE_BYTES or packed_bytes > MAX_TABLE_BYTES:
        return None
    try:
        table = zlib.decompressobj().decompress(source.read_at(header_bytes, packed_bytes), MAX_TABLE_BYTES)
    except zlib.error:
        return None
    end = 0
    for found in _XAR_DATA.finditer(table):
        offset = _OFFSET.search(found[0])
        length = _LENGTH.search(found[0]) or _SIZE.search(found[0])
        if offset is not None and length is not None:
            end = max(end, int(offset[1]) + int(length[1]))
    return int(header_bytes) + int(packed_bytes) + end


def lz4_end(source: RandomSource) -> int:
    """Returns the position behind the last frame of an lz4 file that is whole."""
    at = 0
    while (end := _lz4_frame(source, at)) is not None:
        at = end
    return at


def _lz4_frame(source: RandomSource, at: int) -> int | None:
    head = source.read_at(at, 16)
    if head[1:4] == b"\x2a\x4d\x18" and head[:1] and head[0] & 0xF0 == 0x50:
        end = at + 8 + int.from_bytes(head[4:8], "little")
        return end if end <= source.size else None
    if head[:4] == b"\x02\x21\x4c\x18":
        return _lz4_blocks(source, at + 4, is_legacy=True)
    if head[:4] != b"\x04\x22\x4d\x18" or len(head) < 7:
        return None
    flags = head[4]
    start = at + 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    behind = _lz4_blocks(source, start, is_legacy=False, checksum_bytes=4 if flags & 0x10 else 0)
    return None if behind is None else behind + (4 if flags & 4 else 0)


def _lz4_blocks(source: RandomSource, at: int, *, is_legacy: bool, checksum_bytes: int = 0) -> int | None:
    while at < source.size:
        word = source.read_at(at, 4)
        if len(word) < 4:
            return None
        size = int.from_bytes(word, "little")
        if is_legacy and size >= 0x184C2102 - 1:
            return at  # another frame
        if not is_legacy and not size:
            return at + 4
        at += 4 + (size & 0x7FFFFFFF) + checksum_bytes
    return at if is_legacy and at == source.size else None


def has_more(source: RandomSource, at: int) -> bool:
    """Returns whether anything but zeros follows a position."""
    while at < source.size:
        data = source.read_at(at, CHUNK_BYTES)
        if not data:
            return False
        if data.strip(b"\0"):
            return True
        at += len(data)
    return False
