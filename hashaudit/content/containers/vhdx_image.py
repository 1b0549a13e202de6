"""The block map of VHDX images.

Source: [MS-VHDX] 2.2 to 2.6.
"""

import struct

from hashaudit.content.containers.block_map import DAMAGED, OTHER_FILE, UNSUPPORTED, BlockMap, read_table
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.model.faults import FaultCode

_HEADERS = (64 << 10, 128 << 10)
_REGIONS = (192 << 10, 256 << 10)
_BLOCKS = bytes.fromhex("6677c22d23f600429d64115e9bfd4a08")
_METADATA = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
_DISK_BYTES = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
_SECTOR_BYTES = bytes.fromhex("1dbf41816fa90947ba47f233a8faab5f")
_PRESENT, _PARTIAL = 6, 7


class VhdxImage(BlockMap):
    """The disk of an image without a parent."""

    def __init__(self, source: RandomSource) -> None:
        headers = [source.read_at(at, 4096) for at in _HEADERS]
        valid = [head for head in headers if head[:4] == b"head" and len(head) == 4096]
        if not valid:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        newest = max(valid, key=lambda head: int.from_bytes(head[8:16], "little"))
        if newest[48:64].strip(b"\0"):
            # Changes in the log are not in the blocks yet.
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        regions = _regions(source)
        if _BLOCKS not in regions or _METADATA not in regions:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        items = _items(source, regions[_METADATA])
        if not items.keys() >= {_PARAMETERS, _DISK_BYTES, _SECTOR_BYTES}:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        block_bytes, flags = struct.unpack("<II", items[_PARAMETERS][:8])
        if flags & 2:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        super().__init__(source, int.from_bytes(items[_DISK_BYTES][:8], "little"), block_bytes)
        sector_bytes = int.from_bytes(items[_SECTOR_BYTES][:4], "little")
        self._ratio = (sector_bytes << 23) // block_bytes
        if not self._ratio:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        count = -(-self.size // block_bytes)
        self._table = read_table(source, regions[_BLOCKS], count + (max(count, 1) - 1) // self._ratio, 8)

    def stored_at(self, number: int) -> int | None:
        """Returns where a block stands. Each chunk of them has one more entry, for a bitmap."""
        at = 8 * (number + number // self._ratio)
        entry = int.from_bytes(self._table[at : at + 8], "little")
        state = entry & 7
        if state == _PARTIAL:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        return entry >> 20 << 20 if state == _PRESENT else None


def _regions(source: RandomSource) -> dict[bytes, int]:
    for at in _REGIONS:
        data = source.read_at(at, 64 << 10)
        if data[:4] == b"regi" and len(data) == 64 << 10:
            (count,) = struct.unpack_from("<I", data, 8)
            rows = [data[16 + 32 * number : 48 + 32 * number] for number in range(min(count, 2047))]
            return {row[:16]: int.from_bytes(row[16:24], "little") for row in rows}
    return {}


def _items(source: RandomSource, region_at: int) -> dict[bytes, bytes]:
    data = source.read_at(region_at, 64 << 10)
    if data[:8] != b"metadata" or len(data) < 64 << 10:
        return {}
    (count,) = struct.unpack_from("<H", data, 10)
    found = {}
    for number in range(min(count, 2047)):
        row = data[32 + 32 * number : 64 + 32 * number]
        offset, length = struct.unpack_from("<II", row, 16)
        found[row[:16]] = source.read_at(region_at + offset, min(length, 64))
    return found
