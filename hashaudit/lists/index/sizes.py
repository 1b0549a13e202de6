"""Collecting the sizes that entries give, as long as every entry gives one."""

from array import array

import numpy as np
import numpy.typing as npt

_MIN_PENDING = 1 << 16


class SizeCollector:
    """A sorted set of sizes in bytes, or nothing once an entry gave none."""

    def __init__(self) -> None:
        self._complete = True
        self._sorted: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._pending = array("Q")

    def add(self, size_bytes: int) -> None:
        """Takes the size of one entry."""
        if self._complete:
            self._pending.append(size_bytes)
            # Waiting for as many as there are makes the sum of all sorts n log n.
            if len(self._pending) >= max(_MIN_PENDING, len(self._sorted)):
                self._merge()

    def give_up(self) -> None:
        """An entry gives no size: the set would not be complete."""
        self._complete = False
        self._sorted = self._sorted[:0]
        del self._pending[:]

    def section(self) -> bytes | None:
        """The section ``sizes``, or ``None`` if the index has none."""
        if not self._complete:
            return None
        self._merge()
        return self._sorted.astype("<u8", copy=False).tobytes()

    def _merge(self) -> None:
        self._sorted = np.union1d(self._sorted, np.array(self._pending, dtype=np.uint64))
        del self._pending[:]
