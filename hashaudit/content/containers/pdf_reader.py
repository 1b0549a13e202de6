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
from hashaudit.content.containers.member_source import chunks_of, failing
from hashaudit.content.containers.pdf_dictionary import Reference, Value, parse_string, parse_value, typed
from hashaudit.content.containers.pdf_encryption import PdfKey, PdfPasswords, find_key
from hashaudit.content.containers.pdf_filters import IMAGE_FILTERS, UNKNOWN_FILTER, decoded
from hashaudit.content.containers.pdf_rasters import UNSUPPORTED, raster_of
from hashaudit.content.containers.text_codecs import to_utf8
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "a stream of the document ends early"
NO_END = "the document has no end mark; it may be cut off"
BROKEN_OBJECTS = "objects of the document are damaged; members may be missing"
DOCUMENT_ENCRYPTED = "the document is encrypted"
NO_PASSWORD = "the document is encrypted; no password fits"  # noqa: S105 # a message
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
MOST_SECURITY = 100
"""Most objects that may say how the document is encrypted."""

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
_IDENTIFIER = re.compile(rb"/ID" + _SPACES + rb"{0,20}\[" + _SPACES + rb"{0,20}(?=[<(])")
_TRAILER = re.compile(rb"/Encrypt" + _SPACES + rb"{0,20}(?:\d|<<)|/ID" + _SPACES + rb"{0,20}\[")
_STANDARD = re.compile(rb"/Filter" + _SPACES + rb"{0,20}/Standard")
_MOST_TRAILER_BYTES = 4096

_IS_IMAGE = re.compile(rb"/Subtype" + _SPACES + rb"{0,20}/Image(?![A-Za-z])")

_OTHER, _IMAGE, _EMBEDDED, _OBJECTS, _RASTER = range(5)


def read_pdf(source: RandomSource, passwords: PdfPasswords | None = None, *, rasters: bool = False) -> Iterator[Found]:
    """Reads a PDF document in the order of its bytes.

    Args:
        source: the bytes of the document.
        passwords: tried on an encrypted one; ``None``: the empty one, which most encrypted documents have.
        rasters: images that are no files by themselves are members too, as files that this program writes.
    """
    reader = _Pdf(source, passwords, rasters=rasters)
    yield from reader.scan()
    yield from reader.members()


class _Pdf:
    def __init__(self, source: RandomSource, passwords: PdfPasswords | None, *, rasters: bool) -> None:
        self._source = source
        self._passwords = passwords
        self._rasters = rasters
        self._plain_objects, self._plain_starts, self._plain_ends = (array("Q") for _ in range(3))
        """Objects without a stream: number, begin and end."""
        self._found: dict[int, tuple[int, int]] | None = None
        """Places of objects by number, if they are looked for: row, or begin and end."""
        self._packed: dict[int, tuple[int, int, int]] | None = None
        """Objects in object streams by number: row of the stream, begin and end in its content."""
        self._unpacked: tuple[int, bytes] = (-1, b"")
        """The object stream that was unpacked last."""
        self._search = ByteSearch(source)
        self._count = 0
        self._kinds = array("B")
        self._objects, self._dictionaries, self._starts, self._ends = (array("Q") for _ in range(4))
        self._generations = array("H")
        """Streams: number and generation of the object; positions of its dictionary, its data, and the data's end."""
        self._names: dict[int, bytes] = {}
        """File names by the numbers of the objects that hold embedded files."""
        self._with_files: list[tuple[int, int, int, int]] = []
        """Objects that name files: number, generation, begin and end."""
        self._security: dict[int, bytes] = {}
        """Objects that may say how the document is encrypted, by number."""
        self._encrypted_by: Value = None
        self._identifier = b""
        self._key: PdfKey | None = None
        self._lengths: dict[int, int] | None = None
        self._is_encrypted = self._is_cut = False
        self._object_bytes = 0

    def scan(self) -> Iterator[Trouble]:
        """Finds all objects; yields a fault where some cannot be read."""
        search, at = self._search, 0
        while True:
            found = self._next_object(at)
            gap_end = search.size if found is None else found[2]
            self._look_for_encryption(at, gap_end)
            if found is None:
                break
            number, generation, body = found
            stop = search.search(_STOP, body, search.size, 16)
            if stop is None:
                self._is_cut = True
                self._look_for_encryption(body, search.size)
                break
            stop_at, stop_end = search.origin + stop.start(), search.origin + stop.end()
            is_stream = stop[0].startswith(b"stream")
            text = self._dictionary(body, stop_at)
            if not is_stream:
                self._take_object(text, (number, generation, body, stop_at))
                at = stop_end if stop[0] == b"endobj" else stop_at
                continue
            end, next_at, is_whole = self._stream_end(text, stop_end)
            self._is_cut = self._is_cut or not is_whole
            typed = _TYPED.search(text)
            kind = typed[1] if typed is not None else b""
            if kind == b"XRef":
                self._take_encryption(text)
            self._kinds.append(_kind(kind, text))
            self._objects.append(number)
            self._generations.append(generation)
            self._dictionaries.append(body)
            self._starts.append(stop_end)
            self._ends.append(end)
            at = next_at
        if self._is_cut:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        yield from self._read_names()

    def _take_object(self, text: bytes, place: tuple[int, int, int, int]) -> None:
        """Keeps where an object is that names files, and one that says how the document is encrypted."""
        number, _, begin, end = place
        if self._rasters:
            self._plain_objects.append(number)
            self._plain_starts.append(begin)
            self._plain_ends.append(end)
        if b"/EF" in text and len(self._with_files) < MOST_NAMES:
            self._with_files.append(place)
        if _STANDARD.search(text) and len(self._security) < MOST_SECURITY:
            self._security[number] = self._search.slice(begin, min(end, begin + _MOST_TRAILER_BYTES))

    def _read_names(self) -> Iterator[Trouble]:
        """Finds the key of the document, and then the names of embedded files."""
        if self._is_encrypted:
            passwords = self._passwords or PdfPasswords()
            self._key = self._find_key(passwords)
            if self._key is None:
                has_words = len(passwords.words) > 1
                yield Trouble(FaultCode.ENCRYPTED, NO_PASSWORD if has_words else DOCUMENT_ENCRYPTED)
                return
        for number, generation, begin, end in self._with_files:
            self._take_names(self._dictionary(begin, end), (number, generation))
        for row, kind_of in enumerate(self._kinds):
            if kind_of == _OBJECTS and self._object_bytes <= MOST_OBJECT_BYTES:
                yield from self._read_objects(row)

    def members(self) -> Iterator[Found]:
        """Yields the members in the order of their bytes, then what follows the document."""
        for row, kind in enumerate(self._kinds):
            number = self._objects[row]
            name = self._names.get(number)
            if kind == _RASTER and name is None:
                index = self._next()
                if self._rasters:
                    yield self._raster(row, index)
                continue
            if kind in {_OTHER, _OBJECTS} and name is None:
                continue
            text = self._text_of_row(row)
            filters = _filters(text)
            suffix = b""
            if kind == _IMAGE and name is None and filters is not None:
                position = next(at for at, word in enumerate(filters) if word in IMAGE_FILTERS)
                suffix = IMAGE_FILTERS[filters[position]]
                filters = filters[:position]
            content = self._content(text, row, filters)
            yield MemberContent(self._next(), name or b"%d%s" % (number, suffix), content)
        yield from self._trailing()

    def _text_of_row(self, row: int) -> bytes:
        return self._dictionary(self._dictionaries[row], self._starts[row] - len(b"stream"))

    def _stored(self, row: int, filters: tuple[bytes, ...]) -> Iterator[bytes]:
        """Yields the data of a stream, decrypted if the key is known."""
        raw = self._raw(self._starts[row], self._ends[row])
        if self._key is None or b"Crypt" in filters:
            return raw
        is_embedded = self._kinds[row] == _EMBEDDED
        return self._key.content(raw, self._objects[row], self._generations[row], is_embedded=is_embedded)

    def _content(self, text: bytes, row: int, filters: tuple[bytes, ...] | None) -> Iterator[bytes]:
        raw = self._stored(row, _filters(text) or ())
        if self._is_encrypted and self._key is None:
            yield from raw
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED, is_complete=True)
        if filters is None or (filters and _PREDICTOR.search(text)):
            yield from raw
            raise ContainerError(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
        checksum = self._checksum(text, row)
        if checksum is None:
            yield from decoded(raw, filters)
            return
        digest = hashlib.md5(usedforsecurity=False)
        for piece in decoded(raw, filters):
            digest.update(piece)
            yield piece
        if digest.digest() != checksum:
            raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)

    def _raster(self, row: int, index: int) -> MemberContent:
        """Returns an image as a file."""
        dictionary = typed(parse_value(self._text_of_row(row)), dict, {})
        raster = raster_of(dictionary, self._resolve, self._read_stream)
        number, stored = self._objects[row], self._stored(row, () if raster is None else raster.filters)
        if raster is None or (self._is_encrypted and self._key is None):
            encrypted = ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
            is_locked = self._is_encrypted and self._key is None
            error = encrypted if is_locked else ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
            return MemberContent(index, b"%d" % number, failing(error))
        stored_bytes = None if self._key is not None else self._ends[row] - self._starts[row]
        return MemberContent(
            index, b"%d%s" % (number, raster.suffix), raster.file(stored, stored_bytes, self._read_stream)
        )

    def _resolve(self, value: Value) -> Value:
        """Returns the object that a reference names, the last of that number; of a stream its dictionary."""
        for _ in range(4):
            if not isinstance(value, Reference):
                break
            value = self._object(value.number)
        return value

    def _object(self, number: int) -> Value:
        if self._found is None:
            self._found = {}
            for at, known in enumerate(self._plain_objects[:MOST_NAMES]):
                self._found[known] = self._plain_starts[at], self._plain_ends[at]
            for row, known in enumerate(self._objects[:MOST_NAMES]):
                self._found[known] = row, -1
        place = self._found.get(number)
        if place is None:
            return parse_value(self._packed_object(number))
        begin, end = place
        text = self._text_of_row(begin) if end < 0 else self._dictionary(begin, end)
        return parse_value(text[:_MOST_TRAILER_BYTES])

    def _packed_object(self, number: int) -> bytes:
        """Returns the text of an object in an object stream (7.5.7)."""
        if self._packed is None:
            self._packed = {}
            for row, kind in enumerate(self._kinds):
                if kind == _OBJECTS and len(self._packed) < MOST_NAMES:
                    self._list_objects(row)
        row, begin, end = self._packed.get(number, (-1, 0, 0))
        return self._unpack(row)[begin:end] if row >= 0 else b""

    def _list_objects(self, row: int) -> None:
        dictionary = typed(parse_value(self._text_of_row(row)), dict, {})
        first = typed(dictionary.get(b"First"), int, 0)
        data = self._unpack(row)
        numbers = [int(word) for word in data[:first].split()[: 2 * MOST_NAMES] if word.isdigit() and len(word) < 11]
        places = [first + place for place in numbers[1::2]]
        ends = [*places[1:], len(data)]
        for number, begin, end in zip(numbers[::2], places, ends, strict=False):
            if self._packed is not None:
                self._packed[number] = row, begin, end

    def _unpack(self, row: int) -> bytes:
        if self._unpacked[0] != row:
            self._unpacked = row, self._read_row(row, MOST_STREAM_BYTES)
        return self._unpacked[1]

    def _read_stream(self, value: Value, most_bytes: int) -> bytes:
        """Returns the content of the stream that a reference names, or a string."""
        if isinstance(value, Reference):
            self._resolve(value)
            row, end = (self._found or {}).get(value.number, (-1, 0))
            if end < 0 <= row:
                return self._read_row(row, most_bytes)
            value = self._resolve(value)
        return typed(value, bytes, b"")[:most_bytes]

    def _read_row(self, row: int, most_bytes: int) -> bytes:
        filters = _filters(self._text_of_row(row)) or ()
        parts, length = [], 0
        try:
            for piece in decoded(self._stored(row, filters), filters):
                parts.append(piece)
                length += len(piece)
                if length > most_bytes:
                    break
        except ContainerError:
            pass  # what is there is used; the stream has a fault where it is a member
        return b"".join(parts)[:most_bytes]

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

    def _checksum(self, text: bytes, row: int) -> bytes | None:
        """Returns the MD5 that the parameters of an embedded file state (7.11.4)."""
        found = _CHECKSUM.search(text)
        raw = parse_string(text, found.end())[0] if found is not None else b""
        if self._key is not None and found is not None:
            raw = self._key.string(raw, self._objects[row], self._generations[row])
        return raw if len(raw) == 16 else None

    def _find_key(self, passwords: PdfPasswords) -> PdfKey | None:
        """Returns the key of the document; ``None``: no password fits, or the encryption is not supported."""
        value = self._encrypted_by
        if isinstance(value, Reference):
            value = parse_value(self._security.get(value.number, b""))
        try:
            return find_key(typed(value, dict, {}), self._identifier, passwords)
        except ContainerError:
            return None

    def _next_object(self, at: int) -> tuple[int, int, int] | None:
        """Returns number, generation and beginning of the next object (7.3.10)."""
        search = self._search
        while (at := search.find(b"obj", at, search.size)) >= 0:
            found = _NUMBERS.search(search.slice(max(0, at - 60), at))
            at += 3
            if found is not None:
                return int(found[1]), min(int(found[2]), 0xFFFF), at
        return None

    def _dictionary(self, start: int, end: int) -> bytes:
        text = self._search.slice(start, min(end, start + MOST_DICTIONARY_BYTES))
        # Names may have their characters as numbers (7.3.5).
        return _HEX_IN_NAME.sub(_character, text) if b"#" in text else text

    def _look_for_encryption(self, start: int, end: int) -> None:
        while not self._identifier or not self._is_encrypted:
            found = self._search.search(_TRAILER, start, end, 40)
            if found is None:
                return
            at = self._search.origin + found.start()
            self._take_encryption(self._search.slice(at, min(end, at + _MOST_TRAILER_BYTES)))
            start = at + 1

    def _take_encryption(self, text: bytes) -> None:
        """Keeps what a trailer says of the document's encryption and identifier, of several the first."""
        found = _ENCRYPT.search(text)
        if found is not None and not self._is_encrypted:
            self._is_encrypted = True
            self._encrypted_by = parse_value(text, found.start() + len(b"/Encrypt"))
        found = _IDENTIFIER.search(text)
        if found is not None and not self._identifier:
            self._identifier = parse_string(text, found.end())[0]

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

    def _read_objects(self, row: int) -> Iterator[Trouble]:
        """Looks for names of embedded files in an object stream."""
        text = self._text_of_row(row)
        filters = _filters(text)
        if filters is None or _PREDICTOR.search(text):
            yield Trouble(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
            return
        parts, length = [], 0
        try:
            for piece in decoded(self._stored(row, filters), filters):
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
            self._take_names(data, None)

    def _take_names(self, text: bytes, place: tuple[int, int] | None) -> None:
        """Keeps the names of embedded files from file specifications, at any depth of a text.

        Args:
            text: an object, or the content of an object stream.
            place: number and generation of the object whose strings may be encrypted; ``None``: they are not.
        """
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
                    self._take_name(text[start : token.end()], place)

    def _take_name(self, text: bytes, place: tuple[int, int] | None) -> None:
        files = _FILES.search(text)
        if files is None:
            return
        around = text[: files.start()] + text[files.end() :]
        name = self._text_of(around, b"/UF", place) or self._text_of(around, b"/F", place)
        for reference in _REFERENCE.findall(files[1]):
            if len(self._names) < MOST_NAMES:
                self._names[int(reference)] = name

    def _text_of(self, text: bytes, key: bytes, place: tuple[int, int] | None) -> bytes:
        """Returns the string of a key in UTF-8 (7.9.2); empty if there is none."""
        found = re.search(key + _SPACES + rb"{0,20}(?=[(<][^<])", text)
        if found is None:
            return b""
        raw = parse_string(text, found.end())[0]
        if self._key is not None and place is not None:
            raw = self._key.string(raw, *place)
        if raw.startswith(b"\xfe\xff"):
            return to_utf8(raw[2:], "utf_16_be")
        if raw.startswith(b"\xef\xbb\xbf"):
            return raw[3:]
        return raw if raw.isascii() else to_utf8(raw, "latin_1")

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
    if any(name in IMAGE_FILTERS for name in _filters(text) or ()):
        return _IMAGE
    return _RASTER if _IS_IMAGE.search(text) else _OTHER


def _filters(text: bytes) -> tuple[bytes, ...] | None:
    """Returns the filters of a stream in their order; ``None``: another object states them."""
    found = _FILTER.search(text)
    if found is None:
        return ()
    if found[1].isdigit():
        return None
    return tuple(_NAME.findall(found[1]))
