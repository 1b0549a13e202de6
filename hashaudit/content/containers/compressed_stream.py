"""Readers of files that hold one compressed content: gz, bz2, xz, lzma and zst.

Each decoder checks its format's checksum. Everything is read to its end: several streams behind one another are one
content, as the formats' own programs unpack them, and other bytes behind the last one are a fault.

Source: RFC 1952 2.2 (several members), the xz file format 2.2 (stream padding), RFC 8878 3 (several frames).
"""

import bz2
import functools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import zstandard

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

MEMORY_LIMIT_BYTES = 256 << 20
"""Most memory of a decoder: four times what the strongest setting of ``xz`` needs."""

ZSTD_SLICE_BYTES = 1024
"""Compressed bytes that the zstd decoder gets at once, because it has no limit on output: a block of 4 bytes may become
128 KiB, so a slice becomes at most 32 MiB."""

DEFLATE64_SLICE_BYTES = 1024
"""Compressed bytes that the decoder of Deflate64 gets at once. They become at most some 26 MiB."""

ENDS_EARLY = "the compressed data ends early"
WRONG_DATA = "the compressed data is damaged"
TOO_MUCH_MEMORY = f"unpacking needs more than {MEMORY_LIMIT_BYTES} bytes of memory"
TRAILING = "other data follows the end of the compressed data"


class Decoder(Protocol):
    """Unpacks one stream."""

    @property
    def eof(self) -> bool:
        """True once the end of the stream was read and its checksum agrees."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Bytes behind the end."""
        ...

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yields what the next compressed bytes unpack to, in pieces of bounded size."""
        ...


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._decoder = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._decoder.decompress(data, CHUNK_BYTES)
            if piece:
                yield piece
            data = self._decoder.unconsumed_tail
            if self._decoder.eof or (not data and len(piece) < CHUNK_BYTES):
                return


class _Bounded:
    """The decoders of bz2 and lzma, which have the same interface."""

    def __init__(self, decoder: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._decoder.decompress(data, CHUNK_BYTES)
            data = b""
            if piece:
                yield piece
            if self._decoder.eof or self._decoder.needs_input:
                return


class _Zstd:
    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT_BYTES // 2).decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + self._rest

    def unpack(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), ZSTD_SLICE_BYTES):
            piece = self._decoder.decompress(data[at : at + ZSTD_SLICE_BYTES])
            for start in range(0, len(piece), CHUNK_BYTES):
                yield piece[start : start + CHUNK_BYTES]
            if self._decoder.eof:
                self._rest = data[at + ZSTD_SLICE_BYTES :]
                return


class _Deflate64:
    """The library inflate64 has no limit on output: a byte becomes at most some 32 KiB."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), DEFLATE64_SLICE_BYTES):
            if self._decoder.eof:
                return
            piece = self._decoder.inflate(data[at : at + DEFLATE64_SLICE_BYTES])
            for start in range(0, len(piece), CHUNK_BYTES):
                yield piece[start : start + CHUNK_BYTES]


@functools.cache
def load_deflate64() -> Callable[[], Any] | None:
    """Returns what makes decoders of Deflate64; ``None``: the library is not installed.

    The first call imports it: no import is possible in the sandbox.
    """
    try:
        from inflate64 import Inflater  # noqa: PLC0415 # of an extra
    except ImportError:
        return None
    make: Callable[[], Any] = Inflater
    return make


def deflate64() -> Decoder | None:
    """Returns a decoder of Deflate64; ``None``: its library is not installed."""
    make = load_deflate64()
    return None if make is None else _Deflate64(make())


def raw_deflate() -> Decoder:
    """Returns a decoder of deflate without a header."""
    return _Zlib(-zlib.MAX_WBITS)


def zlib_wrapped() -> Decoder:
    """Returns a decoder of deflate with the header and checksum of zlib (RFC 1950)."""
    return _Zlib(zlib.MAX_WBITS)


def bzip2() -> Decoder:
    """Returns a decoder of bzip2."""
    return _Bounded(bz2.BZ2Decompressor())


def xz() -> Decoder:
    """Returns a decoder of xz."""
    return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_LIMIT_BYTES))


def zstd() -> Decoder:
    """Returns a decoder of zstd."""
    return _Zstd()


def lzma_alone() -> Decoder:
    """Returns a decoder of the format before xz."""
    return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_ALONE, MEMORY_LIMIT_BYTES))


def lzma_raw(properties: bytes) -> Decoder:
    """Returns a decoder of LZMA without a header.

    Args:
        properties: the five bytes that state its parameters.

    Raises:
        ContainerError: they are invalid or need too much memory.
    """
    packed, dictionary_bytes = properties[0], int.from_bytes(properties[1:5], "little")
    if len(properties) != 5 or packed >= 9 * 5 * 5:
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
    if dictionary_bytes > MEMORY_LIMIT_BYTES // 2:
        raise ContainerError(FaultCode.LIMIT_REACHED, TOO_MUCH_MEMORY)
    filters = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(4096, dictionary_bytes),
            "lc": packed % 9,
            "lp": packed // 9 % 5,
            "pb": packed // 45,
        }
    ]
    try:
        return _Bounded(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters))
    except lzma.LZMAError:
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA) from None


def unpacked(decoder: Decoder, data: bytes) -> Iterator[bytes]:
    """Yields what the next compressed bytes unpack to.

    Raises:
        ContainerError: they are damaged, or need too much memory.
    """
    try:
        yield from decoder.unpack(data)
    except (zlib.error, OSError, EOFError, ValueError):
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA) from None
    except (lzma.LZMAError, zstandard.ZstdError) as error:
        if "emory" in str(error):
            raise ContainerError(FaultCode.LIMIT_REACHED, TOO_MUCH_MEMORY) from None
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA) from None
    except MemoryError:
        raise ContainerError(FaultCode.LIMIT_REACHED, TOO_MUCH_MEMORY) from None


def read_gz(source: Source) -> Iterator[Found]:
    """Reads a gz file. The member has the name that its header states, if any."""
    ahead = LookAhead(source)
    head = ahead.read_exactly(1 << 16)
    ahead.push_back(head)
    yield from _one_member(ahead, lambda: _Zlib(16 + zlib.MAX_WBITS), b"\x1f\x8b", _gz_name(head))


def read_bz2(source: Source) -> Iterator[Found]:
    """Reads a bz2 file."""
    yield from _one_member(LookAhead(source), bzip2, b"BZh")


def read_xz(source: Source) -> Iterator[Found]:
    """Reads an xz file."""
    yield from _one_member(LookAhead(source), xz, b"\xfd7zXZ")


def read_lzma(source: Source) -> Iterator[Found]:
    """Reads an lzma file, which has one stream and no checksum."""
    yield from _one_member(LookAhead(source), lzma_alone, None)


def read_zst(source: Source) -> Iterator[Found]:
    """Reads a zst file. Skippable frames are skipped."""
    yield from _one_member(LookAhead(source), zstd, b"\x28\xb5\x2f\xfd")


STREAM_KINDS = {
    ContainerKind.GZ: read_gz,
    ContainerKind.BZ2: read_bz2,
    ContainerKind.XZ: read_xz,
    ContainerKind.LZMA: read_lzma,
    ContainerKind.ZST: read_zst,
}


def _one_member(
    ahead: LookAhead, make: Callable[[], Decoder], magic: bytes | None, name: bytes = b""
) -> Iterator[Found]:
    trouble: list[Trouble] = []
    yield MemberContent(0, name, _streams(ahead, make, magic, trouble))
    yield from trouble


def _streams(
    ahead: LookAhead, make: Callable[[], Decoder], magic: bytes | None, trouble: list[Trouble]
) -> Iterator[bytes]:
    while True:
        decoder = make()
        while not decoder.eof:
            data = ahead.read_exactly(1 << 16)
            if not data:
                raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
            yield from unpacked(decoder, data)
        ahead.push_back(decoder.unused_data)
        if not _skip_padding(ahead):
            return
        head = ahead.read_exactly(8)
        if magic == b"\x28\xb5\x2f\xfd" and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
            _skip(ahead, int.from_bytes(head[4:8], "little"))
            if not _skip_padding(ahead):
                return
            head = ahead.read_exactly(8)
        ahead.push_back(head)
        if magic is None or not head.startswith(magic):
            trouble.append(Trouble(FaultCode.TRAILING_DATA, TRAILING))
            return


def _skip_padding(ahead: LookAhead) -> bool:
    """Skips zeros; returns whether anything follows."""
    while data := ahead.read_exactly(1 << 16):
        rest = data.lstrip(b"\0")
        if rest:
            ahead.push_back(rest)
            return True
    return False


def _skip(ahead: LookAhead, count: int) -> None:
    while count > 0 and (data := ahead.read_exactly(min(count, CHUNK_BYTES))):
        count -= len(data)


def _gz_name(head: bytes) -> bytes:
    """Returns the name in the header of a gz file (RFC 1952 2.3); empty if there is none."""
    if len(head) < 12 or not head[3] & 8:
        return b""
    start = 12 + int.from_bytes(head[10:12], "little") if head[3] & 4 else 10
    return head[start:].partition(b"\0")[0]
