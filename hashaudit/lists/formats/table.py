"""Delimited text (comma, semicolon, tab or bar) with column names in its first line or from the user.

Layouts that only members of a scheme may see are read with columns named by the user; nothing about them is guessed. In
tables of indicators one column gives the kind of a value, and another the value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH, LENGTHS_BYTES
from hashaudit.lists.column_names import shown_name
from hashaudit.lists.entry_fields import (
    NOT_A_FILE_HASH,
    NOT_MARKED,
    TOO_FEW_FIELDS,
    bad_hash_remark,
    entry_or_reject,
    has_sign_of_truncation,
    is_placeholder,
    looks_like_hash,
)
from hashaudit.lists.hash_kinds import kind_of_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.ordinary_rows import OrdinaryRows
from hashaudit.lists.syntax.delimited import rows
from hashaudit.lists.syntax.lines import numbered_lines, with_head
from hashaudit.lists.table_layout import NOT_LABELS, TableLayout, TablePlan, are_positions, header_with, table_plan
from hashaudit.lists.untagged import resolve
from hashaudit.lists.value_hashes import Pairs, hashes_of_cell, hashes_of_value, records_of
from hashaudit.model.results import AlgorithmName, Role

_ROLES: dict[str, Role] = {role.value: role for role in Role}
_HAS_TEXT = lazy_pattern(r"\w").search
"""Finds a letter or digit. A row without one is blank, or a rule under the names of the columns."""

_SEPARATOR = lazy_pattern(r"sep=.?|sep=.{2}", re.IGNORECASE)
"""The line in which a spreadsheet names the delimiter."""

_SHORTEST_HEX = min(BY_HEX_LENGTH)


class Table:
    """Reader of delimited lists. Lenient: rows that are not entries are counted and reported."""

    name = "table"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether a line at the beginning names a column of hashes, or a column gives kinds of hashes."""
        return b"\0" not in head.rstrip(b"\0") and table_plan(head, {}) is not None

    def fits(self, head: bytes, columns: Mapping[str, str]) -> bool:
        """Returns whether the text has the mapped columns: by position, or all of them by name."""
        if not columns or are_positions(columns):
            return bool(columns)
        return header_with(head, columns) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each row, and a remark for each column of hashes that is neither known nor mapped.

        Raises:
            ListError: a mapped column is missing, the last row is truncated, or hashes in a column without an algorithm
                show that they have another algorithm.
        """
        head, stream = with_head(stream)
        plan = table_plan(head, options.columns)
        if plan is None:
            raise ListError(
                "the first line names no column of hashes",
                hint="name it with --column-map COLUMN=FIELD",
            )
        return resolve(_items(stream, plan, options))


def _items(stream: BinaryIO, plan: TablePlan, options: ParseOptions) -> Iterator[ListItem]:
    layout, seen = plan.layout, set[AlgorithmName]()
    read = layout.read_columns
    ordinary = OrdinaryRows(layout, options.algorithm)
    for number, row, ended in rows(numbered_lines(stream), plan.delimiter, skip_initial_space=True, has_comments=True):
        if number == plan.header_line:
            continue
        if number < plan.header_line and _SEPARATOR.fullmatch(plan.delimiter.join(row)):
            continue
        if number < plan.header_line:
            yield Rejected(number, RejectReason.MALFORMED, "a title above the column names")
            continue
        if ordinary.has_some and ended and (entry := ordinary.entry(number, row)) is not None:
            seen.update(entry.digests)
            yield entry
            continue
        if not any(map(_HAS_TEXT, row)):
            continue
        items = list(_entries(number, row, layout, options))
        if not ended:
            _refuse_truncated(number, row, layout, items, seen)
        for item in items:
            if isinstance(item, ListEntry):
                seen.update(item.digests)
            yield item
        yield from _unread_hashes(number, row, layout, read)


def _refuse_truncated(
    number: int, row: list[str], layout: TableLayout, items: list[ListEntry | Rejected], seen: set[AlgorithmName]
) -> None:
    """Refuses a last row without a line end that has too few fields, or a shorter hash than the rows before it."""
    short = layout.width is not None and len(row) < layout.width
    lengths = {LENGTHS_BYTES.get(name, 0) for name in seen}
    for item in items:
        short |= has_sign_of_truncation(item)
        if isinstance(item, ListEntry) and seen and seen.isdisjoint(item.digests):
            short |= max(len(raw) for raw in item.digests.values()) < max(lengths)
    if short:
        raise ListError(f"line {number}: the last row is truncated", hint="get the list again")


def _unread_hashes(number: int, row: list[str], layout: TableLayout, read: frozenset[int]) -> Iterator[Remark]:
    if not layout.names and layout.kind is None:
        # The user chose the columns by their positions.
        return
    for column, cell in enumerate(row):
        if len(cell) >= _SHORTEST_HEX and column not in read:
            text = cell.rpartition("|")[2].strip()
            if looks_like_hash(text) and not _is_read(text, row, layout):
                yield Remark(
                    number,
                    f"{_column_name(column, layout)} holds what looks like hashes, which are not read; "
                    "map it with --column-map COLUMN=FIELD if it has hashes of files",
                )


def _is_read(text: str, row: list[str], layout: TableLayout) -> bool:
    return any(row[column].strip().lower() == text.lower() for column in layout.hash_columns if column < len(row))


def _column_name(column: int, layout: TableLayout) -> str:
    name = shown_name(layout.names[column]) if column < len(layout.names) else None
    return f"column {column + 1}" if name is None else f"column '{name}'"


def _entries(number: int, row: list[str], layout: TableLayout, options: ParseOptions) -> Iterator[ListEntry | Rejected]:
    width = len(row)
    others = {field: row[column].strip() for field, column in layout.others if column < width and row[column].strip()}
    remarks = _width_remarks(row, layout)
    role = others.get("role", "").lower()
    if role and role not in _ROLES:
        yield Rejected(number, RejectReason.MALFORMED, "the role is neither deny nor known")
        return
    found, bad = _hashes_of_row(number, row, layout, others, options)
    if bad and all(is_placeholder(text) for _, text in found):
        yield bad[0]
        return
    remarks += [bad_hash_remark(one) for one in bad if one.detail != NOT_A_FILE_HASH]
    for pairs in records_of(found):
        yield entry_or_reject(
            number,
            pairs,
            id=others.get("id"),
            size=others.get("size"),
            labels={field: text for field, text in others.items() if field not in NOT_LABELS},
            role=_ROLES.get(role),
            remarks=remarks,
        )


def _width_remarks(row: list[str], layout: TableLayout) -> list[str]:
    if layout.width is None or len(row) == layout.width:
        return []
    if len(row) < layout.width:
        return [f"a row has {TOO_FEW_FIELDS}"]
    return ["a row has more fields than the header"] if any(text.strip() for text in row[layout.width :]) else []


def _hashes_of_row(
    number: int, row: list[str], layout: TableLayout, others: dict[str, str], options: ParseOptions
) -> tuple[Pairs, list[Rejected]]:
    """Returns the hashes of a row, several of one algorithm if the row has them, and a reject for each bad one."""
    pairs: Pairs = []
    bad: list[Rejected] = []
    for column, name in layout.hashes:
        if column < len(row):
            pairs += hashes_of_cell(name, row[column].strip())
    columns: list[tuple[int, str | None]] = [(column, others.get("algorithm")) for column in layout.bare]
    if layout.kind is not None and layout.value is not None:
        kind = row[layout.kind].strip() if layout.kind < len(row) else ""
        columns.append((layout.value, kind))
        marked = others.get("marked", "").lower()
        if marked in {"0", "false", "no", "n"} and not options.include_unmarked and kind_of_hash(kind) is not None:
            return [], [Rejected(number, RejectReason.UNSUPPORTED, NOT_MARKED)]
    for column, named in columns:
        text = row[column].strip() if column < len(row) else ""
        if is_placeholder(text):
            continue
        found = hashes_of_value(number, text, named, options.algorithm)
        if isinstance(found, Rejected):
            bad.append(found)
        else:
            pairs += found
    return pairs, bad
