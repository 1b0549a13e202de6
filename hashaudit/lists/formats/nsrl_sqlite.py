"""NSRL Reference Data Set version 3: SQLite, minimal sets (table ``FILE``) and full ones (table ``METADATA``).

Deltas are SQL text for the previous full set. They are refused, because hashaudit does not run SQL from others.

Source: NIST, "RDS Version 3 schema" as in the published sets.
"""

import sqlite3
from collections.abc import Iterator

from hashaudit.lists.entry_fields import entry_or_reject, label_text
from hashaudit.lists.interface import ListItem, ListMeta, ParseOptions
from hashaudit.lists.syntax.sqlite_tables import columns_of, open_database

_HASHES = ("sha256", "sha1", "md5")
_SIZE_COLUMNS = {"FILE": "file_size", "METADATA": "bytes"}
"""Table -> column with the file's size in bytes. Minimal sets have the first table, full ones the second."""


class NsrlSqlite:
    """Reader of RDS version 3. Strict."""

    name = "nsrl-sqlite"
    strict = True

    def recognises(self, path: str) -> bool:
        """Returns whether the database has one of the two tables, with all three hashes."""
        with open_database(path) as connection:
            return _table_of(connection) is not None

    def parse(self, path: str, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the columns name the algorithms
        """Yields the set's version and an entry for each row, or for each distinct file if the table has that order.

        Raises:
            ListError: the database is damaged.
        """
        with open_database(path) as connection:
            table = _table_of(connection)
            if table is None:
                return
            yield _meta(connection)
            for number, row in enumerate(connection.execute(_query(connection, table)), 1):
                *texts, name, size = row
                yield entry_or_reject(
                    number,
                    [(algorithm, text) for algorithm, text in zip(_HASHES, texts, strict=True) if text],
                    id=f"row {number}",
                    size=size if isinstance(size, int) and size >= 0 else None,
                    labels={"name": label_text(name or b"")},
                )


def _table_of(connection: sqlite3.Connection) -> str | None:
    for table, size_column in _SIZE_COLUMNS.items():
        if {*_HASHES, "file_name", size_column} <= columns_of(connection, table):
            return table
    return None


def _query(connection: sqlite3.Connection, table: str) -> str:
    size = _SIZE_COLUMNS[table]
    hashes = ", ".join(f"CAST({column} AS TEXT)" for column in _HASHES)
    rows = f"SELECT {hashes}, CAST(file_name AS TEXT), {size} FROM {table}"  # noqa: S608 - names from the table above
    # A minimal set has a file once for each package and name. If the primary key orders rows by their hashes, they are
    # grouped while reading; otherwise that would sort the whole table first.
    distinct = f"{rows} GROUP BY sha256, sha1, md5"
    plan = connection.execute(f"EXPLAIN QUERY PLAN {distinct}").fetchall()
    return rows if any(b"TEMP B-TREE" in step[3] for step in plan) else distinct


def _meta(connection: sqlite3.Connection) -> ListMeta:
    if not {"version", "build_set", "release_date"} <= columns_of(connection, "VERSION"):
        return ListMeta(name="NSRL RDS 3")
    row = connection.execute(
        "SELECT CAST(version AS TEXT), CAST(build_set AS TEXT), CAST(release_date AS TEXT) FROM VERSION LIMIT 1"
    ).fetchone()
    version, build_set, date = (label_text(value or b"") for value in row or (b"", b"", b""))
    return ListMeta(name=f"NSRL RDS 3 {build_set}".rstrip(), version=version or None, date=date or None)
