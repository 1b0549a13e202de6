"""Sorting digests with their rows, in memory that does not grow with their number.

Records are sorted in runs that are spilled to nameless temporary files, then merged a window at a time. numpy does
both; whole digests are compared only between neighbours that share their first eight bytes.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.columns import spool
from hashaudit.lists.index.words import Words, leading_words

Records = npt.NDArray[np.void]
"""Structured: ``digest`` of fixed width, ``row`` as a 4-byte number."""

RUN_BYTES = 64 << 20
"""Records of one algorithm that wait in memory. Sorting takes about four times that; one algorithm sorts at a time."""

MERGE_BYTES = 64 << 20
"""Records of all runs that are in memory while they are merged."""


class DuplicateFilter(Protocol):
    """Drops records that say what an earlier record says."""

    def __call__(self, records: Records, tied: npt.NDArray[np.bool_]) -> Records:
        """Gives the records to keep.

        Args:
            records: sorted by digest, then row; all records of a digest that are in hand.
            tied: for each record but the first, if its digest is the one before.
        """
        ...


def record_type(width_bytes: int) -> np.dtype[np.void]:
    """The layout of one record."""
    return np.dtype([("digest", f"S{width_bytes}"), ("row", "<u4")])


class _Run(msgspec.Struct):
    """A sorted run in a file, and the window of it that is being merged."""

    file: BinaryIO
    dtype: np.dtype[np.void]
    window: Records
    more: bool = True
    """Records follow that are not in the window."""

    def fill(self, count: int) -> None:
        """Brings the window to ``count`` records, or to the end of the run."""
        wanted = count - len(self.window)
        if not self.more or wanted <= 0:
            return
        read = np.frombuffer(self.file.read(wanted * self.dtype.itemsize), self.dtype)
        self.more = len(read) == wanted
        self.window = np.concatenate([self.window, read]) if len(self.window) else read

    def take_below(self, pivot: bytes | None) -> Records:
        """Cuts from the window what is below the pivot, or everything."""
        if pivot is None:
            end = len(self.window)
        else:
            end = int(np.searchsorted(self.window["digest"], np.array(pivot, self.dtype["digest"])))
        taken, self.window = self.window[:end], self.window[end:]
        return taken


class DigestSorter:
    """Collects the records of one algorithm and gives them back in order."""

    def __init__(self, width_bytes: int, duplicates: DuplicateFilter, folder: str | None = None) -> None:
        """Nothing is written before :data:`RUN_BYTES` have been collected.

        Args:
            width_bytes: of a digest.
            duplicates: is asked about equal digests, in each run and again over all.
            folder: for temporary files; the system's if not given.
        """
        self.width_bytes = width_bytes
        self.pending = bytearray()
        """Records that wait: appended to directly, because a call for each would cost as much as the rest."""
        self._count = 0
        self._dtype = record_type(width_bytes)
        self._duplicates = duplicates
        self._folder = folder
        self._runs: list[_Run] = []

    @property
    def total(self) -> int:
        """Records, duplicates that have not met among them."""
        return self._count + len(self.pending) // self._dtype.itemsize

    def close(self) -> None:
        """Gives the temporary files back."""
        for run in self._runs:
            run.file.close()

    def flush_full(self) -> None:
        """Bounds what waits in memory."""
        if len(self.pending) >= RUN_BYTES:
            self._spill(self._sort_pending())

    def extend(self, digests: bytes, first_row: int) -> None:
        """Takes digests whose rows count up from ``first_row``."""
        block = np.frombuffer(digests, f"S{self.width_bytes}")
        records = np.empty(len(block), self._dtype)
        records["digest"] = block
        records["row"] = np.arange(first_row, first_row + len(block), dtype=np.uint32)
        self.pending += records.tobytes()
        self.flush_full()

    def sorted_chunks(self) -> Iterator[Records]:
        """All records in order, in chunks that begin with a new digest. To be called once, at the end."""
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
        file = spool(self._folder)
        # An empty part of the records would keep them all in memory.
        self._runs.append(_Run(file, self._dtype, np.empty(0, self._dtype)))
        file.write(records.tobytes())
        file.seek(0)

    def _merge(self) -> Iterator[Records]:
        step = max(1, MERGE_BYTES // self._dtype.itemsize // len(self._runs))
        window = step
        while self._runs:
            for run in self._runs:
                run.fill(window)
            # Equal digests must leave together, so that duplicates meet: a run keeps what may go on beyond its window.
            pivots = [run.window["digest"][-1] for run in self._runs if run.more]
            pivot = min(pivots) if pivots else None
            taken = [run.take_below(pivot) for run in self._runs]
            self._drop_finished()
            if any(len(part) for part in taken):
                window = step
                yield sort_records(np.concatenate(taken), self._duplicates)
            else:
                window *= 2

    def _drop_finished(self) -> None:
        for run in self._runs:
            if not run.more and not len(run.window):
                run.file.close()
        self._runs = [run for run in self._runs if run.more or len(run.window)]


def words_of(records: Records) -> Words:
    """The first eight bytes of each digest as a number that orders as they do."""
    width_bytes = records.dtype["digest"].itemsize
    return leading_words(records, len(records), width_bytes, records.dtype.itemsize).astype(np.uint64)


def sort_records(records: Records, duplicates: DuplicateFilter) -> Records:
    """Sorts by digest; among equal digests the order given, which is that of rows, stays."""
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
    # Groups stay in their places, because their first eight bytes order them already.
    group = group[np.argsort(group["digest"], kind="stable")]
    records[members] = group
    return duplicates(records, records["digest"][1:] == records["digest"][:-1])
