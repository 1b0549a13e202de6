"""Collects the digests of one algorithm with their rows, until they are sorted.

Numpy takes longer to import than a small list takes to sort, so it is imported for large lists only.
"""

from array import array
from functools import partial
from typing import TYPE_CHECKING

from hashaudit.lists.index.duplicates import Duplicates
from hashaudit.lists.index.index_layout import ROW_BYTES, little_endian
from hashaudit.lists.index.spool import RUN_BYTES

if TYPE_CHECKING:
    from hashaudit.lists.index.sort import DigestSorter

SMALL_ROWS = 1 << 14
"""Rows up to which an index is sorted without numpy, in some 20 ms."""


class DigestRecords:
    """Records of one algorithm: a digest and its row, as a little-endian number of 4 bytes."""

    def __init__(self, width_bytes: int, duplicates: Duplicates, directory: str | None = None) -> None:
        """Starts without records.

        Args:
            width_bytes: size of a digest.
            duplicates: the entries of all lists, by which duplicates are recognised.
            directory: for temporary files; default: the system's.
        """
        self.width_bytes = width_bytes
        self.pending = bytearray()
        """Waiting records. Callers append directly, because a call for each record would double the cost."""
        self.duplicates = duplicates
        self._directory = directory
        self._sorter: DigestSorter | None = None

    @property
    def is_small(self) -> bool:
        """True if all records wait in memory, and are few enough to be sorted without numpy."""
        return self._sorter is None and self._is_small_with(0)

    def close(self) -> None:
        """Closes the temporary files."""
        if self._sorter is not None:
            self._sorter.close()

    def flush_full(self) -> None:
        """Bounds the records waiting in memory."""
        if len(self.pending) >= RUN_BYTES:
            self.sorter().spill()

    def extend(self, digests: bytes, first_row: int) -> None:
        """Adds digests whose rows count up from ``first_row``."""
        count = len(digests) // self.width_bytes
        if self._sorter is not None or not self._is_small_with(count):
            self.sorter().extend(digests, first_row)
            return
        # By column of bytes: a loop over the records takes ten times as long.
        rows = little_endian(array("I", range(first_row, first_row + count)))
        size = self.width_bytes + ROW_BYTES
        records = bytearray(size * count)
        for column in range(self.width_bytes):
            records[column::size] = digests[column :: self.width_bytes]
        for column in range(ROW_BYTES):
            records[self.width_bytes + column :: size] = rows[column::ROW_BYTES]
        self.pending += records

    def _is_small_with(self, more: int) -> bool:
        return len(self.pending) + more * (self.width_bytes + ROW_BYTES) <= SMALL_ROWS * (self.width_bytes + ROW_BYTES)

    def sorter(self) -> "DigestSorter":
        """Returns the sorter of a large list. It takes the waiting records."""
        from hashaudit.lists.index.drop_duplicates import drop_duplicates  # noqa: PLC0415 # start-up: see above
        from hashaudit.lists.index.sort import DigestSorter  # noqa: PLC0415 # as above

        if self._sorter is None:
            drop = partial(drop_duplicates, self.duplicates)
            self._sorter = DigestSorter(self.width_bytes, drop, self._directory)
        self._sorter.pending += self.pending
        self.pending.clear()
        return self._sorter
