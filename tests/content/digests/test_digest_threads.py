"""Digests in threads: the same values, also of files that follow each other and of one that is given up."""

import os
import threading

import pytest

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.digest_threads import BLOCKS_AHEAD, DigestThreads, Running
from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.model.results import AlgorithmName

ALL = tuple(DIGESTS)
BLOCKS = [os.urandom(5000), b"", b"x", *([os.urandom(3000)] * (2 * BLOCKS_AHEAD))]


@pytest.fixture(scope="module")
def threads() -> DigestThreads:
    threads = DigestThreads(ALL)
    assert threads.start()
    return threads


@pytest.mark.parametrize("blocks", [[], [b""], [b"abc"], BLOCKS])
def test_the_values_are_those_of_one_thread(blocks: list[bytes], threads: DigestThreads) -> None:
    parallel, alone = threads.digest(), MultiDigest(ALL)
    buffer = bytearray(8192)
    for block in blocks:
        buffer[: len(block)] = block  # as a read does
        parallel.update(memoryview(buffer)[: len(block)])
        alone.update(block)
    assert parallel.digests() == alone.digests()
    assert parallel.digests() == alone.digests()


def test_a_file_that_is_given_up_does_not_disturb_the_next(threads: DigestThreads) -> None:
    threads.digest().update(b"given up")
    following, alone = threads.digest(), MultiDigest(ALL)
    following.update(b"next")
    alone.update(b"next")
    assert following.digests() == alone.digests()


def test_a_failure_is_raised_and_no_digest_given() -> None:
    class Broken:
        def update(self, _data: object) -> None:
            raise MemoryError

        def digest(self) -> bytes:
            raise AssertionError

    running = Running(Broken())
    for _ in range(BLOCKS_AHEAD):
        running.room.acquire()
        running.add(b"x")
    with pytest.raises(MemoryError):
        running.result()


def test_one_algorithm_needs_no_thread() -> None:
    assert not DigestThreads((AlgorithmName("md5"),)).start()


def test_without_room_for_threads_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not DigestThreads(ALL).start()
