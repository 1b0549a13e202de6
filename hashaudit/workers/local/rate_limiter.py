"""A token bucket that divides one read rate among all workers, many times a second.

Elapsed time adds credit and reading uses it. The rest is divided among the workers that read or wait to read, so that a
worker that decodes or is idle takes no share from the others.
"""

import time
from collections.abc import Collection, Hashable
from typing import Protocol

REFILL_INTERVAL_S = 0.02
"""Interval between two refills. Short compared with :data:`CREDIT_S`, so that a late refill loses nothing."""

CREDIT_S = 0.1
"""Largest credit, in seconds of the rate: unused credit is not made up for in a burst."""

UNLIMITED_BYTES = (1 << 63) - 1

FIRST_BYTES = 64 * 1024
"""Largest grant to a worker that does not read at the moment, so that it starts without waiting for a refill."""


class Throttled(Hashable, Protocol):
    """A worker whose reading is limited."""

    def bytes_taken(self) -> int:
        """Returns the bytes read from storage since the worker started."""
        ...

    @property
    def waiting(self) -> bool:
        """True if the worker waits for a grant."""
        ...

    def allow(self, taken: int) -> None:
        """Allows reading until the worker has read ``taken`` bytes since it started."""
        ...


class RateLimiter:
    """Divides a rate; without one, everything is allowed until :meth:`pause`.

    Args:
        rate_bytes_per_s: common rate of all workers; ``None``: no limit.
    """

    def __init__(self, rate_bytes_per_s: int | None) -> None:
        self._rate = rate_bytes_per_s
        self._credit = 0.0
        self._refilled_s = time.monotonic()
        self._taken: dict[Throttled, int] = {}

    @property
    def interval_s(self) -> float | None:
        """Interval at which to call :meth:`refill`; ``None``: never."""
        return None if self._rate is None else REFILL_INTERVAL_S

    def register(self, worker: Throttled) -> None:
        """Sets the first grant of a worker that has just started."""
        worker.allow(UNLIMITED_BYTES if self._rate is None else 0)

    def set_rate(self, bytes_per_s: int) -> None:
        """Changes the rate. The limiter must have been created with one."""
        self._rate = bytes_per_s

    def pause(self, workers: Collection[Throttled]) -> None:
        """Stops all reading until :meth:`resume`."""
        for worker in workers:
            worker.allow(0)

    def resume(self, workers: Collection[Throttled]) -> None:
        """Restores the grants from before :meth:`pause`."""
        self._refilled_s = time.monotonic()
        for worker in workers:
            self.register(worker)

    def refill(self, workers: Collection[Throttled]) -> None:
        """Divides the credit among the present workers."""
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
