"""The SQLite database of a cache.

Entries lie in the order of folders and names, as the walk meets them, so that a lookup seldom leaves the page that the
one before was on. WAL mode lets other runs read and write the same file at the same time.
"""

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from hashaudit.errors import CacheError
from hashaudit.model.paths import for_terminal

APPLICATION_ID = 0x68617368
"""``hash``, in the field of the header that names a database's program (sqlite.org/fileformat.html, 1.3)."""

FORMAT_VERSION = 1
"""``user_version`` of the database. One of another version is set aside and a new one begun."""

PATIENTLY_S = 30.0
"""How long other runs' transactions are waited for when a run begins and ends."""

BRIEFLY_S = 0.1
"""How long in between: a transaction takes some milliseconds, and findings have to be signed in time."""

_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_SCHEMA = """
CREATE TABLE recipe (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE run (number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE);
CREATE TABLE entry (
    folder BLOB NOT NULL,
    name BLOB NOT NULL,
    state BLOB NOT NULL,
    recipes BLOB NOT NULL,
    run INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
"""
_TABLES = {"recipe", "run", "entry"}


RETRY_S = 0.02
"""Between two attempts to open a cache that other runs are making or closing, for which SQLite does not wait itself."""


class DamagedError(Exception):
    """The file is no whole cache. The message says why."""


class Row(NamedTuple):
    """One file."""

    folder: bytes
    name: bytes
    state: bytes
    recipes: bytes
    """Numbers of what ``value`` holds."""
    run: int
    """Number of the run that read the content."""
    seen: int
    """Day, since the epoch, on which a run met the file, give or take a week."""
    value: bytes


_TYPES = (bytes, bytes, bytes, bytes, int, int, bytes)
"""Of the fields of a :class:`Row`. SQLite keeps the type with each value, so that damage can change it."""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection's transaction is all that is in the way."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def open_store(path: bytes, *, create: bool) -> "Store":
    """Opens a database, waiting for other runs that are making or closing it; raises as :class:`Store`."""
    end_s = time.monotonic() + PATIENTLY_S
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
        """Opens it, or makes its tables in an empty file.

        Args:
            path: of a file that is there.
            create: an empty file becomes a cache.

        Raises:
            DamagedError: it is no whole cache of this version.
            CacheError: it is another program's database.
            sqlite3.OperationalError: it cannot be read or written here.
        """
        self._path = path
        self._connection = sqlite3.connect(path, timeout=PATIENTLY_S, isolation_level=None, cached_statements=1024)
        # Text is for people and comparing alone, and damage must not look like a failure of the database.
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
        """Closes it; the last to do so takes over what the log holds."""
        self._connection.close()

    def wait_at_most(self, seconds: float) -> None:
        """Sets how long another run's transaction is waited for."""
        self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def recipe_numbers(self, texts: Iterable[str]) -> dict[str, int]:
        """The numbers of all recipes, those of ``texts`` made where they are new."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO recipe (text) VALUES (?)", [(text,) for text in texts])
        return dict(self._connection.execute("SELECT text, number FROM recipe"))

    def add_run(self, run_id: str) -> int:
        """Gives a run its number; one that is gone on with keeps the one it has."""
        self._connection.execute("INSERT OR IGNORE INTO run (run_id) VALUES (?)", (run_id,))
        number: int
        (number,) = self._connection.execute("SELECT number FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return number

    def run_ids(self) -> dict[int, str]:
        """All runs by number. What is no run's id is damaged and left out."""
        rows = self._connection.execute("SELECT number, run_id FROM run")
        return {number: run_id for number, run_id in rows if _RUN_ID.fullmatch(run_id)}

    def find(self, folder: bytes, names: Sequence[bytes]) -> list[Row]:
        """The entries of these names in a folder, in any order. One whose types are damaged is left out."""
        places = ",".join("?" * len(names))
        found = self._connection.execute(
            f"SELECT * FROM entry WHERE folder = ? AND name IN ({places})",  # noqa: S608 # question marks alone
            (folder, *names),
        )
        return [Row._make(fields) for fields in found if tuple(map(type, fields)) == _TYPES]

    def write(self, rows: Sequence[Row], seen: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Keeps entries in place of what was known of the same paths.

        Args:
            rows: the entries.
            seen: day, folder and name of entries that were met.
        """
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("UPDATE entry SET seen = ? WHERE folder = ? AND name = ?", seen)
            self._connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def prune(self, before_day: int) -> int:
        """Forgets entries that no run has met since a day, and gives the space back; says how many."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            count = self._connection.execute("DELETE FROM entry WHERE seen < ?", (before_day,)).rowcount
            self._connection.execute("DELETE FROM run WHERE number NOT IN (SELECT run FROM entry)")
        self._connection.execute("VACUUM")
        return count

    def count(self) -> tuple[int, int, int | None, int | None]:
        """Entries, runs, and the first and last day on which any entry was met."""
        entries, first, last = self._connection.execute("SELECT count(*), min(seen), max(seen) FROM entry").fetchone()
        (runs,) = self._connection.execute("SELECT count(*) FROM run").fetchone()
        return entries, runs, first, last

    def sets(self) -> list[tuple[bytes, int]]:
        """The sets of recipes that occur, and the number of entries of each."""
        return list(self._connection.execute("SELECT recipes, count(*) FROM entry GROUP BY recipes"))

    def recipes(self) -> dict[int, str]:
        """All recipes by number."""
        return dict(self._connection.execute("SELECT number, text FROM recipe"))

    def _begin(self, *, create: bool) -> None:
        ask = self._connection.execute
        application, version, tables = self._described()
        if create and not tables and application in {0, APPLICATION_ID}:
            ask("PRAGMA journal_mode = WAL")
            self._create()
            application, version, tables = self._described()
        if application != APPLICATION_ID:
            raise CacheError(
                f"{for_terminal(self._path)} is another program's database and no cache: name another file"
            )
        if version != FORMAT_VERSION or tables != _TABLES:
            raise DamagedError(f"it is of version {version}, and this program keeps version {FORMAT_VERSION}")
        # Structure only; what an entry says is under its own seal.
        (verdict,) = ask("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(verdict)
        (mode,) = ask("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise sqlite3.OperationalError("this filesystem does not let several runs share a database")
        # A power cut may cost the last transactions, never the database.
        ask("PRAGMA synchronous = NORMAL")

    def _described(self) -> tuple[int, int, set[str]]:
        """Whose database it is, its version and its tables, all at one time: another run may be making them."""
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
            if ask("SELECT count(*) FROM sqlite_master").fetchone() == (0,):  # another run may have been first
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    ask(statement)
                ask(f"PRAGMA application_id = {APPLICATION_ID}")
                ask(f"PRAGMA user_version = {FORMAT_VERSION}")
