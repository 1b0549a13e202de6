"""Delimited text (comma, semicolon, tab or bar) with column names in its first line or from the user.

Layouts that only members of a scheme may see are read with columns named by the user; nothing about them is guessed. In
tables of indicators one column gives the kind of a value, and another the value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, LENGTHS_BYTES, SHA256, UNDECIDED, algorithm_named, is_unsupported
from hashaudit.lists.column_names import SYNONYMS, field_of, folded_name, typed_columns
from hashaudit.lists.entry_fields import (
    NOT_MARKED,
    TOO_FEW_FIELDS,
    UNKNOWN_KIND,
    entry_or_reject,
    is_placeholder,
    raw_digest,
)
from hashaudit.lists.hash_kinds import ANY_HASH, kind_of_hash
from hashaudit.lists.hash_words import hash_words, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.syntax.delimited import fields_of, rows
from hashaudit.lists.syntax.lines import Line, numbered_lines, with_head
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, resolve
from hashaudit.model.results import AlgorithmName, Role

DELIMITERS = ",;\t|"

_ROLES: dict[str, Role] = {role.value: role for role in Role}
_MAPPED_ONLY = frozenset({"role", "category_scheme", "classification_scheme", "source", "set", "status", "media_type"})
"""Fields that only the user can map a column to."""

_NOT_LABELS = frozenset({"hash", "algorithm", "id", "size", "role", "marked"})

_MARKED_COLUMN = "toids"
"""MISP's column of the mark for detection."""

_MAX_HEADER_LINES = 10
"""Lines in which the column names are sought: some tables have a title above them."""

_SAMPLE_LINES = 200
"""Lines in which kinds and hashes are sought if the names of the columns do not say which they are."""

_MAX_SHOWN_NAME = 60
_DIGITS = re.compile(r"[0-9A-Fa-f]{7}")
"""Sign that a name may be a value, or hold one."""

_HEX_LENGTHS = frozenset(BY_HEX_LENGTH)
_SHORTEST_HEX = min(BY_HEX_LENGTH)
_NOT_A_FILE_HASH = "not a hash of a file"


class _Layout(msgspec.Struct, frozen=True, kw_only=True):
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
    def has_hashes(self) -> bool:
        """True if a column holds hashes."""
        return bool(self.hashes or self.bare or self.kind is not None)

    @property
    def unread(self) -> frozenset[int]:
        """Columns in which a hash is neither expected nor read."""
        read = {column for column, _ in self.hashes} | {*self.bare, self.value}
        read |= {column for field, column in self.others if field in {"id", "algorithm"}}
        return frozenset(range(len(self.names))) - {column for column in read if column is not None}


class _Plan(NamedTuple):
    """The way to read a table, found from its beginning."""

    delimiter: str
    header_line: int
    """Number of the line with the column names; 0 if no row has them."""
    layout: _Layout


class Table:
    """Reader of delimited lists. Lenient: rows that are not entries are counted and reported."""

    name = "table"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether a line at the beginning names a column of hashes, or a column gives kinds of hashes."""
        return b"\0" not in head.rstrip(b"\0") and _plan(head, {}) is not None

    def fits(self, head: bytes, columns: Mapping[str, str]) -> bool:
        """Returns whether the text has the mapped columns: by position, or all of them by name."""
        if not columns or _are_positions(columns):
            return bool(columns)
        return _header_with(head, columns) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each row, and a remark for each column of hashes that is neither known nor mapped.

        Raises:
            ListError: a mapped column is missing, the last row is truncated, or hashes in a column without an algorithm
                show that they have another algorithm.
        """
        head, stream = with_head(stream)
        plan = _plan(head, options.columns)
        if plan is None:
            raise ListError(
                "the first line names no column of hashes",
                hint="name it with --column-map COLUMN=FIELD",
            )
        return resolve(_items(stream, plan, options))


def _items(stream: BinaryIO, plan: _Plan, options: ParseOptions) -> Iterator[ListItem]:
    layout, seen = plan.layout, set[AlgorithmName]()
    unread = layout.unread
    for number, row, ended in rows(_without_comments(numbered_lines(stream)), plan.delimiter, skip_initial_space=True):
        if number == plan.header_line:
            continue
        if number < plan.header_line:
            yield Rejected(number, RejectReason.MALFORMED, "a title above the column names")
            continue
        if not any(field.strip() for field in row):
            continue
        items = list(_entries(number, row, layout, options))
        if not ended:
            _refuse_truncated(number, row, layout, items, seen)
        for item in items:
            if isinstance(item, ListEntry):
                seen.update(item.digests)
            yield item
        yield from _unread_hashes(number, row, layout, unread)


def _without_comments(lines: Iterator[Line]) -> Iterator[Line]:
    return (line for line in lines if line[1] is None or not line[1].startswith((b"#", b"\xef\xbb\xbf#")))


def _refuse_truncated(
    number: int, row: list[str], layout: _Layout, items: list[ListEntry | Rejected], seen: set[AlgorithmName]
) -> None:
    """Refuses a last row without a line end that has too few fields, or a shorter hash than the rows before it."""
    short = layout.width is not None and len(row) < layout.width
    lengths = {LENGTHS_BYTES.get(name, 0) for name in seen}
    for item in items:
        if isinstance(item, Rejected):
            short |= item.reason is RejectReason.WRONG_LENGTH or "odd number" in item.detail
        elif seen and seen.isdisjoint(item.digests):
            short |= max(len(raw) for raw in item.digests.values()) < max(lengths)
    if short:
        raise ListError(f"line {number}: the last row is truncated", hint="get the list again")


def _unread_hashes(number: int, row: list[str], layout: _Layout, unread: frozenset[int]) -> Iterator[Remark]:
    for column, cell in enumerate(row):
        if len(cell) < _SHORTEST_HEX or (column not in unread and column < len(layout.names)):
            continue
        text = cell.strip()
        if len(text) not in _HEX_LENGTHS:
            continue
        if layout.names and raw_digest(text) is not None and not _is_read(text, row, layout):
            yield Remark(
                number,
                f"{_column_name(column, layout)} holds what looks like hashes, which are not read; "
                "map it with --column-map COLUMN=FIELD if it has hashes of files",
            )


def _is_read(text: str, row: list[str], layout: _Layout) -> bool:
    columns = [*(column for column, _ in layout.hashes), *layout.bare]
    return any(row[column].strip().lower() == text.lower() for column in columns if column < len(row))


def _column_name(column: int, layout: _Layout) -> str:
    name = layout.names[column].strip() if column < len(layout.names) else ""
    # A header that is a row of values by mistake must not be repeated.
    can_be_shown = name.isprintable() and 0 < len(name) <= _MAX_SHOWN_NAME and not _DIGITS.search(name)
    return f"column '{name}'" if can_be_shown else f"column {column + 1}"


def _are_positions(columns: Mapping[str, str]) -> bool:
    return all(column.isdecimal() for column in columns)


def _plan(head: bytes, columns: dict[str, str] | Mapping[str, str]) -> _Plan | None:
    """Returns the way to read a table; ``None`` if its beginning does not show it."""
    if columns:
        return _mapped_plan(head, columns)
    lines = _lines(head)
    rows_only = [one for one in lines if not one[1].startswith(b"#")]
    for place, (number, line) in enumerate(rows_only[:_MAX_HEADER_LINES]):
        for delimiter in _by_fields(line):
            layout = _from_header(fields_of(line, delimiter))
            if layout is not None and (not place or _is_confirmed(layout, delimiter, rows_only[place + 1 :])):
                return _Plan(delimiter, number, layout)
    comments = [line for _, line in lines if line.startswith(b"#")][:_SAMPLE_LINES]
    for line in reversed(comments):
        for delimiter in _by_fields(line):
            layout = _from_header(fields_of(line.lstrip(b"# "), delimiter))
            if layout is not None and (layout.width or 0) > 1:
                return _Plan(delimiter, 0, layout)
    return _from_content([line for _, line in lines if not line.startswith(b"#")][:_SAMPLE_LINES])


def _is_confirmed(layout: _Layout, delimiter: str, following: list[tuple[int, bytes]]) -> bool:
    """Returns whether a row soon after the names of columns has a hash where they say. Prose can look like names."""
    value = [] if layout.value is None else [layout.value]
    columns = [*(column for column, _ in layout.hashes), *layout.bare, *value]
    for _, line in following[:_MAX_HEADER_LINES]:
        fields = fields_of(line, delimiter)
        if any(hash_words(fields[column].encode(), None).hashes for column in columns if column < len(fields)):
            return True
    return False


def _lines(head: bytes) -> list[tuple[int, bytes]]:
    """Returns the lines that are not blank, with their numbers."""
    numbered = enumerate(head.split(b"\n"), 1)
    return [(number, shown) for number, line in numbered if (shown := visible(line).strip(b" \r"))]


def _by_fields(line: bytes) -> list[str]:
    """Returns the delimiters, the one that gives the most fields first."""
    return sorted(DELIMITERS, key=lambda mark: -len(fields_of(line, mark)))


def _header_with(head: bytes, columns: Mapping[str, str]) -> tuple[str, int, list[str]] | None:
    """Returns delimiter, line number and names of the header with all mapped columns."""
    wanted = {column.lower() for column in columns}
    for number, line in _lines(head)[:_SAMPLE_LINES]:
        commented = line.startswith(b"#")
        for delimiter in DELIMITERS:
            names = fields_of(line.lstrip(b"# ") if commented else line, delimiter)
            if wanted <= {name.lower() for name in names}:
                return delimiter, 0 if commented else number, names
    return None


def _mapped_plan(head: bytes, columns: Mapping[str, str]) -> _Plan | None:
    first = next((line for _, line in _lines(head) if not line.startswith(b"#")), b"")
    if _are_positions(columns):
        layout = _by_position(columns)
        return None if layout is None else _Plan(_by_fields(first)[0], 0, layout)
    found = _header_with(head, columns)
    if found is None:
        here = {name.lower() for name in fields_of(first, _by_fields(first)[0])}
        missing = ", ".join(f"'{column}'" for column in sorted(columns) if column.lower() not in here)
        raise ListError(f"mapped columns are missing from the first line: {missing}")
    delimiter, number, names = found
    positions = {name.lower(): column for column, name in enumerate(names)}
    fields = [(positions[column.lower()], _mapped_field(field)) for column, field in columns.items()]
    return None if (layout := _layout(fields, names, len(names))) is None else _Plan(delimiter, number, layout)


def _by_position(columns: Mapping[str, str]) -> _Layout | None:
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


def _from_header(names: list[str]) -> _Layout | None:
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


def _has_supported(layout: _Layout) -> bool:
    return any(not is_unsupported(name) for _, name in layout.hashes)


def _hex_names(names: list[str]) -> list[str]:
    return [name for name in names if len(name) in _HEX_LENGTHS and raw_digest(name) is not None]


def _layout(
    fields: list[tuple[int, str]],
    names: list[str],
    width: int | None,
    *,
    kind: int | None = None,
    value: int | None = None,
) -> _Layout | None:
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
        elif column not in known and folded and folded not in SYNONYMS and folded not in _NOT_LABELS:
            others.setdefault(folded, column)
    return _Layout(
        width=width, hashes=hashes, bare=bare, kind=kind, value=value, others=list(others.items()), names=names
    )


def _is_header(fields: list[tuple[int, str]], names: list[str]) -> bool:
    """Returns whether fields come from the names themselves, not from the user's mapping."""
    return all(field_of(names[column]) == field for column, field in fields if column < len(names))


def _from_content(lines: list[bytes]) -> _Plan | None:
    """Returns the columns of kinds and of values that the rows show, under any name."""
    for delimiter in DELIMITERS:
        found: dict[tuple[int, int], int] = {}
        for line in lines:
            fields = fields_of(line, delimiter)
            kinds = [column for column, text in enumerate(fields) if _is_kind(text)]
            values = [
                column
                for column, text in enumerate(fields)
                if len(text) in _HEX_LENGTHS and raw_digest(text) is not None
            ]
            for kind in kinds[:1]:
                for value in values[:1]:
                    found[kind, value] = found.get((kind, value), 0) + 1
        if found:
            kind, value = max(found, key=lambda pair: found[pair])
            layout = _Layout(width=None, kind=kind, value=value)
            return _Plan(delimiter, 0, layout)
    return None


def _is_kind(text: str) -> bool:
    return len(text) <= _MAX_SHOWN_NAME and kind_of_hash(text) is not None


def _entries(number: int, row: list[str], layout: _Layout, options: ParseOptions) -> Iterator[ListEntry | Rejected]:
    width = len(row)
    others = {field: row[column].strip() for field, column in layout.others if column < width and row[column].strip()}
    remarks = _width_remarks(row, layout)
    role = others.get("role", "").lower()
    if role and role not in _ROLES:
        yield Rejected(number, RejectReason.MALFORMED, "the role is neither deny nor known")
        return
    found = _hashes_of_row(number, row, layout, others, options)
    if isinstance(found, Rejected):
        yield found
        return
    for pairs in _records(found):
        yield entry_or_reject(
            number,
            pairs,
            id=others.get("id"),
            size=others.get("size"),
            labels={field: text for field, text in others.items() if field not in _NOT_LABELS},
            role=_ROLES.get(role),
            remarks=remarks,
        )


def _width_remarks(row: list[str], layout: _Layout) -> list[str]:
    if layout.width is None or len(row) == layout.width:
        return []
    if len(row) < layout.width:
        return [f"a row has {TOO_FEW_FIELDS}"]
    return ["a row has more fields than the header"] if any(text.strip() for text in row[layout.width :]) else []


def _records(pairs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Returns the hashes of a row as one record; further hashes of one algorithm are records of their own."""
    if len(pairs) <= 1:
        return [pairs]
    first: dict[str, str] = {}
    more: list[list[tuple[str, str]]] = []
    named = any(name == SHA256 for name, _ in pairs)
    for given, text in pairs:
        name = SHA256 if named and given == UNDECIDED else given
        if name not in first:
            first[name] = text
        elif first[name].lower() != text.lower():
            more.append([(name, text)])
    return [list(first.items()), *more]


def _hashes_of_row(
    number: int, row: list[str], layout: _Layout, others: dict[str, str], options: ParseOptions
) -> list[tuple[str, str]] | Rejected:
    """Returns (algorithm, hex text) pairs, several of one algorithm if the row has them."""
    pairs: list[tuple[str, str]] = []
    for column, name in layout.hashes:
        if column < len(row):
            pairs += _cell(name, row[column].strip())
    columns: list[tuple[int, str | None]] = [(column, others.get("algorithm")) for column in layout.bare]
    if layout.kind is not None and layout.value is not None:
        kind = row[layout.kind].strip() if layout.kind < len(row) else ""
        columns.append((layout.value, kind))
        marked = others.get("marked", "").lower()
        if marked in {"0", "false", "no", "n"} and not options.include_unmarked and kind_of_hash(kind) is not None:
            return Rejected(number, RejectReason.UNSUPPORTED, NOT_MARKED)
    for column, named in columns:
        text = row[column].strip() if column < len(row) else ""
        if is_placeholder(text):
            continue
        found = _named_hashes(number, text, named, options.algorithm)
        if isinstance(found, Rejected):
            if not pairs:
                return found
            continue
        pairs += found
    return pairs


def _named_hashes(
    number: int, text: str, named: str | None, stated: AlgorithmName | None
) -> list[tuple[str, str]] | Rejected:
    """Returns the hashes of a cell whose algorithm another cell, the user or the length gives."""
    kind = ANY_HASH if named is None or is_placeholder(named) else kind_of_hash(named)
    # ``filename|hash`` of MISP
    tail = text.rpartition("|")[2].strip()
    text = tail if raw_digest(tail) else text
    if kind is None:
        looks = len(text) in _HEX_LENGTHS and raw_digest(text) is not None
        return Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND if looks else _NOT_A_FILE_HASH)
    if kind != ANY_HASH:
        return _cell(kind, text)
    raw = raw_digest(text)
    if raw is None:
        words = hash_words(visible(text.encode("utf-8", "replace")), stated)
        if not words.hashes:
            return Rejected(number, RejectReason.MALFORMED, "a hash is not hexadecimal")
        return [(word.algorithm, word.digits.decode("ascii")) for word in words.hashes]
    algorithm = algorithm_of(len(raw), stated)
    if algorithm is None:
        return Rejected(number, RejectReason.WRONG_LENGTH, "a hash of the wrong length for every algorithm")
    refuse_proved_other(number, algorithm, raw)
    return [(algorithm, text)]


def _cell(name: str, text: str) -> list[tuple[str, str]]:
    """Returns the hashes of a cell with a known algorithm: usually one, or several with separators between them."""
    length = LENGTHS_BYTES.get(AlgorithmName(name))
    if length is None or len(text) <= 2 * length:
        return [(name, text)]
    words = hash_words(visible(text.encode("utf-8", "replace")), AlgorithmName(name))
    return [(name, word.digits.decode("ascii")) for word in words.hashes] or [(name, text)]
