"""The main loop of a scan: source -> executor -> ordering -> records. Every entry ends as exactly one record or fault.

The loop is a generator of events and owns nothing that has to be closed: the caller gives the source, the started
executor and the writer.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import msgspec

from hashaudit import exit_codes
from hashaudit.errors import FindingsError, HashauditError
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.entry import Consistency, Entry, NotReady
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.file_run import FileRun
from hashaudit.model.paths import for_terminal
from hashaudit.record import convert
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.fields import MAX_SAFE_INTEGER
from hashaudit.record.schema import AuditRecord, EndReason, FaultRecord, FileRecord, FileState, FindingRecord
from hashaudit.record.totals import TotalsCounter
from hashaudit.scan.categories import named
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.dispatcher import Dispatcher, TaskContext, WalkState
from hashaudit.scan.entry_results import Ended, EntryResults, MemberResults, ScanOrdering
from hashaudit.scan.events import (
    Audited,
    Event,
    Finished,
    Found,
    Paused,
    Progress,
    Recorded,
    StatusReport,
    WorkerReport,
)
from hashaudit.scan.ordering import Ordering
from hashaudit.scan.resume.journal import Journal
from hashaudit.sources.interface import Item, Source, walk_in_runs
from hashaudit.workers.executor import Executor
from hashaudit.workers.local.pool import POLL_S

if TYPE_CHECKING:
    from hashaudit.cache.hash_cache import Cache
    from hashaudit.scan.acceptances import Acceptances
    from hashaudit.scan.auditor import Auditor
    from hashaudit.scan.resume.resume_state import ResumeState

_EntryRecord = FindingRecord | FaultRecord | FileRecord

PROGRESS_INTERVAL_S = 0.1
"""As often as a person can follow."""


class RecordWriter(Protocol):
    """Takes a scan's records: the findings file, or a listing of hashes."""

    @property
    def tally(self) -> TotalsCounter:
        """The counts of the scan. The writer counts what has a record."""
        ...

    @property
    def deadline_s(self) -> float | None:
        """When :meth:`tick` is due, in seconds on the monotonic clock; ``None`` while nothing waits."""
        ...

    def write(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> int:
        """Takes the next record; returns its number."""
        ...

    def tick(self) -> None:
        """Does what is due by the clock."""
        ...

    def checkpoint(self) -> None:
        """Signs and syncs the records so far."""
        ...

    def finish(self, reason: EndReason, exit_code: int) -> None:
        """Ends the output."""
        ...


SEVERAL_ROOTS = 2
"""Roots from which each one is looked at; a single one that is empty makes the whole scan empty."""

MAX_SHOWN_PATH_BYTES = 4096
"""Bytes shown of a path that no record can hold."""

MAX_RECORDED_MEMBERS = 1000
"""Records of members of one container that become events. The findings file has all of them."""

LAST_SEQ = MAX_SAFE_INTEGER
"""The longest number that a record can get."""


class MainLoop:
    """One scan over one source.

    Args:
        config: the options.
        source: gives the entries.
        pool: the executor, which is ready.
        writer: takes the records; its header is written.
        control: requests to the scan, read several times a second.
        journal: records the progress for a resume; ``None`` for a scan that cannot be resumed.
        earlier: the results of the interrupted scan that this one resumes.
        cache: knows files that need not be read again.
        list_names: names of the hash lists by their numbers.
        at_end: returns faults of the roots as a whole, after the walk.
        roots: paths of the roots, by the numbers that entries have.
        auditor: compares the files with manifests; ``None`` for a scan that is not an audit.
        acceptances: the accepted findings; ``None``: none is.
        unmatched: patterns to include that have matched no file yet; the walk removes those that match.
    """

    def __init__(
        self,
        config: ScanConfig,
        *,
        source: Source,
        pool: Executor[TaskContext],
        writer: RecordWriter,
        control: Control,
        journal: Journal | None = None,
        earlier: "ResumeState | None" = None,
        cache: "Cache | None" = None,
        list_names: Mapping[int, str] | None = None,
        at_end: Callable[[], Iterable[PathFault]] = tuple,
        roots: Sequence[bytes] = (),
        auditor: "Auditor | None" = None,
        acceptances: "Acceptances | None" = None,
        unmatched: Collection[bytes] = (),
    ) -> None:
        self._config = config
        self._unmatched = unmatched
        self._auditor = auditor
        self._acceptances = acceptances
        self._list_names = list_names or {}
        self._source = source
        self._at_end = at_end
        self._roots = roots
        self._roots_with_files: set[int] = set()
        """Numbers of roots with a file, or with a fault that says why there is none."""
        self._unlisted: set[bytes] = set()
        """Paths with a fault of this walk; kept only for a resume."""
        self._pool = pool
        self._writer = writer
        self._tally = writer.tally
        self._control = control
        self._begun_s = time.monotonic()
        self._end_at_s = math.inf if config.max_time_s is None else self._begun_s + config.max_time_s
        self._is_out_of_time = False
        self._journal = journal
        self._earlier = earlier
        cut = None if earlier is None else earlier.resume_point
        self._ordering: ScanOrdering = Ordering(None if cut is None else cut.count)
        """Files with cached values, and those of a scan that resumes another, are looked at one by one."""
        self._run: FileRun | None = None
        """The run that is being added."""
        self._dispatcher = Dispatcher(
            config, pool, self._ordering, self._walk_state, cache, divides=bool(config.inside) and config.pieces is None
        )
        self._directories_before = self._tally.directories
        self._outcomes = EntryResults(
            self._dispatcher,
            self._ordering,
            self._tally,
            record_all=config.record is RecordScope.ALL,
            inside_bytes=config.inside_bytes,
            journal=journal,
            earlier=earlier,
            cache=cache,
        )
        self._found: set[int] = set()
        """Identities of the subjects that were found and wait: they live until they are written."""
        self._written: set[int] = set()
        """Identities of the subjects that were written since the last call of :meth:`_waiting`."""
        self._walk_ended = False
        self._is_examined = False
        self._audit_records: Iterator[AuditRecord] | None = None
        """The differences that are not written yet."""
        self.finished: Finished | None = None
        """The end of the scan; ``None`` before it."""

    def events(self, *opening: Event) -> Generator[Event]:
        """Runs to the end and yields what happens. Closing the generator early ends the scan in order.

        Args:
            *opening: events to yield first.

        Raises:
            OutputError: the findings cannot be written. The records signed so far remain valid.
            HostError: worker processes cannot be kept running.
        """
        try:
            yield from opening
            yield from self._examine()
            yield from self._end_walk()
            yield self._progress()
            yield from self._conclude()
            yield self._finish()
        except GeneratorExit:
            self._stop()
            raise
        except BaseException as error:
            self._abort(error)
            raise

    def _end_walk(self) -> list[Recorded]:
        """Writes the results that wait for their turn. The entries that a stopped scan still examines stay pending."""
        if self._control.is_stopping:
            # The records from here on are in another order, so a resume cannot start from them.
            self._outcomes.note_progress()
        self._is_examined = True
        return self._write(self._ordering.rest())

    def _conclude(self) -> Iterator[Audited]:
        """Writes the differences of an audit whose scan reached its end: a part of a tree proves no file missing.

        A second call continues the first.
        """
        is_whole = self._walk_ended and self._pool.idle and not self._control.is_stopping
        if self._auditor is None or not is_whole:
            return
        if self._audit_records is None:
            self._audit_records = self._auditor.conclude(time.time_ns)
            self._tally.audit[AuditOutcome.MATCHED] += self._auditor.matched
        for record in self._audit_records:
            self._writer.write(record)
            yield Audited(record)

    def _stop(self) -> None:
        """Ends the scan because the caller takes no more events."""
        if self.finished is not None:
            return
        if not self._is_examined:
            self._control.stop = True
            self._end_walk()
        for _ in self._conclude():
            pass
        self._finish()

    def _abort(self, error: BaseException) -> None:
        """Writes the results so far and ends the findings file, so that the file itself states that the scan ended."""
        code = (
            exit_codes.ExitCode.CANNOT_START
            if isinstance(error, HashauditError)
            else exit_codes.ExitCode.INTERNAL_ERROR
        )
        with contextlib.suppress(HashauditError):
            for subject in self._ordering.rest():
                self._write((subject,))
                self._writer.checkpoint()
            self._writer.finish(EndReason.ERROR, code)
        if self._journal is not None:
            self._journal.close()

    def _examine(self) -> Iterator[Event]:
        if self._earlier is None:
            walk = walk_in_runs(self._source, None, self._config.batch_files)
        else:
            walk = self._source.walk(self._earlier.start)
        progress_at_s = 0.0
        while not (self._walk_ended and self._pool.idle) and not self._control.is_stopping:
            walked = self._walk_on(walk)
            for event in self._pool.collect(0 if walked else self._patience_s()):
                self._outcomes.take(event)
            written = self._write(self._ordering.ready())
            yield from self._waiting()
            yield from written
            self._writer.tick()
            if self._journal is not None and self._journal.is_due():
                self._outcomes.note_progress()
            now_s = time.monotonic()
            if now_s >= self._end_at_s and not (self._walk_ended and self._pool.idle):
                self._control.stop = self._is_out_of_time = True
            if now_s >= progress_at_s:
                progress_at_s = now_s + PROGRESS_INTERVAL_S
                yield self._progress()
            yield from self._oblige()

    def _oblige(self) -> Iterator[Event]:
        """Handles status and pause requests (not stop)."""
        if self._control.report:
            self._control.report = False
            yield self._report()
        if self._control.pause:
            with self._pool.paused():
                self._writer.checkpoint()
                yield Paused()
            self._control.pause = False

    def _walk_state(self, index: int) -> WalkState:
        """Returns the state of the walk before the present entry, or before a file of the present run."""
        tally, position = self._tally, self._source.position
        if self._run is not None and position is not None:
            position = position.moved_to(self._run.names[index])
        directories = self._directories_before + self._source.directories_listed
        return WalkState(position, tally.seen + index, directories, dict(tally.skipped))

    def _patience_s(self) -> float:
        """Returns how long to wait for a worker, in seconds: at most until a segment has to be closed."""
        deadline_s = self._writer.deadline_s
        return POLL_S if deadline_s is None else min(POLL_S, max(0.0, deadline_s - time.monotonic()))

    def _walk_on(self, walk: Iterator[Item]) -> bool:
        """Walks about one batch further, unless enough entries wait already; returns whether it did."""
        if self._walk_ended or not self._dispatcher.has_room or self._ordering.waiting >= self._config.waiting_records:
            # Records may wait for entries of the batch that is being filled, so that batch must not wait for the walk.
            self._dispatcher.flush()
            return False
        left = self._config.batch_files
        while left > 0:
            met = next(walk, None)
            if met is None:
                self._walk_ended = True
                for fault in chain(self._unseen(), self._too_few(), self._at_end()):
                    self._outcomes.add(fault)
                self._dispatcher.flush()
                break
            if isinstance(met, NotReady):
                break
            if isinstance(met, PathFault) and self._earlier is not None:
                self._unlisted.add(met.path)
            if isinstance(met, PathFault):
                self._roots_with_files.add(met.root)
            elif isinstance(met, Entry):
                self._roots_with_files.add(met.location.root)
            elif isinstance(met, FileRun):
                self._roots_with_files.add(met.root)
                self._run = met
                left -= len(met) - 1
            self._outcomes.add(met)
            self._run = None
            left -= 1
        self._tally.directories = self._directories_before + self._source.directories_listed
        if not self._pool.queued:
            self._dispatcher.flush()
        return True

    def _unseen(self) -> Iterator[PathFault]:
        """Yields a fault if entries with a record of the interrupted scan were not seen and have no fault."""
        paths = () if self._earlier is None else self._earlier.unseen_paths
        lost = [path for path in paths if not self._has_fault_above(path)]
        if lost:
            directory, name = os.path.split(lost[0])
            text = f"not seen again: {len(lost)} with a record of the interrupted scan, such as '{for_terminal(name)}'"
            yield PathFault(directory, Fault(Stage.WALK, FaultCode.NOT_FOUND, text), directory=True)

    def _too_few(self) -> Iterator[PathFault]:
        files = self._tally.seen - self._tally.skipped.total()
        if files < self._config.min_files and (files or not self._roots_with_files):
            text = f"{files} files instead of at least {self._config.min_files}" if files else "no file was examined"
            path = self._roots[0] if self._roots else self._config.roots[0]
            yield PathFault(path, Fault(Stage.WALK, FaultCode.ROOT_EMPTY, text), directory=True)
        elif self._config.min_files:
            for number in self._empty_roots():
                fault = Fault(Stage.WALK, FaultCode.ROOT_EMPTY, "no file in this ROOT")
                yield PathFault(self._roots[number], fault, directory=True, root=number)

    def _empty_roots(self) -> list[int]:
        """Returns the roots, of several, in which this scan has found no file.

        A shard may rightly find none, and so may a name in a list.
        """
        end = len(self._roots) - self._config.listed_roots
        if end < 1 or len(self._roots) < SEVERAL_ROOTS or self._config.shard is not None:
            return []
        start = None if self._earlier is None else self._earlier.start
        first = 0 if start is None else start.root + 1  # the interrupted scan has walked those before
        return [number for number in range(first, end) if number not in self._roots_with_files]

    def _has_fault_above(self, path: bytes) -> bool:
        while path and path not in self._unlisted:
            above = os.path.dirname(path)
            path = b"" if above == path else above
        return bool(path)

    def _waiting(self) -> list[Found]:
        """Returns the findings and faults that were found and could not be written at once."""
        found = []
        for subject in self._outcomes.take_found():
            if id(subject) in self._written:
                continue
            record = self._record_of(subject)
            if record is not None and not isinstance(record, FileRecord):
                self._found.add(id(subject))
                found.append(Found(record))
        self._written.clear()
        return found

    def _record_of(self, subject: Ended | PathFault) -> FindingRecord | FaultRecord | FileRecord | None:
        now_ns = time.time_ns()
        if isinstance(subject, PathFault):
            return of_walk(subject, now_ns)
        result = named(subject.examination, self._config.category_names)
        try:
            record = convert.of_result(subject.entry, result, now_ns, self._list_names, record_all=True)
        except (ValueError, TypeError, ArithmeticError, LookupError):
            record = unrecordable(subject.entry, now_ns)
        return None if record is None else self._marked(checked(record, subject.entry, now_ns))

    def _marked(self, record: _EntryRecord, around: Mapping[str, str] | None = None) -> _EntryRecord:
        return record if self._acceptances is None else self._acceptances.marked(record, around)

    def _write(self, subjects: Sequence[Ended | PathFault]) -> list[Recorded]:
        """Writes all records before any is yielded: a caller that takes no more events must lose none."""
        recorded = []
        if subjects and self._journal is not None:
            self._journal.write_links()
        for subject in subjects:
            if isinstance(subject, Ended) and subject.members is not None:
                recorded += self._write_members(subject, subject.members)
            if isinstance(subject, Ended) and not subject.has_record:
                continue
            record = self._record_of(subject)
            was_found = id(subject) in self._found
            self._found.discard(id(subject))
            if record is None:
                continue
            self._writer.write(record)
            if self._auditor is not None:
                self._auditor.observe(record)
            if not isinstance(record, FileRecord):
                self._written.add(id(subject))
                recorded.append(Recorded(record, was_found))
        return recorded

    def _write_members(self, ended: Ended, members: MemberResults) -> list[Recorded]:
        """Writes the records of members, but those that the interrupted scan has written."""
        recorded: list[Recorded] = []
        is_one_state = ended.examination.consistency is not Consistency.CHANGED_WHILE_READ
        around = ended.examination.digests if is_one_state else {}
        for member in members:
            now_ns = time.time_ns()
            location = msgspec.structs.replace(ended.entry.location, within=member.within)
            if self._earlier is not None and self._earlier.line_of(location.resume_key) is not None:
                continue
            entry = msgspec.structs.replace(ended.entry, location=location)
            named_member = msgspec.structs.replace(member, result=named(member.result, self._config.category_names))
            try:
                record = convert.of_member(ended.entry, ended.examination, named_member, now_ns, self._list_names)
            except (ValueError, TypeError, ArithmeticError, LookupError):
                record = unrecordable(entry, now_ns)
            if record is None:
                continue
            record = self._marked(checked(record, entry, now_ns), around)
            self._writer.write(record)
            if self._auditor is not None:
                self._auditor.observe(record)
            if not isinstance(record, FileRecord) and len(recorded) < MAX_RECORDED_MEMBERS:
                recorded.append(Recorded(record))
        members.clear()
        if self._earlier is not None:
            self._earlier.drop_members(ended.entry.location.resume_key)
        return recorded

    def _progress(self) -> Progress:
        tally = self._tally
        return Progress(
            files_walked=tally.seen - tally.skipped.total(),
            files_done=tally.examined + tally.faulted + self._ordering.waiting,
            bytes_walked=self._outcomes.bytes_met,
            bytes_done=self._pool.bytes_read() + self._outcomes.bytes_taken_over,
            findings=tally.open_findings,
            faults=tally.faults.total(),
            walk_ended=self._walk_ended,
        )

    def _report(self) -> StatusReport:
        now_s = time.monotonic()
        workers = tuple(
            WorkerReport(
                hand.pid,
                hand.task.entry.path,
                hand.task.entry.state.size,
                hand.offset,
                now_s - hand.begun_s,
                hand.host,
            )
            for hand in self._pool.in_progress()
        )
        return StatusReport(self._progress(), now_s - self._begun_s, self._pool.workers, self._pool.queued, workers)

    def _finish(self) -> Finished:
        signal_number = self._control.signal_number
        stopped = self._control.stop and not (self._walk_ended and self._pool.idle)
        reason = EndReason.STOPPED if stopped else EndReason.COMPLETED
        if self._is_out_of_time:
            reason = EndReason.TIME_LIMIT
        if signal_number is not None:
            reason = EndReason.SIGNAL
        outside = 0 if self._auditor is None else self._auditor.outside
        exit_code = exit_codes.of_run(
            findings=self._tally.open_findings + self._tally.differing,
            faults=self._tally.faults.total() + self._tally.audit[AuditOutcome.UNREADABLE] + outside,
            signal_number=signal_number,
            stopped=stopped,
            time_limit=self._is_out_of_time,
        )
        self._writer.finish(reason, exit_code)
        if self._journal is not None:
            if reason is EndReason.COMPLETED:
                self._journal.remove()
            else:
                self._journal.close()
        empty = tuple(self._roots[number] for number in self._empty_roots()) if self._walk_ended else ()
        # A resumed scan does not know the names before its resume point.
        unmatched = tuple(self._unmatched) if self._walk_ended and self._earlier is None else ()
        self.finished = Finished(self._tally.totals(), reason, exit_code, self._pool.restarts, empty, unmatched)
        return self.finished


def checked(
    record: FindingRecord | FaultRecord | FileRecord, entry: Entry, time_ns: int
) -> FindingRecord | FaultRecord | FileRecord:
    """Returns a record that its own strict decoder accepts: the record, or else a fault of its entry.

    Otherwise one value that the format does not have would make everything that is signed with it unreadable.
    """
    return record if is_plain(record) or is_readable(record) else unrecordable(entry, time_ns)


def is_plain(record: FindingRecord | FaultRecord | FileRecord) -> bool:
    """Returns whether a record has nothing but values that the check of answers has seen, so that no trial is needed.

    The trial takes a quarter of the main process's time if every file gets a record.
    """
    entry = record.entry
    return (
        isinstance(record, FileRecord)
        and not (record.matches or record.perceptual or record.matches_omitted or record.frames_skipped)
        and record.container is None
        and record.no_hash is None
        and record.from_run is None
        and isinstance(record.state, FileState)
        and not entry.within
        and entry.path_uri is None
        and len(entry.path) <= MAX_SHOWN_PATH_BYTES
    )


def of_walk(met: PathFault, time_ns: int) -> FaultRecord:
    """Returns the record of a fault of the walk, or else of the fault that its record cannot be written."""
    try:
        record = convert.of_path_fault(met, time_ns)
    except (ValueError, TypeError, ArithmeticError, LookupError):
        record = None
    if record is not None and is_readable(record):
        return record
    fault = Fault(Stage.WALK, FaultCode.INTERNAL_ERROR, "a fault of the walk has a value that no record can hold")
    return convert.of_path_fault(PathFault(met.path[:MAX_SHOWN_PATH_BYTES], fault, directory=met.directory), time_ns)


def is_readable(record: FindingRecord | FaultRecord | FileRecord) -> bool:
    """Returns whether the strict decoder of the format accepts a record."""
    try:
        decode_line(encode_line(msgspec.structs.replace(record, seq=LAST_SEQ))[:-1])
    except (FindingsError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError):
        return False
    return True


def unrecordable(entry: Entry, time_ns: int) -> FaultRecord:
    """Returns the fault of an entry whose result the findings format cannot hold."""
    fault = Fault(Stage.READ, FaultCode.INTERNAL_ERROR, "the result has a value that no record can hold")
    record = convert.of_path_fault(PathFault(entry.path, fault, root=entry.location.root), time_ns)
    return (
        msgspec.structs.replace(record, entry=convert.of_location(entry.location)) if entry.location.within else record
    )
