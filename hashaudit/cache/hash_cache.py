"""The cache in a scan: looks up the blocks of the files ahead, and stores the values of those that were read.

It belongs to the parent process alone. A cache that can no longer be read or written never ends a scan: it warns once,
and from then on finds nothing and stores nothing.
"""

import os
import random
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Self

import msgspec

from hashaudit.cache import permissions
from hashaudit.cache.blocks import (
    KnownFile,
    PlainEntry,
    blocks_of,
    files_of,
    open_block,
    plain_file,
    seal_block,
    seal_plain,
)
from hashaudit.cache.database import LONG_WAIT_S, SHORT_WAIT_S, DamagedError, Row, Store, is_busy, open_store
from hashaudit.cache.eligibility import Eligibility
from hashaudit.cache.fingerprints import Fingerprints, HashSpec, numbered
from hashaudit.cache.object_places import place_of
from hashaudit.cache.values import MAX_VALUE_BYTES, CachedGroup, CachedValue, length_of
from hashaudit.model.counted import counted
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import Kind
from hashaudit.model.paths import for_terminal
from hashaudit.model.times import LAST_NS, TimeNs

DAY_S = 86_400

SEEN_DAYS = 7
"""Greatest age of the note when a file was last seen. Updating it each night would rewrite the cache."""

FLUSH_FILES = 4096
"""Files in one transaction, some 20 ms."""

FLUSH_BYTES = 4 << 20
"""Bytes of values that wait for a transaction."""

MAX_WAITING_FILES = 1 << 16
"""Files that wait while other scans hold the cache. Further ones are dropped: they are read again next time."""

_State = tuple[int, int, TimeNs, TimeNs]
_New = tuple[_State, CachedValue]


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
        self._run_id = ""
        self._recipes: Fingerprints | None = None
        self._numbers: frozenset[int] = frozenset()
        """Numbers of the fingerprints of this scan."""
        self._new: dict[bytes, dict[bytes, _New]] = {}
        """Values that wait to be stored, by directory and name."""
        self._plain: dict[bytes, dict[tuple[int, ...], dict[bytes, PlainEntry]]] = {}
        """The same of plain files, by directory and numbers of fingerprints."""
        self._seen: dict[bytes, dict[bytes, _State]] = {}
        """Files whose day has to be noted."""
        self._waiting = self._tried = 0
        """Files that wait, and those of them for which the cache was busy."""
        self._waiting_bytes = 0
        self._damaged = 0
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
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        self._numbers = self._recipes.numbers
        return self._recipes

    def begin(self, run_id: str) -> None:
        """Sets the identifier of the scan that reads from here on."""
        if self._store is None:
            return
        try:
            self._store.add_run(run_id)
            self._run_id = run_id
            self._store.wait_at_most(SHORT_WAIT_S)
        except sqlite3.Error as error:
            self._give_up(error)

    def look_up(self, first: Entry, names: Sequence[bytes], states: Sequence[Stat]) -> CachedGroup | None:
        """Returns what is cached of entries in one directory; ``None`` if the cache does not apply to them.

        Args:
            first: the first of them. They share its directory, device and consistency.
            names: the cache name of each.
            states: the state of each, as listed; see :func:`hashaudit.cache.object_places.place_of`.
        """
        directory = self._places.directory_key(first)
        if directory is None or self._store is None:
            return None
        try:
            rows = self._store.find(directory, min(names), max(names))
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        if any(self._today - row.noted >= SEEN_DAYS for row in rows):
            seen = self._seen.setdefault(directory, {})
            seen |= {name: _state_of(state) for name, state in zip(names, states, strict=True)}
        compared: frozenset[bytes] = frozenset()
        if self._verify_share > 0:
            compared = frozenset(name for name in names if self._random.random() < self._verify_share)
        sealed = tuple([row.sealed for row in rows])
        # The times of objects were compared with the clock of their store.
        latest_ns = self._places.latest_ns if first.location.kind is Kind.FILE else LAST_NS
        return CachedGroup(directory, sealed, self._run_id, latest_ns, compared)

    def keep(self, entry: Entry, kept: CachedValue) -> None:
        """Stores the values of one entry; see :meth:`keep_all`."""
        self.keep_all([(entry, kept)])

    def keep_all(self, values: Sequence[tuple[Entry, CachedValue]]) -> None:
        """Stores the values of entries that were looked up before."""
        if self._store is None:
            return
        key_of, latest_ns, is_known = self._places.directory_key, self._places.latest_ns, self._numbers.issuperset
        new: dict[bytes, _New] = {}
        container: object = None
        directory: bytes | None = None
        device = 0
        for entry, kept in values:
            location = entry.location
            name, state = place_of(entry)
            if location.container is not container or state.device != device:
                container, device = location.container, state.device
                directory = key_of(entry)
                new = {} if directory is None else self._new.setdefault(directory, {})
            length_bytes = length_of(kept.values)
            if (
                directory is None
                or not _may_keep(entry, latest_ns)
                or length_bytes > MAX_VALUE_BYTES
                or not is_known(kept.values)
            ):
                continue
            new[name] = ((state.inode, state.size, state.mtime_ns, state.ctime_ns), kept)
            self._waiting += 1
            self._waiting_bytes += length_bytes
        self._flush_if_many()

    def keep_plain(
        self,
        first: Entry,
        places: Iterable[tuple[bytes, Stat]],
        numbers: tuple[int, ...],
        values: Sequence[tuple[bytes, ...]],
    ) -> None:
        """Stores the values of plain files in one directory, or of one object.

        Args:
            first: one of them. They share its directory, device and consistency.
            places: the cache name and the state of each; see :func:`hashaudit.cache.object_places.place_of`.
            numbers: of the fingerprints of the values.
            values: of each.
        """
        directory = self._places.directory_key(first)
        if self._store is None or directory is None or not self._numbers.issuperset(numbers):
            return
        latest_ns = self._places.latest_ns
        if first.state.kind is Kind.OBJECT:
            latest_ns = LAST_NS if first.state.is_conclusive else -1
        today = self._today
        new: dict[bytes, PlainEntry] = {
            name: (state.inode, state.size, state.mtime_ns, state.ctime_ns, 0, 0, today, kept)
            for (name, state), kept in zip(places, values, strict=True)
            if state.mtime_ns <= latest_ns and state.ctime_ns <= latest_ns
        }
        if new:
            self._plain.setdefault(directory, {}).setdefault(numbers, {}).update(new)
            self._waiting += len(new)
            self._waiting_bytes += sum(map(len, chain.from_iterable(values)))
            self._flush_if_many()

    def _flush_if_many(self) -> None:
        if self._waiting - self._tried >= FLUSH_FILES or self._waiting_bytes >= FLUSH_BYTES:
            self._flush()

    def note_damaged(self, count: int) -> None:
        """Counts files of blocks with a damaged seal, which were read."""
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

    def _flush(self) -> None:
        if self._store is None or not (self._new or self._plain or self._seen):
            return
        try:
            with self._store.writing():
                rows: list[Row] = []
                for directory in sorted({*self._new, *self._plain, *self._seen}):
                    rows += self._write(self._store, directory)
                self._store.insert(rows)
        except sqlite3.Error as error:
            if is_busy(error) and self._waiting < MAX_WAITING_FILES:
                # Another scan is writing; these files follow with the next ones.
                self._tried, self._waiting_bytes = self._waiting, 0
                return
            if not is_busy(error):
                self._give_up(error)
        self._new, self._plain, self._seen, self._waiting, self._waiting_bytes, self._tried = {}, {}, {}, 0, 0, 0

    def _write(self, store: Store, directory: bytes) -> list[Row]:
        """Brings the blocks of one directory up to date, and returns those to add."""
        new, seen = self._new.get(directory, {}), self._seen.get(directory, {})
        groups = self._plain.get(directory, {})
        if len(groups) == 1 and not new and not seen:
            ((numbers, files),) = groups.items()
            rows = self._added(store, directory, numbers, files)
            if rows is not None:
                return rows
        plain = {
            name: plain_file(entry, numbers, self._run_id)
            for numbers, entries in groups.items()
            for name, entry in entries.items()
        }
        new = {**{name: (file.stat, CachedValue(0, file.values)) for name, file in plain.items()}, **new}
        self._update(store, directory, new, seen)
        return []

    def _added(
        self, store: Store, directory: bytes, numbers: tuple[int, ...], files: Mapping[bytes, PlainEntry]
    ) -> list[Row] | None:
        """Returns the rows to add for files behind all that the cache has there; ``None``: they have to be merged."""
        first, last = min(files), max(files)
        before = store.find(directory, first, last, repair=True)
        if len(before) > 1 or any(row.first >= first for row in before):
            return None
        for row in before:
            block = open_block(directory, row.sealed)
            if block is None or max(block.entries, default=b"") >= first:
                return None
        sealed = seal_plain(directory, self._run_id, numbers, files)
        return None if sealed is None else [Row(directory, name, self._today, block) for name, block in sealed]

    def _update(self, store: Store, directory: bytes, new: Mapping[bytes, _New], seen: Mapping[bytes, _State]) -> None:
        names = sorted({*new, *seen})
        if not names:
            return
        before = store.find(directory, names[0], names[-1], repair=True)
        firsts = [row.first for row in before]
        bounds = [0, *(bisect_left(names, first) for first in firsts[1:]), len(names)]
        for number in range(max(1, len(before))):
            here = names[bounds[number] : bounds[number + 1]]
            row = before[number] if before else None
            if not here:
                continue
            block = None if row is None else open_block(directory, row.sealed)
            files = {} if block is None else files_of(block)
            is_noted = False
            for name in here:
                if name in new:
                    state, kept = new[name]
                    files[name] = self._merged(files.get(name), state, kept)
                elif (file := files.get(name)) is not None and file.stat == seen[name]:
                    files[name] = msgspec.structs.replace(file, seen=self._today)
                is_noted |= name in seen
            noted = self._today if is_noted or row is None else row.noted
            first = here[0] if row is None else min(row.first, here[0])
            store.replace(() if row is None else (row,), rows_of(directory, files, noted, first))

    def _merged(self, file: KnownFile | None, state: _State, kept: CachedValue) -> KnownFile:
        """Returns a file with its new values, and with earlier ones of other algorithms for the same state."""
        values = kept.values
        if file is not None and file.stat == state and not kept.replaces and self._recipes is not None:
            superseded = self._recipes.superseded
            others = {number: value for number, value in file.values.items() if number not in superseded}
            values = others | values
            if length_of(values) > MAX_VALUE_BYTES:
                values = kept.values
        return KnownFile(state, self._run_id, self._today, values)

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


def rows_of(directory: bytes, files: dict[bytes, KnownFile], noted: int, first: bytes) -> list[Row]:
    """Returns rows with blocks of all of these files.

    Args:
        directory: key of their directory.
        files: by cache name.
        noted: see :class:`Row`.
        first: the first name that belongs to them; at most the least of theirs.
    """
    rows = [Row(directory, name, noted, seal_block(directory, block)) for name, block in blocks_of(files)]
    return [row if number else row._replace(first=first) for number, row in enumerate(rows)]


def _may_keep(entry: Entry, latest_ns: int) -> bool:
    """Returns whether the state of an entry proves its content."""
    state = entry.state
    if state.kind is Kind.OBJECT:
        return state.is_conclusive
    return state.mtime_ns <= latest_ns and state.ctime_ns <= latest_ns


def _state_of(stat: Stat) -> _State:
    return stat.inode, stat.size, stat.mtime_ns, stat.ctime_ns


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
