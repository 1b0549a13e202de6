"""Delimited text with the column names of one product: what its format modules declare and how that is read."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.parse_record import entry_or_reject, refuse_cut, size_or_none
from hashaudit.lists.syntax.delimited import header_row, rows_after_comments


class FixedTable(msgspec.Struct, frozen=True, kw_only=True):
    """Reader of delimited text whose header names columns as one product does, in any order and case."""

    name: str
    hashes: Mapping[str, str]
    """Column -> algorithm. Recognition asks for all of them."""
    labels: Mapping[str, str]
    """Column -> label."""
    optional_hashes: Mapping[str, str] = {}
    """Column -> algorithm, where versions of the format differ."""
    marks: frozenset[str] = frozenset()
    """Further columns that recognition asks for."""
    id: str | None = None
    """Column with the list's own id."""
    size: str | None = None
    """Column with the file's size in bytes."""
    delimiter: str = ","
    strict: bool = True

    def recognises(self, head: bytes) -> bool:
        """The first line names the columns that make the format."""
        columns = {column.lower() for column in header_row(head, self.delimiter)}
        return {*(column.lower() for column in self.hashes), *(mark.lower() for mark in self.marks)} <= columns

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the header names the algorithms
        """Yields an entry for each row.

        Raises:
            ListError: the quoting is broken or the last row is cut short.
        """
        table = rows_after_comments(stream, self.delimiter)
        _, header, _ = next(table, (0, [], True))
        columns = {column.strip().lower(): position for position, column in enumerate(header)}
        hashes = _positions(columns, {**self.hashes, **self.optional_hashes})
        labels = _positions(columns, self.labels)
        identity = columns.get((self.id or "").lower())
        size = columns.get((self.size or "").lower())
        for number, row, ended in table:
            if len(row) != len(header):
                item: ListEntry | Rejected = Rejected(
                    number, RejectReason.MALFORMED, "not as many fields as the header names"
                )
            else:
                item = entry_or_reject(
                    number,
                    [(algorithm, row[column].strip()) for column, algorithm in hashes],
                    id=None if identity is None else row[identity].strip(),
                    size=None if size is None else size_or_none(row[size]),
                    labels={label: row[column] for column, label in labels if row[column]},
                )
            yield refuse_cut(number, item, ended=ended)


def _positions(columns: Mapping[str, int], meanings: Mapping[str, str]) -> list[tuple[int, str]]:
    return [(columns[column.lower()], meaning) for column, meaning in meanings.items() if column.lower() in columns]
