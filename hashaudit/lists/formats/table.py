"""Delimited text (comma, semicolon or tab) with column names in its first line or from the user.

Layouts that only members of a scheme may see are read with columns named by the user; nothing about them is guessed.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES, algorithm_named, is_unsupported
from hashaudit.lists.entry_fields import entry_or_reject, raw_digest, size_or_none
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.delimited import header_row, rows_after_comments
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.untagged import algorithm_of, resolve
from hashaudit.model.results import AlgorithmName, Role

DELIMITERS = ",;\t"

_SYNONYMS: dict[str, frozenset[str]] = {
    "hash": frozenset({"hash", "hashvalue", "digest", "checksum"}),
    "algorithm": frozenset({"algorithm", "algo", "hashtype", "hashalgorithm"}),
    "id": frozenset({"id", "uuid", "guid", "entryid", "mediaid", "imageid"}),
    "size": frozenset({"size", "filesize", "bytes", "sizebytes", "length", "mediasize"}),
    "name": frozenset({"name", "filename", "filepath", "path", "file"}),
    "category": frozenset({"category"}),
    "classification": frozenset({"classification", "severity"}),
    "series": frozenset({"series", "seriesname"}),
    "family": frozenset({"family", "malwarefamily", "signature"}),
    "score": frozenset({"score"}),
    "tlp": frozenset({"tlp"}),
    "tags": frozenset({"tags"}),
    "comment": frozenset({"comment", "comments", "description", "note"}),
}
"""Field -> names in use for its column, folded by :func:`_folded`."""

_FIELDS = {synonym: field for field, synonyms in _SYNONYMS.items() for synonym in synonyms}
_ROLES: dict[str, Role] = {role.value: role for role in Role}
_MAPPED_ONLY = frozenset({"role", "category_scheme", "classification_scheme", "source", "set", "status", "media_type"})
"""Fields that only the user can map a column to."""

_NOT_LABELS = frozenset({"hash", "algorithm", "id", "size", "role"})


class _Layout(msgspec.Struct, frozen=True):
    """The columns of a table."""

    width: int | None
    """Number of fields of every row; ``None`` without a header."""
    hashes: list[tuple[int, str]]
    """Columns with a named algorithm."""
    others: list[tuple[str, int]]
    """Field (``hash``, ``algorithm``, ``id``, ``size``, ``role`` or a label) and column."""


class Table:
    """Reader of delimited lists. Lenient: rows that are not entries are counted and reported."""

    name = "table"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line names a column of hashes, and the text has no NUL."""
        return b"\0" not in head and any(
            _from_header(header_row(head, delimiter)) is not None for delimiter in DELIMITERS
        )

    def fits(self, head: bytes, columns: Mapping[str, str]) -> bool:
        """Returns whether the text has the mapped columns: by position, or all of them by name."""
        if not columns or _are_positions(columns):
            return bool(columns)
        wanted = {column.lower() for column in columns}
        return any(wanted <= {name.lower() for name in header_row(head, delimiter)} for delimiter in DELIMITERS)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each row; columns that are neither known nor mapped are skipped.

        Raises:
            ListError: a mapped column is missing, the quotes are wrong, the last row is truncated, or 64-digit hashes
                in a column without an algorithm are too few to determine it.
        """
        head, stream = with_head(stream)
        delimiter = max(DELIMITERS, key=lambda mark: len(header_row(head, mark)))
        return resolve(_items(stream, delimiter, options))


def _items(stream: BinaryIO, delimiter: str, options: ParseOptions) -> Iterator[ListItem]:
    table = rows_after_comments(stream, delimiter)
    if options.columns and _are_positions(options.columns):
        layout: _Layout | None = _by_position(options.columns)
    else:
        _, header, _ = next(table, (0, [], True))
        names = [field.strip() for field in header]
        layout = _mapped(names, options.columns) if options.columns else _from_header(names)
    if layout is None:
        raise ListError("the first line names no column of hashes", hint="name it with --column-map COLUMN=FIELD")
    seen: set[AlgorithmName] = set()
    for number, row, ended in table:
        item = _entry(number, row, layout, options.algorithm)
        if not ended and not _is_whole(item, seen):
            raise ListError(f"line {number}: the last row is truncated", hint="get the list again")
        if isinstance(item, ListEntry):
            seen.update(item.digests)
        yield item


def _is_whole(item: ListEntry | Rejected, seen: set[AlgorithmName]) -> bool:
    """Returns whether a last row without a line end can be complete: an entry, and not the first of its length."""
    if isinstance(item, Rejected):
        return item.reason in {RejectReason.EMPTY_INPUT, RejectReason.FLAT}
    return not seen or not seen.isdisjoint(item.digests)


def _are_positions(columns: Mapping[str, str]) -> bool:
    return all(column.isdecimal() for column in columns)


def _folded(name: str) -> str:
    return name.strip().lower().translate({ord(mark): None for mark in " _-"})


def _field_of(column: str) -> str | None:
    """Returns the field of a column with this name, or ``None`` if the name is unknown."""
    folded = _folded(column)
    if folded in _FIELDS:
        return _FIELDS[folded]
    for candidate in (column.strip().lower(), folded, folded.removesuffix("hash"), folded.removeprefix("hash")):
        if is_unsupported(candidate):
            return candidate
        if (algorithm := algorithm_named(candidate)) is not None:
            return algorithm
    return None


def _layout(fields: dict[int, str], width: int | None) -> _Layout | None:
    hashes = [(column, name) for column, name in fields.items() if algorithm_named(name) or is_unsupported(name)]
    named = {column for column, _ in hashes}
    others: dict[str, int] = {}
    for column, field in fields.items():
        if column not in named:
            others.setdefault(field, column)
    if not hashes and "hash" not in others:
        return None
    return _Layout(width, hashes, list(others.items()))


def _from_header(names: list[str]) -> _Layout | None:
    fields = {column: field for column, name in enumerate(names) if (field := _field_of(name)) is not None}
    return _layout(fields, len(names))


def _mapped(names: list[str], columns: dict[str, str]) -> _Layout | None:
    positions = {name.lower(): column for column, name in enumerate(names)}
    missing = sorted(column for column in columns if column.lower() not in positions)
    if missing:
        names_missing = ", ".join(f"'{column}'" for column in missing)
        raise ListError(f"mapped columns are missing from the first line: {names_missing}")
    return _layout({positions[column.lower()]: _mapped_field(field) for column, field in columns.items()}, len(names))


def _by_position(columns: dict[str, str]) -> _Layout | None:
    if "0" in columns:
        raise ListError("invalid mapped column: '0'; columns are counted from 1")
    return _layout({int(column) - 1: _mapped_field(field) for column, field in columns.items()}, None)


def _mapped_field(field: str) -> str:
    folded = algorithm_named(field) or field.strip().lower()
    # A closed set: a misspelt algorithm would otherwise become a label, and its column would never be matched.
    if folded in _SYNONYMS or folded in _MAPPED_ONLY or folded in LENGTHS_BYTES or is_unsupported(folded):
        return folded
    known = sorted({*_SYNONYMS, *_MAPPED_ONLY})
    raise ListError(
        f"invalid field for a mapped column: '{field}'", hint=f"use an algorithm or one of {', '.join(known)}"
    )


def _entry(number: int, row: list[str], layout: _Layout, stated: AlgorithmName | None) -> ListEntry | Rejected:
    if layout.width is not None and len(row) != layout.width:
        return Rejected(number, RejectReason.MALFORMED, "not the number of fields of the header")
    width = len(row)
    others = {field: row[column].strip() for field, column in layout.others if column < width and row[column]}
    hashes = [(name, row[column].strip()) for column, name in layout.hashes if column < width]
    if "hash" in others:
        algorithm = _algorithm_of_row(others["hash"], others.get("algorithm"), stated)
        if isinstance(algorithm, RejectReason):
            return Rejected(number, algorithm, "unknown algorithm, or a hash of the wrong length")
        hashes.append((algorithm, others["hash"]))
    role = others.get("role", "").lower()
    if role and role not in _ROLES:
        return Rejected(number, RejectReason.MALFORMED, "the role is neither deny nor known")
    return entry_or_reject(
        number,
        hashes,
        id=others.get("id"),
        size=size_or_none(others.get("size", "")),
        labels={field: text for field, text in others.items() if field not in _NOT_LABELS},
        role=_ROLES.get(role),
    )


def _algorithm_of_row(text: str, named: str | None, stated: AlgorithmName | None) -> str | RejectReason:
    if named is not None:
        return named.lower() if is_unsupported(named) else (algorithm_named(named) or RejectReason.UNSUPPORTED)
    raw = raw_digest(text)
    if raw is None:
        return RejectReason.MALFORMED
    algorithm = algorithm_of(len(raw), stated)
    return RejectReason.WRONG_LENGTH if algorithm is None else algorithm
