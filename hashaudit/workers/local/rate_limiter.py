"""One rate for all workers together: what each may read next, worked out anew many times a second.

What was read is taken from the credit that time earns; what is left of it is divided among the workers that read or
wait to read, so that a worker that decodes or has nothing to do holds nothing back from the others.
"""

import time
from collections.abc import Collection, Hashable
from typing import Protocol

REFILL_INTERVAL_S = 0.02
"""Between two turns while there is a rate to keep: short beside :data:`CREDIT_S`, so that a late turn loses nothing."""

CREDIT_S = 0.1
"""Credit of so many seconds is kept at most: what was not read in time is not caught up with in a burst."""

UNLIMITED_BYTES = (1 << 63) - 1

FIRST_BYTES = 64 * 1024
"""Allowed at most to a worker that does not read at the moment, so that it begins without waiting for a turn."""


class Throttled(Hashable, Protocol):
    """A worker as far as its pace goes."""

    def bytes_taken(self) -> int:
        """Bytes that it read from storage since it started."""
        ...

    @property
    def waiting(self) -> bool:
        """It says that it waits to be allowed more."""
        ...

    def allow(self, taken: int) -> None:
        """It may read until it has taken so many bytes since it started."""
        ...


class RateLimiter:
    """Shares out a rate; without one, everything is allowed until :meth:`pause`.

    Args:
        rate_bytes_per_s: of all workers together.
    """

    def __init__(self, rate_bytes_per_s: int | None) -> None:
        self._rate = rate_bytes_per_s
        self._credit = 0.0
        self._refilled_s = time.monotonic()
        self._taken: dict[Throttled, int] = {}

    @property
    def interval_s(self) -> float | None:
        """How often :meth:`refill` has to be called; ``None``: never."""
        return None if self._rate is None else REFILL_INTERVAL_S

    def register(self, worker: Throttled) -> None:
        """Sets the pace of a worker that has just started."""
        worker.allow(UNLIMITED_BYTES if self._rate is None else 0)

    def set_rate(self, bytes_per_s: int) -> None:
        """Changes the rate, of a pacer that was made with one."""
        self._rate = bytes_per_s

    def pause(self, workers: Collection[Throttled]) -> None:
        """Lets nothing be read until :meth:`resume`."""
        for worker in workers:
            worker.allow(0)

    def resume(self, workers: Collection[Throttled]) -> None:
        """Sets the pace again that was before :meth:`pause`."""
        self._refilled_s = time.monotonic()
        for worker in workers:
            self.register(worker)

    def refill(self, workers: Collection[Throttled]) -> None:
        """Shares the credit out among the workers that there are now."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._refilled_s
        if self._rate is None or elapsed_s < REFILL_INTERVAL_S / 2:
            return
        self._refilled_s = now_s
        self._credit = min(self._credit + self._rate * elapsed_s, self._rate * CREDIT_S)
        taken = {worker: worker.bytes_taken() for worker in workers}
        moved = {worker: count - self._taken.get(worker, 0) for worker, count in taken.items()}
        self._taken = taken
        self._credit -= sum(moved.values())
        readers = [worker for worker in workers if moved[worker] or worker.waiting]
        share = max(0, int(self._credit / max(1, len(readers))))
        for worker in workers:
            moving = moved[worker] or worker.waiting
            worker.allow(taken[worker] + (share if moving else min(share, FIRST_BYTES)))
