"""Tests sparse files: holes are found and not read, and data is never treated as a hole."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.read import READ_CHUNK_BYTES, Reader, ReadOutcome
from hashaudit.content.read import feed as feed_module
from hashaudit.content.read.feed import feed
from hashaudit.host import files
from hashaudit.model.entry import Consistency, Entry

Read = Callable[..., ReadOutcome[Any]]
EntryOf = Callable[..., Entry]

BLOCK = 4096


def content_of(outcome: ReadOutcome[Any]) -> bytes:
    assert outcome.sink is not None
    read: bytes = outcome.sink.content
    return read


class Joined:
    def __init__(self) -> None:
        self.content = b""

    def update(self, data: memoryview, /) -> None:
        self.content += data


@given(
    extents=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 3 * BLOCK)), max_size=5),
    tail=st.integers(0, 40 * BLOCK),
    seeks=st.sampled_from(["both", "none", "data only"]),
)
def test_a_sparse_file_is_read_correctly(extents: list[tuple[int, int]], tail: int, seeks: str) -> None:
    with TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        if seeks != "both":
            patch.setattr(files, "SEEK_HOLE", None)
        if seeks == "none":
            patch.setattr(files, "SEEK_DATA", None)
        patch.setattr(feed_module, "_ZEROS", memoryview(bytes(1000)))
        end = 0
        for block, length in extents:
            file.seek(block * BLOCK)
            file.write(os.urandom(length))
            end = max(end, block * BLOCK + length)
        file.truncate(end + tail)
        file.flush()
        file.seek(0)
        whole = file.read()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        sink = Joined()
        buffer = Reader(chunk_bytes=10_000)
        before = os.fstat(file.fileno())
        count, after = feed(file.fileno(), sink, buffer, before, limit=1 << 40, skip_holes=True)
        assert sink.content == whole
        assert (count, after.st_size) == (len(whole), len(whole))


def make_sparse(path: bytes, size: int, data_at: int) -> bytes:
    with open(path, "wb") as file:
        file.truncate(size)
        file.seek(data_at)
        file.write(b"data")
    return path


class Counter:
    """Counts the zeros of holes, and keeps other bytes."""

    def __init__(self) -> None:
        self.zeros = 0
        self.others = b""

    def update(self, data: memoryview, /) -> None:
        if data.obj is feed_module._ZEROS.obj:
            self.zeros += len(data)
        else:
            self.others += data


def test_four_gigabytes_of_hole_are_not_read(folder: bytes) -> None:
    size, data_at = (4 << 30) + 12345, 3 << 30
    with open(make_sparse(folder + b"/file", size, data_at), "rb") as file:
        sink = Counter()
        before = os.fstat(file.fileno())
        count, _ = feed(file.fileno(), sink, Reader(), before, limit=size * 2, skip_holes=True)
    assert count == sink.zeros + len(sink.others) == size
    assert len(sink.others) <= READ_CHUNK_BYTES
    assert sink.others.strip(b"\0") == b"data"


def test_holes_on_fuse_mounts_are_read(
    folder: bytes, read: Read, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(make_sparse(folder + b"/file", 1 << 20, 1 << 19), consistency=Consistency.UNVERIFIED_MOUNT)

    def lie(_descriptor: int, _position: int, size: int) -> int:
        return size

    monkeypatch.setattr(files, "next_data", lie)
    assert content_of(read(entry)).strip(b"\0") == b"data"
    stable = entry_of(folder + b"/file")
    assert content_of(read(stable)).strip(b"\0") == b"", "the lie is believed of the kernel's own filesystems"


@pytest.mark.parametrize("size", [100_000, 600_000, 2 << 20])
def test_a_sparse_file_that_is_truncated_or_grows_is_read_again(folder: bytes, read: Read, size: int) -> None:
    path = make_sparse(folder + b"/file", 1 << 20, 1 << 19)
    outcome = read(path, lambda count: os.truncate(path, size) if count == 1 else None)
    assert outcome.attempts == 2
    assert content_of(outcome) == Path(os.fsdecode(path)).read_bytes()
    assert (outcome.bytes_read, outcome.faults) == (size, ())


def test_a_growing_sparse_file_is_read_to_its_end(folder: bytes) -> None:
    path = make_sparse(folder + b"/file", 1 << 20, 1 << 19)

    class Growing(Joined):
        def update(self, data: memoryview, /) -> None:
            if not self.content:
                with open(path, "ab") as file:
                    file.write(b"more")
            super().update(data)

    with open(path, "rb") as file:
        sink = Growing()
        before = os.fstat(file.fileno())
        count, after = feed(file.fileno(), sink, Reader(), before, limit=1 << 30, skip_holes=True)
    assert count == after.st_size == (1 << 20) + 4
    assert sink.content == Path(os.fsdecode(path)).read_bytes()


def test_a_seek_that_fails_is_a_read_error(folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_sparse(folder + b"/file", 1 << 20, 1 << 19)

    def fail(*_arguments: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "lseek", fail)
    outcome = read(path)
    assert [fault.message for fault in outcome.faults] == ["cannot read the file: Input/output error"]
