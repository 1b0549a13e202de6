"""What a person can ask about a cache, and have done to it, while no run uses it or some do."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from hashaudit.cache import permissions
from hashaudit.cache.database import DamagedError, Store, open_store
from hashaudit.cache.hash_cache import DAY_S, SEEN_DAYS
from hashaudit.cache.values import unpack_numbers
from hashaudit.errors import CacheError
from hashaudit.model.paths import for_terminal


class Stats(msgspec.Struct, frozen=True):
    """What a cache holds."""

    files: int
    runs: int
    """That used it, as far as they were not forgotten together with what they read."""
    bytes: int
    """Of the database, without what SQLite keeps beside it."""
    first_met: str | None
    """Date on which the file that was met longest ago was met, give or take a week; ``None`` in an empty cache."""
    last_met: str | None
    recipes: dict[str, int]
    """Algorithm and version -> files that have a value by it."""


class Pruned(msgspec.Struct, frozen=True):
    """What pruning did."""

    forgotten: int
    kept: int
    bytes: int
    """Of the database afterwards."""


def stats(path: str) -> Stats:
    """What a cache holds.

    Raises:
        CacheError: there is none, it is damaged, or others could have written to it.
    """
    with _opened(path) as store:
        entries, runs, first, last = store.count()
        texts = store.recipes()
        found: Counter[str] = Counter()
        for numbers, count in store.sets():
            for number in unpack_numbers(numbers):
                found[texts.get(number, f"unknown/{number}")] += count
        return Stats(entries, runs, os.path.getsize(path), _date(first), _date(last), dict(sorted(found.items())))


def prune(path: str, days: int) -> Pruned:
    """Forgets files that no run has met for ``days`` days; of some it is noticed up to a week later.

    Raises:
        CacheError: as :func:`stats`, or it cannot be written.
    """
    with _opened(path) as store:
        today = int(time.time()) // DAY_S
        # The note of the day is up to a week old; nothing that was met since is forgotten for that.
        forgotten = store.prune(today - days - SEEN_DAYS + 1 if days else today + 1)
        kept = store.count()[0]
    return Pruned(forgotten, kept, os.path.getsize(path))


@contextmanager
def _opened(path: str) -> Iterator[Store]:
    raw = os.path.abspath(os.fsencode(path))
    shown = for_terminal(raw)
    if not permissions.check(raw):
        raise CacheError(f"there is no cache {shown}")
    try:
        with open_store(raw, create=False) as store:
            yield store
    except DamagedError as error:
        raise CacheError(f"the cache {shown} is damaged: {error}; the next scan with it sets it aside") from error
    except sqlite3.Error as error:
        raise CacheError(f"the cache {shown} cannot be used: {error}") from error


def _date(day: int | None) -> str | None:
    return None if day is None else datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
