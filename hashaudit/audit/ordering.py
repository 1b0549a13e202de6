"""Puts records into the order of the walk, whatever order the workers answer in.

Every entry has a number from the walk. A span is a run of entries that are examined together; spans are opened in the
order of their first numbers. A record may be written when no open span starts before it. Entries without a record hold
no memory, so a huge file at the front holds back only the records behind it, not the scan.
"""

import heapq
from collections import deque
from typing import Generic, TypeVar

RecordT = TypeVar("RecordT")


class Span:
    """Entries that are not all done: ``open`` of them, none with a number below ``first``."""

    __slots__ = ("first", "open")

    def __init__(self, first: int) -> None:
        self.first = first
        self.open = 0


class Ordering(Generic[RecordT]):
    """Holds records back until all entries before them are done."""

    def __init__(self) -> None:
        self._next = 0
        self._spans: deque[Span] = deque()
        self._waiting: list[tuple[int, RecordT]] = []

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

    def open_span(self, first: int) -> Span:
        """A new span of one entry, ``first``; the caller counts ``open`` up for each that joins, down when one ends."""
        span = Span(first)
        span.open = 1
        self._spans.append(span)
        return span

    def put(self, number: int, record: RecordT) -> None:
        """Holds a record until it is its turn. At most one per number."""
        heapq.heappush(self._waiting, (number, record))

    def ready(self) -> list[RecordT]:
        """Takes out the records whose turn it is, in order."""
        while self._spans and self._spans[0].open == 0:
            self._spans.popleft()
        before = self._spans[0].first if self._spans else self._next
        records = []
        while self._waiting and self._waiting[0][0] < before:
            records.append(heapq.heappop(self._waiting)[1])
        return records

    def rest(self) -> list[RecordT]:
        """Takes out all records that are held, in order: for a run that ends early."""
        records = [record for _, record in sorted(self._waiting, key=lambda pair: pair[0])]
        self._waiting.clear()
        return records
