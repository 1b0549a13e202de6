"""The cache in a scan: looks up the files ahead, and stores the values of those that were read.

It belongs to the parent process alone. A cache that can no longer be read or written never ends a scan: it warns once,
and from then on finds nothing and stores nothing.
"""

import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Self

from hashaudit.cache import permissions
from hashaudit.cache.database import LONG_WAIT_S, SHORT_WAIT_S, DamagedError, Row, Store, is_busy, open_store
from hashaudit.cache.eligibility import Eligibility
from hashaudit.cache.fingerprints import Fingerprints, HashSpec, numbered
from hashaudit.cache.values import MAX_VALUE_BYTES, CachedFile, CachedValue, state_key, unpack_numbers
from hashaudit.model.counted import counted
from hashaudit.model.entry import Entry
from hashaudit.model.paths import for_terminal

DAY_S = 86_400

SEEN_DAYS = 7
"""Greatest age of the note when a file was last seen. Updating it each night would rewrite the cache."""

FLUSH_ROWS = 4096
"""Entries in one transaction, some 20 ms."""

FLUSH_BYTES = 4 << 20
"""Bytes of values that wait for a transaction."""

MAX_WAITING_ROWS = 1 << 16
"""Entries that wait while other scans hold the cache. Further ones are dropped: their files are read again next time.
"""

_NOTHING = CachedFile(b"", "", reread=True)


class Cache:
    """The cache of one scan. A context manager; leaving it writes waiting entries.

    Args:
        path: of the database, which is created if missing.
        verify_percent: percentage of unchanged files to read anyway, from 0 to 100.
        warn: receives a sentence for the user if the cache cannot be used.
        places: decides which files it is used for.

    Raises:
        CacheError: others could have written to it, or it is another program's.
    """

    def __init__(
        self,
        path: str | bytes,
        verify_percent: float = 0.0,
        *,
        warn: Callable[[str], None],
        places: Eligibility | None = None,
    ) -> None:
        self._path = os.path.abspath(os.fsencode(path))
        self._warn = warn
        self._places = places or Eligibility()
        self._verify_share = verify_percent / 100
        self._random = random.SystemRandom()
        self._today = int(time.time()) // DAY_S
        self._answers: dict[bytes, bool] = {}
        self._runs: dict[int, str] = {}
        self._run = 0
        self._recipes: Fingerprints | None = None
        self._rows: list[Row] = []
        self._rows_bytes = 0
        self._damaged = 0
        self._seen: list[tuple[int, bytes, bytes]] = []
        self._store: Store | None = None
        self.state = "in use"
        """For the run header."""
        self._open()
        self._identity = permissions.identity(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def own_files(self) -> frozenset[tuple[int, int]]:
        """``(device, inode)`` of its files as they are now, for the walk to skip."""
        return permissions.identities(self._path)

    @property
    def own_paths(self) -> frozenset[bytes]:
        """Absolute paths of its files, without links."""
        return frozenset(map(os.path.realpath, permissions.paths(self._path)))

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Types of filesystems in the walk on which nothing is cached."""
        return tuple(sorted(self._places.passed_over))

    def prepare(self, wanted: HashSpec) -> Fingerprints | None:
        """Sets the hashes that the scan computes; returns ``None`` if the cache is not in use."""
        if self._store is None:
            return None
        try:
            self._recipes = numbered(wanted, self._store.recipe_numbers(wanted.texts()))
            self._runs = self._store.run_ids()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return self._recipes

    def begin(self, run_id: str) -> None:
        """Sets the identifier of the scan that reads from here on."""
        if self._store is None:
            return
        try:
            self._run = self._store.add_run(run_id)
            self._runs[self._run] = run_id
            self._store.wait_at_most(SHORT_WAIT_S)
        except sqlite3.Error as error:
            self._give_up(error)

    def look_up(self, entries: Sequence[Entry]) -> list[CachedFile | None]:
        """Returns the cached values of each entry; ``None`` if the cache does not apply to it."""
        known: list[CachedFile | None] = []
        for directory, group in groupby(entries, self._places.directory_key):
            members = list(group)
            if directory is None or self._store is None:
                known += [None] * len(members)
                continue
            try:
                names = [entry.location.cache_name for entry in members]
                rows = {row.name: row for row in self._store.find(directory, names)}
                known += [self._known(entry, rows.get(name)) for entry, name in zip(members, names, strict=True)]
            except sqlite3.Error as error:
                self._give_up(error)
                known += [None] * len(members)
        return known

    def keep(self, entry: Entry, kept: CachedValue) -> None:
        """Stores the value of an entry that was looked up before."""
        directory = self._places.directory_key(entry)
        if self._store is None or directory is None or len(kept.sealed) > MAX_VALUE_BYTES:
            return
        name, state = entry.location.cache_name, state_key(entry.stat)
        row = Row(directory, name, state, kept.recipes, self._run, self._today, kept.sealed)
        self._rows.append(row)
        self._rows_bytes += len(kept.sealed)
        if len(self._rows) % FLUSH_ROWS == 0 or self._rows_bytes >= FLUSH_BYTES:
            self._flush()

    def note_damaged(self, count: int) -> None:
        """Counts entries with a damaged seal, whose files were read."""
        self._damaged += count

    def close(self) -> None:
        """Writes waiting entries."""
        if self._damaged:
            of = f"of the cache '{self._shown}'"
            was, were = (
                f"entry {of} was damaged; its file was read",
                f"entries {of} were damaged; their files were read",
            )
            self._warn(counted(self._damaged, was, were))
            self._damaged = 0
        if self._store is not None:
            with suppress(sqlite3.Error):
                self._store.wait_at_most(LONG_WAIT_S)
            self._flush()
        store, self._store = self._store, None
        if store is not None:
            with suppress(sqlite3.Error):
                store.close()

    def _known(self, entry: Entry, row: Row | None) -> CachedFile:
        if row is None or row.state != state_key(entry.stat):
            return _NOTHING
        if self._today - row.seen >= SEEN_DAYS:
            self._seen.append((self._today, row.directory, row.name))
        answers = self._answers.get(row.recipes)
        if answers is None:
            numbers = unpack_numbers(row.recipes)
            answers = self._answers[row.recipes] = self._recipes is not None and self._recipes.answer(numbers)
        run_id = self._run_id(row.run)
        if run_id is None:
            return _NOTHING
        reread = not answers or (self._verify_share > 0 and self._random.random() < self._verify_share)
        return CachedFile(row.value, "" if row.run == self._run else run_id, reread)

    def _run_id(self, number: int) -> str | None:
        """Returns the identifier of the scan that stored an entry; ``None`` if it is damaged.

        That scan may have begun after this one.
        """
        if number not in self._runs and self._store is not None:
            self._runs = self._store.run_ids()
        return self._runs.get(number)

    def _flush(self) -> None:
        if self._store is None or not (self._rows or self._seen):
            return
        try:
            self._store.write(self._rows, self._seen)
        except sqlite3.Error as error:
            if is_busy(error) and len(self._rows) < MAX_WAITING_ROWS:
                # Another scan is writing; these rows follow with the next ones.
                self._rows_bytes = 0
                return
            if not is_busy(error):
                self._give_up(error)
        self._rows, self._seen, self._rows_bytes = [], [], 0

    def _open(self) -> None:
        try:
            if not permissions.check(self._path):
                permissions.make(self._path)
                self.state = "new"
            self._store = open_store(self._path, create=True)
        except DamagedError as error:
            self._renew(str(error))
        except (OSError, sqlite3.Error) as error:
            self._warn(f"cannot use the cache, so every file is read: '{self._shown}'; {_reason(error)}")
            self.state = f"not used: {_reason(error)}"

    def _renew(self, reason: str) -> None:
        try:
            backup = for_terminal(permissions.move_to_backup(self._path))
            permissions.make(self._path)
            self._store = open_store(self._path, create=True)
            self.state = f"damaged, moved to {backup}, replaced by a new one: {reason}"
            self._warn(f"the damaged cache '{self._shown}' was moved to '{backup}'; starting a new one ({reason})")
        except (OSError, sqlite3.Error, DamagedError) as error:
            self.state = f"not used: damaged ({reason}), and a new one cannot be created: {_reason(error)}"
            self._warn(f"the cache '{self._shown}' is {self.state}")

    def _give_up(self, error: sqlite3.Error) -> None:
        """Stops using the cache. Moves a damaged database to a backup file, so that the next scan creates a new one."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(sqlite3.Error):
                store.close()
        message = f"the cache failed and is no longer used: '{self._shown}'; {_reason(error)}"
        # Another scan may have moved and replaced it meanwhile.
        is_same = permissions.identity(self._path) == self._identity
        if not isinstance(error, sqlite3.OperationalError) and is_same:
            with suppress(OSError):
                message += f"; it was moved to '{for_terminal(permissions.move_to_backup(self._path))}'"
        self._warn(message)

    @property
    def _shown(self) -> str:
        return for_terminal(self._path)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
