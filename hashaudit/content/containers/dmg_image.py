"""The block map of disk images of macOS (UDIF, ``.dmg``). What describes the blocks is at the end of the file.

Source: the structures of libmodi, "Mac OS disk image types", section 5 (Universal Disk Image Format).
"""

import binascii
import bz2
import itertools
import lzma
import re
import struct
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable

from hashaudit.content.containers.block_map import (
    CACHED_BYTES,
    DAMAGED,
    DAMAGED_BLOCK,
    ENDS_EARLY,
    OTHER_FILE,
    UNSUPPORTED,
)
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder
from hashaudit.model.faults import FaultCode

TRAILER_BYTES = 512
MOST_LIST_BYTES = 256 << 20
MOST_BLOCK_BYTES = 64 << 20
_SECTOR = 512
_ZEROS, _RAW, _IGNORED, _COMMENT, _END = 0, 1, 2, 0x7FFFFFFE, 0xFFFFFFFF
_ZLIB, _BZIP2, _LZMA = 0x80000005, 0x80000006, 0x80000008
_TABLES = re.compile(rb"<key>blkx</key>\s*<array>(.*?)</array>", re.DOTALL)
_DATA = re.compile(rb"<data>([^<]*)</data>")


class DmgImage(ReadInOrder):
    """The disk in an image.

    Raises:
        ContainerError: the image is damaged, or a part of it is elsewhere.
    """

    def __init__(self, source: RandomSource) -> None:
        trailer = source.read_at(source.size - TRAILER_BYTES, TRAILER_BYTES)
        if len(trailer) < TRAILER_BYTES or trailer[:4] != b"koly":
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        data_at, _, _, _, number, volumes = struct.unpack_from(">QQQQII", trailer, 24)
        list_at, list_bytes = struct.unpack_from(">QQ", trailer, 216)
        (sectors,) = struct.unpack_from(">Q", trailer, 492)
        if number > 1 or volumes > 1:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        if not 0 < list_bytes <= MOST_LIST_BYTES or sectors >= 1 << 53:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        described = source.read_at(list_at, list_bytes)
        tables = _TABLES.search(described)
        if len(described) < list_bytes or tables is None:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY if len(described) < list_bytes else DAMAGED)
        self._source = source
        self.size = sectors * _SECTOR
        rows: list[tuple[int, int, int, int, int]] = []
        for table in _DATA.findall(tables[1]):
            rows += _rows(table, data_at)
        rows.sort()
        self._rows = rows
        self._starts = [row[0] for row in rows]
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        if any(one[0] + one[1] > other[0] for one, other in itertools.pairwise(rows)):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        end, parts = min(offset + count, self.size), []
        while 0 <= offset < end:
            number = bisect_right(self._starts, offset) - 1
            start, length = self._rows[number][:2] if number >= 0 else (0, 0)
            if offset < start + length:
                data = self._part(number, offset - start, min(end - offset, start + length - offset))
            else:
                following = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
                data = bytes(min(end, following) - offset)
            parts.append(data)
            offset += len(data)
        return b"".join(parts)

    def _part(self, number: int, within: int, length: int) -> bytes:
        _, whole, kind, at, packed = self._rows[number]
        if kind in {_ZEROS, _IGNORED}:
            return bytes(length)
        if kind == _RAW:
            data = self._source.read_at(at + within, length)
            if len(data) < length or within + length > packed:
                raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
            return data
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._unpacked(kind, at, packed, whole)
            if len(self._blocks) > max(1, CACHED_BYTES // max(1, whole)):
                self._blocks.popitem(last=False)
        return block[within : within + length]

    def _unpacked(self, kind: int, at: int, packed: int, whole: int) -> bytes:
        if kind not in _DECODERS:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        if max(packed, whole) > MOST_BLOCK_BYTES:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK)
        data = self._source.read_at(at, packed)
        try:
            block = _DECODERS[kind](data, whole)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
            block = b""
        if len(block) != whole:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK)
        return block


_DECODERS: dict[int, Callable[[bytes, int], bytes]] = {
    _ZLIB: lambda data, whole: zlib.decompressobj().decompress(data, whole),
    _BZIP2: lambda data, whole: bz2.BZ2Decompressor().decompress(data, whole),
    _LZMA: lambda data, whole: lzma.LZMADecompressor().decompress(data, whole),
}


def _rows(table: bytes, data_at: int) -> list[tuple[int, int, int, int, int]]:
    """Returns start and length on the disk, type, and place and length in the file, of each block of a table."""
    try:
        data = binascii.a2b_base64(table)
    except binascii.Error:
        data = b""
    if data[:4] != b"mish" or len(data) < 204:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    first, _, offset = struct.unpack_from(">QQQ", data, 8)
    (count,) = struct.unpack_from(">I", data, 200)
    if len(data) < 204 + 40 * count:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    found = []
    for number in range(count):
        kind, _, start, length, at, packed = struct.unpack_from(">IIQQQQ", data, 204 + 40 * number)
        if kind == _END:
            break
        if kind != _COMMENT and length:
            if max(first, start, length) >= 1 << 53:
                raise ContainerError(FaultCode.DAMAGED, DAMAGED)
            found.append(((first + start) * _SECTOR, length * _SECTOR, kind, data_at + offset + at, packed))
    return found
