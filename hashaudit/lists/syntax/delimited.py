"""Reader for rows of delimited text (RFC 4180, also tabs and semicolons) with line numbers and bounded fields."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.syntax.lines import MAX_LINE_BYTES, Line, numbered_lines

Row = tuple[int, list[str], bool]
"""A row: number of its first line, its fields, and whether its last line has a line end."""

_TextLine = tuple[int, str, bool]
"""A line as text with a line end, between its number and whether it had a line end."""

_MAX_ROW_LINES = 200
"""Lines of one quoted field at most. The longest comments in use have a few dozen."""

_HASH_RUN = lazy_pattern(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?![0-9A-Za-z])")

_COMMENT_MARKS = ("#", "\ufeff#")

csv.field_size_limit(2 * _MAX_ROW_LINES * MAX_LINE_BYTES)


def rows(
    lines: Iterable[Line], delimiter: str, *, skip_initial_space: bool = False, has_comments: bool = False
) -> Iterator[Row]:
    """Yields every row that is not blank. Bytes that are not UTF-8 become hexadecimal escapes.

    A quote that is never closed, or that would swallow other rows with hashes, is taken literally on its line.

    Args:
        lines: of the text.
        delimiter: between fields.
        skip_initial_space: blanks before a field are not a part of it.
        has_comments: a row that begins with ``#`` is a comment. Within a quoted field, such a line is text.

    Raises:
        ListError: a line is over the limit; nothing after it can be trusted.
    """
    feed = _Feed(lines)
    while (line := feed.take_line()) is not None:
        number, text, ended = line
        if has_comments and text.startswith(_COMMENT_MARKS):
            continue
        if '"' in text:
            feed.give_back(line)
            number, row, ended = _quoted(feed, delimiter, skip_initial_space=skip_initial_space)
        else:
            # The csv module would give the same, at several times the cost.
            row = text.removesuffix("\n").split(delimiter)
            if skip_initial_space:
                row = [field.lstrip(" ") for field in row]
        if row and row != [""]:
            yield number, row, ended


def _quoted(feed: "_Feed", delimiter: str, *, skip_initial_space: bool) -> Row:
    """Returns the next row, which has a quote in its first line and may have several lines."""
    feed.begin_row()
    try:
        row = next(csv.reader(feed, delimiter=delimiter, skipinitialspace=skip_initial_space), [])
    except csv.Error:
        raise ListError(f"line {feed.number}: wrong quotes, or a field is over the limit") from None
    if feed.has_swallowed_rows(row):
        row = next(csv.reader([feed.take_one_line()], delimiter=delimiter, quoting=csv.QUOTE_NONE))
    return feed.first_line, row, feed.ended


class _Feed:
    """The lines of a stream for the csv module; remembers the lines of the current row."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[_TextLine] = deque()
        self._taken: list[_TextLine] = []
        self._limited = False
        """True if the reader saw an end of the text, because a row has too many lines."""
        self.number = 0
        self.ended = True

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if len(self._taken) >= _MAX_ROW_LINES:
            self._limited = True
            raise StopIteration
        line = self.take_line()
        if line is None:
            raise StopIteration
        self._taken.append(line)
        self.number, content, self.ended = line
        return content

    def take_line(self) -> _TextLine | None:
        """Returns the next line, ``None`` at the end."""
        if self._waiting:
            return self._waiting.popleft()
        number, text, ended = next(self._lines, (0, b"", False))
        if not number:
            return None
        if text is None:
            raise ListError(f"line {number}: the line is over the limit of {MAX_LINE_BYTES} bytes")
        shown = text.decode("utf-8", "backslashreplace")
        if "\0" in shown:
            shown = shown.replace("\0", "")
        if "\r" in shown and '"' not in shown:
            # The csv module takes a carriage return outside quotes for damage.
            shown = shown.replace("\r", " ")
        return number, shown + "\n", ended

    def give_back(self, line: _TextLine) -> None:
        """Makes a line the next one again."""
        self._waiting.appendleft(line)

    def begin_row(self) -> None:
        """Forgets the lines of the row before."""
        self._taken.clear()
        self._limited = False

    @property
    def first_line(self) -> int:
        """Number of the line where the current row began."""
        return self._taken[0][0] if self._taken else self.number

    def has_swallowed_rows(self, row: list[str]) -> bool:
        """Returns whether the current row has lines that are rows of their own, or never ends.

        A field of several lines is text; other rows between two quotes have hashes in it.
        """
        if len(self._taken) == 1:
            return False
        return self._limited or self._is_unclosed() or any(_HASH_RUN.search(field) for field in row if "\n" in field)

    def _is_unclosed(self) -> bool:
        return sum(line.count('"') for _, line, _ in self._taken) % 2 == 1

    def take_one_line(self) -> str:
        """Returns the first line of the current row; the others become rows again."""
        first, *others = self._taken
        self._waiting.extendleft(reversed(others))
        self._taken = [first]
        self.number, content, self.ended = first
        return content


def header_row(head: bytes, delimiter: str) -> list[str]:
    """Returns the fields of the first line that is neither blank nor a comment; none if ``head`` is no such text."""
    line = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    return fields_of(line, delimiter)


def fields_of(line: bytes, delimiter: str) -> list[str]:
    """Returns the fields of one line; none if it is not UTF-8 or has a quote that is not closed."""
    try:
        text = line.decode("utf-8").rstrip("\r").replace("\0", "")
        fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return []
    return [field.strip() for field in fields]


def rows_after_comments(stream: BinaryIO, delimiter: str, *, skip_initial_space: bool = False) -> Iterator[Row]:
    """Yields the rows of a stream without the comment lines (``#``) before the first row."""
    lines = numbered_lines(stream)
    for line in lines:
        if line[1] is None or (line[1].strip() and not line[1].startswith(b"#")):
            yield from rows(chain([line], lines), delimiter, skip_initial_space=skip_initial_space)
            return
