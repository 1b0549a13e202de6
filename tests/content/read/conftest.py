"""Fixtures: files to read, and sinks that act while they are fed."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashaudit.content.read import DirectoryCache, Reader, ReadLimits, ReadOutcome, read_entry
from hashaudit.content.read.stable_read import DEFAULT_LIMITS
from hashaudit.host import files
from hashaudit.host.files import stat_of
from hashaudit.model import times
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.location import DirectoryRef, Location

Act = Callable[[int], object]
EntryOf = Callable[..., Entry]


class Recorder:
    """Keeps its content. Calls ``act`` first, with the number of earlier calls for this file."""

    def __init__(self, act: Act, counter: Iterator[int]) -> None:
        self.content = b""
        self._act = act
        self._counter = counter

    def update(self, data: memoryview, /) -> None:
        self._act(next(self._counter))
        self.content += data


Read = Callable[..., ReadOutcome[Recorder]]


@pytest.fixture
def entry_of() -> EntryOf:
    """Makes the entry that the walk makes for a path."""

    def entry(path: bytes, *, followed: bool = False, consistency: Consistency = Consistency.STABLE) -> Entry:
        above, name = os.path.split(path)
        parent = os.stat(above)
        status = os.stat(path, follow_symlinks=followed)
        directory = DirectoryRef(above, parent.st_dev, parent.st_ino)
        return Entry(Location(directory, name, via_symlink=followed), stat_of(status), consistency)

    return entry


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path.resolve())


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with directory descriptors and as on a system that has none."""
    monkeypatch.setattr(files, "HAS_DIR_FD", request.param)


@pytest.fixture(params=[True, False], ids=["readv", "read"])
def with_readv_or_without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with and without reads into a buffer."""
    monkeypatch.setattr(files, "HAS_READV", request.param)


@pytest.fixture
def cache() -> Iterator[DirectoryCache]:
    """Makes a cache, and checks that it leaks no descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    with DirectoryCache() as cache:
        yield cache
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the pauses in seconds, without waiting."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


@pytest.fixture
def read(cache: DirectoryCache, pauses: list[float], entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads an entry, or the entry of a path. The times of files that were just made count as certain."""
    assert pauses == []
    monkeypatch.setattr(times, "TICK_NS", 0)

    def reading(
        what: Entry | bytes, act: Act = lambda _count: None, limits: ReadLimits = DEFAULT_LIMITS
    ) -> ReadOutcome[Recorder]:
        entry = entry_of(what) if isinstance(what, bytes) else what
        counter = itertools.count()
        return read_entry(entry, cache, lambda: Recorder(act, counter), Reader(), limits)

    return reading
