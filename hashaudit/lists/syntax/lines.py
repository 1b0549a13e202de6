"""Reader for the lines of a list.

Removes byte-order marks, decodes UTF-16, bounds line lengths and detects truncation.

Windows PowerShell writes UTF-16 with a byte-order mark for ``>`` and ``Out-File``; many exports begin with a UTF-8 one.
Byte-order marks: RFC 3629 section 6, RFC 2781 section 3.2.
"""

import codecs
import io
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from hashaudit.errors import ListError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 64 * 1024
"""Bytes that format detection receives: room for long comments before the first entry."""

MAX_LINE_BYTES = 64 * 1024
"""Maximum line length: sixteen times PATH_MAX, so that escaped names in the deepest trees fit and memory stays
bounded."""

CHUNK_BYTES = 256 * 1024
"""Bytes of one read: large enough to hide the cost of the call, small enough for the processor's cache."""

_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

_UTF16_SAMPLE_BYTES = 16
"""Bytes that show UTF-16 without a mark: eight characters, fewer than the shortest list has."""

_DOS_END = b"\x1a"
"""Ctrl-Z, which ends texts of CP/M and DOS."""

Line = tuple[int, bytes | None, bool]
"""A line: its number from 1, its content without the line end (``None`` if over the limit), and whether it has a
line end."""


class _ChunkReader(io.RawIOBase):
    """A byte stream over an iterator of byte strings."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def stream_of(chunks: Iterator[bytes]) -> BinaryIO:
    """Returns a buffered stream over a sequence of pieces."""
    return io.BufferedReader(_ChunkReader(chunks), CHUNK_BYTES)


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yields a stream to its end in pieces of at most :data:`CHUNK_BYTES`."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def with_head(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Returns the first :data:`HEAD_BYTES` and a stream that still begins with them."""
    pieces: list[bytes] = []
    missing = HEAD_BYTES
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces), stream_of(chain(pieces, chunks_of(stream)))


def decode_to_utf8(stream: BinaryIO) -> BinaryIO:
    """Returns the stream as UTF-8 without a byte-order mark; bytes without a mark are unchanged, except UTF-16.

    Carriage returns become line ends in a text that has no others, as of spreadsheets of old Macintoshes.

    Reading raises:
        ListError: UTF-16 ends in the middle of a unit.
    """
    head, stream = with_head(stream)
    encoding = _UTF16_MARKS.get(head[:2])
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif encoding is not None:
        stream.read(2)
        stream = stream_of(_utf8_from(stream, encoding))
    elif (encoding := _unmarked_utf16(head)) is not None:
        stream = stream_of(_utf8_from(stream, encoding))
    if encoding is not None:
        head = head.decode(encoding, "ignore").encode("utf-8", "ignore")
    if b"\r" in head and b"\n" not in head and b"\0" not in head:
        return stream_of(chunk.replace(b"\r", b"\n") for chunk in chunks_of(stream))
    return stream


def _unmarked_utf16(head: bytes) -> str | None:
    """Returns the encoding of a text that begins with ASCII characters of two bytes each."""
    begin = head[:_UTF16_SAMPLE_BYTES]
    high, low = begin[1::2], begin[::2]
    if len(begin) == _UTF16_SAMPLE_BYTES and b"\0" not in low and not any(high):
        return "utf-16-le"
    return "utf-16-be" if len(begin) == _UTF16_SAMPLE_BYTES and b"\0" not in high and not any(low) else None


def _utf8_from(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    # A file name on Windows may hold half of a surrogate pair; surrogatepass keeps it.
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks_of(stream):
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ListError(
            "the file is truncated: it ends in the middle of a UTF-16 character", hint="download it again"
        ) from None


def line_blocks(stream: BinaryIO, separator: bytes = b"\n") -> Iterator[Line]:
    """Yields runs of complete lines: (number of the first, lines without the last line end, whether there was one).

    A line over :data:`MAX_LINE_BYTES` that does not fit into a run is yielded as ``None``.
    """
    number, rest, too_long = 1, b"", False
    for chunk in chunks_of(stream):
        text = chunk
        if too_long:
            _, found, text = chunk.partition(separator)
            if not found:
                continue
            yield number, None, True
            number += 1
        lines, found, rest = (rest + text).rpartition(separator)
        if found:
            yield number, lines, True
            number += lines.count(separator) + 1
        too_long = len(rest) > MAX_LINE_BYTES
        if too_long and separator != b"\0" and len(core := rest.rstrip(b"\0")) <= MAX_LINE_BYTES:
            # A file that was allocated before it was written, or that an interrupted system padded.
            too_long, rest = False, core + b"\0"
        if too_long:
            rest = b""
    if too_long:
        yield number, None, False
    elif rest := rest.rstrip(b"\0" if separator != b"\0" else b"").rstrip(_DOS_END):
        yield number, rest, False


def is_comment(line: bytes, marks: tuple[bytes, ...] = (b"#",)) -> bool:
    """Returns whether a line is blank or begins, after white space, with one of ``marks``."""
    stripped = line.lstrip()
    return not stripped or stripped.startswith(marks)


def numbered_lines(stream: BinaryIO, separator: bytes = b"\n") -> Iterator[Line]:
    """Yields every line with its number. A carriage return before a newline belongs to the line end."""
    for first, block, ended in line_blocks(stream, separator):
        if block is None:
            yield first, None, ended
        else:
            yield from split_block(first, block, ended=ended, separator=separator)


def split_block(first: int, block: bytes, *, ended: bool, separator: bytes = b"\n") -> Iterator[Line]:
    """Yields the lines of one run of :func:`line_blocks`."""
    end = b"\r" if separator == b"\n" else b""
    for number, line in enumerate(block.split(separator), first):
        yield number, line.removesuffix(end) if len(line) <= MAX_LINE_BYTES else None, ended
