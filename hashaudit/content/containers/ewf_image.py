"""The block map of images of the Expert Witness format: ``.E01`` of EnCase, FTK Imager and ewfacquire.

Source: libewf, "Expert Witness Compression Format (EWF)", sections 2 to 4.
"""

import struct
import zlib
from array import array

import msgspec

from hashaudit.content.containers.block_map import (
    DAMAGED,
    DAMAGED_BLOCK,
    ENDS_EARLY,
    MAX_TABLE_BYTES,
    OTHER_FILE,
    UNSUPPORTED,
    BlockMap,
)
from hashaudit.content.containers.inflate import inflated
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.volume_set import VolumeSet, missing_volume_text
from hashaudit.model.faults import FaultCode

_SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
_DESCRIPTOR_BYTES = 76
MAX_SECTIONS = 1_000_000


class _Found(msgspec.Struct):
    """The content of the sections."""

    volume: bytes = b""
    md5: bytes | None = None
    sha1: bytes | None = None
    starts: "array[int]" = msgspec.field(default_factory=lambda: array("Q"))
    """Position of each chunk; the highest bit says that it is packed."""
    ends: "array[int]" = msgspec.field(default_factory=lambda: array("Q"))


_PACKED = 1 << 63


class EwfImage(BlockMap):
    """The disk of an image that is one file, or a set of volumes."""

    def __init__(self, source: RandomSource) -> None:
        head = source.read_at(0, 13)
        if not head.startswith(_SIGNATURE):
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        if head[9:11] != b"\1\0":
            raise ContainerError(FaultCode.INCOMPLETE, OTHER_FILE)
        found, is_done = _Found(), False
        for start in source.starts if isinstance(source, VolumeSet) else (0,):
            is_done = is_done or _read_sections(source, start, found)
        if len(found.volume) < 24:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        chunks, sectors, sector_bytes, count = struct.unpack_from("<IIIQ", found.volume, 4)
        super().__init__(source, count * sector_bytes, sectors * sector_bytes)
        suffix = source.missing if isinstance(source, VolumeSet) else None
        self.missing = None if is_done else missing_volume_text(suffix)
        """Message of the fault if a volume is not there; blocks in it and behind it cannot be read."""
        if (is_done and len(found.starts) < chunks) or chunks * self.block_bytes < self.size:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        self.md5, self.sha1 = found.md5, found.sha1
        """Digests of the disk that the image states."""
        self._starts, self._ends = found.starts, found.ends

    def stored_at(self, number: int) -> int | None:
        """Always ``None``: each chunk has a checksum, which is checked."""
        del number
        return None

    def unpacked(self, number: int) -> bytes:
        """Returns a chunk whose checksum is right."""
        if number >= len(self._starts) and self.missing is not None:
            raise ContainerError(FaultCode.INCOMPLETE, self.missing)
        start = self._starts[number]
        at = start & ~_PACKED
        data = self.source.read_at(at, min(self._ends[number] - at, 2 * self.block_bytes + 1024))
        if start & _PACKED:
            unpacked = inflated(data, self.block_bytes)
            if unpacked is None:
                raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK)
            return unpacked
        length = min(self.block_bytes, self.size - number * self.block_bytes)
        content = data[:length]
        if zlib.adler32(content) != int.from_bytes(data[length : length + 4], "little"):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK)
        return content


def _read_sections(source: RandomSource, start: int, found: _Found) -> bool:
    """Reads the sections of one volume; returns whether it is the last."""
    at, sectors_end = start + 13, 0
    for _ in range(MAX_SECTIONS):
        head = source.read_at(at, _DESCRIPTOR_BYTES)
        if len(head) < _DESCRIPTOR_BYTES:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if zlib.adler32(head[:72]) != int.from_bytes(head[72:], "little"):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        kind = head[:16].rstrip(b"\0")
        following, size = struct.unpack_from("<QQ", head, 16)
        data_at = at + _DESCRIPTOR_BYTES
        match kind:
            case b"volume" | b"disk":
                found.volume = source.read_at(data_at, 94)
            case b"sectors":
                sectors_end = at + size
            case b"table":
                _add_table(source, data_at, size, (start, sectors_end), found)
            case b"hash":
                found.md5 = _stated(source.read_at(data_at, 16))
            case b"digest":
                found.md5 = _stated(source.read_at(data_at, 16)) or found.md5
                found.sha1 = _stated(source.read_at(data_at + 16, 20))
            case b"next":
                return False
            case b"done":
                return True
            case _:
                pass
        if start + following <= at:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        at = start + following
    raise ContainerError(FaultCode.DAMAGED, DAMAGED)


def _stated(digest: bytes) -> bytes | None:
    return digest if digest.strip(b"\0") else None


def _add_table(source: RandomSource, at: int, size: int, place: tuple[int, int], found: _Found) -> None:
    start, sectors_end = place
    head = source.read_at(at, 24)
    if len(head) < 24:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    count, base = struct.unpack_from("<I4xQ", head)
    if 4 * count > min(MAX_TABLE_BYTES, size):
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    data = source.read_at(at + 24, 4 * count)
    stated = source.read_at(at + 24 + 4 * count, 4)
    if len(data) < 4 * count or zlib.adler32(data) != int.from_bytes(stated, "little"):
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    words = struct.unpack(f"<{count}I", data)
    places = [start + base + (word & 0x7FFFFFFF) for word in words]
    found.starts.extend(
        place | (_PACKED if word & 0x80000000 else 0) for place, word in zip(places, words, strict=True)
    )
    found.ends.extend([*places[1:], max(sectors_end, places[-1])] if places else [])
