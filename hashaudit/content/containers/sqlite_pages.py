"""Pages of SQLite: the cells in them, and the rows that cells hold.

Source: sqlite.org/fileformat2.html; sections are cited at the structures.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError
from hashaudit.model.faults import FaultCode

BAD_HEADER = "the header of the database is damaged"
BAD_PAGE = "a page of the database is damaged; members may be missing"
ENDS_EARLY = "the database ends early"
BAD_ROW = "the pages of the member are damaged"

MOST_HEADER_BYTES = 9 * 32767
"""Longest header of a row: a table has at most 32,767 columns."""

HEADER_BYTES = 100
"""Length of the header of a database, which is on its first page."""
LEAF_TABLE, INNER_TABLE, LEAF_INDEX, INNER_INDEX = 0x0D, 0x05, 0x0A, 0x02
_WITHOUT_CONTENT = bytes([*range(12), *range(13, 128, 2)])
"""Serial types of one byte that are no blobs (2.1)."""
_FIXED = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)


class Pages(ABC):
    """The pages of a database or of its log."""

    usable: int

    @abstractmethod
    def take(self, number: int) -> bytes:
        """Returns a page that nothing has taken yet.

        Raises:
            ContainerError: it is not there, or taken.
        """

    def cell(self, page: bytes, at: int, kind: int) -> "tuple[int, Payload] | None":
        """Returns key and payload of a cell; ``None``: it is damaged."""
        try:
            length, at = varint(page, at + 4 if kind == INNER_INDEX else at)
            key = 0
            if kind == LEAF_TABLE:
                key, at = varint(page, at)
                key -= (key >> 63) << 64
        except IndexError:
            return None
        return key, self.payload(page, at, length, is_table=kind == LEAF_TABLE)

    def payload(self, page: bytes, at: int, length: int, *, is_table: bool) -> "Payload":
        """Returns the payload of a cell, with the first of its overflow pages (1.6)."""
        usable = self.usable
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        local, overflow = length, 0
        if length > most:
            least = (usable - 12) * 32 // 255 - 23
            local = least + (length - least) % (usable - 4)
            local = least if local > most else local
            overflow = int.from_bytes(page[at + local : at + local + 4])
        return Payload(self, page[at : at + local], length, overflow)


class Payload:
    """The bytes of a row, which are read once, in their order."""

    def __init__(self, pages: Pages, local: bytes, length: int, overflow: int) -> None:
        self._pages = pages
        self._data = local
        self._next = overflow
        self._length = length
        self.position = 0

    @property
    def has_no_blobs(self) -> bool:
        """True if the header certainly names no blob."""
        data = self._data
        is_short = bool(data) and data[0] < 128 and data[0] <= len(data)
        return is_short and not data[1 : data[0]].translate(None, _WITHOUT_CONTENT)

    def types(self) -> list[int]:
        """Reads the header: the serial types of the columns (2.1).

        Raises:
            ContainerError: it is damaged.
        """
        size, at = self._varint_ahead()
        if not at <= size <= min(self._length, MOST_HEADER_BYTES):
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW)
        header = self.read(size)
        types = []
        try:
            while at < size:
                kind, at = varint(header, at)
                types.append(kind)
        except IndexError:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW) from None
        return types

    def blobs(self) -> list[tuple[int, int, int]]:
        """Reads the header; returns number, position and length of each value that is a blob.

        Raises:
            ContainerError: the header is damaged.
        """
        if self.has_no_blobs:
            return []
        found = []
        types = self.types()
        at = self.position
        for number, kind in enumerate(types):
            if kind >= 12 and not kind % 2:
                found.append((number, at, value_length(kind)))
            at += value_length(kind)
        return found

    def content(self, start: int, length: int) -> Iterator[bytes]:
        """Yields a value.

        Raises:
            ContainerError: its pages are damaged.
        """
        self._skip(start - self.position)
        while length > 0:
            data = self.read(min(length, CHUNK_BYTES))
            yield data
            length -= len(data)

    def read(self, count: int) -> bytes:
        """Returns the next bytes.

        Raises:
            ContainerError: they are not there.
        """
        if self.position + count > self._length:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW)
        parts = []
        while count > 0:
            if not self._data:
                self._load()
            piece, self._data = self._data[:count], self._data[count:]
            parts.append(piece)
            self.position += len(piece)
            count -= len(piece)
        return b"".join(parts)

    def _skip(self, count: int) -> None:
        while count > 0:
            count -= len(self.read(min(count, CHUNK_BYTES)))

    def _load(self) -> None:
        page = self._pages.take(self._next)
        self._next = int.from_bytes(page[:4])
        self._data = page[4 : self._pages.usable]
        if not self._data:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW)

    def _varint_ahead(self) -> tuple[int, int]:
        try:
            return varint(self._data, 0)
        except IndexError:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW) from None


def cells_of(page: bytes, start: int) -> tuple[int, list[int], list[int]]:
    """Returns the kind of a page of a tree, where its cells are, and the pages below it (1.6).

    Raises:
        ContainerError: it is not such a page.
        struct.error: it is cut.
    """
    kind = page[start]
    if kind not in {LEAF_TABLE, INNER_TABLE, LEAF_INDEX, INNER_INDEX}:
        raise ContainerError(FaultCode.DAMAGED, BAD_PAGE)
    is_inner = kind in {INNER_TABLE, INNER_INDEX}
    (count,) = struct.unpack_from(">H", page, start + 3)
    cells = list(struct.unpack_from(f">{count}H", page, start + (12 if is_inner else 8)))
    children = [int.from_bytes(page[at : at + 4]) for at in cells] if is_inner else []
    if is_inner:
        children.append(int.from_bytes(page[start + 8 : start + 12]))
    return kind, cells, children


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns a number of one to nine bytes, and where it ends."""
    byte = data[at]
    if byte < 128:
        return byte, at + 1
    value = byte & 0x7F
    for number in range(1, 9):
        byte = data[at + number]
        if number == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 128:
            return value, at + number + 1
    raise IndexError


def value_length(kind: int) -> int:
    """Returns the bytes of a value of a serial type; 10 and 11 are not in files."""
    return _FIXED[kind] if kind < 10 else max(0, (kind - 12) // 2)
