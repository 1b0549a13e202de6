"""The block map of VMDK images that are one file: sparse ones, and those for streaming.

Source: VMware, "Virtual Disk Format 5.0".
"""

import re
import struct
import zlib

from hashaudit.content.containers.block_map import (
    DAMAGED,
    DAMAGED_BLOCK,
    OTHER_FILE,
    UNSUPPORTED,
    BlockMap,
    read_table,
)
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.model.faults import FaultCode

_AT_END = 0xFFFFFFFFFFFFFFFF
_IS_COMPRESSED = 1 << 16
_ZEROED = 1
_PARENT = re.compile(rb"parentCID\s*=\s*([0-9a-fA-F]+)")
_EXTENT = re.compile(rb"^\s*(?:RW|RDONLY)\s+\d+\s+\w+", re.MULTILINE)
_NO_PARENT = b"ffffffff"
MAX_DESCRIPTOR_BYTES = 1 << 20


class VmdkImage(BlockMap):
    """The disk of an image that is one file."""

    def __init__(self, source: RandomSource) -> None:
        head = source.read_at(0, 512)
        if head.startswith(b"# Disk DescriptorFile"):
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        if not head.startswith(b"KDMV") or len(head) < 512:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        text_at, text_sectors = struct.unpack_from("<QQ", head, 28)
        text = source.read_at(text_at * 512, min(text_sectors * 512, MAX_DESCRIPTOR_BYTES)) if text_at else b""
        parent = _PARENT.search(text)
        if (parent is not None and parent[1].lower() != _NO_PARENT) or len(_EXTENT.findall(text)) > 1:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        if struct.unpack_from("<Q", head, 56)[0] == _AT_END:
            head = source.read_at(source.size - 1024, 512)
            if not head.startswith(b"KDMV"):
                raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        _, flags, capacity, grain, _, _, self._per_table, _, directory_at = struct.unpack_from("<IIQQQQIQQ", head, 4)
        super().__init__(source, capacity * 512, grain * 512)
        self._is_compressed = bool(flags & _IS_COMPRESSED)
        if not 0 < self._per_table <= 1 << 16:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        grains = -(-capacity // grain)
        self._directory = read_table(source, directory_at * 512, -(-grains // self._per_table), 4)
        self._table: tuple[int, bytes] = (-1, b"")

    def _entry(self, number: int) -> int:
        index, within = divmod(number, self._per_table)
        at = int.from_bytes(self._directory[4 * index : 4 * index + 4], "little")
        if not at:
            return 0
        if self._table[0] != at:
            self._table = (at, read_table(self.source, at * 512, self._per_table, 4))
        return int.from_bytes(self._table[1][4 * within : 4 * within + 4], "little")

    def stored_at(self, number: int) -> int | None:
        """Returns where a grain stands that is not packed."""
        sector = self._entry(number)
        return None if sector in {0, _ZEROED} or self._is_compressed else sector * 512

    def unpacked(self, number: int) -> bytes | None:
        """Returns a grain that is packed."""
        sector = self._entry(number)
        if sector in {0, _ZEROED} or not self._is_compressed:
            return None
        (size,) = struct.unpack("<I", self.source.read_at(sector * 512 + 8, 4).ljust(4, b"\0"))
        data = self.source.read_at(sector * 512 + 12, min(size, 2 * self.block_bytes + 1024))
        try:
            return zlib.decompressobj().decompress(data, self.block_bytes)
        except zlib.error:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK) from None
