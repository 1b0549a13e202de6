"""Reader for rows of delimited text (RFC 4180, also tabs and semicolons) with line numbers and bounded fields."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.syntax.lines import MAX_LINE_BYTES, Line, numbered_lines

Row = tuple[int, list[str], bool]
"""A row: number of its first line, its fields, and whether its last line has a line end."""


def rows(lines: Iterable[Line], delimiter: str, *, skip_initial_space: bool = False) -> Iterator[Row]:
    """Yields every row that is not blank. Bytes that are not UTF-8 become hexadecimal escapes.

    Raises:
        ListError: a quote is wrong or never closed, or a line is over the limit; nothing after it can be trusted.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, skipinitialspace=skip_initial_space, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise ListError(f"line {feed.number}: wrong quotes, or a field is over the limit") from None
        if row is None:
            return
        if row:
            yield feed.take_first_line(), row, feed.ended
        else:
            feed.take_first_line()


class _Feed:
    """The lines of a stream for the csv module; remembers the line where a row began."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._first: int | None = None
        self.number = 0
        self.ended = True

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        self.number, line, self.ended = next(self._lines)
        if line is None:
            raise ListError(f"line {self.number}: the line is over the limit of {MAX_LINE_BYTES} bytes")
        self._first = self._first or self.number
        return line.decode("utf-8", "backslashreplace") + "\n"

    def take_first_line(self) -> int:
        """Returns the number of the line where the last row began; the next line begins another row."""
        first, self._first = self._first or self.number, None
        return first


def header_row(head: bytes, delimiter: str) -> list[str]:
    """Returns the fields of the first line that is neither blank nor a comment; none if ``head`` is no such text."""
    line = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    try:
        fields = next(csv.reader([line.decode("utf-8").rstrip("\r")], delimiter=delimiter, strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []
    return [field.strip() for field in fields]


def rows_after_comments(stream: BinaryIO, delimiter: str) -> Iterator[Row]:
    """Yields the rows of a stream without the comment lines (``#``) before the first row."""
    lines = numbered_lines(stream)
    for line in lines:
        if line[1] is None or (line[1].strip() and not line[1].startswith(b"#")):
            yield from rows(chain([line], lines), delimiter)
            return
