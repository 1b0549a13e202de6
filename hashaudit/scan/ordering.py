"""Orders records as in the walk, regardless of the order of answers, and finds resume points.

Every entry has a number from the walk. A span is a group of entries that are examined together; spans are opened in the
order of their first numbers. A record may be written when no open span starts before it. Entries without a record use
no memory, so a huge file at the front delays only the records behind it, not the scan.

Spans may overlap: while one is being filled, a large file within it gets its own. If no finished span reaches beyond
the start of the first open one, that start is a resume point: everything before it is done, and is counted separately
from everything after it.
"""

import heapq
from collections import deque
from copy import copy
from typing import Generic, TypeVar

import msgspec

RecordT = TypeVar("RecordT")
StateT = TypeVar("StateT")


class Count(msgspec.Struct, array_like=True):
    """Counts of entries without a record."""

    clean: int = 0
    known: int = 0
    bytes_read: int = 0
    """For all entries, including those with a record."""
    from_cache: int = 0
    """Entries, including those with a record, whose content an earlier scan read."""
    bytes_from_cache: int = 0
    containers: dict[str, int] = {}
    """Containers that were opened, by kind. A value is never changed, because copies share it."""
    containers_unopened: dict[str, int] = {}
    members_clean: int = 0
    members_known: int = 0
    """Members without a record, in containers without one."""
    member_bytes: int = 0
    """Content of all members in those containers."""
    members_skipped: int = 0
    members_deleted_unreadable: int = 0

    def add(self, other: "Count") -> None:
        """Adds another count to this one."""
        self.clean += other.clean
        self.known += other.known
        self.bytes_read += other.bytes_read
        self.from_cache += other.from_cache
        self.bytes_from_cache += other.bytes_from_cache
        self.members_clean += other.members_clean
        self.members_known += other.members_known
        self.member_bytes += other.member_bytes
        self.members_skipped += other.members_skipped
        self.members_deleted_unreadable += other.members_deleted_unreadable
        if other.containers:
            self.containers = _summed(self.containers, other.containers)
        if other.containers_unopened:
            self.containers_unopened = _summed(self.containers_unopened, other.containers_unopened)


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {**one, **{key: one.get(key, 0) + count for key, count in other.items()}}


class OrderedBatch(Generic[StateT]):
    """A span: entries of which ``open`` are not done, all with numbers from ``first`` on."""

    __slots__ = ("before", "count", "first", "last", "open")

    def __init__(self, first: int, before: StateT) -> None:
        self.first = first
        self.last = first
        """Highest number of an entry that is counted here."""
        self.open = 1
        self.count = Count()
        self.before = before
        """State of the walk just before ``first``."""

    def join(self, number: int, count: int = 1) -> None:
        """Adds entries, whose numbers follow each other."""
        self.open += count
        self.last = number + count - 1


class ResumePoint(msgspec.Struct, Generic[StateT], frozen=True):
    """A position up to which everything is done. The counts are of that part alone."""

    first: int
    before: StateT
    count: Count


class Ordering(Generic[RecordT, StateT]):
    """Holds records back until all entries before them are done."""

    def __init__(self, done: Count | None = None) -> None:
        """Starts the order.

        Args:
            done: counts of an earlier part of the scan, up to where this one starts.
        """
        self._next = 0
        self._spans: deque[OrderedBatch[StateT]] = deque()
        self._waiting: list[tuple[int, RecordT]] = []
        self._done = Count() if done is None else copy(done)
        self._reach = -1

    @property
    def waiting(self) -> int:
        """Number of records held back."""
        return len(self._waiting)

    @property
    def spans(self) -> int:
        """Number of spans in memory: open ones, and those behind an open one."""
        return len(self._spans)

    def number(self, count: int = 1) -> int:
        """Returns the next entry's number, or the first of several that follow each other."""
        self._next += count
        return self._next - count

    def open_span(self, first: int, before: StateT) -> OrderedBatch[StateT]:
        """Opens a span with one entry. The caller adds others, and decrements ``open`` when one is done.

        Args:
            first: the entry's number.
            before: state of the walk before it.
        """
        span = OrderedBatch(first, before)
        self._spans.append(span)
        return span

    def count(self, number: int, count: Count) -> None:
        """Counts an entry that is already done, and so belongs to no span."""
        if self._spans:
            span = self._spans[-1]
            span.last = number
            span.count.add(count)
        else:
            self._done.add(count)
            self._reach = number

    def put(self, number: int, record: RecordT) -> None:
        """Holds a record until its turn. At most one per number."""
        heapq.heappush(self._waiting, (number, record))

    def ready(self) -> list[RecordT]:
        """Removes and returns the records whose turn it is, in order."""
        while self._spans and self._spans[0].open == 0:
            span = self._spans.popleft()
            self._done.add(span.count)
            self._reach = max(self._reach, span.last)
        before = self._spans[0].first if self._spans else self._next
        records = []
        while self._waiting and self._waiting[0][0] < before:
            records.append(heapq.heappop(self._waiting)[1])
        return records

    def resume_point(self) -> ResumePoint[StateT] | None:
        """Returns the resume point at the first open span, or ``None``. Call it after :meth:`ready`."""
        if not self._spans or self._spans[0].first <= self._reach:
            return None
        return ResumePoint(self._spans[0].first, self._spans[0].before, copy(self._done))

    def rest(self) -> list[RecordT]:
        """Removes and returns all records held back, in order, for a scan that ends early."""
        records = [record for _, record in sorted(self._waiting, key=lambda pair: pair[0])]
        self._waiting.clear()
        return records
