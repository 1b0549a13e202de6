"""The reader of documents in the Rich Text Format: their images and objects, which are written as hexadecimal digits.

A destination is read to the end of its group. Digits in groups within it belong to other destinations, as in Word.

Source: Rich Text Format 1.9.1, images and objects; [MS-OLEDS] 2.2.4 (ObjectHeader) and 2.2.5 (EmbeddedObject).
"""

import re
import string
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead, StreamSource
from hashaudit.content.containers.text_codecs import to_utf8
from hashaudit.lazy import lazy_pattern
from hashaudit.model.faults import FaultCode

DAMAGED = "the document has no end mark; it may be cut off"
DAMAGED_MEMBER = "the content of the member is damaged"

_TOKEN = lazy_pattern(
    rb"\\bin(?P<raw>\d{1,10}) ?|\\(?P<word>[a-zA-Z]{1,40})(?P<number>-?\d{0,10}) ?|\\'..|\\.|(?P<brace>[{}])"
    rb"|(?P<text>[^\\{}]+)",
    re.DOTALL,
)
_TOKEN_BYTES = 64
"""No token but text is longer."""
_NO_DIGITS = bytes(set(range(256)) - set(string.hexdigits.encode()))
_SUFFIXES = {
    b"jpegblip": b".jpg", b"pngblip": b".png", b"emfblip": b".emf", b"wmetafile": b".wmf", b"macpict": b".pict",
    b"dibitmap": b".dib", b"wbitmap": b".bmp",
}  # fmt: skip
_MOST_TEXT_BYTES = 1 << 12
"""Longest name in the header of an object."""


class _Piece:
    """One token."""

    __slots__ = ("brace", "raw", "text", "word")

    def __init__(self, word: bytes = b"", brace: bytes = b"", text: bytes = b"", raw: bytes = b"") -> None:
        self.word, self.brace, self.text, self.raw = word, brace, text, raw


class _Tokens:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._data = b""
        self._at = 0
        self._has_ended = False
        self._raw_left = 0

    def next(self) -> _Piece | None:
        """Returns the next token; ``None`` at the end."""
        while True:
            if not self._has_ended and len(self._data) - self._at < _TOKEN_BYTES:
                more = self._source.read(CHUNK_BYTES)
                self._has_ended = not more
                self._data, self._at = self._data[self._at :] + more, 0
                continue
            if self._raw_left:
                raw = self._data[self._at : self._at + self._raw_left]
                self._raw_left -= len(raw) or self._raw_left
                self._at += len(raw)
                return _Piece(raw=raw)
            found = _TOKEN.match(self._data, self._at)
            if found is None:
                return None  # the end, or a backslash before it
            self._at = found.end()
            if found["raw"] is not None:
                self._raw_left = int(found["raw"])
                continue
            return _Piece(found["word"] or b"", found["brace"] or b"", found["text"] or b"")


class _Reader:
    def __init__(self, source: Source) -> None:
        self._tokens = _Tokens(source)
        self._depth = 0
        self._has_begun = False
        self._count = 0

    def members(self) -> Iterator[Found]:
        while (piece := self._tokens.next()) is not None:
            self._pass(piece)
            if piece.word == b"pict":
                yield from self._picture()
            elif piece.word == b"objdata":
                yield from self._object()
            if self._has_begun and self._depth <= 0:
                return
        yield Trouble(FaultCode.DAMAGED, DAMAGED)

    def _pass(self, piece: _Piece) -> None:
        if piece.brace:
            self._depth += 1 if piece.brace == b"{" else -1
            self._has_begun = True

    def _picture(self) -> Iterator[Found]:
        suffix: list[bytes] = []
        content = self._digits(suffix)
        first = next(content, b"")
        if first:
            name = b"%d%s" % (self._count, suffix[0] if suffix else b"")
            yield MemberContent(self._next(), name, _joined(first, content))
        for _ in content:
            pass

    def _object(self) -> Iterator[Found]:
        digits = self._digits([])
        ahead = LookAhead(StreamSource(digits))
        head = ahead.read_exactly(8)
        if head[4:8] != b"\2\0\0\0":
            # A link, or no header: what stands there is a member all the same.
            ahead.push_back(head)
            if head and head[4:8] != b"\1\0\0\0":
                name = b"%d" % self._count
                yield MemberContent(self._next(), name, _rest(ahead))
        else:
            kind, *_ = [_text(ahead) for _ in range(3)]
            size = int.from_bytes(ahead.read_exactly(4), "little")
            name, size = _package(ahead, size) if kind.lower() == b"package" else (b"", size)
            name = name or b"%d" % self._count
            yield MemberContent(self._next(), name, _exactly(ahead, size), size)
        for _ in digits:
            pass

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def _digits(self, suffix: list[bytes]) -> Iterator[bytes]:
        """Yields the bytes of the group that has begun, which is read to its end."""
        level, half = self._depth, b""
        while (piece := self._tokens.next()) is not None:
            self._pass(piece)
            if self._depth < level:
                break
            if self._depth > level:
                continue
            if piece.word in _SUFFIXES and not suffix:
                suffix.append(_SUFFIXES[piece.word])
            if piece.raw:
                yield piece.raw
                continue
            digits = half + piece.text.translate(None, _NO_DIGITS)
            half = digits[len(digits) & ~1 :]
            if len(digits) > 1:
                yield bytes.fromhex(digits[: len(digits) & ~1].decode())


def read_rtf(source: Source) -> Iterator[Found]:
    """Reads the images and the objects of a document in their order. An object that is only linked is not a member."""
    yield from _Reader(source).members()


def _joined(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _rest(ahead: LookAhead) -> Iterator[bytes]:
    while data := ahead.read_exactly(CHUNK_BYTES):
        yield data


def _exactly(ahead: LookAhead, count: int) -> Iterator[bytes]:
    while count:
        data = ahead.read_exactly(min(count, CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)
        count -= len(data)
        yield data


def _text(ahead: LookAhead) -> bytes:
    """Reads a text with its length before it."""
    length = int.from_bytes(ahead.read_exactly(4), "little")
    return ahead.read_exactly(min(length, _MOST_TEXT_BYTES)).rstrip(b"\0")


def _package(ahead: LookAhead, size: int) -> tuple[bytes, int]:
    """Reads the header of a packaged file; returns its name and length. Without one, nothing is taken."""
    head = ahead.read_exactly(min(size, 3 * _MOST_TEXT_BYTES))
    label_end = head.find(b"\0", 2)
    name_end = head.find(b"\0", label_end + 1)
    if head[:2] == b"\2\0" and 0 < label_end < name_end:
        at = name_end + 9 + int.from_bytes(head[name_end + 5 : name_end + 9], "little")
        if at + 4 <= len(head):
            ahead.push_back(head[at + 4 :])
            name = head[2:label_end] or head[label_end + 1 : name_end]
            return to_utf8(name, "cp1252"), int.from_bytes(head[at : at + 4], "little")
    ahead.push_back(head)
    return b"", size
