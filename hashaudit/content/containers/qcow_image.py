"""The block map of qcow2 images, with clusters that are packed by zlib or zstd.

Source: QEMU, ``docs/interop/qcow2.rst``.
"""

import struct
import zlib

import zstandard

from hashaudit.content.containers.block_map import (
    DAMAGED_BLOCK,
    ENCRYPTED,
    OTHER_FILE,
    UNSUPPORTED,
    BlockMap,
    read_table,
)
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.model.faults import FaultCode

_OFFSET = 0x00FFFFFFFFFFFE00
_COMPRESSED, _ZERO = 1 << 62, 1
_IS_CORRUPT, _EXTERNAL_DATA, _OTHER_COMPRESSION = 2, 4, 8
_ZSTD = 1


class QcowImage(BlockMap):
    """The disk of a qcow2 image."""

    def __init__(self, source: RandomSource) -> None:
        head = source.read_at(0, 112).ljust(112, b"\0")
        version, backing, bits, size, crypt, count, table = struct.unpack_from(">4xIQ4xIQIIQ", head)
        if version not in {2, 3} or not 9 <= bits <= 21:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        if crypt:
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
        (features,) = struct.unpack_from(">Q", head, 72) if version == 3 else (0,)
        if backing or features & _EXTERNAL_DATA:
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        if features & ~(1 | _IS_CORRUPT | _OTHER_COMPRESSION):
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        super().__init__(source, size, 1 << bits)
        self._bits = bits
        self._is_zstd = bool(features & _OTHER_COMPRESSION) and head[104] == _ZSTD
        self.has_snapshots = bool(struct.unpack_from(">I", head, 60)[0])
        """Earlier states of the disk are in the image too."""
        self._first = read_table(source, table, count, 8)
        self._second: tuple[int, bytes] = (-1, b"")

    def _entry(self, number: int) -> int:
        index, within = divmod(number, 1 << (self._bits - 3))
        if 8 * index >= len(self._first):
            return 0
        at = int.from_bytes(self._first[8 * index : 8 * index + 8], "big") & _OFFSET
        if not at:
            return 0
        if self._second[0] != at:
            self._second = (at, read_table(self.source, at, 1 << (self._bits - 3), 8))
        return int.from_bytes(self._second[1][8 * within : 8 * within + 8], "big")

    def stored_at(self, number: int) -> int | None:
        """Returns where a cluster stands that is not packed."""
        entry = self._entry(number)
        if entry & _COMPRESSED or entry & _ZERO:
            return None
        return entry & _OFFSET or None

    def unpacked(self, number: int) -> bytes | None:
        """Returns a cluster that is packed."""
        entry = self._entry(number)
        if not entry & _COMPRESSED:
            return None
        shift = 62 - (self._bits - 8)
        at = entry & ((1 << shift) - 1)
        sectors = (entry >> shift) & ((1 << (self._bits - 8)) - 1)
        data = self.source.read_at(at, (sectors + 1) * 512 - (at & 511))
        try:
            if self._is_zstd:
                decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
                return bytes(decoder.decompress(data))[: self.block_bytes]
            return zlib.decompressobj(-12).decompress(data, self.block_bytes)
        except (zlib.error, zstandard.ZstdError):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK) from None
