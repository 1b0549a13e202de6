"""Puts records into the order of the walk, whatever order the workers answer in, and tells how far all is done.

Every entry has a number from the walk. A span is a run of entries that are examined together; spans are opened in the
order of their first numbers. A record may be written when no open span starts before it. Entries without a record hold
no memory, so a huge file at the front holds back only the records behind it, not the scan.

Spans may overlap: while one is being filled, a large file in the midst of it gets its own. Where none that has ended
reaches over the first that has not, the walk has a clean cut: everything before is done, and is counted apart from
everything behind.
"""

import heapq
from collections import deque
from copy import copy
from typing import Generic, TypeVar

import msgspec

RecordT = TypeVar("RecordT")
StateT = TypeVar("StateT")


class Count(msgspec.Struct, array_like=True):
    """What became of entries that have no line of their own."""

    clean: int = 0
    known: int = 0
    bytes_read: int = 0
    """Of all entries, those with a line included."""
    from_cache: int = 0
    """Entries, those with a line included, whose content an earlier run has read."""
    bytes_from_cache: int = 0

    def add(self, other: "Count") -> None:
        """Adds another count to this one."""
        self.clean += other.clean
        self.known += other.known
        self.bytes_read += other.bytes_read
        self.from_cache += other.from_cache
        self.bytes_from_cache += other.bytes_from_cache


class OrderedBatch(Generic[StateT]):
    """Entries that are not all done: ``open`` of them, none with a number below ``first``."""

    __slots__ = ("before", "count", "first", "last", "open")

    def __init__(self, first: int, before: StateT) -> None:
        self.first = first
        self.last = first
        """The highest number of an entry that is counted here."""
        self.open = 1
        self.count = Count()
        self.before = before
        """Of the walk, just before ``first``."""

    def join(self, number: int) -> None:
        """Takes another entry in."""
        self.open += 1
        self.last = number


class ResumePoint(msgspec.Struct, Generic[StateT], frozen=True):
    """Everything before ``first`` is done, and what was counted is of that alone."""

    first: int
    before: StateT
    count: Count


class Ordering(Generic[RecordT, StateT]):
    """Holds records back until all entries before them are done."""

    def __init__(self, done: Count | None = None) -> None:
        """Begins.

        Args:
            done: what an earlier part of the run has counted, before the place where this one begins.
        """
        self._next = 0
        self._spans: deque[OrderedBatch[StateT]] = deque()
        self._waiting: list[tuple[int, RecordT]] = []
        self._done = Count() if done is None else copy(done)
        self._reach = -1

    @property
    def waiting(self) -> int:
        """Records held back."""
        return len(self._waiting)

    @property
    def spans(self) -> int:
        """Spans remembered: the open ones, and those behind an open one."""
        return len(self._spans)

    def number(self) -> int:
        """The next entry's number."""
        self._next += 1
        return self._next - 1

    def open_span(self, first: int, before: StateT) -> OrderedBatch[StateT]:
        """A new span of one entry; the caller lets others join it, and counts ``open`` down when one ends.

        Args:
            first: the entry's number.
            before: how the walk stood before it.
        """
        span = OrderedBatch(first, before)
        self._spans.append(span)
        return span

    def count(self, number: int, count: Count) -> None:
        """Counts an entry that was done when it was met, and so belongs to no span."""
        if self._spans:
            span = self._spans[-1]
            span.last = number
            span.count.add(count)
        else:
            self._done.add(count)
            self._reach = number

    def put(self, number: int, record: RecordT) -> None:
        """Holds a record until it is its turn. At most one per number."""
        heapq.heappush(self._waiting, (number, record))

    def ready(self) -> list[RecordT]:
        """Takes out the records whose turn it is, in order."""
        while self._spans and self._spans[0].open == 0:
            span = self._spans.popleft()
            self._done.add(span.count)
            self._reach = max(self._reach, span.last)
        before = self._spans[0].first if self._spans else self._next
        records = []
        while self._waiting and self._waiting[0][0] < before:
            records.append(heapq.heappop(self._waiting)[1])
        return records

    def cut(self) -> ResumePoint[StateT] | None:
        """The clean cut at the first open span, if that is one. Ask when all that is ready was taken out."""
        if not self._spans or self._spans[0].first <= self._reach:
            return None
        return ResumePoint(self._spans[0].first, self._spans[0].before, copy(self._done))

    def rest(self) -> list[RecordT]:
        """Takes out all records that are held, in order: for a run that ends early."""
        records = [record for _, record in sorted(self._waiting, key=lambda pair: pair[0])]
        self._waiting.clear()
        return records
