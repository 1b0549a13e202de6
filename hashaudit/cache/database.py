"""The SQLite database of a cache.

Blocks are in the order of directories and names, as in the walk, so that a lookup seldom leaves the page of the last
one. A block has the files of a directory from its first name to before that of the next one. WAL mode lets other scans
read and write the same file at the same time.
"""

import re
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from hashaudit.errors import CacheError
from hashaudit.model.paths import for_terminal

APPLICATION_ID = 0x68617368
"""``hash``, in the header field that names a database's program (sqlite.org/fileformat.html, 1.3)."""

FORMAT_VERSION = 3
"""``user_version`` of the database. A database of another version is moved to a backup file and replaced."""

LONG_WAIT_S = 30.0
"""Longest wait for transactions of other scans at the start and end of a scan."""

SHORT_WAIT_S = 0.1
"""Longest wait during a scan: a transaction takes some milliseconds, and findings have to be signed in time."""

_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_SCHEMA = """
CREATE TABLE recipe (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE run (number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE);
CREATE TABLE block (
    directory BLOB NOT NULL,
    first BLOB NOT NULL,
    noted INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (directory, first)
);
"""
_TABLES = {"recipe", "run", "block"}

_SQLITE_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_ID_PLACE = slice(68, 72)


RETRY_S = 0.02
"""Interval of the attempts to open a cache that other scans are creating or closing, for which SQLite does not wait
itself."""


class DamagedError(Exception):
    """The file is not a complete cache. The message is the reason."""


class Row(NamedTuple):
    """One block."""

    directory: bytes
    first: bytes
    """At most the first name in it."""
    noted: int
    """Day since the epoch on which the days when its files were seen were last brought up to date."""
    sealed: bytes


_TYPES = (bytes, bytes, int, bytes)
"""Types of the fields of a :class:`Row`. SQLite stores the type with each value, so damage can change it."""

_FIND = """
SELECT * FROM block WHERE directory = :directory AND first <= :last AND first >= coalesce(
    (SELECT max(first) FROM block WHERE directory = :directory AND first <= :first), x''
) ORDER BY first
"""


def _is_run_id(text: str) -> bool:
    return _RUN_ID.fullmatch(text) is not None


def is_busy(error: sqlite3.Error) -> bool:
    """Returns whether only another connection's transaction is in the way."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def open_store(path: bytes, *, create: bool) -> "Store":
    """Opens a database. Waits for other scans that are creating or closing it; raises as :class:`Store`."""
    end_s = time.monotonic() + LONG_WAIT_S
    while True:
        try:
            return Store(path, create=create)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > end_s:
                raise
            time.sleep(RETRY_S)


class Store:
    """An open database. Every method raises sqlite3.Error as SQLite does."""

    def __init__(self, path: bytes, *, create: bool) -> None:
        """Opens it, or creates its tables in an empty file.

        Args:
            path: of an existing file.
            create: make an empty file a cache.

        Raises:
            DamagedError: it is not a complete cache of this version.
            CacheError: it is another program's file, which stays untouched.
            sqlite3.OperationalError: it cannot be read or written here.
        """
        self._path = path
        self._require_cache_header()
        self._connection = sqlite3.connect(path, timeout=LONG_WAIT_S, isolation_level=None, cached_statements=1024)
        # Text is only displayed and compared. Damaged text must not look like a failure of the database.
        self._connection.text_factory = lambda data: data.decode(errors="replace")
        try:
            self._begin(create=create)
        except sqlite3.OperationalError:
            self._connection.close()
            raise
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DamagedError(str(error)) from error
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes it. The last connection to close merges the log."""
        self._connection.close()

    def wait_at_most(self, seconds: float) -> None:
        """Sets the longest wait for another scan's transaction."""
        self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def recipe_numbers(self, texts: Iterable[str]) -> dict[str, int]:
        """Returns the numbers of all fingerprints, and adds those of ``texts`` that are new."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO recipe (text) VALUES (?)", [(text,) for text in texts])
        return dict(self._connection.execute("SELECT text, number FROM recipe"))

    def add_run(self, run_id: str) -> None:
        """Notes a scan."""
        self._connection.execute("INSERT OR IGNORE INTO run (run_id) VALUES (?)", (run_id,))

    def run_ids(self) -> list[str]:
        """Returns all scans, without damaged identifiers."""
        return [run_id for (run_id,) in self._connection.execute("SELECT run_id FROM run") if _is_run_id(run_id)]

    def find(self, directory: bytes, first: bytes, last: bytes, *, repair: bool = False) -> list[Row]:
        """Returns the blocks with the names from ``first`` to ``last``, in order, without those of damaged types.

        Args:
            directory: key of the directory.
            first: the least name.
            last: the greatest name.
            repair: remove those of damaged types, in a transaction of :meth:`writing`.
        """
        found = self._connection.execute(_FIND, {"directory": directory, "first": first, "last": last}).fetchall()
        rows = [Row._make(fields) for fields in found if tuple(map(type, fields)) == _TYPES]
        if repair and len(rows) < len(found):
            places = [fields[:2] for fields in found if tuple(map(type, fields)) != _TYPES]
            self._connection.executemany("DELETE FROM block WHERE directory IS ? AND first IS ?", places)
        return rows

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Makes all changes within it at once, and none if it is left by an error. No other scan writes meanwhile."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def replace(self, before: Iterable[Row], after: Iterable[Row]) -> None:
        """Replaces blocks of one directory by others."""
        places = [(row.directory, row.first) for row in before]
        self._connection.executemany("DELETE FROM block WHERE directory = ? AND first = ?", places)
        self.insert(after)

    def insert(self, rows: Iterable[Row]) -> None:
        """Adds blocks, in a transaction of :meth:`writing`."""
        self._connection.executemany("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?)", rows)

    def blocks(self) -> Iterator[Row]:
        """Yields all blocks without those of damaged types."""
        place = (b"", b"")
        while True:
            # A cursor that stays open would hold the log of other scans.
            page = self._connection.execute(
                "SELECT * FROM block WHERE (directory, first) > (?, ?) ORDER BY directory, first LIMIT 256", place
            ).fetchall()
            yield from (Row._make(fields) for fields in page if tuple(map(type, fields)) == _TYPES)
            if not page:
                return
            place = page[-1][:2]

    def keep_runs(self, run_ids: Collection[str]) -> None:
        """Removes all other scans, and frees space."""
        with self._connection:
            others = [(run_id,) for run_id in self.run_ids() if run_id not in run_ids]
            self._connection.executemany("DELETE FROM run WHERE run_id = ?", others)
        self._connection.execute("VACUUM")

    def recipes(self) -> dict[int, str]:
        """Returns all fingerprints by number."""
        return dict(self._connection.execute("SELECT number, text FROM recipe"))

    def _require_cache_header(self) -> None:
        """Refuses another program's file before SQLite opens it, because SQLite may then write to it.

        The id is 0 while the creation of a cache is only in its log. Source: sqlite.org/fileformat.html, section 1.3.
        """
        try:
            with open(self._path, "rb") as file:
                head = file.read(_HEADER_BYTES)
        except OSError:
            return  # SQLite reports it
        if head and not head.startswith(_SQLITE_MAGIC):
            raise self._foreign("it is another program's file")
        if int.from_bytes(head[_ID_PLACE], "big") not in {0, APPLICATION_ID}:
            raise self._foreign("it is another program's database")

    def _foreign(self, reason: str) -> CacheError:
        return CacheError(f"not a cache: '{for_terminal(self._path)}'; {reason}", hint="name another file")

    def _begin(self, *, create: bool) -> None:
        ask = self._connection.execute
        application, version, tables = self._described()
        if create and not tables and (application, version) == (0, 0):
            ask("PRAGMA journal_mode = WAL")
            self._create()
            application, version, tables = self._described()
        # A table that is missing is damage. A database without any of these tables belongs to another program.
        if application != APPLICATION_ID or not tables & _TABLES:
            raise self._foreign("it is another program's database")
        if version != FORMAT_VERSION or tables != _TABLES:
            raise DamagedError(f"it has version {version}; this program uses version {FORMAT_VERSION}")
        # Only the structure, because each block has its own seal.
        (verdict,) = ask("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(verdict)
        (mode,) = ask("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise sqlite3.OperationalError("on this filesystem, scans cannot share a database")
        # A power failure may cost the last transactions, never the database.
        ask("PRAGMA synchronous = NORMAL")

    def _described(self) -> tuple[int, int, set[str]]:
        """Returns program, version and tables of the database, all at one time: another scan may be creating them."""
        ask = self._connection.execute
        with self._connection:
            ask("BEGIN")
            tables = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
            (application,), (version,) = ask("PRAGMA application_id").fetchone(), ask("PRAGMA user_version").fetchone()
        return application, version, tables

    def _create(self) -> None:
        ask = self._connection.execute
        with self._connection:
            ask("BEGIN IMMEDIATE")
            if ask("SELECT count(*) FROM sqlite_master").fetchone() == (0,):  # another scan may have been first
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    ask(statement)
                ask(f"PRAGMA application_id = {APPLICATION_ID}")
                ask(f"PRAGMA user_version = {FORMAT_VERSION}")
