"""Read-only access to SQLite databases from others: executes nothing in them and writes nothing beside them."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from urllib.parse import quote

from hashaudit.errors import ListError

_MAX_VALUE_BYTES = 1 << 20
"""Maximum size of a value. No name or hash is that long; a hostile database may hold values of a gigabyte."""


@contextlib.contextmanager
def open_database(path: str) -> Iterator[sqlite3.Connection]:
    """Opens a database read-only and as immutable, so that no lock or journal is created beside it.

    Text is returned as bytes because names in these databases are not always UTF-8.

    Raises:
        ListError: the database cannot be opened or is damaged (also while the context lasts), or a journal beside it
            holds changes.
    """
    for journal in (f"{path}-wal", f"{path}-journal"):
        if os.path.exists(journal) and os.path.getsize(journal):
            raise ListError(
                "the database has unapplied changes in a journal beside it", hint="open and close it with sqlite3 first"
            )
    # A URI path that begins with two slashes would name a host.
    location = "/" + quote(os.path.abspath(os.fsencode(path))).lstrip("/")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{location}?mode=ro&immutable=1", uri=True)) as connection:
            connection.text_factory = bytes
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
            for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "temp_store=MEMORY"):
                connection.execute(f"PRAGMA {pragma}")
            yield connection
    except sqlite3.Error as error:
        raise ListError(f"cannot read the database: {error}", hint="get the database again") from error
    except UnicodeDecodeError:
        # The sqlite3 module decodes names of columns and text in its own messages, with any text factory.
        raise ListError("cannot read the database: a name in it is not UTF-8", hint="get the database again") from None


def columns_of(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """Returns the columns of an ordinary table in lower case; none for a missing table, a view or a virtual table.

    Views are not read: their author chooses what they execute.
    """
    found = connection.execute(
        "SELECT 1 FROM sqlite_master "
        "WHERE type = 'table' AND name = ? COLLATE NOCASE AND sql NOT LIKE 'CREATE VIRTUAL%'",
        (table,),
    ).fetchone()
    if found is None:
        return frozenset()
    rows = connection.execute("SELECT lower(name) FROM pragma_table_info(?)", (table,))
    return frozenset(name.decode("utf-8", "replace") for (name,) in rows)
