"""A worker's throttle: it reads only as much as the parent grants in the shared progress memory.

The parent alone divides the rate (hashaudit/workers/local/rate_limiter.py), so a compromised worker can neither use
up nor hold back what the others may read.
"""

import time

from hashaudit.workers.protocol import ALLOWED_BYTES, READ_BYTES, WAITING

NAP_S = 0.01
"""Interval between two checks while nothing is granted: half of the parent's refill interval."""

MAX_NAP_S = 0.1
"""Longest interval, for a scan that is paused, perhaps for hours."""

LEAST_READ_BYTES = 16 * 1024
"""Least read size, even if less is granted. The debt costs less than many small reads."""


class SharedThrottle:
    """The throttle in shared progress memory. Implements :class:`hashaudit.content.read.Throttle`."""

    __slots__ = ("_progress",)

    def __init__(self, progress: memoryview) -> None:
        self._progress = progress

    def acquire(self) -> int:
        """Waits for a grant and returns the largest size of the next read."""
        acquire = self._progress[ALLOWED_BYTES] - self._progress[READ_BYTES]
        if acquire <= 0:
            acquire = self._wait()
        return max(acquire, LEAST_READ_BYTES)

    def consume(self, count: int) -> None:
        """Counts ``count`` bytes as read."""
        self._progress[READ_BYTES] += count

    def take(self, count: int) -> bool:
        """Returns whether ``count`` bytes may be read without waiting, and counts them as read then."""
        progress = self._progress
        read = progress[READ_BYTES]
        granted = progress[ALLOWED_BYTES] - read
        if granted < count and (granted <= 0 or count > LEAST_READ_BYTES):
            return False
        progress[READ_BYTES] = read + count
        return True

    def _wait(self) -> int:
        progress = self._progress
        progress[WAITING] = 1
        nap_s = NAP_S
        while (acquire := progress[ALLOWED_BYTES] - progress[READ_BYTES]) <= 0:
            time.sleep(nap_s)
            nap_s = min(nap_s * 1.1, MAX_NAP_S)
        progress[WAITING] = 0
        return int(acquire)
