"""How long a worker may be on one file: while it reads, as long as bytes come; while it decodes, by the file's size."""

import msgspec

from hashaudit.content.images.limits import DecodeLimits
from hashaudit.model.faults import FaultCode

START_TIMEOUT_S = 120.0
"""A worker that is not ready by then does not start: it imports, maps the lists and tests itself."""

SLOWEST_READ_BYTES_PER_S = 16 << 10
"""Below any storage, shared by several readers and read three times over; a file that comes slower is held back."""

DECODE_GRACE = 1.25
"""The worker looks at the same clock between frames, and then keeps the frames that it has. It comes first."""


class Deadlines(msgspec.Struct, frozen=True):
    """What a user allows."""

    file_s: float
    """Without a byte; and, with the time that the file's size takes at the slowest, for reading it."""
    decode_s: float
    """For decoding and hashing a picture, with a share for its size (``DecodeLimits.deadline_s``)."""

    def reading_s(self, size_bytes: int) -> float:
        """The longest that reading a file may take, however steadily it comes."""
        return self.file_s + size_bytes / SLOWEST_READ_BYTES_PER_S

    def decoding_s(self, size_bytes: int) -> float:
        """The longest that a worker may be on a picture after it has read it."""
        return DecodeLimits(timeout_s=self.decode_s).deadline_s(size_bytes) * DECODE_GRACE


class ProgressMark(msgspec.Struct, frozen=True):
    """A worker's progress board at one moment."""

    batch: int
    item: int
    bytes_read: int
    decoding: bool


class DeadlineExceeded(msgspec.Struct, frozen=True):
    """Why a worker is to be ended."""

    code: FaultCode
    message: str


class Watch:
    """One worker's clocks, in seconds of the monotonic clock. It has nothing to do when it is made."""

    def __init__(self, deadlines: Deadlines, now_s: float) -> None:
        self._deadlines = deadlines
        self._seen = ProgressMark(0, 0, 0, decoding=False)
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Gives the worker all its time anew."""
        self._item_s = self._phase_s = self._moved_s = now_s

    def observe(self, seen: ProgressMark, now_s: float) -> None:
        """Notes what the board says."""
        before, self._seen = self._seen, seen
        if (seen.batch, seen.item) != (before.batch, before.item):
            self.restart(now_s)
        elif seen.decoding != before.decoding:
            self._phase_s = self._moved_s = now_s
        elif seen.bytes_read != before.bytes_read:
            self._moved_s = now_s

    def overdue(self, size_bytes: int | None, now_s: float) -> DeadlineExceeded | None:
        """Whether the worker's time is up.

        Args:
            size_bytes: of the file that it is on; ``None`` where it has not begun one.
            now_s: as last seen.
        """
        limits = self._deadlines
        if size_bytes is not None and self._seen.decoding:
            allowed_s = limits.decoding_s(size_bytes)
            if now_s - self._phase_s > allowed_s:
                return DeadlineExceeded(FaultCode.DECODE_TIMEOUT, f"not decoded within {allowed_s:.0f} s; {_ENDED}")
        elif now_s - self._moved_s > limits.file_s:
            return DeadlineExceeded(FaultCode.TIMEOUT, f"nothing was read for {limits.file_s:g} s; {_ENDED}")
        elif size_bytes is not None and now_s - self._item_s > limits.reading_s(size_bytes):
            return DeadlineExceeded(
                FaultCode.TIMEOUT, f"not read within {limits.reading_s(size_bytes):.0f} s; {_ENDED}"
            )
        return None

    def unready(self, now_s: float) -> bool:
        """Whether a worker that is still starting has had its time."""
        return now_s - self._moved_s > START_TIMEOUT_S


_ENDED = "the worker process was ended"
