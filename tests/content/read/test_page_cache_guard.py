"""What reading leaves in memory: what was there before, and nothing else."""

import os
from collections.abc import Callable, Iterator

import pytest

from hashaudit.content.read import READ_CHUNK_BYTES, Reader, page_cache_guard
from hashaudit.content.read.feed import feed
from hashaudit.content.read.page_cache_guard import WINDOW_BYTES
from hashaudit.host import page_cache

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Cold = Callable[[int], int]


class Nothing:
    """Keeps nothing of what it is fed."""

    def update(self, data: memoryview, /) -> None:
        pass


def read(descriptor: int) -> int:
    """Reads a file as an entry is read, from its start."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    status = os.fstat(descriptor)
    count, _ = feed(descriptor, Nothing(), Reader(), status, limit=1 << 40, skip_holes=True)
    return count


@pytest.fixture(params=["counted", "probed"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ways to learn what is in memory: the kernel's count, and probes where there is none."""
    if request.param == "counted":
        if page_cache._syscall() is None or pages(os.open(__file__, os.O_RDONLY)) is None:
            pytest.skip("this kernel has no cachestat")
        yield
        return
    with monkeypatch.context() as patch:
        patch.setattr(page_cache, "_count", lambda *_: None)
        yield


count_pages = page_cache._count


def pages(descriptor: int, offset: int = 0, length: int = 0) -> int | None:
    return count_pages(descriptor, offset, length or os.fstat(descriptor).st_size)


@pytest.fixture
def cold(folder: bytes) -> Iterator[Cold]:
    """Makes files of which nothing is in memory."""
    opened = []

    def make(size: int) -> int:
        path = folder + b"/file"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        opened.append(descriptor)
        for offset in range(0, size, 1 << 20):
            os.pwrite(descriptor, b"x" * min(1 << 20, size - offset), offset)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if pages(descriptor):
            pytest.skip("this filesystem keeps its files in memory")
        return descriptor

    yield make
    for descriptor in opened:
        os.close(descriptor)


SIZES = [1, PAGE_BYTES, READ_CHUNK_BYTES, READ_CHUNK_BYTES + 1, 3 * READ_CHUNK_BYTES, WINDOW_BYTES + 5]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("size", SIZES)
def test_what_was_not_in_memory_is_let_go_of(size: int, cold: Cold) -> None:
    descriptor = cold(size)
    assert read(descriptor) == size
    assert pages(descriptor) == 0


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("size", SIZES)
def test_what_was_in_memory_stays(size: int, cold: Cold) -> None:
    descriptor = cold(size)
    for offset in range(0, size, 1 << 20):
        os.pread(descriptor, 1 << 20, offset)
    before = pages(descriptor)
    assert before
    assert read(descriptor) == size
    assert pages(descriptor) == before


@pytest.mark.usefixtures("asked")
def test_a_part_that_was_in_memory_stays_and_the_others_go(cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache_guard, "WINDOW_BYTES", 20 << 20)
    size = 50 << 20
    descriptor = cold(size)
    os.pread(descriptor, 8 << 20, 40 << 20)
    before = pages(descriptor, 40 << 20, 10 << 20)
    assert before
    assert read(descriptor) == size
    kept = pages(descriptor, 40 << 20, 10 << 20)
    assert kept is not None
    assert kept >= before
    assert pages(descriptor, 0, 40 << 20) == 0


def test_a_system_that_tells_nothing_is_left_alone(cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = cold(READ_CHUNK_BYTES)
    monkeypatch.setattr(page_cache, "NOWAIT", None)
    monkeypatch.setattr(page_cache, "_count", lambda *_: None)
    read(descriptor)
    assert pages(descriptor) == READ_CHUNK_BYTES // PAGE_BYTES
