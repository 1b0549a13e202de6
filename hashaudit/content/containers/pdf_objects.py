"""The objects of a PDF document, which are found by a scan of the file and not through its tables.

Superseded objects and documents that are damaged or cut off are therefore read as well, and no reference can lead in a
circle.

Source: ISO 32000-2 7.3.8 (streams), 7.3.10 (objects), 7.5.7 (object streams), 7.6 (encryption).
"""

import re
from array import array
from collections.abc import Iterator

from hashaudit.content.containers.byte_search import ByteSearch
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.content.containers.pdf_dictionary import Reference, Value, parse_string, parse_value, typed
from hashaudit.content.containers.pdf_encryption import PdfKey, PdfPasswords, find_key
from hashaudit.content.containers.pdf_file_names import MOST_DICTIONARY_BYTES, SPACES
from hashaudit.content.containers.pdf_filters import IMAGE_FILTERS, decoded

ENDS_EARLY = "a stream of the document ends early"

MOST_STREAM_BYTES = 32 << 20
"""Longest object stream. Programs write some hundred objects into one."""
MOST_NAMES = 100_000
"""Most embedded files whose names are kept, and most lengths that other objects state."""
MOST_SECURITY = 100
"""Most objects that may say how the document is encrypted."""

_NUMBERS = re.compile(rb"(\d{1,10})" + SPACES + rb"{1,20}(\d{1,6})" + SPACES + rb"{1,20}\Z")
_STOP = re.compile(rb"endobj|stream(?:\r\n|\n|\r)|" + SPACES + rb"obj(?![a-z])")
_LENGTH = re.compile(
    rb"/Length" + SPACES + rb"{0,20}(\d{1,15})(?:" + SPACES + rb"{1,20}\d{1,6}" + SPACES + rb"{1,20}(R))?"
)
_FILTER = re.compile(rb"/Filter" + SPACES + rb"{0,20}(\[[^\]]{0,1000}\]|/[^\0\t\n\f\r /<>\[\]()]{1,40}|\d)")
_NAME = re.compile(rb"/([^\0\t\n\f\r /<>\[\]()]{1,127})")
_ENCRYPT = re.compile(rb"/Encrypt" + SPACES + rb"{0,20}(?:\d|<<)")
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_TYPED = re.compile(rb"/Type" + SPACES + rb"{0,20}/(EmbeddedFile|ObjStm|XRef)(?![A-Za-z])")
_NUMBER_OBJECT = re.compile(SPACES + rb"{0,20}(\d{1,15})" + SPACES + rb"{0,20}endobj")
_IDENTIFIER = re.compile(rb"/ID" + SPACES + rb"{0,20}\[" + SPACES + rb"{0,20}(?=[<(])")
_TRAILER = re.compile(rb"/Encrypt" + SPACES + rb"{0,20}(?:\d|<<)|/ID" + SPACES + rb"{0,20}\[")
_STANDARD = re.compile(rb"/Filter" + SPACES + rb"{0,20}/Standard")
_MOST_TRAILER_BYTES = 4096
_IS_IMAGE = re.compile(rb"/Subtype" + SPACES + rb"{0,20}/Image(?![A-Za-z])")

OTHER, IMAGE, EMBEDDED, OBJECTS, RASTER = range(5)


class PdfObjects:
    """The objects of a document, found by a scan, and the content of its streams.

    Args:
        source: the bytes of the document.
        keeps_plain: objects without a stream can be looked up, too.
    """

    def __init__(self, source: RandomSource, *, keeps_plain: bool) -> None:
        self._source = source
        self._keeps_plain = keeps_plain
        self._plain_objects, self._plain_starts, self._plain_ends = (array("Q") for _ in range(3))
        """Objects without a stream: number, begin and end."""
        self._found: dict[int, tuple[int, int]] | None = None
        """Places of objects by number, if they are looked for: row, or begin and end."""
        self._packed: dict[int, tuple[int, int, int]] | None = None
        """Objects in object streams by number: row of the stream, begin and end in its content."""
        self._unpacked: tuple[int, bytes] = (-1, b"")
        """The object stream that was unpacked last."""
        self.search = ByteSearch(source)
        self.kinds = array("B")
        """Kind of each stream."""
        self.objects, self._dictionaries, self.starts, self.ends = (array("Q") for _ in range(4))
        self.generations = array("H")
        """Streams: number and generation of the object; positions of its dictionary, its data, and the data's end."""
        self.with_files: list[tuple[int, int, int, int]] = []
        """Objects that name files: number, generation, begin and end."""
        self._security: dict[int, bytes] = {}
        """Objects that may say how the document is encrypted, by number."""
        self._encrypted_by: Value = None
        self._identifier = b""
        self.key: PdfKey | None = None
        """The key of the document, once it is known."""
        self._lengths: dict[int, int] | None = None
        self.is_encrypted = self.is_cut = False

    def scan(self) -> None:
        """Finds all objects."""
        search, at = self.search, 0
        while True:
            found = self._next_object(at)
            gap_end = search.size if found is None else found[2]
            self._look_for_encryption(at, gap_end)
            if found is None:
                break
            number, generation, body = found
            stop = search.search(_STOP, body, search.size, 16)
            if stop is None:
                self.is_cut = True
                self._look_for_encryption(body, search.size)
                break
            stop_at, stop_end = search.origin + stop.start(), search.origin + stop.end()
            is_stream = stop[0].startswith(b"stream")
            text = self.dictionary(body, stop_at)
            if not is_stream:
                self._take_object(text, (number, generation, body, stop_at))
                at = stop_end if stop[0] == b"endobj" else stop_at
                continue
            end, next_at, is_whole = self._stream_end(text, stop_end)
            self.is_cut = self.is_cut or not is_whole
            typed = _TYPED.search(text)
            kind = typed[1] if typed is not None else b""
            if kind == b"XRef":
                self._take_encryption(text)
            self.kinds.append(_kind_of(kind, text))
            self.objects.append(number)
            self.generations.append(generation)
            self._dictionaries.append(body)
            self.starts.append(stop_end)
            self.ends.append(end)
            at = next_at

    def _take_object(self, text: bytes, place: tuple[int, int, int, int]) -> None:
        """Keeps where an object is that names files, and one that says how the document is encrypted."""
        number, _, begin, end = place
        if self._keeps_plain:
            self._plain_objects.append(number)
            self._plain_starts.append(begin)
            self._plain_ends.append(end)
        if b"/EF" in text and len(self.with_files) < MOST_NAMES:
            self.with_files.append(place)
        if _STANDARD.search(text) and len(self._security) < MOST_SECURITY:
            self._security[number] = self.search.slice(begin, min(end, begin + _MOST_TRAILER_BYTES))

    def text_of_row(self, row: int) -> bytes:
        """Returns the dictionary of a stream, as it stands in the document."""
        return self.dictionary(self._dictionaries[row], self.starts[row] - len(b"stream"))

    def stored(self, row: int, filters: tuple[bytes, ...]) -> Iterator[bytes]:
        """Yields the data of a stream, decrypted if the key is known."""
        raw = self.raw(self.starts[row], self.ends[row])
        if self.key is None or b"Crypt" in filters:
            return raw
        is_embedded = self.kinds[row] == EMBEDDED
        return self.key.content(raw, self.objects[row], self.generations[row], is_embedded=is_embedded)

    def resolve(self, value: Value) -> Value:
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
            for row, known in enumerate(self.objects[:MOST_NAMES]):
                self._found[known] = row, -1
        place = self._found.get(number)
        if place is None:
            return parse_value(self._packed_object(number))
        begin, end = place
        text = self.text_of_row(begin) if end < 0 else self.dictionary(begin, end)
        return parse_value(text[:_MOST_TRAILER_BYTES])

    def _packed_object(self, number: int) -> bytes:
        """Returns the text of an object in an object stream (7.5.7)."""
        if self._packed is None:
            self._packed = {}
            for row, kind in enumerate(self.kinds):
                if kind == OBJECTS and len(self._packed) < MOST_NAMES:
                    self._list_objects(row)
        row, begin, end = self._packed.get(number, (-1, 0, 0))
        return self._unpack(row)[begin:end] if row >= 0 else b""

    def _list_objects(self, row: int) -> None:
        dictionary = typed(parse_value(self.text_of_row(row)), dict, {})
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

    def read_stream(self, value: Value, most_bytes: int) -> bytes:
        """Returns the content of the stream that a reference names, or a string."""
        if isinstance(value, Reference):
            self.resolve(value)
            row, end = (self._found or {}).get(value.number, (-1, 0))
            if end < 0 <= row:
                return self._read_row(row, most_bytes)
            value = self.resolve(value)
        return typed(value, bytes, b"")[:most_bytes]

    def _read_row(self, row: int, most_bytes: int) -> bytes:
        filters = filters_of(self.text_of_row(row)) or ()
        parts, length = [], 0
        try:
            for piece in decoded(self.stored(row, filters), filters):
                parts.append(piece)
                length += len(piece)
                if length > most_bytes:
                    break
        except ContainerError:
            pass  # what is there is used; the stream has a fault where it is a member
        return b"".join(parts)[:most_bytes]

    def find_key(self, passwords: PdfPasswords) -> PdfKey | None:
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
        search = self.search
        while (at := search.find(b"obj", at, search.size)) >= 0:
            found = _NUMBERS.search(search.slice(max(0, at - 60), at))
            at += 3
            if found is not None:
                return int(found[1]), min(int(found[2]), 0xFFFF), at
        return None

    def dictionary(self, start: int, end: int) -> bytes:
        """Returns the text of an object."""
        text = self.search.slice(start, min(end, start + MOST_DICTIONARY_BYTES))
        return with_characters(text)

    def _look_for_encryption(self, start: int, end: int) -> None:
        while not self._identifier or not self.is_encrypted:
            found = self.search.search(_TRAILER, start, end, 40)
            if found is None:
                return
            at = self.search.origin + found.start()
            self._take_encryption(self.search.slice(at, min(end, at + _MOST_TRAILER_BYTES)))
            start = at + 1

    def _take_encryption(self, text: bytes) -> None:
        """Keeps what a trailer says of the document's encryption and identifier, of several the first."""
        found = _ENCRYPT.search(text)
        if found is not None and not self.is_encrypted:
            self.is_encrypted = True
            self._encrypted_by = parse_value(text, found.start() + len(b"/Encrypt"))
        found = _IDENTIFIER.search(text)
        if found is not None and not self._identifier:
            self._identifier = parse_string(text, found.end())[0]

    def _stream_end(self, text: bytes, start: int) -> tuple[int, int, bool]:
        """Returns where the data of a stream ends, where to go on, and whether the end is there."""
        search = self.search
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

    def raw(self, start: int, end: int) -> Iterator[bytes]:
        """Yields a part of the document."""
        return chunks_of(self._source, start, end, ENDS_EARLY)


def _kind_of(stated: bytes, text: bytes) -> int:
    if stated in {b"EmbeddedFile", b"ObjStm"}:
        return EMBEDDED if stated == b"EmbeddedFile" else OBJECTS
    if any(name in IMAGE_FILTERS for name in filters_of(text) or ()):
        return IMAGE
    return RASTER if _IS_IMAGE.search(text) else OTHER


def filters_of(text: bytes) -> tuple[bytes, ...] | None:
    """Returns the filters of a stream in their order; ``None``: another object states them."""
    found = _FILTER.search(text)
    if found is None:
        return ()
    if found[1].isdigit():
        return None
    return tuple(_NAME.findall(found[1]))


def _character(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def with_characters(text: bytes) -> bytes:
    """Returns a text without characters of names that are given as numbers (7.3.5)."""
    return _HEX_IN_NAME.sub(_character, text) if b"#" in text else text
