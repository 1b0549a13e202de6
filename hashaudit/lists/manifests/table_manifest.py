"""Manifests as comma, semicolon or tab separated tables whose first line names the columns."""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, algorithm_named
from hashaudit.lists.column_names import field_of
from hashaudit.lists.hash_kinds import folded_name
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.model.results import AlgorithmName

_PATH_COLUMNS = (
    "path",
    "filepath",
    "fullpath",
    "fullname",
    "absolutepath",
    "relativepath",
    "file",
    "filename",
    "name",
)
"""Folded names of the columns that may have the path, the surest first."""

_DELIMITERS = ",;\t|"


class TableManifest:
    """Reader of tables."""

    name = "table"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line names a column of paths and one of digests."""
        return _columns(head.split(b"\n", 1)[0]) is not None

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:
        """Yields an entry for each row.

        Raises:
            ListError: a row is not an entry; see :meth:`ManifestFormat.parse`.
        """
        text = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
        first = text.readline()
        columns = _columns(first.encode("utf-8", "surrogateescape"))
        if columns is None:
            raise ListError("line 1: no column of paths or of digests")
        if columns.of_pieces:
            raise ListError("line 1: a table of pieces of files, not of files", hint="make it without --piece")
        rows = csv.reader(text, delimiter=columns.delimiter, strict=True)
        try:
            for row in rows:
                if row:
                    yield _entry(rows.line_num + 1, row, columns, algorithm)
        except csv.Error:
            raise malformed(rows.line_num + 1, "a quote that is not closed, or a field over the limit") from None


class _Columns(NamedTuple):
    """The columns of a table, from 0."""

    delimiter: str
    path: int
    size: int | None
    digests: dict[int, str]
    """Column -> algorithm, or ``hash``."""
    of_pieces: bool
    """The rows are of ranges of files."""


def _columns(line: bytes) -> _Columns | None:
    """Returns the columns that the first line names; ``None`` if there is no path or no digest."""
    shown = line.decode("utf-8", "replace").strip("\r\n")
    delimiter = max(_DELIMITERS, key=shown.count)
    names = next(csv.reader([shown], delimiter=delimiter), [])
    folded = [folded_name(name) for name in names]
    path = next((folded.index(name) for name in _PATH_COLUMNS if name in folded), None)
    size = next((position for position, name in enumerate(names) if field_of(name) == "size"), None)
    fields = {position: field_of(name) for position, name in enumerate(names)}
    digests = {
        position: field
        for position, field in fields.items()
        if field is not None and (field == "hash" or algorithm_named(field) is not None)
    }
    return None if path is None or not digests else _Columns(delimiter, path, size, digests, "offset" in folded)


def _entry(line: int, row: list[str], columns: _Columns, algorithm: AlgorithmName | None) -> ManifestEntry:
    if len(row) <= max(columns.path, columns.size or 0, *columns.digests):
        raise malformed(line, "fewer fields than the header")
    if not row[columns.path]:
        raise malformed(line, "no path")
    pairs = []
    for position, field in columns.digests.items():
        text = row[position].strip()
        name = str(algorithm or BY_HEX_LENGTH.get(len(text)) or "") if field == "hash" else field
        pairs.append((name, text))
    size = "" if columns.size is None else row[columns.size].strip()
    if size and not (size.isascii() and size.isdecimal()):
        raise malformed(line, "a size that is not a number")
    path = row[columns.path].encode("utf-8", "surrogateescape")
    return ManifestEntry(path, digests_of(line, pairs), int(size) if size else None)
