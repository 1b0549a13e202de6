"""Tests that reading drops the pages that it adds to the page cache, and no others.

On a busy machine one attempt proves nothing, because the kernel may
- keep a page that it is advised to drop, while another processor refers to it;
- evict a page when memory is short;
- finish the read that a probe (``RWF_NOWAIT``) starts before the probe returns, so that the page counts as cached.
So each test succeeds as soon as one of several attempts does. A defect of hashaudit fails all of them.
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from hashaudit.content.read import READ_CHUNK_BYTES, Reader, page_cache_guard
from hashaudit.content.read.feed import feed
from hashaudit.content.read.page_cache_guard import WINDOW_BYTES
from hashaudit.host import page_cache

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Cold = Callable[[int], int]


class NullSink:
    """Discards its content."""

    def update(self, data: memoryview, /) -> None:
        pass


def read(descriptor: int) -> int:
    """Reads a file from its start, as an entry is read."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    status = os.fstat(descriptor)
    count, _ = feed(descriptor, NullSink(), Reader(), status, limit=1 << 40, skip_holes=True)
    return count


@pytest.fixture(params=["counted", "probed"])
def residency(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Finds cached pages in both ways: by the kernel's count, and by probes."""
    if request.param == "counted":
        with open(__file__, "rb") as file:
            if page_cache._syscall() is None or pages(file.fileno()) is None:
                pytest.skip("this kernel has no cachestat")
        yield "counted"
        return
    with monkeypatch.context() as patch:
        patch.setattr(page_cache, "_count", lambda *_: None)
        yield "probed"


count_pages = page_cache._count


def pages(descriptor: int, offset: int = 0, length: int = 0) -> int | None:
    """Returns the number of cached pages of a part of a file; ``None`` if the kernel cannot count them."""
    return count_pages(descriptor, offset, length or os.fstat(descriptor).st_size)


def is_empty(descriptor: int, offset: int = 0, length: int = 0) -> bool:
    """Returns whether no page of a part of a file is cached, as far as the kernel can count."""
    return not pages(descriptor, offset, length)


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """Records the parts of files that the kernel is advised to drop. Still gives the advice."""
    parts: list[range] = []
    original = os.posix_fadvise

    def advise(descriptor: int, offset: int, length: int, advice: int) -> None:
        if advice == os.POSIX_FADV_DONTNEED:
            parts.append(range(offset, offset + length if length else 1 << 62))
        original(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", advise)
    return parts


def covers(parts: list[range], stop: int) -> bool:
    """Returns whether adjacent parts, in their order, cover a file from its start to at least ``stop``."""
    end = 0
    for part in parts:
        end = max(end, part.stop) if part.start <= end else end
    return end >= stop


@pytest.fixture
def cold(folder: bytes, dropped: list[range]) -> Iterator[Cold]:
    """Makes files of which no page is cached."""
    opened: list[int] = []

    def make(size: int) -> int:
        path = folder + b"/file%d" % len(opened)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        opened.append(descriptor)
        for offset in range(0, size, 1 << 20):
            os.pwrite(descriptor, b"x" * min(1 << 20, size - offset), offset)
        os.fsync(descriptor)
        for _ in attempts():
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if is_empty(descriptor):
                dropped.clear()
                return descriptor
        pytest.skip("this filesystem keeps its files in memory")

    yield make
    for descriptor in opened:
        os.close(descriptor)


def attempts() -> Iterator[int]:
    """Yields the numbers of the attempts that the kernel gets, with pauses between them."""
    for attempt in range(6):
        if attempt:
            time.sleep(0.05 * 2**attempt)
        yield attempt


SIZES = [1, PAGE_BYTES, READ_CHUNK_BYTES, READ_CHUNK_BYTES + 1, 3 * READ_CHUNK_BYTES, WINDOW_BYTES + 5]


@pytest.mark.parametrize("size", SIZES)
def test_pages_that_were_not_cached_are_dropped(size: int, residency: str, cold: Cold, dropped: list[range]) -> None:
    for _ in attempts():
        descriptor = cold(size)
        assert read(descriptor) == size
        is_certain = residency == "counted" and size > READ_CHUNK_BYTES
        assert covers(dropped, size) or not is_certain
        if covers(dropped, size) and is_empty(descriptor):
            return
    pytest.fail("pages of the file stay cached after every attempt")


@pytest.mark.usefixtures("residency")
@pytest.mark.parametrize("size", SIZES)
def test_pages_that_were_cached_stay(size: int, cold: Cold, dropped: list[range]) -> None:
    for _ in attempts():
        descriptor = cold(size)
        for offset in range(0, size, 1 << 20):
            os.pread(descriptor, 1 << 20, offset)
        before = pages(descriptor)
        assert read(descriptor) == size
        if before != 0 and dropped == [] and (pages(descriptor) or 0) >= (before or 0):
            return
    pytest.fail("pages of the file are dropped or evicted in every attempt")


def test_a_cached_part_stays_and_the_others_are_dropped(
    residency: str, cold: Cold, dropped: list[range], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache_guard, "WINDOW_BYTES", 20 << 20)
    size, kept_from = 50 << 20, 40 << 20
    for _ in attempts():
        descriptor = cold(size)
        os.pread(descriptor, 8 << 20, kept_from)
        before = pages(descriptor, kept_from, 10 << 20)
        assert read(descriptor) == size
        assert covers(dropped, kept_from) or residency != "counted"
        if before == 0 or not covers(dropped, kept_from) or any(part.stop > kept_from for part in dropped):
            continue
        has_kept = (pages(descriptor, kept_from, 10 << 20) or 0) >= (before or 0)
        if has_kept and is_empty(descriptor, 0, kept_from):
            return
    pytest.fail("no attempt keeps the cached part and drops the others")


def test_a_system_that_reports_nothing_drops_nothing(
    cold: Cold, dropped: list[range], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "NOWAIT", None)
    monkeypatch.setattr(page_cache, "_count", lambda *_: None)
    for _ in attempts():
        descriptor = cold(READ_CHUNK_BYTES)
        read(descriptor)
        assert dropped == []
        if pages(descriptor) in {READ_CHUNK_BYTES // PAGE_BYTES, None}:
            return
    pytest.fail("pages of the file are evicted in every attempt")
