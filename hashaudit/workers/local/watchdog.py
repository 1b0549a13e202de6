"""Deadlines of a worker: for reading by progress and size, for decoding by the size of the file.

The progress memory is the worker's word. It can shorten a deadline, but the parent's own clock, started when it first
sees an item, bounds the time of each item independently of what the worker writes.
"""

import msgspec

from hashaudit.content.containers.inside_budget import (
    BASE_TIME_S,
    MAX_MEMBERS,
    TIME_PER_MEMBER_S,
    TIME_PER_MIB_S,
    TIMES_OF_SIZE,
)
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.model.faults import FaultCode

START_TIMEOUT_S = 120.0
"""A worker has to be ready by then: it imports, maps the lists and runs the self-tests."""

SLOWEST_READ_BYTES_PER_S = 16 << 10
"""Below the rate of any storage that several workers share and that is read three times; a slower file is stalled."""

DECODE_GRACE = 1.25
"""The worker checks the same limit between frames and then keeps the frames it has, so its check has to come first."""


class Deadlines(msgspec.Struct, frozen=True):
    """The time limits that the user sets."""

    file_s: float
    """Limit without a byte. Together with the time for the file's size at the slowest rate, the limit for reading."""
    decode_s: float
    """Limit for decoding and hashing an image, extended by its size (``DecodeLimits.deadline_s``)."""
    inside_bytes: int = 0
    """Most bytes that a worker unpacks inside one file."""

    def reading_s(self, size_bytes: int) -> float:
        """Returns the longest time for reading a file, however steady the data."""
        return self.file_s + size_bytes / SLOWEST_READ_BYTES_PER_S

    def whole_s(self, size_bytes: int) -> float:
        """Returns the longest time for reading and decoding a file, independently of what the worker reports."""
        return self.reading_s(size_bytes) + self.decoding_s(size_bytes)

    def inside_s(self) -> float:
        """Returns the longest time for the members of a container, however much they report."""
        of_members_s = self.inside_bytes / (1 << 20) * TIME_PER_MIB_S + MAX_MEMBERS * TIME_PER_MEMBER_S
        return BASE_TIME_S + of_members_s + self.file_s

    def decoding_s(self, size_bytes: int) -> float:
        """Returns the longest time for decoding a file after it was read."""
        return DecodeLimits(timeout_s=self.decode_s).deadline_s(size_bytes) * DECODE_GRACE


class ProgressMark(msgspec.Struct, frozen=True):
    """A worker's shared progress memory at one moment."""

    batch: int
    item: int
    bytes_read: int
    decoding: bool
    member: int = 0
    """Number of the member inside the item; 0: the item itself."""


class DeadlineExceeded(msgspec.Struct, frozen=True):
    """The reason for ending a worker."""

    code: FaultCode
    message: str


class Watch:
    """The clocks of one worker, in seconds on the monotonic clock. A new worker has nothing to do."""

    def __init__(self, deadlines: Deadlines, now_s: float) -> None:
        self._deadlines = deadlines
        self._seen = ProgressMark(0, 0, 0, decoding=False)
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Restarts all time limits."""
        self._item_s = self._moved_s = now_s
        self._decoding_s: float | None = None
        self._member_bytes = 0

    def observe(self, seen: ProgressMark, now_s: float) -> None:
        """Notes the worker's progress."""
        before, self._seen = self._seen, seen
        if (seen.batch, seen.item) != (before.batch, before.item):
            self.restart(now_s)
        elif seen.member != before.member:
            # Each member has the time of a file. The time of all of them together is bounded below.
            self._moved_s, self._decoding_s = now_s, None
            self._member_bytes = seen.bytes_read
        if seen.decoding and self._decoding_s is None:
            # Once for an item: a worker that switches to and fro gains nothing.
            self._decoding_s = self._moved_s = now_s
        elif seen.bytes_read != before.bytes_read:
            self._moved_s = now_s

    def overdue(self, size_bytes: int | None, now_s: float) -> DeadlineExceeded | None:
        """Returns the limit that the worker exceeds, or ``None``.

        Args:
            size_bytes: size of the current file; ``None`` if the worker has not begun one.
            now_s: time of the last :meth:`observe`.
        """
        limits = self._deadlines
        if self._seen.member and size_bytes is not None:
            return self._member_overdue(size_bytes, now_s)
        if size_bytes is None:
            late = now_s - self._item_s > limits.file_s
            return _timeout(f"nothing was read for {limits.file_s:g} s") if late else None
        if self._seen.decoding and self._decoding_s is not None:
            allowed_s = limits.decoding_s(size_bytes)
            if now_s - self._decoding_s > allowed_s:
                return DeadlineExceeded(FaultCode.DECODE_TIMEOUT, f"not decoded within {allowed_s:.0f} s; {_ENDED}")
        elif now_s - self._moved_s > limits.file_s:
            return _timeout(f"nothing was read for {limits.file_s:g} s")
        elif self._decoding_s is None and now_s - self._item_s > limits.reading_s(size_bytes):
            return _timeout(f"not read within {limits.reading_s(size_bytes):.0f} s")
        whole_s = limits.whole_s(size_bytes)
        return _timeout(f"not examined within {whole_s:.0f} s") if now_s - self._item_s > whole_s else None

    def _member_overdue(self, size_bytes: int, now_s: float) -> DeadlineExceeded | None:
        limits = self._deadlines
        whole_s = limits.whole_s(size_bytes) + max(limits.inside_s(), size_bytes * TIMES_OF_SIZE / (1 << 20))
        if now_s - self._item_s > whole_s:
            return _timeout(f"not examined within {whole_s:.0f} s")
        if self._seen.decoding and self._decoding_s is not None:
            read_bytes = min(max(0, self._seen.bytes_read - self._member_bytes), DecodeLimits().max_bytes)
            allowed_s = limits.decoding_s(read_bytes)
            if now_s - self._decoding_s > allowed_s:
                return DeadlineExceeded(FaultCode.DECODE_TIMEOUT, f"not decoded within {allowed_s:.0f} s; {_ENDED}")
        elif now_s - self._moved_s > limits.file_s:
            return _timeout(f"nothing was read for {limits.file_s:g} s")
        return None

    def unready(self, now_s: float) -> bool:
        """Returns whether a starting worker has exceeded its time limit."""
        return now_s - self._moved_s > START_TIMEOUT_S


def _timeout(message: str) -> DeadlineExceeded:
    return DeadlineExceeded(FaultCode.TIMEOUT, f"{message}; {_ENDED}")


_ENDED = "the worker process was ended"
