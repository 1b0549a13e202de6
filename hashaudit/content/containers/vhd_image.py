"""The block map of dynamic VHD images. A fixed one is a disk as it is, and is read as one.

Source: Microsoft, "Virtual Hard Disk Image Format Specification", version 1.0.
"""

import struct

from hashaudit.content.containers.block_map import DAMAGED, OTHER_FILE, UNSUPPORTED, BlockMap, read_table
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.model.faults import FaultCode

_DYNAMIC, _DIFFERENCING = 3, 4
_UNUSED = 0xFFFFFFFF


class VhdImage(BlockMap):
    """The disk of a dynamic image."""

    def __init__(self, source: RandomSource) -> None:
        footer = source.read_at(0, 512)
        if len(footer) < 512 or _sum(footer, 64) != int.from_bytes(footer[64:68], "big"):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        (header_at,), (size,) = struct.unpack_from(">Q", footer, 16), struct.unpack_from(">Q", footer, 48)
        (kind,) = struct.unpack_from(">I", footer, 60)
        if kind == _DIFFERENCING:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        if kind != _DYNAMIC:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        header = source.read_at(header_at, 1024)
        if header[:8] != b"cxsparse" or _sum(header, 36) != int.from_bytes(header[36:40], "big"):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        table_at, _, count, block_bytes = struct.unpack_from(">QIII", header, 16)
        super().__init__(source, size, block_bytes)
        self._table = read_table(source, table_at, count, 4)
        self._bitmap_bytes = -(-(block_bytes // 512 // 8) // 512) * 512 or 512

    def stored_at(self, number: int) -> int | None:
        """Returns where a block stands, behind its bitmap."""
        word = self._table[4 * number : 4 * number + 4]
        sector = int.from_bytes(word, "big") if len(word) == 4 else _UNUSED
        return None if sector == _UNUSED else sector * 512 + self._bitmap_bytes


def _sum(data: bytes, at: int) -> int:
    """Returns the checksum: the complement of the sum of all bytes but the checksum's."""
    return ~(sum(data[:at]) + sum(data[at + 4 :])) & 0xFFFFFFFF
