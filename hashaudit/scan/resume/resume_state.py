"""What an interrupted run has done, put together from its findings file and its journal.

The findings file decides which paths have a line. The journal, where there is one that fits, tells what was done beyond
those lines; what it says is used only up to what the lines and itself bear out.
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError, OutputError
from hashaudit.model.entry import Entry
from hashaudit.model.location import Kind, ResumeKey
from hashaudit.model.results import EntryResult
from hashaudit.record.codec import MAX_LINE_BYTES, decode_line
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import without_newline
from hashaudit.record.verify.resume_read import Interrupted, RecordedLine, read_interrupted
from hashaudit.scan.resume.journal import FRAME_DECODER, Begin, Done, Frame, JournaledLink, JournaledPoint, Line
from hashaudit.scan.resume.journal_file import read_frames
from hashaudit.signing.public_key import PublicKey
from hashaudit.sources.interface import Position


class JournalContent(msgspec.Struct):
    """What was read of a journal."""

    begin: Begin
    cut: JournaledPoint | None = None
    lines: dict[int, bytes] = {}
    """By number."""
    done: list[Done] = []
    links: list[JournaledLink] = []


def read_journal(path: bytes, key: bytes, run_id: str) -> JournalContent | None:
    """Reads the journal of a run; ``None`` where there is none that it can be told from.

    Args:
        path: of the journal.
        key: of its seal.
        run_id: of the run.
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
        # Another version's, or a disk that fails: what was read so far is sealed and holds.
        pass
    return content


def _add(content: JournalContent, frame: Frame) -> None:
    match frame:
        case JournaledPoint():
            content.cut = frame
        case Line(seq=seq, data=data):
            content.lines[seq] = data
        case Done():
            content.done.append(frame)
        case JournaledLink():
            content.links.append(frame)
        case Begin():
            pass


class PriorResult(msgspec.Struct, frozen=True):
    """What became of an entry that was done and has no line yet."""

    known: bool
    """Only lists of known files hold it; without ``examination``."""
    examination: EntryResult | None
    """``None``: examined whole, and nothing to say."""
    unit: Done
    """In which it was done."""
    recalled: bool
    """An earlier run has read its content."""


class ResumeState:
    """What an interrupted run has done of what a resumed one will meet. Everything is taken out when it is met."""

    def __init__(self, interrupted: Interrupted, journal: JournalContent | None) -> None:
        """Puts it together.

        Args:
            interrupted: the findings file; its lines from the one after the journal's cut on.
            journal: ``None`` where it is lost.
        """
        cut = None if journal is None else usable_cut(journal, interrupted.end.last)
        self.cut = cut
        self._lines = {line.key: line for line in interrupted.lines}
        self._folders = interrupted.folders
        self._done: dict[Entry, PriorResult] = {}
        self._rest: dict[int, int] = {}
        self.links: Sequence[JournaledLink] = ()
        self.units: Sequence[Done] = ()
        self._read_as: dict[tuple[int, int], bytes] = {}
        if journal is not None:
            self.links = journal.links
            self.units = journal.done
            self._read_as = {(link.stat.device, link.stat.inode): link.location.path for link in journal.links}
            for unit in journal.done:
                outcomes = dict(_outcomes(unit))
                self._done.update(outcomes)
                self._rest[id(unit)] = unit.bytes_read - sum(map(_bytes_read, outcomes, outcomes.values()))
        last = interrupted.end.last
        kept = range(last + 1, last + 1 if cut is None else max(last, cut.lines) + 1)
        self.unsigned = tuple(() if journal is None else (journal.lines[seq] for seq in kept))
        """Lines that were written behind the last checkpoint, which come next."""
        self.tally = _tally(interrupted, cut)
        """Of all that was done before the cut, and of what has a line."""

    @property
    def start(self) -> Position | None:
        """Where the walk goes on."""
        return None if self.cut is None else self.cut.walk.position

    @property
    def has_lines(self) -> bool:
        """There are lines about what was not met yet."""
        return bool(self._lines)

    @property
    def is_met(self) -> bool:
        """Nothing is left."""
        return not (self._lines or self._done)

    def line_of(self, key: ResumeKey) -> RecordedLine | None:
        """Takes out what is known of the entry's record; ``None`` if it has none."""
        return self._lines.pop(key, None)

    def has_folder(self, path: bytes) -> bool:
        """Tells if a folder has its line."""
        return path in self._folders

    def is_other_name(self, entry: Entry) -> bool:
        """Tells if the entry's content was read by another name."""
        state = entry.state
        if state.kind is not Kind.FILE:
            return False
        path = entry.path
        return self._read_as.get((state.device, state.inode), path) != path

    def outcome_of(self, entry: Entry) -> tuple[PriorResult, int] | None:
        """What became of an entry in the very state in which it is met again, and the bytes that count with it."""
        outcome = self._done.pop(entry, None)
        if outcome is None:
            return None
        # The bytes of a unit are known together. What its entries do not account for (what was read again) counts with
        # the first of them that is met.
        return outcome, _bytes_read(entry, outcome) + self._rest.pop(id(outcome.unit), 0)


def usable_cut(journal: JournalContent, last: int) -> JournaledPoint | None:
    """The journal's cut, if all lines before it are closed in the findings file or in the journal.

    Args:
        journal: as it was read.
        last: the number of the last line that is closed in the findings file.
    """
    cut = journal.cut
    if cut is None or any(seq not in journal.lines for seq in range(last + 1, cut.lines + 1)):
        return None
    return cut


def _outcomes(unit: Done) -> Iterable[tuple[Entry, PriorResult]]:
    told = {examination.item: examination for examination in unit.told}
    known, recalled = set(unit.known), set(unit.recalled)
    for item, entry in enumerate(unit.entries):
        examination = told.get(item)
        from_run = None if examination is None else examination.from_run
        yield entry, PriorResult(item in known, examination, unit, item in recalled or from_run is not None)


def _bytes_read(entry: Entry, outcome: PriorResult) -> int:
    if outcome.examination is not None:
        return outcome.examination.bytes_read
    return 0 if outcome.recalled else entry.state.size


def _tally(interrupted: Interrupted, cut: JournaledPoint | None) -> TotalsCounter:
    tally = interrupted.tally
    tally.seen = len(interrupted.lines)
    if cut is not None:
        tally.seen += cut.walk.seen
        tally.directories = cut.walk.directories
        tally.skipped.update(cut.walk.skipped)
        tally.clean += cut.count.clean
        tally.known += cut.count.known
        tally.bytes_read = cut.count.bytes_read
        tally.from_cache = cut.count.from_cache
        tally.bytes_from_cache = cut.count.bytes_from_cache
    return tally


def load_earlier(
    output: Output, key: PublicKey | None, journal: JournalContent | None
) -> tuple[Interrupted, ResumeState]:
    """Reads a findings file and puts it together with its journal.

    Args:
        output: the reopened file.
        key: that signed it; ``None`` for an unsigned run.
        journal: as it was read, if it was.

    Raises:
        FindingsError: the file cannot be continued.
        OutputError: it cannot be read.
    """
    first = 1 if journal is None or journal.cut is None else journal.cut.lines + 1
    interrupted = _read(output, key, first)
    if first > 1 and journal is not None and usable_cut(journal, interrupted.end.last) is None:
        interrupted = _read(output, key, 1)
    return interrupted, ResumeState(interrupted, journal)


def _read(output: Output, key: PublicKey | None, first_line: int) -> Interrupted:
    with output.reader() as stream:
        try:
            stream.seek(0)
            return read_interrupted(stream, key, first_line)
        except OSError as error:
            raise OutputError(f"cannot read the findings file: {error.strerror}") from error


def read_header(stream: BinaryIO) -> RunHeader:
    """The header of a findings file. Nothing of it is proven yet.

    Raises:
        FindingsError: the file does not begin with a header.
        OutputError: it cannot be read.
    """
    try:
        stream.seek(0)
        line = decode_line(without_newline(stream.readline(MAX_LINE_BYTES)))
    except OSError as error:
        raise OutputError(f"cannot read the findings file: {error.strerror}") from error
    if not isinstance(line, RunHeader):
        raise FindingsError("the file does not begin with the header of a run")
    return line
