"""The reader of SQLite databases. Each value that is a blob is a member, and so is each text in a column declared BLOB.

Pages are read by an own reader of their structure: the library would take a copy in memory, and more code would see
hostile bytes. A page that two trees take is a fault, so that no loop can multiply what is read.

Source: sqlite.org/fileformat2.html; sections are cited at the structures.
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.sqlite_columns import Column, stored_columns
from hashaudit.content.containers.sqlite_pages import (
    BAD_HEADER,
    BAD_PAGE,
    BAD_ROW,
    ENDS_EARLY,
    HEADER_BYTES,
    INNER_INDEX,
    INNER_TABLE,
    LEAF_TABLE,
    Pages,
    Payload,
    cells_of,
    value_length,
)
from hashaudit.model.faults import FaultCode

MOST_SQL_BYTES = 1 << 20
"""Longest statement that is read for the names of columns: a statement has at most this length by default."""

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


class _Database(Pages):
    def __init__(self, source: RandomSource) -> None:
        self._source = source
        head = source.read_at(0, HEADER_BYTES)
        if len(head) < HEADER_BYTES:
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

    def _schema_row(self, payload: "Payload") -> tuple[_Table, int] | None:
        """Returns a table and its first page from a row of the schema; ``None``: it is something else (2.6)."""
        try:
            types = payload.types()
            lengths = [value_length(kind) for kind in types[:5]]
            if len(lengths) < 5 or max(lengths[:4]) > MOST_SQL_BYTES:
                raise ContainerError(FaultCode.DAMAGED, BAD_ROW)  # noqa: TRY301 # the same case as a damaged header
            # Without its statement a table is read all the same, without the names of its columns.
            values = [payload.read(length) if length <= MOST_SQL_BYTES else b"" for length in lengths]
        except ContainerError:
            self._is_damaged = True
            return None
        if self._text(values[0]) != "table":
            return None
        root = types[3] - 8 if types[3] in {8, 9} else int.from_bytes(values[3])
        if not root:
            return None  # a virtual table
        columns = stored_columns(self._text(values[4]))
        return _Table(self._text(values[1]), columns, any(column.is_blob for column in columns)), root

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
                length = value_length(kind)
                is_text = kind >= 13 and kind % 2
                is_content = kind >= 12 and not kind % 2
                if is_content or (is_text and number < len(table.columns) and table.columns[number].is_blob):
                    name = f"{table.name}/{key}/{table.column(number)}".encode("utf-8", "surrogatepass")
                    yield MemberContent(self._number, name, payload.content(at, length), length)
                    self._number += 1
                at += length

    def _rows(self, root: int) -> Iterator[tuple[int, "Payload"]]:
        """Yields key and payload of each row of a tree (1.6). Without a rowid, the position of the row is its key."""
        stack: list[int | Payload] = [root]
        position = 0
        while stack:
            item = stack.pop()
            if isinstance(item, Payload):  # of an inner page of an index, between its children
                yield position, item
                position += 1
                continue
            try:
                page = self.take(item)
                kind, cells, children = cells_of(page, HEADER_BYTES if item == 1 else 0)
            except (ContainerError, struct.error, IndexError):
                self._is_damaged = True
                continue
            if kind == INNER_TABLE:
                stack += reversed(children)
                continue
            between: list[int | Payload] = [*children[:1]]
            for number, start in enumerate(cells):
                found = self.cell(page, start, kind)
                if found is None:
                    self._is_damaged = True
                elif kind != INNER_INDEX:
                    yield (found[0] if kind == LEAF_TABLE else position), found[1]
                    position += 1
                else:
                    between.append(found[1])
                between += children[number + 1 : number + 2]
            stack += reversed(between)
