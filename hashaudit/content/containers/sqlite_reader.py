"""The reader of SQLite databases. Each value that is a blob is a member, and so is each text in a column declared BLOB.

Pages are read by an own reader of their structure: the library would take a copy in memory, and more code would see
hostile bytes. A page that two trees take is a fault, so that no loop can multiply what is read.

Source: sqlite.org/fileformat2.html; sections are cited at the structures.
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.sqlite_columns import Column, stored_columns
from hashaudit.model.faults import FaultCode

BAD_HEADER = "the header of the database is damaged"
BAD_PAGE = "a page of the database is damaged; members may be missing"
ENDS_EARLY = "the database ends early"
BAD_ROW = "the pages of the member are damaged"

MOST_SQL_BYTES = 1 << 20
"""Longest statement that is read for the names of columns: a statement has at most this length by default."""
MOST_HEADER_BYTES = 9 * 32767
"""Longest header of a row: a table has at most 32,767 columns."""

_HEADER_BYTES = 100
_LEAF_TABLE, _INNER_TABLE, _LEAF_INDEX, _INNER_INDEX = 0x0D, 0x05, 0x0A, 0x02
_WITHOUT_CONTENT = bytes([*range(12), *range(13, 128, 2)])
"""Serial types of one byte that are no blobs (2.1)."""
_FIXED = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_ENCODINGS = {2: "utf-16-le", 3: "utf-16-be"}


class _Table(msgspec.Struct, frozen=True):
    name: str
    columns: list[Column]
    has_blob_columns: bool

    def column(self, number: int) -> str:
        return self.columns[number].name if number < len(self.columns) else f"column{number}"


def read_sqlite(source: RandomSource) -> Iterator[Found]:
    """Reads a database: tables in the order of its schema, rows in the order of their keys."""
    database = _Database(source)
    yield from database.members()


class _Database:
    def __init__(self, source: RandomSource) -> None:
        self._source = source
        head = source.read_at(0, _HEADER_BYTES)
        if len(head) < _HEADER_BYTES:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        (size,) = struct.unpack_from(">H", head, 16)
        self._page_bytes = 65536 if size == 1 else size
        if self._page_bytes < 512 or self._page_bytes & self._page_bytes - 1:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        self.usable = self._page_bytes - head[20]
        (stated,) = struct.unpack_from(">I", head, 28)
        (changes,) = struct.unpack_from(">I", head, 24)
        (valid_for,) = struct.unpack_from(">I", head, 92)
        (encoding,) = struct.unpack_from(">I", head, 56)
        self._encoding = _ENCODINGS.get(encoding, "utf-8")
        self._count = source.size // self._page_bytes
        self._is_cut = bool(source.size % self._page_bytes) or (changes == valid_for and stated > self._count)
        self._taken = bytearray(self._count + 1)
        self._is_damaged = self.usable < 480
        self._number = 0

    def members(self) -> Iterator[Found]:
        """Yields the members, and a fault where some may be missing."""
        for _, payload in self._rows(1):
            row = self._schema_row(payload)
            if row is not None:
                table, root = row
                yield from self._table(table, root)
        if self._is_damaged:
            yield Trouble(FaultCode.DAMAGED, BAD_PAGE)
        if self._is_cut:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)

    def take(self, number: int) -> bytes:
        """Returns a page that nothing has taken yet.

        Raises:
            ContainerError: it is outside the file, or taken.
        """
        if not 0 < number <= self._count or self._taken[number]:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW)
        self._taken[number] = 1
        return self._source.read_at((number - 1) * self._page_bytes, self._page_bytes)

    def _schema_row(self, payload: "_Payload") -> tuple[_Table, int] | None:
        """Returns a table and its first page from a row of the schema; ``None``: it is something else (2.6)."""
        try:
            types = payload.types()
            values = [payload.read(_length(kind)) if _length(kind) <= MOST_SQL_BYTES else None for kind in types[:5]]
        except ContainerError:
            self._is_damaged = True
            return None
        if len(values) < 5 or None in values or self._text(values[0] or b"") != "table":
            return None
        root = types[3] - 8 if types[3] in {8, 9} else int.from_bytes(values[3] or b"")
        if not root:
            return None  # a virtual table
        columns = stored_columns(self._text(values[4] or b""))
        return _Table(self._text(values[1] or b""), columns, any(column.is_blob for column in columns)), root

    def _text(self, value: bytes) -> str:
        return value.decode(self._encoding, "replace")

    def _table(self, table: _Table, root: int) -> Iterator[Found]:
        for key, payload in self._rows(root):
            if not table.has_blob_columns and payload.has_no_blobs:
                continue
            try:
                types = payload.types()
            except ContainerError:
                self._is_damaged = True
                continue
            at = payload.position
            for number, kind in enumerate(types):
                length = _length(kind)
                is_text = kind >= 13 and kind % 2
                is_content = kind >= 12 and not kind % 2
                if is_content or (is_text and number < len(table.columns) and table.columns[number].is_blob):
                    name = f"{table.name}/{key}/{table.column(number)}".encode("utf-8", "surrogatepass")
                    yield MemberContent(self._number, name, payload.content(at, length), length)
                    self._number += 1
                at += length

    def _rows(self, root: int) -> Iterator[tuple[int, "_Payload"]]:
        """Yields key and payload of each row of a tree (1.6). Without a rowid, the position of the row is its key."""
        stack: list[int | _Payload] = [root]
        position = 0
        while stack:
            item = stack.pop()
            if isinstance(item, _Payload):  # of an inner page of an index, between its children
                yield position, item
                position += 1
                continue
            try:
                page = self.take(item)
                kind, cells, children = _cells(page, _HEADER_BYTES if item == 1 else 0)
            except (ContainerError, struct.error, IndexError):
                self._is_damaged = True
                continue
            if kind == _INNER_TABLE:
                stack += reversed(children)
                continue
            between: list[int | _Payload] = [*children[:1]]
            for number, start in enumerate(cells):
                found = self._cell(page, start, kind)
                if found is None:
                    self._is_damaged = True
                elif kind != _INNER_INDEX:
                    yield (found[0] if kind == _LEAF_TABLE else position), found[1]
                    position += 1
                else:
                    between.append(found[1])
                between += children[number + 1 : number + 2]
            stack += reversed(between)

    def _cell(self, page: bytes, at: int, kind: int) -> "tuple[int, _Payload] | None":
        """Returns key and payload of a cell; ``None``: it is damaged."""
        try:
            length, at = _varint(page, at + 4 if kind == _INNER_INDEX else at)
            key = 0
            if kind == _LEAF_TABLE:
                key, at = _varint(page, at)
                key -= (key >> 63) << 64
        except IndexError:
            return None
        return key, self._payload(page, at, length, is_table=kind == _LEAF_TABLE)

    def _payload(self, page: bytes, at: int, length: int, *, is_table: bool) -> "_Payload":
        """Returns the payload of a cell, with the first of its overflow pages (1.6)."""
        usable = self.usable
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        local, overflow = length, 0
        if length > most:
            least = (usable - 12) * 32 // 255 - 23
            local = least + (length - least) % (usable - 4)
            local = least if local > most else local
            overflow = int.from_bytes(page[at + local : at + local + 4])
        return _Payload(self, page[at : at + local], length, overflow)


class _Payload:
    """The bytes of a row, which are read once, in their order."""

    def __init__(self, database: _Database, local: bytes, length: int, overflow: int) -> None:
        self._database = database
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
                kind, at = _varint(header, at)
                types.append(kind)
        except IndexError:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW) from None
        return types

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
        page = self._database.take(self._next)
        self._next = int.from_bytes(page[:4])
        self._data = page[4 : self._database.usable]
        if not self._data:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW)

    def _varint_ahead(self) -> tuple[int, int]:
        try:
            return _varint(self._data, 0)
        except IndexError:
            raise ContainerError(FaultCode.DAMAGED, BAD_ROW) from None


def _cells(page: bytes, start: int) -> tuple[int, list[int], list[int]]:
    """Returns the kind of a page of a tree, where its cells are, and the pages below it (1.6).

    Raises:
        ContainerError: it is not such a page.
        struct.error: it is cut.
    """
    kind = page[start]
    if kind not in {_LEAF_TABLE, _INNER_TABLE, _LEAF_INDEX, _INNER_INDEX}:
        raise ContainerError(FaultCode.DAMAGED, BAD_PAGE)
    is_inner = kind in {_INNER_TABLE, _INNER_INDEX}
    (count,) = struct.unpack_from(">H", page, start + 3)
    cells = list(struct.unpack_from(f">{count}H", page, start + (12 if is_inner else 8)))
    children = [int.from_bytes(page[at : at + 4]) for at in cells] if is_inner else []
    if is_inner:
        children.append(int.from_bytes(page[start + 8 : start + 12]))
    return kind, cells, children


def _varint(data: bytes, at: int) -> tuple[int, int]:
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


def _length(kind: int) -> int:
    """Returns the bytes of a value of a serial type; 10 and 11 are not in files."""
    return _FIXED[kind] if kind < 10 else max(0, (kind - 12) // 2)
