"""Rows of delimited text (RFC 4180 and its cousins with tabs and semicolons), with line numbers and bounded fields."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.syntax.lines import Line, numbered_lines

Row = tuple[int, list[str], bool]
"""Number of the row's first line, its fields, and whether the end of its last line was there."""


def rows(lines: Iterable[Line], delimiter: str, *, skip_initial_space: bool = False) -> Iterator[Row]:
    """Yields every row that is not blank. Bytes that are not UTF-8 come as hexadecimal escapes.

    Raises:
        ListError: a quote is wrong or never closed, or a line is over the limit; nothing after it could be trusted.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, skipinitialspace=skip_initial_space, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise ListError(f"line {feed.number}: wrong quotes, or a field over the limit") from None
        if row is None:
            return
        if row:
            yield feed.peek(), row, feed.ended
        else:
            feed.peek()


class _Feed:
    """The lines of a stream as the csv module wants them, remembering where a row began."""

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
            raise ListError(f"line {self.number}: over the limit")
        self._first = self._first or self.number
        return line.decode("utf-8", "backslashreplace") + "\n"

    def peek(self) -> int:
        """The number of the line where the row that was just read began; the next line begins another."""
        first, self._first = self._first or self.number, None
        return first


def header_row(head: bytes, delimiter: str) -> list[str]:
    """The fields of the first line of ``head`` that is neither blank nor a comment; none if it is no such text."""
    line = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    try:
        fields = next(csv.reader([line.decode("utf-8").rstrip("\r")], delimiter=delimiter, strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []
    return [field.strip() for field in fields]


def rows_after_comments(stream: BinaryIO, delimiter: str) -> Iterator[Row]:
    """The rows of a stream without the comment lines (``#``) before the first row."""
    lines = numbered_lines(stream)
    for line in lines:
        if line[1] is None or (line[1].strip() and not line[1].startswith(b"#")):
            yield from rows(chain([line], lines), delimiter)
            return
