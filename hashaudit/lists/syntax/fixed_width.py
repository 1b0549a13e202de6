"""Reader for delimited text with the column names of one product, which the format modules declare."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from hashaudit.lists.entry_fields import TOO_FEW_FIELDS, entry_or_reject, refuse_truncated
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.delimited import header_row, rows_after_comments


class FixedTable(msgspec.Struct, frozen=True, kw_only=True):
    """Reader for delimited text whose header has the column names of one product, in any order and case."""

    name: str
    hashes: Mapping[str, str]
    """Column -> algorithm; recognition requires all of these columns."""
    labels: Mapping[str, str]
    """Column -> label."""
    optional_hashes: Mapping[str, str] = {}
    """Column -> algorithm, for columns that only some versions have."""
    marks: frozenset[str] = frozenset()
    """Other columns that recognition requires."""
    id: str | None = None
    """Column of the list's own id."""
    size: str | None = None
    """Column of the file's size in bytes."""
    delimiter: str = ","
    strict: bool = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line has the required columns."""
        columns = {column.lower() for column in header_row(head, self.delimiter)}
        return {*(column.lower() for column in self.hashes), *(mark.lower() for mark in self.marks)} <= columns

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the header names the algorithms
        """Yields an entry for each row.

        Raises:
            ListError: the quotes are wrong, or the last row is truncated.
        """
        table = rows_after_comments(stream, self.delimiter, skip_initial_space=True)
        _, header, _ = next(table, (0, [], True))
        columns = {column.strip().lower(): position for position, column in enumerate(header)}
        hashes = _positions(columns, {**self.hashes, **self.optional_hashes})
        labels = _positions(columns, self.labels)
        # A header may end with another separator, which gives a column without a name.
        identity = None if self.id is None else columns.get(self.id.lower())
        size = None if self.size is None else columns.get(self.size.lower())
        for number, row, ended in table:
            item: ListEntry | Rejected
            if len(row) < len(header):
                item = Rejected(number, RejectReason.MALFORMED, TOO_FEW_FIELDS)
            elif any(field.strip() for field in row[len(header) :]):
                item = Rejected(number, RejectReason.MALFORMED, "more fields than the header")
            else:
                # Some products end each row with another separator.
                item = entry_or_reject(
                    number,
                    [(algorithm, row[column].strip()) for column, algorithm in hashes],
                    id=None if identity is None else row[identity].strip(),
                    size=None if size is None else row[size],
                    labels={label: row[column] for column, label in labels},
                )
            yield refuse_truncated(number, item, ended=ended)


def _positions(columns: Mapping[str, int], meanings: Mapping[str, str]) -> list[tuple[int, str]]:
    return [(columns[column.lower()], meaning) for column, meaning in meanings.items() if column.lower() in columns]
