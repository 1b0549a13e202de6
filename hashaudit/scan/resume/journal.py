"""The journal beside a findings file: how far a run is, so that another process can go on with it.

It holds nothing that a stranger needs. Whatever of it is lost costs time, never correctness: what it does not say is
done is done again, and what has a line in the findings file gets no second one.

What is written, a few times a second: the last clean cut of the walk with its counts; what is done beyond that cut; the
results that other names of the same file may take over; and the lines that no checkpoint has signed yet. What a cut
makes superfluous is dropped when the file has grown, so that it stays small however long the run.
"""

import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hashaudit.host.process_owner import ProcessOwner
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
"""What was examined in this time before a run was killed may be examined again."""

SYNC_INTERVAL_S = 5.0
"""What was examined in this time before the power failed may be examined again."""

LEAST_COMPACTED_BYTES = 4 << 20
"""A smaller file is not worth being written anew."""

MAX_AHEAD_BYTES = 64 << 20
"""Of what is done beyond the last cut. More (a file that takes hours, before millions that are done) is done again."""

JOURNAL_NAMESPACE = "hashaudit-journal"
"""Of the signature from which the seal's key is made."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """The first frame."""

    run_id: str
    config: ScanConfig | None
    """With absolute paths; ``None`` where a name in it is no valid text."""
    holder: ProcessOwner
    """Who writes."""


class JournaledPoint(msgspec.Struct, frozen=True, array_like=True, tag="cut"):
    """Everything before a place of the walk is done; the counts are of that alone."""

    lines: int
    """Numbers up to this one are given to lines about what is before the place."""
    walk: WalkState
    count: Count


class Line(msgspec.Struct, frozen=True, array_like=True, tag="line"):
    """A line that is not signed yet."""

    seq: int
    data: bytes


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """Entries beyond the cut that are done: what is neither told of nor known was examined whole and is clean."""

    entries: tuple[Entry, ...]
    known: tuple[int, ...]
    told: tuple[EntryResult, ...]
    bytes_read: int
    recalled: tuple[int, ...] = ()
    """Items whose content an earlier run has read."""


class JournaledLink(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """What other names of a file may take over."""

    location: Location
    """The name that was read."""
    stat: Stat
    result: EntryResult


Frame = Begin | JournaledPoint | Line | Done | JournaledLink

_ENCODER = msgspec.msgpack.Encoder()
FRAME_DECODER: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def seal_key(signer: Signer | None, run_id: str) -> bytes:
    """The key of a run's journal, which only who holds the signing key can make; of an unsigned run it is no secret.

    Raises:
        SigningKeyError: the key cannot be used now.
    """
    message = run_id.encode()
    secret = message if signer is None else signer.sign(message, JOURNAL_NAMESPACE).encode()
    return hashlib.sha256(secret).digest()


class Ahead(msgspec.Struct, frozen=True):
    """Something done, and the highest number of an entry in it: from a cut behind that number on it is superfluous."""

    last: int
    frame: bytes


class Journal:
    """Keeps the journal of one run. A journal that cannot be written is given up; the run goes on without."""

    def __init__(
        self, file: AuthenticatedLog, begin: Begin, unsigned: Callable[[], tuple[Sequence[bytes], int]]
    ) -> None:
        """Prepares; :meth:`begin` makes the file.

        Args:
            file: not made yet.
            begin: its first frame.
            unsigned: gives the lines that no checkpoint has signed yet, and the number of the line after them.
        """
        self._file = file
        self._unsigned = unsigned
        try:
            self._begin = _ENCODER.encode(begin)
        except UnicodeEncodeError:
            self._begin = _ENCODER.encode(msgspec.structs.replace(begin, config=None))
        self._cut: bytes | None = None
        self._lines = 0
        self._carried: tuple[bytes, ...] = ()
        self._carried_until: int | None = None
        self._ahead: deque[Ahead] = deque()
        self._ahead_bytes = 0
        self._noted: list[tuple[int, Done]] = []
        self._new_links: list[bytes] = []
        self._compacted_size = 0
        self._due_s = 0.0
        self._sync_due_s = 0.0
        self._alive = False
        self.failure: str | None = None
        """Why it was given up."""

    def begin(self, frames: Sequence[Frame] = ()) -> None:
        """Makes the file.

        Args:
            frames: the last cut of the run that is gone on with, the links, and what was done beyond the cut.
        """
        links = tuple(frame for frame in frames if isinstance(frame, JournaledLink))
        self._carried = tuple(_ENCODER.encode(frame) for frame in frames if isinstance(frame, Done))
        self._cut = next((_ENCODER.encode(frame) for frame in frames if isinstance(frame, JournaledPoint)), None)
        self._alive = True
        self._attempt(lambda: self._compact(links))

    def note(self, last: int, done: Done) -> None:
        """Takes what is done.

        Args:
            last: the highest number of its entries.
            done: the entries and what became of them.
        """
        if self._alive:
            self._noted.append((last, done))

    def link(self, link: JournaledLink) -> None:
        """Takes a result that other names of the file may take over."""
        if self._alive:
            self._new_links.append(_ENCODER.encode(link))

    def drop_carried_behind(self, number: int) -> None:
        """Says that all that was carried over was met again, up to an entry's number."""
        self._carried_until = number

    def write_links(self) -> None:
        """Writes the new links now: before the line of a file, whose other names would be read again without."""
        if self._alive and self._new_links:
            links = self._new_links
            self._new_links = []
            self._attempt(lambda: self._file.append(links))

    def is_due(self) -> bool:
        """Tells if :meth:`write` should be called."""
        return self._alive and time.monotonic() >= self._due_s

    def write(self, cut: ResumePoint[WalkState] | None, links: Callable[[], Iterable[JournaledLink]]) -> None:
        """Writes what is new.

        Args:
            cut: the present one, if there is one.
            links: gives all that other names of files may still take over.
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
        if cut is not None:
            self._drop_before(cut.first)
        frames += self._take_noted(-1 if cut is None else cut.first)
        if cut is not None:
            encoded = _ENCODER.encode(JournaledPoint(next_seq - 1, cut.before, cut.count))
            if encoded != self._cut:
                self._cut = encoded
                frames.append(encoded)
        if frames:
            self._attempt(lambda: self._file.append(frames))
        if self._file.size > max(LEAST_COMPACTED_BYTES, 2 * self._compacted_size):
            self._attempt(lambda: self._compact(links()))
        elif now_s >= self._sync_due_s:
            self._sync_due_s = now_s + SYNC_INTERVAL_S
            self._attempt(self._file.sync)

    def close(self) -> None:
        """Leaves the file for another process to go on with."""
        self._alive = False
        self._file.close()

    def remove(self) -> None:
        """Takes the file away: the run is complete."""
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
                frame = _ENCODER.encode(done)
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
        if self._cut is not None:
            frames.append(self._cut)
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
