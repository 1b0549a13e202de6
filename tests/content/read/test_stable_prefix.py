"""A file that is only appended to while it is read: which part of it is proven, and what never is."""

import hashlib
import itertools
import os
from collections.abc import Callable

import msgspec
import pytest

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.content.read import READ_CHUNK_BYTES, DirectoryCache, Reader, ReadOutcome, read_entry
from hashaudit.lists.algorithms import SHA256
from hashaudit.model import times
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import FaultCode

EntryOf = Callable[..., Entry]
Change = Callable[[bytes, int], object]


class Acting:
    """Changes the file once while it is read, with the number of the attempt from 0."""

    def __init__(self, path: bytes, change: Change, attempt: int) -> None:
        self._path, self._change, self._attempt = path, change, attempt
        self._has_changed = False

    def update(self, _data: memoryview, /) -> None:
        if not self._has_changed:
            self._has_changed = True
            self._change(self._path, self._attempt)


def append(path: bytes, text: bytes = b"+") -> None:
    with open(path, "ab") as file:
        file.write(text)


def rewrite(path: bytes, number: int, at: int = 0) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes([number % 256]))


def outcome_of(
    entry: Entry, cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch, change: Change
) -> ReadOutcome[Acting]:
    monkeypatch.setattr(times, "TICK_NS", 0)
    counter = itertools.count()
    return read_entry(
        entry,
        cache,
        lambda: Acting(entry.path, change, next(counter)),
        Reader(),
        make_prefix_sink=lambda: MultiDigest((SHA256,)),
    )


@pytest.mark.parametrize("size", [1, 100, READ_CHUNK_BYTES, 2 * READ_CHUNK_BYTES + 1])
@pytest.mark.usefixtures("pauses")
def test_the_content_when_the_reading_began_is_proven(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = folder + b"/log"
    append(path, bytes(itertools.islice(itertools.cycle(range(251)), size)))
    outcome = outcome_of(entry_of(path), cache, monkeypatch, lambda path, _: append(path))
    assert outcome.prefix is not None
    with open(path, "rb") as file:
        prefix = file.read(outcome.prefix.stat.size)
    assert size < len(prefix) == outcome.prefix.stat.size < os.stat(path).st_size
    assert outcome.prefix.digests == {SHA256: hashlib.sha256(prefix).digest()}
    # The worker decides; for the reader the file has changed as a whole.
    assert [fault.code for fault in outcome.faults] == [FaultCode.CHANGED_WHILE_READ]


def both(path: bytes, number: int) -> None:
    append(path)
    rewrite(path, number)


def at_the_end_of_the_prefix(path: bytes, number: int) -> None:
    append(path)
    rewrite(path, number, os.stat(path).st_size - 3)


def copied_and_truncated(path: bytes, number: int) -> None:
    with open(path, "wb") as file:
        file.write(bytes([number % 256]) * (1000 + number))


def renamed(path: bytes, number: int) -> None:
    append(path)
    os.rename(path, path + b".%d" % number)
    append(path, b"x" * 2000)


def other_mode(path: bytes, number: int) -> None:
    append(path)
    os.chmod(path, 0o600 + number % 2 * 0o11)


def shorter(path: bytes, _number: int) -> None:
    os.truncate(path, os.stat(path).st_size - 1)


def touched(path: bytes, number: int) -> None:
    os.utime(path, ns=(0, number + 1))


def moved_once(path: bytes, number: int) -> None:
    append(path)
    if number == 2:
        os.rename(path, path + b".1")
        append(path, b"x" * 2000)


@pytest.mark.parametrize(
    "change",
    [
        *(rewrite, both, at_the_end_of_the_prefix, copied_and_truncated),
        *(renamed, other_mode, shorter, touched, moved_once),
    ],
)
@pytest.mark.usefixtures("pauses")
def test_any_other_change_proves_nothing(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    path = folder + b"/file"
    append(path, b"0123456789" * 10)
    outcome = outcome_of(entry_of(path), cache, monkeypatch, change)
    assert outcome.prefix is None
    assert outcome.faults


@pytest.mark.usefixtures("pauses")
def test_a_file_that_stops_growing_is_read_as_a_whole(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder + b"/log"
    append(path, b"begin")
    outcome = outcome_of(entry_of(path), cache, monkeypatch, lambda path, number: append(path) if number < 2 else None)
    assert (outcome.prefix, outcome.faults, outcome.consistency) == (None, (), Consistency.STABLE)


@pytest.mark.usefixtures("pauses")
def test_two_readings_prove_nothing_on_a_mount(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder + b"/log"
    append(path, b"begin")
    entry = msgspec.structs.replace(entry_of(path), consistency=Consistency.UNVERIFIED_MOUNT)
    outcome = outcome_of(entry, cache, monkeypatch, lambda path, _: append(path))
    assert (outcome.prefix, outcome.consistency) == (None, Consistency.CHANGED_WHILE_READ)
