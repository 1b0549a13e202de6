"""One rate for all workers together, on a clock of our own."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.workers.local.rate_limiter import CREDIT_S, REFILL_INTERVAL_S, UNLIMITED_BYTES, RateLimiter

MIB = 1 << 20


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


class Worker:
    """Reads what it is allowed in chunks, as far as its own speed goes."""

    def __init__(self, speed_bytes_per_s: float = 1e12, chunk_bytes: int = 256 * 1024) -> None:
        self.speed = speed_bytes_per_s
        self.chunk = chunk_bytes
        self.taken = 0
        self.allowed = 0
        self.waiting = False

    def bytes_taken(self) -> int:
        return self.taken

    def allow(self, taken: int) -> None:
        self.allowed = taken

    def work(self, elapsed_s: float) -> None:
        left = self.speed * elapsed_s
        while left > 0 and self.taken < self.allowed:
            self.taken += self.chunk
            left -= self.chunk
        self.waiting = left > 0


def run(rate_limiter: RateLimiter, clock: Clock, workers: list[Worker], seconds: float) -> int:
    before = sum(worker.taken for worker in workers)
    for _ in range(round(seconds / REFILL_INTERVAL_S)):
        clock.now_s += REFILL_INTERVAL_S
        rate_limiter.refill(workers)
        for worker in workers:
            worker.work(REFILL_INTERVAL_S)
    return sum(worker.taken for worker in workers) - before


def started(rate: int | None, *workers: Worker) -> tuple[RateLimiter, list[Worker]]:
    rate_limiter = RateLimiter(rate)
    for worker in workers:
        rate_limiter.register(worker)
    return rate_limiter, list(workers)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_all_together_keep_the_rate(clock: Clock, count: int) -> None:
    rate = 100 * MIB
    rate_limiter, workers = started(rate, *(Worker() for _ in range(count)))
    taken = run(rate_limiter, clock, workers, 10)
    assert taken == pytest.approx(10 * rate, rel=0.03)
    shares = [worker.taken for worker in workers]
    assert min(shares) > 0.8 * max(shares)


def test_one_that_reads_gets_what_the_idle_ones_leave(clock: Clock) -> None:
    rate = 100 * MIB
    rate_limiter, workers = started(rate, Worker(), *(Worker(speed_bytes_per_s=0) for _ in range(31)))
    assert run(rate_limiter, clock, workers, 10) == pytest.approx(10 * rate, rel=0.03)


def test_what_was_not_read_in_time_is_not_caught_up_with(clock: Clock) -> None:
    rate = 100 * MIB
    rate_limiter, workers = started(rate, Worker())
    run(rate_limiter, clock, workers, 1)
    clock.now_s += 60
    assert run(rate_limiter, clock, workers, REFILL_INTERVAL_S) <= rate * (CREDIT_S + REFILL_INTERVAL_S) + 256 * 1024


@given(
    rate=st.integers(1024, 1 << 31),
    speeds=st.lists(st.floats(0, 2e9), min_size=1, max_size=6),
    chunk=st.integers(1, 256 * 1024),
)
def test_the_rate_is_never_exceeded_by_more_than_credit_and_a_chunk_each(
    rate: int, speeds: list[float], chunk: int
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", clock.monotonic)
        chunk = max(chunk, rate // 2000)  # so that the example ends
        rate_limiter, workers = started(rate, *(Worker(speed, chunk) for speed in speeds))
        taken = run(rate_limiter, clock, workers, 2)
    assert taken <= rate * (2 + CREDIT_S) + len(workers) * chunk


def test_without_a_rate_everything_is_allowed_until_it_is_held() -> None:
    rate_limiter, [worker] = started(None, Worker())
    assert (worker.allowed, rate_limiter.interval_s) == (UNLIMITED_BYTES, None)
    rate_limiter.pause([worker])
    rate_limiter.refill([worker])
    assert worker.allowed == 0
    rate_limiter.resume([worker])
    assert worker.allowed == UNLIMITED_BYTES


def test_a_pause_earns_nothing(clock: Clock) -> None:
    rate_limiter, workers = started(MIB, Worker(chunk_bytes=1))
    run(rate_limiter, clock, workers, 1)
    rate_limiter.pause(workers)
    before = workers[0].taken
    clock.now_s += 1000
    assert workers[0].allowed <= before
    rate_limiter.resume(workers)
    assert run(rate_limiter, clock, workers, REFILL_INTERVAL_S) <= MIB * (CREDIT_S + REFILL_INTERVAL_S) + 1
