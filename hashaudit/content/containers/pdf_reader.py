"""The reader of PDF documents: embedded files, images of DCT (JPEG) and JPX (JPEG 2000), and what follows the document.

Objects are found by a scan of the file, not through its tables. Superseded objects and documents that are damaged or
cut off are therefore read as well, and no reference can lead in a circle.

Source: ISO 32000-2 7.3.8 (streams), 7.5.7 (object streams), 7.6 (encryption), 7.11.3 and 7.11.4 (embedded files).
"""

import hashlib
import re
from array import array
from collections.abc import Iterator

from hashaudit.content.containers.byte_search import ByteSearch
from hashaudit.content.containers.inside_budget import limit_text
from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.content.containers.pdf_filters import IMAGE_FILTERS, UNKNOWN_FILTER, decoded
from hashaudit.content.containers.text_codecs import to_utf8
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "a stream of the document ends early"
NO_END = "the document has no end mark; it may be cut off"
BROKEN_OBJECTS = "objects of the document are damaged; members may be missing"
DOCUMENT_ENCRYPTED = "the document is encrypted"
ENCRYPTED = "the member is encrypted"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

MOST_DICTIONARY_BYTES = 1 << 20
"""Longest object that is looked at for the names of embedded files."""
MOST_STREAM_BYTES = 32 << 20
"""Longest object stream. Programs write some hundred objects into one."""
MOST_OBJECT_BYTES = 512 << 20
"""Most bytes of all object streams of a document."""
MOST_NAMES = 100_000
"""Most embedded files whose names are kept, and most lengths that other objects state."""

_SPACES = rb"[\0\t\n\f\r ]"
_NUMBERS = re.compile(rb"(\d{1,10})" + _SPACES + rb"{1,20}(\d{1,6})" + _SPACES + rb"{1,20}\Z")
_STOP = re.compile(rb"endobj|stream(?:\r\n|\n|\r)|" + _SPACES + rb"obj(?![a-z])")
_LENGTH = re.compile(
    rb"/Length" + _SPACES + rb"{0,20}(\d{1,15})(?:" + _SPACES + rb"{1,20}\d{1,6}" + _SPACES + rb"{1,20}(R))?"
)
_FILTER = re.compile(rb"/Filter" + _SPACES + rb"{0,20}(\[[^\]]{0,1000}\]|/[^\0\t\n\f\r /<>\[\]()]{1,40}|\d)")
_NAME = re.compile(rb"/([^\0\t\n\f\r /<>\[\]()]{1,127})")
_PREDICTOR = re.compile(rb"/Predictor" + _SPACES + rb"{0,20}(?:[2-9]|1\d)|/EarlyChange" + _SPACES + rb"{0,20}0")
_ENCRYPT = re.compile(rb"/Encrypt" + _SPACES + rb"{0,20}(?:\d|<<)")
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_TYPED = re.compile(rb"/Type" + _SPACES + rb"{0,20}/(EmbeddedFile|ObjStm|XRef)(?![A-Za-z])")
_NUMBER_OBJECT = re.compile(_SPACES + rb"{0,20}(\d{1,15})" + _SPACES + rb"{0,20}endobj")
_TOKEN = re.compile(rb"<<|>>|/EF(?![A-Za-z])|\((?:[^()\\]|\\.){0,2000}\)", re.DOTALL)
_FILES = re.compile(rb"/EF" + _SPACES + rb"{0,20}<<(.{0,2000}?)>>", re.DOTALL)
_REFERENCE = re.compile(
    rb"/(?:UF|F|DOS|Mac|Unix)" + _SPACES + rb"{0,20}(\d{1,10})" + _SPACES + rb"{1,20}\d{1,6}" + _SPACES + rb"{1,20}R"
)
_CHECKSUM = re.compile(rb"/CheckSum" + _SPACES + rb"{0,20}(?=[<(])")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}

_OTHER, _IMAGE, _EMBEDDED, _OBJECTS = range(4)


def read_pdf(source: RandomSource) -> Iterator[Found]:
    """Reads a PDF document in the order of its bytes."""
    reader = _Pdf(source)
    yield from reader.scan()
    yield from reader.members()


class _Pdf:
    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._search = ByteSearch(source)
        self._count = 0
        self._kinds = array("B")
        self._objects, self._dictionaries, self._starts, self._ends = (array("Q") for _ in range(4))
        """Streams: number of the object, positions of the dictionary, of the data, and of the end of the data."""
        self._names: dict[int, bytes] = {}
        """File names by the numbers of the objects that hold embedded files."""
        self._lengths: dict[int, int] | None = None
        self._is_encrypted = self._is_cut = False
        self._object_bytes = 0

    def scan(self) -> Iterator[Trouble]:
        """Finds all objects; yields a fault where some cannot be read."""
        search, at = self._search, 0
        while True:
            found = self._next_object(at)
            gap_end = search.size if found is None else found[1]
            self._look_for_encryption(at, gap_end)
            if found is None:
                break
            number, body = found
            stop = search.search(_STOP, body, search.size, 16)
            if stop is None:
                self._is_cut = True
                self._look_for_encryption(body, search.size)
                break
            stop_at, stop_end = search.origin + stop.start(), search.origin + stop.end()
            is_stream = stop[0].startswith(b"stream")
            text = self._dictionary(body, stop_at)
            if not is_stream:
                if b"/EF" in text:
                    self._take_names(text)
                at = stop_end if stop[0] == b"endobj" else stop_at
                continue
            end, next_at, is_whole = self._stream_end(text, stop_end)
            self._is_cut = self._is_cut or not is_whole
            typed = _TYPED.search(text)
            kind = typed[1] if typed is not None else b""
            if _ENCRYPT.search(text) and kind == b"XRef":
                self._is_encrypted = True
            self._kinds.append(_kind(kind, text))
            self._objects.append(number)
            self._dictionaries.append(body)
            self._starts.append(stop_end)
            self._ends.append(end)
            at = next_at
        if self._is_cut:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        if self._is_encrypted:
            yield Trouble(FaultCode.ENCRYPTED, DOCUMENT_ENCRYPTED)
            return
        for row, kind_of in enumerate(self._kinds):
            if kind_of == _OBJECTS and self._object_bytes <= MOST_OBJECT_BYTES:
                yield from self._read_objects(self._text_of_row(row), self._starts[row], self._ends[row])

    def members(self) -> Iterator[Found]:
        """Yields the members in the order of their bytes, then what follows the document."""
        for row, kind in enumerate(self._kinds):
            number = self._objects[row]
            name = self._names.get(number)
            if kind in {_OTHER, _OBJECTS} and name is None:
                continue
            start, end = self._starts[row], self._ends[row]
            text = self._text_of_row(row)
            filters = _filters(text)
            suffix = b""
            if kind == _IMAGE and name is None and filters is not None:
                position = next(at for at, word in enumerate(filters) if word in IMAGE_FILTERS)
                suffix = IMAGE_FILTERS[filters[position]]
                filters = filters[:position]
            content = self._content(text, start, end, filters)
            yield MemberContent(self._next(), name or b"%d%s" % (number, suffix), content)
        yield from self._trailing()

    def _text_of_row(self, row: int) -> bytes:
        return self._dictionary(self._dictionaries[row], self._starts[row] - len(b"stream"))

    def _content(self, text: bytes, start: int, end: int, filters: tuple[bytes, ...] | None) -> Iterator[bytes]:
        raw = self._raw(start, end)
        if self._is_encrypted:
            yield from raw
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED, is_complete=True)
        if filters is None or (filters and _PREDICTOR.search(text)):
            yield from raw
            raise ContainerError(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
        checksum = _checksum(text)
        if checksum is None:
            yield from decoded(raw, filters)
            return
        digest = hashlib.md5(usedforsecurity=False)
        for piece in decoded(raw, filters):
            digest.update(piece)
            yield piece
        if digest.digest() != checksum:
            raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)

    def _trailing(self) -> Iterator[Found]:
        """Yields what follows the last end mark, which may be a file of another kind; or that there is none."""
        search, at, last = self._search, 0, -1
        at = max(0, self._ends[-1] if self._ends else 0)
        while (at := search.find(b"%%EOF", at, search.size)) >= 0:
            last = at = at + 5
        if last < 0:
            if not self._is_cut:
                yield Trouble(FaultCode.DAMAGED, NO_END)
            return
        if not any(piece.strip(b"\0\t\n\f\r \x1a") for piece in self._raw(last, search.size)):
            return
        head = search.slice(last, last + 2)
        start = last + (2 if head == b"\r\n" else 1 if head[:1] in {b"\r", b"\n"} else 0)
        yield MemberContent(self._next(), b"trailing", self._raw(start, search.size))

    def _next_object(self, at: int) -> tuple[int, int] | None:
        """Returns number and beginning of the next object (7.3.10)."""
        search = self._search
        while (at := search.find(b"obj", at, search.size)) >= 0:
            found = _NUMBERS.search(search.slice(max(0, at - 60), at))
            at += 3
            if found is not None:
                return int(found[1]), at
        return None

    def _dictionary(self, start: int, end: int) -> bytes:
        text = self._search.slice(start, min(end, start + MOST_DICTIONARY_BYTES))
        # Names may have their characters as numbers (7.3.5).
        return _HEX_IN_NAME.sub(_character, text) if b"#" in text else text

    def _look_for_encryption(self, start: int, end: int) -> None:
        if not self._is_encrypted and self._search.search(_ENCRYPT, start, end, 40) is not None:
            self._is_encrypted = True

    def _stream_end(self, text: bytes, start: int) -> tuple[int, int, bool]:
        """Returns where the data of a stream ends, where to go on, and whether the end is there."""
        search = self._search
        stated = _LENGTH.search(text)
        length = None if stated is None else int(stated[1])
        if stated is not None and stated[2] is not None:
            length = self._number(int(stated[1]))
        if length is not None and start + length <= search.size:
            tail = search.slice(start + length, start + length + 16)
            if tail.lstrip(b"\0\t\n\f\r ").startswith(b"endstream"):
                return start + length, start + length + tail.index(b"endstream") + 9, True
        end = search.find(b"endstream", start, search.size)
        if end < 0:
            end = search.find(b"endobj", start, search.size)
            if end < 0:
                return search.size, search.size, False
        before = search.slice(max(start, end - 2), end)
        ending = 2 if before == b"\r\n" else 1 if before[-1:] in {b"\r", b"\n"} else 0
        return end - ending, end, True

    def _number(self, wanted: int) -> int | None:
        """Returns the value of an object that is a number."""
        if self._lengths is None:
            self._lengths = {}
            search, at = ByteSearch(self._source), 0
            while (at := search.find(b"obj", at, search.size)) >= 0 and len(self._lengths) < MOST_NAMES:
                at += 3
                value = _NUMBER_OBJECT.match(search.slice(at, at + 64))
                if value is not None:
                    found = _NUMBERS.search(search.slice(max(0, at - 63), at - 3))
                    if found is not None:
                        self._lengths[int(found[1])] = int(value[1])
        return self._lengths.get(wanted)

    def _read_objects(self, text: bytes, start: int, end: int) -> Iterator[Trouble]:
        """Looks for names of embedded files in an object stream."""
        filters = _filters(text)
        if filters is None or _PREDICTOR.search(text):
            yield Trouble(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
            return
        parts, length = [], 0
        try:
            for piece in decoded(self._raw(start, end), filters):
                parts.append(piece)
                length += len(piece)
                self._object_bytes += len(piece)
                if length > MOST_STREAM_BYTES or self._object_bytes > MOST_OBJECT_BYTES:
                    yield Trouble(FaultCode.LIMIT_REACHED, limit_text("memory", MOST_STREAM_BYTES))
                    return
        except ContainerError:
            yield Trouble(FaultCode.DAMAGED, BROKEN_OBJECTS)
        data = b"".join(parts)
        data = _HEX_IN_NAME.sub(_character, data) if b"#" in data else data
        if b"/EF" in data:
            self._take_names(data)

    def _take_names(self, text: bytes) -> None:
        """Keeps the names of embedded files from file specifications, at any depth of a text."""
        opened: list[int] = []
        with_files: set[int] = set()
        for token in _TOKEN.finditer(text):
            if token[0] == b"<<":
                opened.append(token.start())
            elif token[0] == b"/EF" and opened:
                with_files.add(opened[-1])
            elif token[0] == b">>" and opened:
                start = opened.pop()
                if start in with_files and token.end() - start <= MOST_DICTIONARY_BYTES:
                    self._take_name(text[start : token.end()])

    def _take_name(self, text: bytes) -> None:
        files = _FILES.search(text)
        if files is None:
            return
        around = text[: files.start()] + text[files.end() :]
        name = _text_of(around, b"/UF") or _text_of(around, b"/F")
        for reference in _REFERENCE.findall(files[1]):
            if len(self._names) < MOST_NAMES:
                self._names[int(reference)] = name

    def _raw(self, start: int, end: int) -> Iterator[bytes]:
        return chunks_of(self._source, start, end, ENDS_EARLY)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _character(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def _kind(stated: bytes, text: bytes) -> int:
    if stated in {b"EmbeddedFile", b"ObjStm"}:
        return _EMBEDDED if stated == b"EmbeddedFile" else _OBJECTS
    return _IMAGE if any(name in IMAGE_FILTERS for name in _filters(text) or ()) else _OTHER


def _filters(text: bytes) -> tuple[bytes, ...] | None:
    """Returns the filters of a stream in their order; ``None``: another object states them."""
    found = _FILTER.search(text)
    if found is None:
        return ()
    if found[1].isdigit():
        return None
    return tuple(_NAME.findall(found[1]))


def _text_of(text: bytes, key: bytes) -> bytes:
    """Returns the string of a key in UTF-8 (7.3.4, 7.9.2); empty if there is none."""
    found = re.search(key + _SPACES + rb"{0,20}(?=[(<][^<])", text)
    if found is None:
        return b""
    raw = _string(text, found.end())
    if raw.startswith(b"\xfe\xff"):
        return to_utf8(raw[2:], "utf_16_be")
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:]
    return raw if raw.isascii() else to_utf8(raw, "latin_1")


def _string(text: bytes, at: int) -> bytes:
    """Returns the bytes of a literal or hexadecimal string."""
    if text[at : at + 1] == b"<":
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", text[at + 1 : max(at + 1, text.find(b">", at))])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    depth, end = 1, at + 1
    while end < len(text) and depth:
        byte = text[end]
        end += 2 if byte == 0x5C else 1
        depth += (byte == 0x28) - (byte == 0x29)
    return _ESCAPE.sub(_unescaped, text[at + 1 : end - 1])


def _unescaped(found: re.Match[bytes]) -> bytes:
    word = found[1]
    return bytes([int(word, 8) & 0xFF]) if word.isdigit() and word[:1] < b"8" else _ESCAPED.get(word, word)


def _checksum(text: bytes) -> bytes | None:
    """Returns the MD5 that the parameters of an embedded file state (7.11.4)."""
    found = _CHECKSUM.search(text)
    raw = _string(text, found.end()) if found is not None else b""
    return raw if len(raw) == 16 else None
