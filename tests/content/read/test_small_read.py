"""Small files that are as listed are read at once; every other file is left to the reader that finds out why."""

import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.content.read.directory_cache import DirectoryCache
from hashaudit.content.read.small_read import SmallReader
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES
from hashaudit.host import files, page_cache
from hashaudit.host.files import stat_of
from hashaudit.model.entry import Stat
from hashaudit.model.location import DirectoryRef

pytestmark = pytest.mark.skipif(not files.HAS_DIR_FD, reason="needs directory descriptors")

CONTENT = b"content" * 100


class Grants:
    """A throttle that grants a number of bytes."""

    def __init__(self, granted: int = 1 << 30) -> None:
        self.granted = granted
        self.consumed = 0

    def acquire(self) -> int:
        return self.granted

    def consume(self, count: int) -> None:
        self.consumed += count

    def take(self, count: int) -> bool:
        if count <= self.granted:
            self.consumed += count
        return count <= self.granted


class Place:
    """A directory with one file, some time after its last change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "file"
        self.path.write_bytes(CONTENT)
        self.now_ns = time.time_ns() + 10**10
        self.throttle = Grants()
        self.state: Stat | None = None

    @property
    def ref(self) -> DirectoryRef:
        status = os.stat(self.folder)
        return DirectoryRef(os.fsencode(self.folder), status.st_dev, status.st_ino)

    def listed(self) -> Stat:
        return stat_of(os.lstat(self.path))

    def read(self, listed: Stat | None = None, use: Callable[[memoryview], Any] = bytes) -> Any:
        in_directory = SmallReader(DirectoryCache(), self.throttle).in_directory
        read = in_directory(self.ref, self.now_ns, lambda data, _: use(data))(b"file", listed or self.listed())
        self.state = None if read is None else stat_of(read[1])
        return None if read is None else read[0]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 511, 4096, READ_CHUNK_BYTES - 1])
def test_a_file_as_listed_is_read_once(size: int, place: Place) -> None:
    content = os.urandom(size)
    place.path.write_bytes(content)
    assert place.read(use=lambda data: hashlib.sha256(data).digest()) == hashlib.sha256(content).digest()
    assert place.state == place.listed()
    assert place.throttle.consumed == size


@pytest.mark.parametrize("size", [READ_CHUNK_BYTES, READ_CHUNK_BYTES + 1])
def test_other_sizes_are_left(size: int, place: Place) -> None:
    place.path.write_bytes(bytes(size))
    assert place.read() is None


def other_content(path: Path) -> None:
    path.write_bytes(CONTENT[::-1])


def longer(path: Path) -> None:
    path.write_bytes(CONTENT + b"x")


def shorter(path: Path) -> None:
    path.write_bytes(CONTENT[:-1])


def replaced(path: Path) -> None:
    path.with_name("new").write_bytes(CONTENT)
    path.with_name("new").replace(path)


def gone(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [longer, shorter, replaced, gone, link, fifo])
def test_what_changed_since_it_was_listed_is_left(change: Callable[[Path], None], place: Place) -> None:
    listed = place.listed()
    change(place.path)
    assert place.read(listed) is None


@pytest.mark.parametrize("change", [other_content, longer, shorter, replaced, gone, link])
def test_what_changes_while_it_is_read_is_left(change: Callable[[Path], None], place: Place) -> None:
    os.utime(place.path, ns=(10**18, 10**18))

    def use(data: memoryview) -> bytes:
        change(place.path)
        return bytes(data)

    assert place.read(use=use) is None


def test_an_empty_file_that_got_content_is_left(place: Place) -> None:
    place.path.write_bytes(b"")
    listed = place.listed()
    place.path.write_bytes(b"x")
    assert place.read(listed) is None


def test_what_may_still_change_without_another_time_is_left(place: Place) -> None:
    place.now_ns = time.time_ns()
    assert place.read() is None


def test_what_may_have_holes_is_left(place: Place) -> None:
    with open(place.path, "wb") as file:
        file.truncate(100_000)
    if os.stat(place.path).st_blocks:
        pytest.skip("this filesystem has no holes: tmpfs and ext4 have")
    assert place.read() is None


def test_more_than_is_granted_is_left(place: Place) -> None:
    place.throttle.granted = len(CONTENT) - 1
    assert place.read() is None
    assert place.throttle.consumed == 0


def test_a_replaced_directory_is_left(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    listed, ref = place.listed(), place.ref
    place.folder.rename(tmp_path_factory.mktemp("away") / "there")
    place.folder.mkdir()
    place.path.write_bytes(CONTENT)
    read = SmallReader(DirectoryCache(), place.throttle).in_directory(ref, place.now_ns, lambda data, _: bytes(data))
    assert read(b"file", listed) is None


@pytest.mark.parametrize("error", [errno.EIO, errno.EOPNOTSUPP])
def test_an_error_is_left(error: int, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "preadv", fail)
    monkeypatch.setattr(page_cache, "NOWAIT", 8)
    reader = SmallReader(DirectoryCache(), place.throttle)
    once = reader.in_directory(place.ref, place.now_ns, lambda data, _: bytes(data))
    assert once(b"file", place.listed()) is None
    # A filesystem that cannot tell what is cached is read without asking from then on.
    again = reader.in_directory(place.ref, place.now_ns, lambda data, _: bytes(data))(b"file", place.listed())
    assert (again and again[0]) == (CONTENT if error == errno.EOPNOTSUPP else None)


def test_pages_that_were_not_cached_are_dropped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = []

    def not_cached(*_: object) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", not_cached)
    monkeypatch.setattr(page_cache, "NOWAIT", 8)
    monkeypatch.setattr(page_cache, "drop_pages", lambda *words: dropped.append(words[1:]))
    assert place.read() == CONTENT
    assert dropped == [(0, 0)]


def test_no_descriptor_is_left_open(place: Place) -> None:
    before = len(os.listdir("/dev/fd"))
    cache = DirectoryCache()
    reader = SmallReader(cache, place.throttle)
    for result in (b"", None):
        reader.in_directory(place.ref, place.now_ns, lambda *_, found=result: found)(b"file", place.listed())
    place.path.unlink()
    cache.close()
    assert len(os.listdir("/dev/fd")) == before
