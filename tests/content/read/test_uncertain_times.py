"""Files whose times do not tell whether they change, because they changed a moment ago."""

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cache_lab import trusted
from hashaudit.content.read import DirectoryCache, Reader, ReadOutcome, read_entry
from hashaudit.host import page_cache
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import FaultCode
from hashaudit.model.times import COARSE_NS, TICK_NS

EntryOf = Callable[..., Entry]
START_NS = 1_700_000_000 * 10**9


class Whole:
    def update(self, data: memoryview, /) -> None:
        """Takes it."""


class Clock:
    """A clock that only pauses advance, and files that are as old as it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mtime_ns: int, ctime_ns: int) -> None:
        self.now_ns = START_NS
        self.pauses_ns: list[int] = []
        self.times_ns = mtime_ns, ctime_ns
        self.during_pause: Callable[[], object] = int
        original = os.fstat
        names = [name for name in dir(os.stat_result) if name.startswith("st_")]

        def status(descriptor: int) -> object:
            real = original(descriptor)
            made = type("Status", (), {name: getattr(real, name) for name in names})()
            made.st_mtime_ns, made.st_ctime_ns = self.times_ns
            return made

        def sleep(seconds: float) -> None:
            self.pauses_ns.append(round(seconds * 1e9))
            self.now_ns += round(seconds * 1e9)
            self.during_pause()

        monkeypatch.setattr(os, "fstat", status)
        monkeypatch.setattr(time, "sleep", sleep)
        monkeypatch.setattr(time, "time_ns", lambda: self.now_ns)


def read(entry: Entry, cache: DirectoryCache) -> ReadOutcome[Whole]:
    return read_entry(entry, cache, Whole, Reader())


@pytest.fixture
def entry(folder: bytes, entry_of: EntryOf) -> Entry:
    Path(os.fsdecode(folder + b"/file")).write_bytes(b"content")
    return entry_of(folder + b"/file")


@pytest.mark.parametrize(
    "case",
    [
        (10**9, 7, 0),
        (TICK_NS, 7, 0),
        (TICK_NS - 1000, 7, 1000),
        (0, 7, TICK_NS),
        (-(10**6), 7, TICK_NS + 10**6),
        (-(10**9), 7, 0),  # the clock was set back: the next change gets an earlier time
        (10**9, 0, COARSE_NS - 10**9),  # whole seconds, as on ext4 with inodes of 128 bytes
        (2 * 10**9, 0, 0),
    ],
)
def test_a_read_begins_when_times_would_tell(
    entry: Entry, cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch, case: tuple[int, int, int]
) -> None:
    age_ns, fraction, waits_ns = case
    changed_ns = START_NS - age_ns if fraction else START_NS // 10**9 * 10**9 - age_ns
    clock = Clock(monkeypatch, changed_ns, changed_ns + (1 if fraction and changed_ns % 10**9 == 0 else 0))
    monkeypatch.setattr("hashaudit.content.read.stable_read.is_listed_file", lambda *_args, **_options: True)
    monkeypatch.setattr("hashaudit.content.read.stable_read._change", lambda *_args: "")
    outcome = read(entry, cache)
    assert (outcome.consistency, outcome.attempts) == (Consistency.STABLE, 1)
    assert sum(clock.pauses_ns) == pytest.approx(waits_ns, abs=2)


def test_a_file_that_never_rests_is_not_called_stable(
    entry: Entry, cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, START_NS, START_NS + 1)

    def change() -> None:
        clock.times_ns = clock.now_ns, clock.now_ns + 1

    clock.during_pause = change
    monkeypatch.setattr("hashaudit.content.read.stable_read.is_listed_file", lambda *_args, **_options: True)
    monkeypatch.setattr("hashaudit.content.read.stable_read._change", lambda *_args: "")
    outcome = read(entry, cache)
    assert outcome.consistency is Consistency.CHANGED_WHILE_READ
    assert [fault.code for fault in outcome.faults] == [FaultCode.CHANGED_WHILE_READ]
    assert "resolution" in outcome.faults[0].message


def test_pages_that_wait_to_be_written_are_reported(tmp_path: Path) -> None:
    if not trusted(tmp_path):
        pytest.skip("needs a filesystem with writeback")
    path = tmp_path / "file"
    path.write_bytes(b"content" * 1000)
    with open(path, "r+b") as file:
        os.fsync(file.fileno())
        assert page_cache.is_written(file.fileno())
        with mmap.mmap(file.fileno(), 0) as content:
            content[0] = 1
            assert not page_cache.is_written(file.fileno())


def test_where_pages_are_not_counted_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "_syscall", lambda: None)
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with open(path, "rb") as file:
        assert page_cache.is_written(file.fileno()) is (page_cache._sync_file_range() is not None)
        monkeypatch.setattr(page_cache, "_sync_file_range", lambda: None)
        assert not page_cache.is_written(file.fileno())
