"""Autopsy's hash database (``.kdb``): SQLite with raw digests.

Source: observation of hfind 4.11, schema version 1.
"""

import sqlite3
from collections.abc import Iterator

from hashaudit.errors import ListError
from hashaudit.lists.entry_fields import entry_or_reject, label_text
from hashaudit.lists.interface import ListItem, ParseOptions
from hashaudit.lists.syntax.sqlite_tables import columns_of, open_database

_ALGORITHMS = {"md5": "md5", "sha1": "sha1", "sha2_256": "sha256"}
_SCHEMA_VERSION = b"1"

_QUERY = """
SELECT id, hex(md5), hex(sha1), hex(sha2_256), CAST(name AS TEXT), CAST(comment AS TEXT)
FROM hashes
LEFT JOIN (SELECT hash_id, min(name) AS name FROM file_names GROUP BY hash_id) AS named ON named.hash_id = id
LEFT JOIN (SELECT hash_id, min(comment) AS comment FROM comments GROUP BY hash_id) AS noted ON noted.hash_id = id
ORDER BY id
"""


class Kdb:
    """Reader of ``.kdb`` files. Strict."""

    name = "kdb"
    strict = True

    def recognises(self, path: str) -> bool:
        """Returns whether the database has the table of hashes and states its schema."""
        with open_database(path) as connection:
            return {"id", *_ALGORITHMS} <= columns_of(connection, "hashes") and {"name", "value"} <= columns_of(
                connection, "db_properties"
            )

    def parse(self, path: str, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the columns name the algorithms
        """Yields an entry for each row, with its alphabetically first name and comment.

        Raises:
            ListError: the database is damaged or of another schema.
        """
        with open_database(path) as connection:
            _require_schema(connection)
            for row_id, *texts, name, comment in connection.execute(_QUERY):
                yield entry_or_reject(
                    row_id,
                    zip(_ALGORITHMS.values(), texts, strict=True),
                    id=f"row {row_id}",
                    labels={"name": label_text(name or b""), "comment": label_text(comment or b"")},
                )


def _require_schema(connection: sqlite3.Connection) -> None:
    for table in ("file_names", "comments"):
        if "hash_id" not in columns_of(connection, table):
            raise ListError(f"the hash database has no table {table}", hint="create the database again")
    version = connection.execute(
        "SELECT CAST(value AS TEXT) FROM db_properties WHERE name = 'Schema Version'"
    ).fetchone()
    if version != (_SCHEMA_VERSION,):
        raise ListError("the schema of the hash database is not version 1")
