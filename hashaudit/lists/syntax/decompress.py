"""Unpacks lists that come as gzip, zstd or a zip of one file, as a stream and with limits.

Source of the marks: RFC 1952, RFC 8878, PKWARE APPNOTE 4.3.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from hashaudit.errors import ListError
from hashaudit.lists.syntax.lines import CHUNK_BYTES, chunks_of, stream_of, with_head

FREE_BYTES = 1 << 30
"""Below it no ratio matters: reading so much takes seconds."""

MAX_RATIO = 200
"""Hex digits pack to half, whole JSON sets to a twentieth; a bomb's thousandth only costs time and disk."""

_GZIP_MARK = b"\x1f\x8b"
_ZSTD_MARK = b"\x28\xb5\x2f\xfd"
_ZIP_MARK = b"PK\x03\x04"
_EMPTY_ZIP_MARK = b"PK\x05\x06"

_GZIP_WINDOW = 31
"""zlib's way to say: a gzip header and checksum, and any window."""

_ZSTD_PIECE_BYTES = 512
"""zstd packs 128 KiB of one byte into four: a piece of this size gives 16 MiB at most."""

_ZSTD_WINDOW_BYTES = 128 << 20
"""What ``zstd --long`` needs; more is refused by the tool itself too."""

_CUT_SHORT = "the packed file is damaged or cut short; get it again"


def unpacked(stream: BinaryIO, path: str | None) -> tuple[BinaryIO, str | None]:
    """Gives the content of a packed stream and the packing's name, or the stream as it is and ``None``.

    Args:
        stream: from its beginning.
        path: the same file's place; a zip is opened there, because its directory stands at its end.

    Raises:
        ListError: a zip that is no file, or is damaged, encrypted or of several files. Reading raises it for damage and
            for content that is out of all proportion.
    """
    head, stream = with_head(stream)
    if head.startswith(_GZIP_MARK):
        return stream_of(_gunzipped(stream)), "gzip"
    if head.startswith(_ZSTD_MARK):
        return stream_of(_unzstd(stream)), "zstd"
    if head.startswith((_ZIP_MARK, _EMPTY_ZIP_MARK)):
        if path is None:
            raise ListError("a zip cannot be read as a stream; give it as a file, not packed again")
        return stream_of(_unzipped(path)), "zip"
    return stream, None


class _Limit:
    """Knows how much a packed stream may give."""

    def __init__(self, packed_bytes: int = 0) -> None:
        self.packed_bytes = packed_bytes
        self._given_bytes = 0

    def passed(self, data: bytes) -> bytes:
        self._given_bytes += len(data)
        if self._given_bytes > max(FREE_BYTES, MAX_RATIO * self.packed_bytes):
            raise ListError(f"unpacks to over {MAX_RATIO} times its size; unpack it yourself if you trust it")
        return data


def _pieces(stream: BinaryIO, size: int, limit: _Limit) -> Iterator[bytes]:
    for chunk in chunks_of(stream):
        for start in range(0, len(chunk), size):
            piece = chunk[start : start + size]
            limit.packed_bytes += len(piece)
            yield piece


def _gunzipped(stream: BinaryIO) -> Iterator[bytes]:
    limit, member = _Limit(), None
    try:
        for piece in _pieces(stream, CHUNK_BYTES, limit):
            # What follows a member is another, or zeros: tapes are filled up with them.
            data = piece if member else piece.lstrip(b"\0")
            while data:
                member = member or zlib.decompressobj(_GZIP_WINDOW)
                yield limit.passed(member.decompress(data, CHUNK_BYTES))
                data = member.unconsumed_tail
                if member.eof:
                    data, member = member.unused_data.lstrip(b"\0"), None
    except zlib.error:
        raise ListError(_CUT_SHORT) from None
    if member is not None:
        raise ListError(_CUT_SHORT)


def _unzstd(stream: BinaryIO) -> Iterator[bytes]:
    limit, frame = _Limit(), None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    try:
        for piece in _pieces(stream, _ZSTD_PIECE_BYTES, limit):
            data = piece
            while data:
                frame = frame or decompressor.decompressobj()
                yield limit.passed(frame.decompress(data))
                data = b""
                if frame.eof:
                    data, frame = frame.unused_data, None
    except zstandard.ZstdError:
        raise ListError(_CUT_SHORT) from None
    if frame is not None:
        raise ListError(_CUT_SHORT)


def _unzipped(path: str) -> Iterator[bytes]:
    limit = _Limit(os.path.getsize(path))
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise ListError(f"a zip of {len(members)} files; give the list in it alone")
            with archive.open(members[0]) as member:
                while data := member.read(CHUNK_BYTES):
                    yield limit.passed(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise ListError(_CUT_SHORT) from None
    except (NotImplementedError, RuntimeError):
        raise ListError("the zip is encrypted or packed in a rare way; unpack it and give what is in it") from None
