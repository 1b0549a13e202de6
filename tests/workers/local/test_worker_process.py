"""The words of a worker about itself, which may be any numbers."""

import socket

import pytest

from hashaudit.workers.local.rate_limiter import RateLimiter
from hashaudit.workers.local.worker_process import OVERDRAFT_BYTES, WorkerProcess
from hashaudit.workers.protocol import ALLOWED_BYTES, FED_BYTES, PROGRESS_WORDS, READ_BYTES, WAITING


class Mute(WorkerProcess):
    """A worker process whose progress memory the test writes."""

    def __init__(self) -> None:
        self.words = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
        self._progress = self.words
        self.socket = socket.socket()
        self.socket.close()


@pytest.mark.parametrize("word", [1 << 62, (1 << 63) - 1, -1, -(1 << 63)])
def test_bytes_are_believed_up_to_the_grant(word: int) -> None:
    process = Mute()
    process.allow(1000)
    process.words[READ_BYTES] = word
    assert 0 <= process.bytes_taken() <= 1000 + OVERDRAFT_BYTES
    process.words[FED_BYTES] = word
    assert process.bytes_read() >= 0


def test_what_was_read_is_never_taken_back() -> None:
    process = Mute()
    process.allow(1000)
    process.words[READ_BYTES] = 900
    assert process.bytes_taken() == 900
    process.words[READ_BYTES] = 0
    assert process.bytes_taken() == 900


def test_a_worker_cannot_grant_itself_anything() -> None:
    process = Mute()
    process.allow(1000)
    process.words[ALLOWED_BYTES] = 1 << 60
    process.words[READ_BYTES] = 1 << 59
    process.words[WAITING] = 1
    assert process.bytes_taken() == 1000 + OVERDRAFT_BYTES
    assert process.waiting


def test_a_worker_that_lies_about_its_bytes_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    rate = 50 << 20
    limiter = RateLimiter(rate)
    liar, honest = Mute(), Mute()
    for process in (liar, honest):
        limiter.register(process)
    liar.words[READ_BYTES] = 1 << 62
    for _ in range(500):
        now_s += 0.02
        limiter.refill([liar, honest])
        honest.words[READ_BYTES] = honest.words[ALLOWED_BYTES]
        honest.words[WAITING] = 1
    assert honest.bytes_taken() > 0.4 * rate * 10
