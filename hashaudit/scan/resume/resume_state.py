"""The state of an interrupted scan, from its findings file and its journal.

The findings file decides which paths have a record. A matching journal adds entries that were done beyond those
records; it is used only as far as the records and the journal itself agree.
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError, OutputError
from hashaudit.model.container_parts import Part
from hashaudit.model.entry import Entry
from hashaudit.model.location import Kind, ResumeKey
from hashaudit.model.results import EntryResult
from hashaudit.record.codec import MAX_LINE_BYTES, decode_line
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import without_newline
from hashaudit.record.verify.resume_read import Interrupted, RecordedLine, read_interrupted
from hashaudit.scan.resume.journal import (
    FRAME_DECODER,
    Begin,
    Done,
    Frame,
    JournaledLink,
    JournaledPoint,
    Line,
    PartDone,
)
from hashaudit.scan.resume.journal_file import read_frames
from hashaudit.signing.public_key import PublicKey
from hashaudit.sources.interface import Position


class JournalContent(msgspec.Struct):
    """The content of a journal."""

    begin: Begin
    resume_point: JournaledPoint | None = None
    lines: dict[int, bytes] = {}
    """By number."""
    done: list[Done] = []
    parts: list[PartDone] = []
    links: list[JournaledLink] = []


def read_journal(path: bytes, key: bytes, run_id: str) -> JournalContent | None:
    """Reads the journal of a scan; returns ``None`` if there is none of this scan.

    Args:
        path: of the journal.
        key: of its seal.
        run_id: of the scan.
    """
    content: JournalContent | None = None
    try:
        for raw in read_frames(path, key):
            frame: Frame = FRAME_DECODER.decode(raw)
            if content is None:
                if not isinstance(frame, Begin) or frame.run_id != run_id:
                    return None
                content = JournalContent(frame)
            else:
                _add(content, frame)
    except (OSError, msgspec.DecodeError):
        # Written by another version, or on a failing disk. Everything read so far is authentic.
        pass
    return content


def _add(content: JournalContent, frame: Frame) -> None:
    match frame:
        case JournaledPoint():
            content.resume_point = frame
        case Line(seq=seq, data=data):
            content.lines[seq] = data
        case Done():
            content.done.append(frame)
        case PartDone():
            content.parts.append(frame)
        case JournaledLink():
            content.links.append(frame)
        case Begin():
            pass


class PriorResult(msgspec.Struct, frozen=True):
    """The result of an entry that was examined before the interruption and has no record yet."""

    known: bool
    """True if it is only on known-file lists, without ``examination``."""
    examination: EntryResult | None
    """``None``: completely examined, without a finding."""
    batch: Done
    """The frame that contains the entry."""
    from_cache: bool
    """True if an earlier scan read its content."""


class ResumeState:
    """Results of the interrupted scan for entries that the resumed one sees again. Each is removed when it is used."""

    def __init__(self, interrupted: Interrupted, journal: JournalContent | None) -> None:
        """Combines findings file and journal.

        Args:
            interrupted: the findings file, with its lines after the journal's resume point.
            journal: ``None`` if it is lost.
        """
        resume_point = None if journal is None else usable_resume_point(journal, interrupted.end.last)
        self.resume_point = resume_point
        self._lines = {line.key: line for line in interrupted.lines}
        self._directories = interrupted.folders
        self._members: dict[ResumeKey, list[ResumeKey]] = {}
        """Members with a record, by the file around them."""
        for line in interrupted.lines:
            if line.key.within:
                self._members.setdefault(line.key._replace(within=()), []).append(line.key)
        self._done: dict[Entry, PriorResult] = {}
        self._rest: dict[int, int] = {}
        self.links: Sequence[JournaledLink] = ()
        self.batches: Sequence[Done] = ()
        self.parts: Sequence[PartDone] = ()
        self._parts: dict[tuple[Entry, Part], PartDone] = {}
        self._read_as: dict[tuple[int, int], bytes] = {}
        if journal is not None:
            self.links = journal.links
            self.batches = journal.done
            self.parts = journal.parts
            self._parts = {(one.entry, one.part): one for one in journal.parts}
            self._read_as = {(link.stat.device, link.stat.inode): link.location.path for link in journal.links}
            for batch in journal.done:
                outcomes = dict(_outcomes(batch))
                self._done.update(
                    {entry: outcome for entry, outcome in outcomes.items() if not _has_member_lines(outcome)}
                )
                self._rest[id(batch)] = batch.bytes_read - sum(map(_bytes_read, outcomes, outcomes.values()))
        last = interrupted.end.last
        kept = range(last + 1, last + 1 if resume_point is None else max(last, resume_point.lines) + 1)
        self.unsigned = tuple(() if journal is None else (journal.lines[seq] for seq in kept))
        """Lines after the last checkpoint, which are written next."""
        self.tally = _tally(interrupted, resume_point)
        """Counts of everything before the resume point, and of entries with a record."""

    @property
    def start(self) -> Position | None:
        """Position where the walk resumes."""
        return None if self.resume_point is None else self.resume_point.walk.position

    @property
    def has_lines(self) -> bool:
        """True if there are records of entries that were not seen yet."""
        return bool(self._lines)

    @property
    def unseen_paths(self) -> tuple[bytes, ...]:
        """Paths of entries with a record that were not seen yet, in the order of the file."""
        return tuple(key.path for key in self._lines if not key.within)

    @property
    def is_used_up(self) -> bool:
        """True if nothing is left."""
        return not (self._lines or self._done or self._parts)

    def line_of(self, key: ResumeKey) -> RecordedLine | None:
        """Removes and returns the summary of the entry's record; ``None`` if it has none."""
        return self._lines.pop(key, None)

    def part_of(self, entry: Entry, part: Part) -> PartDone | None:
        """Removes and returns the result of a part of an entry in exactly this state; ``None`` if it is not done."""
        return self._parts.pop((entry, part), None)

    def has_members(self, key: ResumeKey) -> bool:
        """Returns whether members of the file have a record."""
        return key in self._members

    def drop_members(self, key: ResumeKey) -> None:
        """Forgets the members of a file that was examined completely."""
        for member in self._members.pop(key, ()):
            self._lines.pop(member, None)

    def has_directory(self, path: bytes) -> bool:
        """Returns whether a directory has a record."""
        return path in self._directories

    def is_other_name(self, entry: Entry) -> bool:
        """Returns whether the entry's content was read by another name."""
        state = entry.state
        if state.kind is not Kind.FILE:
            return False
        path = entry.path
        return self._read_as.get((state.device, state.inode), path) != path

    def outcome_of(self, entry: Entry) -> tuple[PriorResult, int] | None:
        """Returns the result of an entry in exactly this state, and the bytes to count with it, or ``None``."""
        outcome = self._done.pop(entry, None)
        if outcome is None:
            return None
        # The bytes of a batch are known together. The rest that its entries do not account for (repeated reads) counts
        # with the first one that is seen.
        return outcome, _bytes_read(entry, outcome) + self._rest.pop(id(outcome.batch), 0)


def usable_resume_point(journal: JournalContent, last: int) -> JournaledPoint | None:
    """Returns the journal's resume point, if all lines before it are closed in the findings file or in the journal.

    Args:
        journal: as read.
        last: number of the last closed line in the findings file.
    """
    resume_point = journal.resume_point
    if resume_point is None or any(seq not in journal.lines for seq in range(last + 1, resume_point.lines + 1)):
        return None
    return resume_point


def _outcomes(batch: Done) -> Iterable[tuple[Entry, PriorResult]]:
    reported = {examination.item: examination for examination in batch.reported}
    known, cache_hits = set(batch.known), set(batch.cache_hits)
    for item, entry in enumerate(batch.entries):
        examination = reported.get(item)
        from_run = None if examination is None else examination.from_run
        yield entry, PriorResult(item in known, examination, batch, item in cache_hits or from_run is not None)


def _has_member_lines(outcome: PriorResult) -> bool:
    """Returns whether members of the entry have results, which a journal does not hold: it is examined again."""
    examination = outcome.examination
    return examination is not None and examination.container is not None and examination.container.lines > 0


def _bytes_read(entry: Entry, outcome: PriorResult) -> int:
    if outcome.examination is not None:
        return outcome.examination.bytes_read
    return 0 if outcome.from_cache else entry.state.size


def _tally(interrupted: Interrupted, resume_point: JournaledPoint | None) -> TotalsCounter:
    tally = interrupted.tally
    tally.seen = sum(not line.key.within for line in interrupted.lines)
    if resume_point is not None:
        tally.seen += resume_point.walk.seen
        tally.directories = resume_point.walk.directories
        tally.skipped.update(resume_point.walk.skipped)
        tally.clean += resume_point.count.clean
        tally.known += resume_point.count.known
        tally.bytes_read = resume_point.count.bytes_read
        tally.from_cache = resume_point.count.from_cache
        tally.bytes_from_cache = resume_point.count.bytes_from_cache
        tally.count_inside(resume_point.count)
    return tally


def load_earlier(
    output: Output, key: PublicKey | None, journal: JournalContent | None
) -> tuple[Interrupted, ResumeState]:
    """Reads a findings file and combines it with its journal.

    Args:
        output: the reopened file.
        key: that signed it; ``None`` for an unsigned scan.
        journal: as read, if any.

    Raises:
        FindingsError: the file cannot be resumed.
        OutputError: it cannot be read.
    """
    first = 1 if journal is None or journal.resume_point is None else journal.resume_point.lines + 1
    interrupted = _read(output, key, first)
    if first > 1 and journal is not None and usable_resume_point(journal, interrupted.end.last) is None:
        interrupted = _read(output, key, 1)
    return interrupted, ResumeState(interrupted, journal)


def _read(output: Output, key: PublicKey | None, first_line: int) -> Interrupted:
    with output.reader() as stream:
        try:
            stream.seek(0)
            return read_interrupted(stream, key, first_line)
        except OSError as error:
            raise OutputError(f"cannot read the findings file; {error.strerror}") from error


def read_header(stream: BinaryIO) -> RunHeader:
    """Returns the header of a findings file, which is not verified yet.

    Raises:
        FindingsError: the file does not begin with a header.
        OutputError: it cannot be read.
    """
    try:
        stream.seek(0)
        line = decode_line(without_newline(stream.readline(MAX_LINE_BYTES)))
    except OSError as error:
        raise OutputError(f"cannot read the findings file; {error.strerror}") from error
    if not isinstance(line, RunHeader):
        raise FindingsError("the file does not begin with a run header")
    return line
