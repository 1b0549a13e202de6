"""The columns of a delimited text, found from its header, from the user's mapping or from its first rows."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES, algorithm_named, is_unsupported
from hashaudit.lists.column_names import SYNONYMS, field_of, typed_columns
from hashaudit.lists.entry_fields import looks_like_hash
from hashaudit.lists.hash_kinds import folded_name, kind_of_hash
from hashaudit.lists.hash_words import hash_words, visible
from hashaudit.lists.syntax.delimited import fields_of

DELIMITERS = ",;\t|"

_MAPPED_ONLY = frozenset({"role", "category_scheme", "classification_scheme", "source", "set", "status", "media_type"})
"""Fields that only the user can map a column to."""

NOT_LABELS = frozenset({"hash", "algorithm", "id", "size", "role", "marked"})
"""Fields that do not become labels."""

_MARKED_COLUMN = "toids"
"""MISP's column of the mark for detection."""

_MAX_HEADER_LINES = 10
"""Lines in which the column names are sought: some tables have a title above them."""

_SAMPLE_LINES = 200
"""Lines in which kinds and hashes are sought if the names of the columns do not say which they are."""

_MAX_KIND_LENGTH = 60


class TableLayout(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table."""

    width: int | None
    """Number of fields of every row; ``None`` without a header."""
    hashes: list[tuple[int, str]] = []
    """Columns with a named algorithm."""
    bare: list[int] = []
    """Columns of hashes without a named algorithm."""
    kind: int | None = None
    """Column of the kind of the value in the column ``value``."""
    value: int | None = None
    others: list[tuple[str, int]] = []
    """Field (``algorithm``, ``id``, ``size``, ``role``, ``marked`` or a label) and column."""
    names: list[str] = []
    """Name of each column; empty without a header."""

    @property
    def hash_columns(self) -> list[int]:
        """Columns from which hashes are read."""
        value = [] if self.value is None else [self.value]
        return [*(column for column, _ in self.hashes), *self.bare, *value]

    @property
    def read_columns(self) -> frozenset[int]:
        """Columns in which hex digits are a hash that is read, or no hash of a file."""
        return frozenset(self.hash_columns) | {column for field, column in self.others if field in {"id", "algorithm"}}


class TablePlan(NamedTuple):
    """The way to read a table, found from its beginning."""

    delimiter: str
    header_line: int
    """Number of the line with the column names; 0 if no row has them."""
    layout: TableLayout


def are_positions(columns: Mapping[str, str]) -> bool:
    """Returns whether the user mapped columns by their numbers."""
    return all(column.isdecimal() for column in columns)


def table_plan(head: bytes, columns: Mapping[str, str]) -> TablePlan | None:
    """Returns the way to read a table; ``None`` if its beginning does not show it.

    Raises:
        ListError: a mapped column is missing, or its field is unknown.
    """
    if columns:
        return _mapped_plan(head, columns)
    lines = _lines(head)
    rows_only = [one for one in lines if not one[1].startswith(b"#")]
    for place, (number, line) in enumerate(rows_only[:_MAX_HEADER_LINES]):
        for delimiter in _by_fields(line):
            layout = _from_header(fields_of(line, delimiter))
            if layout is not None and (not place or _is_confirmed(layout, delimiter, rows_only[place + 1 :])):
                return TablePlan(delimiter, number, layout)
    comments = [line for _, line in lines if line.startswith(b"#")][:_SAMPLE_LINES]
    for line in reversed(comments):
        for delimiter in _by_fields(line):
            layout = _from_header(fields_of(line.lstrip(b"# "), delimiter))
            if layout is not None and (layout.width or 0) > 1:
                return TablePlan(delimiter, 0, layout)
    return _from_content([line for _, line in lines if not line.startswith(b"#")][:_SAMPLE_LINES])


def _is_confirmed(layout: TableLayout, delimiter: str, following: list[tuple[int, bytes]]) -> bool:
    """Returns whether a row soon after the names of columns has a hash where they say. Prose can look like names."""
    for _, line in following[:_MAX_HEADER_LINES]:
        fields = fields_of(line, delimiter)
        if any(
            hash_words(fields[column].encode(), None).hashes for column in layout.hash_columns if column < len(fields)
        ):
            return True
    return False


def _lines(head: bytes) -> list[tuple[int, bytes]]:
    """Returns the lines that are not blank, with their numbers."""
    numbered = enumerate(head.split(b"\n"), 1)
    return [(number, shown) for number, line in numbered if (shown := visible(line).strip(b" \r"))]


def _by_fields(line: bytes) -> list[str]:
    """Returns the delimiters, the one that gives the most fields first."""
    return sorted(DELIMITERS, key=lambda mark: -len(fields_of(line, mark)))


def header_with(head: bytes, columns: Mapping[str, str]) -> tuple[str, int, list[str]] | None:
    """Returns delimiter, line number and names of the header with all mapped columns."""
    wanted = {column.lower() for column in columns}
    for number, line in _lines(head)[:_SAMPLE_LINES]:
        commented = line.startswith(b"#")
        for delimiter in DELIMITERS:
            names = fields_of(line.lstrip(b"# ") if commented else line, delimiter)
            if wanted <= {name.lower() for name in names}:
                return delimiter, 0 if commented else number, names
    return None


def _mapped_plan(head: bytes, columns: Mapping[str, str]) -> TablePlan | None:
    first = next((line for _, line in _lines(head) if not line.startswith(b"#")), b"")
    if are_positions(columns):
        layout = _by_position(columns)
        return None if layout is None else TablePlan(_by_fields(first)[0], 0, layout)
    found = header_with(head, columns)
    if found is None:
        here = {name.lower() for name in fields_of(first, _by_fields(first)[0])}
        missing = ", ".join(f"'{column}'" for column in sorted(columns) if column.lower() not in here)
        raise ListError(f"mapped columns are missing from the first line: {missing}")
    delimiter, number, names = found
    positions = {name.lower(): column for column, name in enumerate(names)}
    fields = [(positions[column.lower()], _mapped_field(field)) for column, field in columns.items()]
    return None if (layout := _layout(fields, names, len(names))) is None else TablePlan(delimiter, number, layout)


def _by_position(columns: Mapping[str, str]) -> TableLayout | None:
    if "0" in columns:
        raise ListError("invalid mapped column: '0'; columns are counted from 1")
    return _layout([(int(column) - 1, _mapped_field(field)) for column, field in columns.items()], [], None)


def _mapped_field(field: str) -> str:
    folded = algorithm_named(field) or field.strip().lower()
    # A closed set: a misspelt algorithm would otherwise become a label, and its column would never be matched.
    if folded in SYNONYMS or folded in _MAPPED_ONLY or folded in LENGTHS_BYTES or is_unsupported(folded):
        return folded
    known = sorted({*SYNONYMS, *_MAPPED_ONLY})
    raise ListError(
        f"invalid field for a mapped column: '{field}'", hint=f"use an algorithm or one of {', '.join(known)}"
    )


def _from_header(names: list[str]) -> TableLayout | None:
    fields = [(column, field) for column, name in enumerate(names) if (field := field_of(name)) is not None]
    layout = _layout(fields, names, len(names))
    if layout is None or not (layout.hashes and _has_supported(layout)):
        typed = typed_columns(names)
        # A column ``hash`` beside a column ``type`` holds values of that kind.
        if typed is not None and (layout is None or layout.bare == [typed[1]] or not layout.bare):
            kind, value = typed
            rest = [(column, field) for column, field in fields if column not in typed and field != "hash"]
            return _layout(rest, names, len(names), kind=kind, value=value)
    return layout if layout is not None and len(_hex_names(names)) == 0 else None


def _has_supported(layout: TableLayout) -> bool:
    return any(not is_unsupported(name) for _, name in layout.hashes)


def _hex_names(names: list[str]) -> list[str]:
    return [name for name in names if looks_like_hash(name)]


def _layout(
    fields: list[tuple[int, str]],
    names: list[str],
    width: int | None,
    *,
    kind: int | None = None,
    value: int | None = None,
) -> TableLayout | None:
    hashes = [(column, name) for column, name in fields if algorithm_named(name) or is_unsupported(name)]
    bare = [column for column, field in fields if field == "hash"]
    if not hashes and not bare and kind is None:
        return None
    read = {column for column, _ in hashes} | {*bare, kind, value}
    others: dict[str, int] = {}
    for column, field in fields:
        if column not in read:
            others.setdefault(field, column)
    known = read | {column for column, _ in fields}
    # The columns of a mapping are all that the user wants.
    for column, name in enumerate(names if kind is not None or _is_header(fields, names) else []):
        folded = "_".join(name.lower().split())
        if kind is not None and folded_name(name) == _MARKED_COLUMN:
            others.setdefault("marked", column)
        elif column not in known and folded and folded not in SYNONYMS and folded not in NOT_LABELS:
            others.setdefault(folded, column)
    return TableLayout(
        width=width, hashes=hashes, bare=bare, kind=kind, value=value, others=list(others.items()), names=names
    )


def _is_header(fields: list[tuple[int, str]], names: list[str]) -> bool:
    """Returns whether fields come from the names themselves, not from the user's mapping."""
    return all(field_of(names[column]) == field for column, field in fields if column < len(names))


def _from_content(lines: list[bytes]) -> TablePlan | None:
    """Returns the columns of kinds and of values that the rows show, under any name."""
    for delimiter in DELIMITERS:
        found: dict[tuple[int, int], int] = {}
        for line in lines:
            fields = fields_of(line, delimiter)
            kinds = [column for column, text in enumerate(fields) if _is_kind(text)]
            values = [column for column, text in enumerate(fields) if looks_like_hash(text)]
            for kind in kinds[:1]:
                for value in values[:1]:
                    found[kind, value] = found.get((kind, value), 0) + 1
        if found:
            kind, value = max(found, key=lambda pair: found[pair])
            return TablePlan(delimiter, 0, TableLayout(width=None, kind=kind, value=value))
    return None


def _is_kind(text: str) -> bool:
    return len(text) <= _MAX_KIND_LENGTH and kind_of_hash(text) is not None
