"""A worker's throttle: it reads only as much as the parent grants in the shared progress memory.

The parent alone divides the rate (hashaudit/workers/local/rate_limiter.py), so a compromised worker can neither use
up nor hold back what the others may read.
"""

import time

from hashaudit.workers.protocol import ALLOWED_BYTES, READ_BYTES, WAITING

NAP_S = 0.01
"""Between two looks at the board while there is no room: half of the parent's turn."""

MAX_NAP_S = 0.1
"""While a run is paused, which may be for hours."""

LEAST_READ_BYTES = 16 * 1024
"""Read at once even if fewer are allowed: the rest is a debt, which costs less than many small reads."""


class SharedThrottle:
    """The pace as the board has it: how much was read, and how much may be. A :class:`hashaudit.content.read.Pace`."""

    __slots__ = ("_progress",)

    def __init__(self, progress: memoryview) -> None:
        self._progress = progress

    def acquire(self) -> int:
        """Waits until the parent allows more than was read; gives how much one read may take."""
        acquire = self._progress[ALLOWED_BYTES] - self._progress[READ_BYTES]
        if acquire <= 0:
            acquire = self._wait()
        return max(acquire, LEAST_READ_BYTES)

    def consume(self, count: int) -> None:
        """Notes that ``count`` bytes were read."""
        self._progress[READ_BYTES] += count

    def _wait(self) -> int:
        progress = self._progress
        progress[WAITING] = 1
        nap_s = NAP_S
        while (acquire := progress[ALLOWED_BYTES] - progress[READ_BYTES]) <= 0:
            time.sleep(nap_s)
            nap_s = min(nap_s * 1.1, MAX_NAP_S)
        progress[WAITING] = 0
        return int(acquire)
