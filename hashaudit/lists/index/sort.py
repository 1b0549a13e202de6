"""External sort of digests with their rows, in memory independent of their number.

Records are sorted in runs that are written to nameless temporary files and then merged a window at a time, both with
numpy. Whole digests are compared only if they share their first eight bytes.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.spool import RUN_BYTES, spool
from hashaudit.lists.index.words import Words, leading_words

Records = npt.NDArray[np.void]
"""Structured array: ``digest`` of fixed width, ``row`` as a 4-byte number."""

MERGE_BYTES = 64 << 20
"""Bytes of records of all runs in memory while they are merged."""


class DuplicateFilter(Protocol):
    """Filter that drops records of duplicate entries."""

    def __call__(self, records: Records, tied: npt.NDArray[np.bool_]) -> Records:
        """Returns the records to keep.

        Args:
            records: sorted by digest, then row, with all available records of each digest.
            tied: for each record except the first, whether its digest equals the previous one.
        """
        ...


def record_type(width_bytes: int) -> np.dtype[np.void]:
    """Returns the type of one record."""
    return np.dtype([("digest", f"S{width_bytes}"), ("row", "<u4")])


class _Run(msgspec.Struct):
    """A sorted run in a file, with the window that is being merged."""

    file: BinaryIO
    dtype: np.dtype[np.void]
    window: Records
    more: bool = True
    """True if records follow the window."""

    def fill(self, count: int) -> None:
        """Fills the window to ``count`` records, or to the end of the run."""
        wanted = count - len(self.window)
        if not self.more or wanted <= 0:
            return
        read = np.frombuffer(self.file.read(wanted * self.dtype.itemsize), self.dtype)
        self.more = len(read) == wanted
        self.window = np.concatenate([self.window, read]) if len(self.window) else read

    def take_below(self, pivot: bytes | None) -> Records:
        """Removes the records below the pivot from the window and returns them; all records without a pivot."""
        if pivot is None:
            end = len(self.window)
        else:
            end = int(np.searchsorted(self.window["digest"], np.array(pivot, self.dtype["digest"])))
        removed, self.window = self.window[:end], self.window[end:]
        return removed


class DigestSorter:
    """Sorter of the records of one algorithm."""

    def __init__(self, width_bytes: int, duplicates: DuplicateFilter, directory: str | None = None) -> None:
        """Creates an empty sorter.

        Args:
            width_bytes: size of a digest.
            duplicates: receives equal digests, in each run and again in the merge.
            directory: for temporary files; default: the system's.
        """
        self.width_bytes = width_bytes
        self.pending = bytearray()
        """Waiting records."""
        self._count = 0
        self._dtype = record_type(width_bytes)
        self._duplicates = duplicates
        self._directory = directory
        self._runs: list[_Run] = []

    @property
    def total(self) -> int:
        """Number of records, including duplicates not detected yet."""
        return self._count + len(self.pending) // self._dtype.itemsize

    def close(self) -> None:
        """Closes the temporary files."""
        for run in self._runs:
            run.file.close()

    def spill(self) -> None:
        """Writes the waiting records to a temporary file, sorted."""
        self._spill(self._sort_pending())

    def extend(self, digests: bytes, first_row: int) -> None:
        """Adds digests whose rows count up from ``first_row``."""
        block = np.frombuffer(digests, f"S{self.width_bytes}")
        records = np.empty(len(block), self._dtype)
        records["digest"] = block
        records["row"] = np.arange(first_row, first_row + len(block), dtype=np.uint32)
        self.pending += records.tobytes()
        if len(self.pending) >= RUN_BYTES:
            self.spill()

    def sorted_chunks(self) -> Iterator[Records]:
        """Yields all records in order, in chunks that begin with a new digest. Call it once, at the end."""
        last = self._sort_pending()
        if not self._runs:
            if len(last):
                yield last
            return
        self._spill(last)
        del last
        yield from self._merge()

    def _sort_pending(self) -> Records:
        records = sort_records(np.frombuffer(self.pending, self._dtype), self._duplicates)
        self.pending = bytearray()
        self._count += len(records)
        return records

    def _spill(self, records: Records) -> None:
        file = spool(self._directory)
        # A view of the records, even an empty one, would keep them all in memory.
        self._runs.append(_Run(file, self._dtype, np.empty(0, self._dtype)))
        file.write(records.tobytes())
        file.seek(0)

    def _merge(self) -> Iterator[Records]:
        step = max(1, MERGE_BYTES // self._dtype.itemsize // len(self._runs))
        window = step
        while self._runs:
            for run in self._runs:
                run.fill(window)
            # Equal digests must leave together so that duplicates are found. A run keeps those that may continue beyond
            # its window.
            pivots = [run.window["digest"][-1] for run in self._runs if run.more]
            pivot = min(pivots) if pivots else None
            parts = [run.take_below(pivot) for run in self._runs]
            self._drop_finished()
            if any(len(part) for part in parts):
                window = step
                yield sort_records(np.concatenate(parts), self._duplicates)
            else:
                window *= 2

    def _drop_finished(self) -> None:
        for run in self._runs:
            if not run.more and not len(run.window):
                run.file.close()
        self._runs = [run for run in self._runs if run.more or len(run.window)]


def words_of(records: Records) -> Words:
    """Returns the first eight bytes of each digest as a number with the same order."""
    width_bytes = records.dtype["digest"].itemsize
    return leading_words(records, len(records), width_bytes, records.dtype.itemsize).astype(np.uint64)


def sort_records(records: Records, duplicates: DuplicateFilter) -> Records:
    """Returns the records sorted by digest; equal digests keep their order, which is that of rows."""
    if len(records) < 2:
        return records
    words = words_of(records)
    order = np.argsort(words, kind="stable")
    words = words[order]
    records = records[order]
    close = words[1:] == words[:-1]
    if not close.any():
        return records
    members = np.zeros(len(records), np.bool_)
    members[1:] |= close
    members[:-1] |= close
    group = records[members]
    # Groups keep their positions, because their first eight bytes order them already.
    group = group[np.argsort(group["digest"], kind="stable")]
    records[members] = group
    return duplicates(records, records["digest"][1:] == records["digest"][:-1])
