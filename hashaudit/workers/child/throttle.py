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

    __slots__ = ("_board",)

    def __init__(self, board: memoryview) -> None:
        self._board = board

    def room(self) -> int:
        """Waits until the parent allows more than was read; gives how much one read may take."""
        room = self._board[ALLOWED_BYTES] - self._board[READ_BYTES]
        if room <= 0:
            room = self._wait()
        return max(room, LEAST_READ_BYTES)

    def spend(self, count: int) -> None:
        """Notes that ``count`` bytes were read."""
        self._board[READ_BYTES] += count

    def _wait(self) -> int:
        board = self._board
        board[WAITING] = 1
        nap_s = NAP_S
        while (room := board[ALLOWED_BYTES] - board[READ_BYTES]) <= 0:
            time.sleep(nap_s)
            nap_s = min(nap_s * 1.1, MAX_NAP_S)
        board[WAITING] = 0
        return int(room)
