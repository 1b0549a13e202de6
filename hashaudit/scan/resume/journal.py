"""The journal beside a findings file. It records the progress of a scan, so that another process can resume it.

A third party does not need it. Losing any of it costs time, never correctness: anything that it does not mention is
examined again, and an entry with a record in the findings file gets no second one.

It is written a few times a second and contains: the last resume point of the walk with its counts; everything that is
done beyond it; the results that other names of the same file may take over; and the lines that no checkpoint has signed
yet. It is compacted when it has grown, so that it stays small however long the scan.
"""

import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hashaudit.host.process_owner import ProcessOwner
from hashaudit.lazy import lazy
from hashaudit.model.container_parts import Part
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import Location
from hashaudit.model.results import EntryResult
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.dispatcher import WalkState
from hashaudit.scan.ordering import Count, ResumePoint
from hashaudit.scan.resume.journal_file import AuthenticatedLog
from hashaudit.signing.signer import Signer

SUFFIX = b".journal"

INTERVAL_S = 0.2
"""Entries examined in this time before a scan was killed may be examined again."""

SYNC_INTERVAL_S = 5.0
"""Entries examined in this time before the power failed may be examined again."""

LEAST_COMPACTED_BYTES = 4 << 20
"""A smaller file is not worth compacting."""

MAX_AHEAD_BYTES = 64 << 20
"""Most data beyond the last resume point. More (a file that takes hours, before millions that are done) is examined
again."""

JOURNAL_NAMESPACE = "hashaudit-journal"
"""Namespace of the signature from which the seal's key is derived."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """The first frame."""

    run_id: str
    config: ScanConfig | None
    """With absolute paths; ``None`` if a name in it is not valid text."""
    holder: ProcessOwner
    """The writing process."""


class JournaledPoint(msgspec.Struct, frozen=True, array_like=True, tag="resume_point"):
    """A resume point: everything before a position of the walk is done, and the counts are of that part alone."""

    lines: int
    """Highest number of a line about an entry before the position."""
    walk: WalkState
    count: Count


class Line(msgspec.Struct, frozen=True, array_like=True, tag="line"):
    """A line that is not signed yet."""

    seq: int
    data: bytes


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """Entries beyond the resume point that are done. Items missing from both ``reported`` and ``known`` are clean."""

    entries: tuple[Entry, ...]
    known: tuple[int, ...]
    reported: tuple[EntryResult, ...]
    bytes_read: int
    cache_hits: tuple[int, ...] = ()
    """Items whose content an earlier scan read."""


class PartDone(msgspec.Struct, frozen=True, array_like=True, tag="part"):
    """A part of a large container that is done, while others of it are not."""

    entry: Entry
    part: Part
    result: EntryResult
    members: tuple[bytes, ...]
    """Results of its members, as a spool encodes them."""


class JournaledLink(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """A result that other names of a file may take over."""

    location: Location
    """Location of the name that was read."""
    stat: Stat
    result: EntryResult


Frame = Begin | JournaledPoint | Line | Done | PartDone | JournaledLink

_ENCODER = msgspec.msgpack.Encoder()
FRAME_DECODER: msgspec.msgpack.Decoder[Frame] = lazy(lambda: msgspec.msgpack.Decoder(Frame))


def seal_key(signer: Signer | None, run_id: str) -> bytes:
    """Derives the key of a scan's journal. Only the holder of the signing key can do so; without a signer it is public.

    Raises:
        SigningKeyError: the key cannot be used now.
    """
    message = run_id.encode()
    secret = message if signer is None else signer.sign(message, JOURNAL_NAMESPACE).encode()
    return hashlib.sha256(secret).digest()


class Ahead(msgspec.Struct, frozen=True):
    """A frame, and the highest number of its entries. A resume point behind that number makes it obsolete."""

    last: int
    frame: bytes


class Journal:
    """Writes the journal of one scan. If it cannot be written, the scan continues without it."""

    def __init__(
        self, file: AuthenticatedLog, begin: Begin, unsigned: Callable[[], tuple[Sequence[bytes], int]]
    ) -> None:
        """Creates the object; :meth:`begin` creates the file.

        Args:
            file: not created yet.
            begin: its first frame.
            unsigned: returns the lines that no checkpoint has signed yet, and the number of the line after
                them.
        """
        self._file = file
        self._unsigned = unsigned
        try:
            self._begin = _ENCODER.encode(begin)
        except UnicodeEncodeError:
            self._begin = _ENCODER.encode(msgspec.structs.replace(begin, config=None))
        self._resume_point: bytes | None = None
        self._lines = 0
        self._carried: tuple[bytes, ...] = ()
        self._carried_until: int | None = None
        self._ahead: deque[Ahead] = deque()
        self._ahead_bytes = 0
        self._noted: list[tuple[int, Callable[[], Done | PartDone]]] = []
        self._new_links: list[bytes] = []
        self._compacted_size = 0
        self._due_s = 0.0
        self._sync_due_s = 0.0
        self._alive = False
        self.failure: str | None = None
        """Reason for giving up; ``None``: it is in use."""

    def begin(self, frames: Sequence[Frame] = ()) -> None:
        """Creates the file.

        Args:
            frames: of the scan that is resumed: last resume point, links, and entries done beyond it.
        """
        links = tuple(frame for frame in frames if isinstance(frame, JournaledLink))
        self._carried = tuple(_ENCODER.encode(frame) for frame in frames if isinstance(frame, Done | PartDone))
        self._resume_point = next(
            (_ENCODER.encode(frame) for frame in frames if isinstance(frame, JournaledPoint)), None
        )
        self._alive = True
        self._attempt(lambda: self._compact(links))

    def note(self, last: int, done: Callable[[], Done | PartDone]) -> None:
        """Adds entries that are done.

        Args:
            last: the highest number of the entries.
            done: returns the entries and their results. Not called if a resume point behind them comes first, as for
                most.
        """
        if self._alive:
            self._noted.append((last, done))

    def link(self, link: JournaledLink) -> None:
        """Adds a result that other names of the file may take over."""
        if self._alive:
            self._new_links.append(_ENCODER.encode(link))

    def drop_carried_behind(self, number: int) -> None:
        """Notes that all carried entries were seen again, up to an entry's number."""
        self._carried_until = number

    def write_links(self) -> None:
        """Writes new links now: before the line of a file, whose other names would otherwise be read again."""
        if self._alive and self._new_links:
            links = self._new_links
            self._new_links = []
            self._attempt(lambda: self._file.append(links))

    def is_due(self) -> bool:
        """Returns whether :meth:`write` is due."""
        return self._alive and time.monotonic() >= self._due_s

    def write(self, resume_point: ResumePoint[WalkState] | None, links: Callable[[], Iterable[JournaledLink]]) -> None:
        """Writes everything new.

        Args:
            resume_point: the present resume point, if there is one.
            links: returns all results that other names of files may still take over.
        """
        if not self._alive:
            return
        now_s = time.monotonic()
        self._due_s = now_s + INTERVAL_S
        lines, next_seq = self._unsigned()
        unsigned = enumerate(lines, next_seq - len(lines))
        frames = [_ENCODER.encode(Line(seq, line)) for seq, line in unsigned if seq > self._lines]
        self._lines = next_seq - 1
        frames += self._new_links
        self._new_links.clear()
        if resume_point is not None:
            self._drop_before(resume_point.first)
        frames += self._take_noted(-1 if resume_point is None else resume_point.first)
        if resume_point is not None:
            encoded = _ENCODER.encode(JournaledPoint(next_seq - 1, resume_point.before, resume_point.count))
            if encoded != self._resume_point:
                self._resume_point = encoded
                frames.append(encoded)
        if frames:
            self._attempt(lambda: self._file.append(frames))
        if self._file.size > max(LEAST_COMPACTED_BYTES, 2 * self._compacted_size):
            self._attempt(lambda: self._compact(links()))
        elif now_s >= self._sync_due_s:
            self._sync_due_s = now_s + SYNC_INTERVAL_S
            self._attempt(self._file.sync)

    def close(self) -> None:
        """Closes the file for another process to resume."""
        self._alive = False
        self._file.close()

    def remove(self) -> None:
        """Removes the file, because the scan is complete."""
        self._alive = False
        with contextlib.suppress(OSError):
            self._file.remove()

    def _drop_before(self, first: int) -> None:
        while self._ahead and self._ahead[0].last < first:
            self._ahead_bytes -= len(self._ahead.popleft().frame)
        if self._carried_until is not None and self._carried_until < first:
            self._carried = ()

    def _take_noted(self, first: int) -> list[bytes]:
        taken = []
        for last, done in self._noted:
            if last >= first and self._ahead_bytes < MAX_AHEAD_BYTES:
                frame = _ENCODER.encode(done())
                self._ahead.append(Ahead(last, frame))
                self._ahead_bytes += len(frame)
                taken.append(frame)
        self._noted.clear()
        return taken

    def _compact(self, links: Iterable[JournaledLink]) -> None:
        lines, next_seq = self._unsigned()
        frames = [self._begin, *map(_ENCODER.encode, links), *self._carried]
        frames += [item.frame for item in self._ahead]
        frames += [_ENCODER.encode(Line(seq, line)) for seq, line in enumerate(lines, next_seq - len(lines))]
        if self._resume_point is not None:
            frames.append(self._resume_point)
        self._file.replace(frames)
        self._compacted_size = self._file.size

    def _attempt(self, action: Callable[[], None]) -> None:
        if not self._alive:
            return
        try:
            action()
        except OSError as error:
            self._alive = False
            self.failure = error.strerror or type(error).__name__
            self._file.close()
