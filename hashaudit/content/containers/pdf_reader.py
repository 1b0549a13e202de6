"""The reader of PDF documents: embedded files, images of DCT (JPEG) and JPX (JPEG 2000), and what follows the document.

Source: ISO 32000-2 7.11.3 and 7.11.4 (embedded files).
"""

import hashlib
import re
from collections.abc import Iterator

from hashaudit.content.containers.inside_budget import limit_text
from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_source import failing
from hashaudit.content.containers.pdf_dictionary import parse_string, parse_value, typed
from hashaudit.content.containers.pdf_encryption import PdfPasswords
from hashaudit.content.containers.pdf_file_names import SPACES, names_of_files
from hashaudit.content.containers.pdf_filters import IMAGE_FILTERS, UNKNOWN_FILTER, decoded
from hashaudit.content.containers.pdf_objects import (
    ENDS_EARLY,
    IMAGE,
    MOST_NAMES,
    MOST_STREAM_BYTES,
    OBJECTS,
    OTHER,
    RASTER,
    PdfObjects,
    filters_of,
    with_characters,
)
from hashaudit.content.containers.pdf_rasters import UNSUPPORTED, raster_of
from hashaudit.model.faults import FaultCode

NO_END = "the document has no end mark; it may be cut off"
BROKEN_OBJECTS = "objects of the document are damaged; members may be missing"
DOCUMENT_ENCRYPTED = "the document is encrypted"
NO_PASSWORD = "the document is encrypted; no password fits"  # noqa: S105 # a message
ENCRYPTED = "the member is encrypted"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

MOST_OBJECT_BYTES = 512 << 20
"""Most bytes of all object streams of a document."""

_PREDICTOR = re.compile(rb"/Predictor" + SPACES + rb"{0,20}(?:[2-9]|1\d)|/EarlyChange" + SPACES + rb"{0,20}0")
_CHECKSUM = re.compile(rb"/CheckSum" + SPACES + rb"{0,20}(?=[<(])")


def read_pdf(source: RandomSource, passwords: PdfPasswords | None = None, *, rasters: bool = False) -> Iterator[Found]:
    """Reads a PDF document in the order of its bytes.

    Args:
        source: the bytes of the document.
        passwords: tried on an encrypted one; ``None``: the empty one, which most encrypted documents have.
        rasters: images that are no files by themselves are members too, as files that this program writes.
    """
    document = PdfObjects(source, keeps_plain=rasters)
    document.scan()
    reader = _Members(document, passwords, rasters=rasters)
    yield from reader.names()
    yield from reader.members()


class _Members:
    def __init__(self, document: PdfObjects, passwords: PdfPasswords | None, *, rasters: bool) -> None:
        self._document = document
        self._passwords = passwords
        self._rasters = rasters
        self._count = 0
        self._names: dict[int, bytes] = {}
        """File names by the numbers of the objects that hold embedded files."""
        self._object_bytes = 0

    def names(self) -> Iterator[Trouble]:
        """Finds the key of the document, and then the names of embedded files; yields faults of the document."""
        document = self._document
        if document.is_cut:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        if document.is_encrypted:
            passwords = self._passwords or PdfPasswords()
            document.key = document.find_key(passwords)
            if document.key is None:
                has_words = len(passwords.words) > 1
                yield Trouble(FaultCode.ENCRYPTED, NO_PASSWORD if has_words else DOCUMENT_ENCRYPTED)
                return
        for number, generation, begin, end in document.with_files:
            self._take_names(document.dictionary(begin, end), (number, generation))
        for row, kind_of in enumerate(document.kinds):
            if kind_of == OBJECTS and self._object_bytes <= MOST_OBJECT_BYTES:
                yield from self._read_objects(row)

    def _take_names(self, text: bytes, place: tuple[int, int] | None) -> None:
        """Keeps the names of embedded files.

        Args:
            text: an object, or the content of an object stream.
            place: number and generation of the object whose strings may be encrypted; ``None``: they are not.
        """
        key = self._document.key

        def decrypt(raw: bytes) -> bytes:
            return raw if key is None or place is None else key.string(raw, *place)

        for number, name in names_of_files(text, decrypt):
            if len(self._names) < MOST_NAMES:
                self._names[number] = name

    def members(self) -> Iterator[Found]:
        """Yields the members in the order of their bytes, then what follows the document."""
        for row, kind in enumerate(self._document.kinds):
            number = self._document.objects[row]
            name = self._names.get(number)
            if kind == RASTER and name is None:
                index = self._next()
                if self._rasters:
                    yield self._raster(row, index)
                continue
            if kind in {OTHER, OBJECTS} and name is None:
                continue
            text = self._document.text_of_row(row)
            filters = filters_of(text)
            suffix = b""
            if kind == IMAGE and name is None and filters is not None:
                position = next(at for at, word in enumerate(filters) if word in IMAGE_FILTERS)
                suffix = IMAGE_FILTERS[filters[position]]
                filters = filters[:position]
            content = self._content(text, row, filters)
            yield MemberContent(self._next(), name or b"%d%s" % (number, suffix), content)
        yield from self._trailing()

    def _content(self, text: bytes, row: int, filters: tuple[bytes, ...] | None) -> Iterator[bytes]:
        raw = self._document.stored(row, filters_of(text) or ())
        if self._document.is_encrypted and self._document.key is None:
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
        dictionary = typed(parse_value(self._document.text_of_row(row)), dict, {})
        raster = raster_of(dictionary, self._document.resolve, self._document.read_stream)
        number, stored = (
            self._document.objects[row],
            self._document.stored(row, () if raster is None else raster.filters),
        )
        if raster is None or (self._document.is_encrypted and self._document.key is None):
            encrypted = ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
            is_locked = self._document.is_encrypted and self._document.key is None
            error = encrypted if is_locked else ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
            return MemberContent(index, b"%d" % number, failing(error))
        stored_bytes = None if self._document.key is not None else self._document.ends[row] - self._document.starts[row]
        return MemberContent(
            index, b"%d%s" % (number, raster.suffix), raster.file(stored, stored_bytes, self._document.read_stream)
        )

    def _trailing(self) -> Iterator[Found]:
        """Yields what follows the last end mark, which may be a file of another kind; or that there is none."""
        search, at, last = self._document.search, 0, -1
        at = max(0, self._document.ends[-1] if self._document.ends else 0)
        while (at := search.find(b"%%EOF", at, search.size)) >= 0:
            last = at = at + 5
        if last < 0:
            if not self._document.is_cut:
                yield Trouble(FaultCode.DAMAGED, NO_END)
            return
        if not any(piece.strip(b"\0\t\n\f\r \x1a") for piece in self._document.raw(last, search.size)):
            return
        head = search.slice(last, last + 2)
        start = last + (2 if head == b"\r\n" else 1 if head[:1] in {b"\r", b"\n"} else 0)
        yield MemberContent(self._next(), b"trailing", self._document.raw(start, search.size))

    def _checksum(self, text: bytes, row: int) -> bytes | None:
        """Returns the MD5 that the parameters of an embedded file state (7.11.4)."""
        found = _CHECKSUM.search(text)
        raw = parse_string(text, found.end())[0] if found is not None else b""
        if self._document.key is not None and found is not None:
            raw = self._document.key.string(raw, self._document.objects[row], self._document.generations[row])
        return raw if len(raw) == 16 else None

    def _read_objects(self, row: int) -> Iterator[Trouble]:
        """Looks for names of embedded files in an object stream."""
        text = self._document.text_of_row(row)
        filters = filters_of(text)
        if filters is None or _PREDICTOR.search(text):
            yield Trouble(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
            return
        parts, length = [], 0
        try:
            for piece in decoded(self._document.stored(row, filters), filters):
                parts.append(piece)
                length += len(piece)
                self._object_bytes += len(piece)
                if length > MOST_STREAM_BYTES or self._object_bytes > MOST_OBJECT_BYTES:
                    yield Trouble(FaultCode.LIMIT_REACHED, limit_text("memory", MOST_STREAM_BYTES))
                    return
        except ContainerError:
            yield Trouble(FaultCode.DAMAGED, BROKEN_OBJECTS)
        data = b"".join(parts)
        data = with_characters(data)
        if b"/EF" in data:
            self._take_names(data, None)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
