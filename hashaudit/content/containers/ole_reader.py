"""The reader of compound files: doc, xls, ppt, msg, msi and Thumbs.db.

Every stream is a member as it stands. More members are what streams hold: packaged files, embedded objects of
PowerPoint, images of the three Office formats, thumbnails. An attachment of a message has its file name.

Source: [MS-CFB]; [MS-OXMSG] 2.2.2; [MS-OLEDS] 2.3.6 (OLENativeStream); [MS-DOC] 2.5.2; [MS-XLS] 2.4.117;
[MS-PPT] 2.3.2; [MS-OFFCRYPTO] 2.3.4.4; the layout of Thumbs.db as public forensic descriptions state it.
"""

import struct
from collections.abc import Iterator

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.content.containers.office_pictures import DrawingGroup, find_objects, find_pictures
from hashaudit.content.containers.ole_streams import (
    BAD_CHAIN,
    BAD_TABLE,
    STREAM,
    CompoundFile,
    Entry,
    SectorView,
)
from hashaudit.content.containers.rtf_compression import MOST_BYTES as MOST_TEXT_BYTES
from hashaudit.content.containers.rtf_compression import is_compressed, unpacked_rtf
from hashaudit.content.containers.text_codecs import to_utf8, utf16_to_utf8
from hashaudit.model.faults import FaultCode

ENCRYPTED = "the member is encrypted"

MOST_NAME_BYTES = 1 << 12
"""Longest stream that is read as a file name."""
MOST_CATALOG_BYTES = 16 << 20
"""Longest catalog of thumbnails: some 100,000 names."""

_WITH_PICTURES = frozenset((b"Pictures", b"Data", b"WordDocument", b"EscherStm", b"EscherDelayStm"))
_WORKBOOKS = frozenset((b"Workbook", b"Book"))
_ATTACHED = b"__substg1.0_37010102"
_NAME_STREAMS = (b"__substg1.0_3707001F", b"__substg1.0_3707001E", b"__substg1.0_3704001F", b"__substg1.0_3704001E")
"""Long and short file name of an attachment, in UTF-16 and in 8 bits, best first."""
_NATIVE = b"\x01Ole10Native"
_RICH_TEXT = b"__substg1.0_10090102"
_CATALOG = b"Catalog"
_ENCRYPTED_USER = 0xF3D1C4DF


def read_ole(source: RandomSource) -> Iterator[Found]:
    """Reads a compound file in the order of its directory. What a stream holds follows it."""
    reader = _Document(CompoundFile(source))
    yield from reader.members()


class _Document:
    def __init__(self, file: CompoundFile) -> None:
        self._file = file
        self._count = 0
        self._attached: dict[int, tuple[int, int]] = {}
        """The entry with the best name of each attachment, by its storage, and the rank of the name."""
        self._thumbnails: dict[bytes, bytes] | None = None

    def members(self) -> Iterator[Found]:
        """Yields the members, and a fault where some may be missing."""
        file = self._file
        self._find_names()
        for number in range(file.entry_count):
            entry = file.entry(number)
            if entry.type != STREAM:
                continue
            path = file.path(number)
            yield MemberContent(self._next(), self._name(number, entry, path), self._content(entry), entry.size)
            yield from self._within(entry, path)
        if file.is_damaged:
            yield Trouble(FaultCode.DAMAGED, BAD_TABLE)

    def _find_names(self) -> None:
        ranks = {name: rank for rank, name in enumerate(_NAME_STREAMS)}
        for number in range(self._file.entry_count):
            entry = self._file.entry(number)
            if entry.type != STREAM:
                continue
            rank = ranks.get(entry.name)
            if rank is not None:
                parent = self._file.parent(number)
                best = self._attached.get(parent)
                if best is None or rank < best[1]:
                    self._attached[parent] = number, rank
            elif entry.name == _CATALOG and self._file.parent(number) == 0:
                self._thumbnails = _catalog(self._file.view(entry)[0])

    def _name(self, number: int, entry: Entry, path: bytes) -> bytes:
        if entry.name != _ATTACHED or (best := self._attached.get(self._file.parent(number))) is None:
            return path
        named = self._file.entry(best[0])
        text = self._file.view(named)[0].read_at(0, MOST_NAME_BYTES)
        name = utf16_to_utf8(text) if named.name.endswith(b"F") else to_utf8(text, "cp1252")
        return name.rstrip(b"\0") or path

    def _content(self, entry: Entry) -> Iterator[bytes]:
        yield from self._file.content(entry)
        if self._is_encrypted(entry):
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED, is_complete=True)

    def _is_encrypted(self, entry: Entry) -> bool:
        """Returns whether a stream says that the document is encrypted."""
        if entry.name == b"EncryptedPackage":
            return True
        if entry.name not in {b"WordDocument", b"Current User", *_WORKBOOKS}:
            return False
        head = self._file.view(entry)[0].read_at(0, CHUNK_BYTES)
        if entry.name == b"WordDocument":
            return len(head) > 12 and head[:2] == b"\xec\xa5" and bool(head[11] & 1)
        if entry.name == b"Current User":
            return len(head) >= 16 and struct.unpack_from("<I", head, 12)[0] == _ENCRYPTED_USER
        at = 0
        for _ in range(20):
            if at + 4 > len(head):
                break
            kind, length = struct.unpack_from("<HH", head, at)
            if kind == 0x2F:
                return True
            at += 4 + length
        return False

    def _within(self, entry: Entry, path: bytes) -> Iterator[Found]:
        """Yields what a stream holds."""
        view, _ = self._file.view(entry)
        if entry.name == _NATIVE:
            yield MemberContent(self._next(), *_packaged(view))
        elif entry.name == _RICH_TEXT and is_compressed(view.read_at(0, 16)):
            yield MemberContent(self._next(), path + b".rtf", _rich_text(view))
        elif entry.name in _WITH_PICTURES:
            yield from self._pictures(view, path)
        elif entry.name in _WORKBOOKS:
            yield from self._pictures(DrawingGroup(view), path)
        elif entry.name == b"PowerPoint Document":
            for number, content in enumerate(find_objects(view)):
                yield MemberContent(self._next(), b"%s/%d.ole" % (path, number), content)
        elif self._thumbnails is not None and path == entry.name != _CATALOG:
            head = view.read_at(0, 64)
            start = head.find(b"\xff\xd8\xff")
            if start > 0:
                name = self._thumbnails.get(entry.name, entry.name + b".jpg")
                yield MemberContent(self._next(), name, chunks_of(view, start, view.size, BAD_CHAIN))

    def _pictures(self, view: RandomSource, path: bytes) -> Iterator[Found]:
        for number, (suffix, content) in enumerate(find_pictures(view)):
            yield MemberContent(self._next(), b"%s/%d.%s" % (path, number, suffix), content)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _rich_text(view: SectorView) -> Iterator[bytes]:
    text = unpacked_rtf(view.read_at(0, min(view.size, MOST_TEXT_BYTES)))
    for at in range(0, len(text), CHUNK_BYTES):
        yield text[at : at + CHUNK_BYTES]


def _packaged(view: SectorView) -> tuple[bytes, Iterator[bytes]]:
    """Returns name and content of a packaged file; without its fields, of what follows the length."""
    head = view.read_at(0, 1 << 14)
    if len(head) < 4:
        return b"", chunks_of(view, 0, view.size, BAD_CHAIN)
    (length,) = struct.unpack_from("<I", head)
    label_end = head.find(b"\0", 6)
    name_end = head.find(b"\0", label_end + 1)
    if head[4:6] == b"\x02\x00" and 0 < label_end < name_end and name_end + 9 <= len(head):
        (path_bytes,) = struct.unpack_from("<I", head, name_end + 5)
        at = name_end + 9 + path_bytes
        field = view.read_at(at, 4)
        if len(field) == 4:
            (size,) = struct.unpack("<I", field)
            name = head[6:label_end] or head[label_end + 1 : name_end]
            return to_utf8(name, "cp1252"), chunks_of(view, at + 4, at + 4 + size, BAD_CHAIN)
    return b"", chunks_of(view, 4, 4 + length, BAD_CHAIN)


def _catalog(view: SectorView) -> dict[bytes, bytes]:
    """Returns the file names of thumbnails by the names of their streams: their numbers with the digits reversed."""
    data = view.read_at(0, MOST_CATALOG_BYTES)
    names: dict[bytes, bytes] = {}
    at = struct.unpack_from("<H", data)[0] if len(data) > 16 else len(data)
    while at + 20 <= len(data):
        length, number = struct.unpack_from("<II", data, at)
        if not 20 <= length <= 2000:
            break
        name = utf16_to_utf8(data[at + 16 : at + length]).partition(b"\0")[0]
        names[(b"%d" % number)[::-1]] = name
        at += length
    return names
