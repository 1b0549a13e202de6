"""Decompression of lists in gzip, bzip2, xz, zstd or a zip of one file, as a stream and with limits.

Source of the signatures: RFC 1952, RFC 8878, PKWARE APPNOTE 4.3; bzip2 1.0.8 manual; "The .xz File Format", section 2.
"""

import os
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Protocol

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.syntax.lines import CHUNK_BYTES, chunks_of, stream_of, with_head
from hashaudit.model.counted import counted

UNLIMITED_RATIO_BYTES = 1 << 30
"""Output size up to which any ratio is accepted: reading that much takes seconds."""

MAX_RATIO = 200
"""Maximum ratio of output to input. Hex digits compress to half, whole JSON sets to a twentieth; a bomb of ratio
1,000 only costs time and disk."""

_GZIP_MARK = b"\x1f\x8b"
_ZSTD_MARK = b"\x28\xb5\x2f\xfd"
_ZIP_MARK = b"PK\x03\x04"
_EMPTY_ZIP_MARK = b"PK\x05\x06"

_GZIP_WINDOW = 31
"""zlib code for a gzip header and checksum, and any window size."""

_ZSTD_PIECE_BYTES = 512
"""Input bytes per step. zstd packs 128 KiB of one byte into four, so a step of this size gives 16 MiB at most."""

_ZSTD_WINDOW_BYTES = 128 << 20
"""Maximum window: what ``zstd --long`` needs. The tool itself refuses more, too."""

_XZ_MEMORY_BYTES = 256 << 20
"""Maximum memory of the decompressor: four times what ``xz -9`` needs."""


def decompressed(stream: BinaryIO, path: str | None) -> tuple[BinaryIO, str | None]:
    """Returns the content and compression format of a stream; an uncompressed stream is returned with ``None``.

    Args:
        stream: the list, from its beginning.
        path: path of the same file; a zip is opened there because its directory is at its end.

    Raises:
        ListError: a zip has no path, or is damaged, encrypted or of several files. Reading raises it for damage and for
            an excessive compression ratio.
    """
    head, stream = with_head(stream)
    if head.startswith(_GZIP_MARK):
        return stream_of(_decompress_gzip(stream)), "gzip"
    if head.startswith(_ZSTD_MARK):
        return stream_of(_decompress_zstd(stream)), "zstd"
    for name, (beginning, load) in _OPTIONAL.items():
        if beginning.match(head):
            return stream_of(_decompress_members(stream, *_loaded(name, load))), name
    if head.startswith((_ZIP_MARK, _EMPTY_ZIP_MARK)):
        if path is None:
            raise ListError("cannot read a zip as a stream", hint="use the zip as a file, not compressed again")
        return stream_of(_decompress_zip(path)), "zip"
    return stream, None


class _Limit:
    """The limit on the output of one compressed stream."""

    def __init__(self, compressed_bytes: int = 0) -> None:
        self.compressed_bytes = compressed_bytes
        self._output_bytes = 0

    def check(self, data: bytes) -> bytes:
        self._output_bytes += len(data)
        if self._output_bytes > max(UNLIMITED_RATIO_BYTES, MAX_RATIO * self.compressed_bytes):
            raise ListError(
                f"the content is over {MAX_RATIO} times as large as the compressed file",
                hint="decompress it yourself if you trust it",
            )
        return data

    def damage(self) -> ListError:
        """Returns the error for compressed data that cannot be read further."""
        after = f" after {counted(self._output_bytes, 'byte')} of its content" if self._output_bytes else ""
        return ListError(f"the compressed file is damaged or truncated{after}", hint="download it again")


def _pieces(stream: BinaryIO, size: int, limit: _Limit) -> Iterator[bytes]:
    for chunk in chunks_of(stream):
        for start in range(0, len(chunk), size):
            piece = chunk[start : start + size]
            limit.compressed_bytes += len(piece)
            yield piece


def _decompress_gzip(stream: BinaryIO) -> Iterator[bytes]:
    limit, member = _Limit(), None
    try:
        for piece in _pieces(stream, CHUNK_BYTES, limit):
            # Another member may follow, or zeros: tapes are padded with them.
            data = piece if member else piece.lstrip(b"\0")
            while data:
                member = member or zlib.decompressobj(_GZIP_WINDOW)
                yield limit.check(member.decompress(data, CHUNK_BYTES))
                data = member.unconsumed_tail
                if member.eof:
                    data, member = member.unused_data.lstrip(b"\0"), None
    except zlib.error:
        raise limit.damage() from None
    if member is not None:
        raise limit.damage()


def _decompress_zstd(stream: BinaryIO) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 # start-up: few lists are compressed

    limit, frame = _Limit(), None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    try:
        for piece in _pieces(stream, _ZSTD_PIECE_BYTES, limit):
            data = piece
            while data:
                frame = frame or decompressor.decompressobj()
                yield limit.check(frame.decompress(data))
                data = b""
                if frame.eof:
                    data, frame = frame.unused_data, None
    except zstandard.ZstdError:
        raise limit.damage() from None
    if frame is not None:
        raise limit.damage()


class _Member(Protocol):
    """The decompressor of one bzip2 stream or one xz stream, of which a file may have several."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


_Loaded = tuple[Callable[[], _Member], type[Exception]]
"""A maker of decompressors, and the error that they raise for damage."""


def _bzip2() -> _Loaded:
    import bz2  # noqa: PLC0415 # some builds of Python are without it

    return bz2.BZ2Decompressor, OSError


def _xz() -> _Loaded:
    import lzma  # noqa: PLC0415 # as above

    return partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _XZ_MEMORY_BYTES), lzma.LZMAError


_OPTIONAL: dict[str, tuple[re.Pattern[bytes], Callable[[], _Loaded]]] = {
    "bzip2": (lazy_pattern(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), _bzip2),
    "xz": (lazy_pattern(rb"\xfd7zXZ\0"), _xz),
}
"""Name -> the first bytes, and what loads the decompressor."""


def _loaded(name: str, load: Callable[[], _Loaded]) -> _Loaded:
    try:
        return load()
    except ImportError:
        raise ListError(f"this Python cannot read {name}", hint="decompress the list first") from None


def _decompress_members(stream: BinaryIO, new: Callable[[], _Member], damage: type[Exception]) -> Iterator[bytes]:
    limit, member = _Limit(), None
    try:
        for piece in _pieces(stream, CHUNK_BYTES, limit):
            # Another member may follow, or zeros: xz allows padding.
            data = piece if member else piece.lstrip(b"\0")
            while data or (member and not member.needs_input):
                member = member or new()
                yield limit.check(member.decompress(data, CHUNK_BYTES))
                data = b""
                if member.eof:
                    data, member = member.unused_data.lstrip(b"\0"), None
    except (damage, EOFError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # The file itself cannot be read.
        raise limit.damage() from None
    if member is not None:
        raise limit.damage()


def _decompress_zip(path: str) -> Iterator[bytes]:
    import zipfile  # noqa: PLC0415 # start-up, as above

    limit = _Limit(os.path.getsize(path))
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise ListError(
                    f"the zip holds {len(members)} files instead of one", hint="use a zip that holds only the list"
                )
            with archive.open(members[0]) as member:
                while data := member.read(CHUNK_BYTES):
                    yield limit.check(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise limit.damage() from None
    except (NotImplementedError, RuntimeError):
        raise ListError(
            "the zip is encrypted or uses an unsupported compression method",
            hint="extract the list and use it directly",
        ) from None
