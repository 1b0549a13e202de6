"""Statistics and pruning of a cache, which scans may be using."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from hashaudit.cache import permissions
from hashaudit.cache.blocks import files_of, open_block
from hashaudit.cache.database import DamagedError, Store, open_store
from hashaudit.cache.hash_cache import DAY_S, SEEN_DAYS, rows_of
from hashaudit.errors import CacheError
from hashaudit.model.paths import for_terminal


class Stats(msgspec.Struct, frozen=True):
    """The content of a cache."""

    files: int
    runs: int
    """Scans that used it, except those pruned together with everything they read."""
    bytes: int
    """Size of the database, without SQLite's other files."""
    first_met: str | None
    """Date on which the least recently seen file was seen, accurate to a week; ``None`` in an empty cache."""
    last_met: str | None
    recipes: dict[str, int]
    """Algorithm and version -> number of files with a value."""


class Pruned(msgspec.Struct, frozen=True):
    """The result of pruning."""

    forgotten: int
    kept: int
    bytes: int
    """Size of the database afterwards."""


def stats(path: str) -> Stats:
    """Returns the content of a cache.

    Raises:
        CacheError: it does not exist, is damaged, or others could have written to it.
    """
    with _opened(path) as store:
        texts = store.recipes()
        found: Counter[int] = Counter()
        days: set[int] = set()
        files = 0
        for row in store.blocks():
            block = open_block(row.directory, row.sealed)
            for entry in () if block is None else block.entries.values():
                files += 1
                days.add(entry.seen)
                found.update(block.recipes[entry.recipes] if block is not None else ())
        named = {texts.get(number, f"unknown/{number}"): count for number, count in found.items()}
        first, last = min(days, default=None), max(days, default=None)
        return Stats(
            files,
            len(store.run_ids()),
            os.path.getsize(path),
            _date(first),
            _date(last),
            dict(sorted(named.items())),
        )


def prune(path: str, days: int) -> Pruned:
    """Removes files that no scan has seen for ``days`` days, some up to a week later.

    Raises:
        CacheError: as :func:`stats`, or it cannot be written.
    """
    with _opened(path) as store:
        today = int(time.time()) // DAY_S
        # The noted day is up to a week old. A file that was seen since must not be removed for that.
        before = today - days - SEEN_DAYS + 1 if days else today + 1
        forgotten = kept = 0
        runs: set[str] = set()
        with store.writing():
            for row in store.blocks():
                # What does not open must not get a new seal.
                block = open_block(row.directory, row.sealed)
                files = {} if block is None else files_of(block)
                left = {name: file for name, file in files.items() if file.seen >= before}
                runs.update(file.run_id for file in left.values())
                kept += len(left)
                forgotten += len(files) - len(left)
                if block is None or len(left) < len(files):
                    store.replace((row,), rows_of(row.directory, left, row.noted, row.first))
        store.keep_runs(runs)
    return Pruned(forgotten, kept, os.path.getsize(path))


@contextmanager
def _opened(path: str) -> Iterator[Store]:
    raw = os.path.abspath(os.fsencode(path))
    shown = for_terminal(raw)
    if not permissions.check(raw):
        raise CacheError(f"the cache does not exist: '{shown}'")
    try:
        with open_store(raw, create=False) as store:
            yield store
    except DamagedError as error:
        raise CacheError(
            f"the cache is damaged: '{shown}'; {error}", hint="the next scan with it moves it to a backup file"
        ) from error
    except sqlite3.Error as error:
        raise CacheError(f"cannot use the cache: '{shown}'; {error}") from error


def _date(day: int | None) -> str | None:
    return None if day is None else datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
