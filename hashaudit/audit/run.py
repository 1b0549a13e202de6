"""The run: source -> pool -> ordering -> findings. Every entry ends as exactly one record or one fault.

It is a generator of events, prints nothing, and owns nothing that has to be closed: the caller gives the source, the
started pool and the writer.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from hashaudit import exitcodes
from hashaudit.audit.categories import named
from hashaudit.audit.dispatch import Dispatcher, EntryJob, Ticket, WalkState
from hashaudit.audit.events import Event, Finished, Paused, Progress, Recorded, Report, WorkerReport
from hashaudit.audit.journal import Done, Journal, Link
from hashaudit.audit.ordering import Count, Ordering, Span
from hashaudit.audit.requests import Requests
from hashaudit.audit.resume import Earlier
from hashaudit.cache.cache import Cache
from hashaudit.config import AuditConfig
from hashaudit.errors import HashauditError
from hashaudit.findings import records
from hashaudit.findings.schema import EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.findings.tally import Tally
from hashaudit.model import (
    Entry,
    Examination,
    ObjectEntry,
    PathFault,
    Skipped,
    Subject,
    Waiting,
    any_looked_for,
    state_of,
    version_of,
)
from hashaudit.pool.jobs import Answered, Blamed
from hashaudit.pool.supervisor import POLL_S, Pool
from hashaudit.sources.interface import Source
from hashaudit.worker.protocol import Answer, Cached

PROGRESS_INTERVAL_S = 0.1
"""As often as a person can follow."""


class RecordWriter(Protocol):
    """Where a run's records go: the findings file, or a listing of hashes."""

    @property
    def tally(self) -> Tally:
        """What the run counts; what has a line is counted by the writer."""
        ...

    @property
    def deadline_s(self) -> float | None:
        """When :meth:`tick` is due, on the monotonic clock; ``None`` while nothing waits."""
        ...

    def write(self, record: FindingRecord | FaultRecord | FileRecord) -> int:
        """Takes the next record; returns its number."""
        ...

    def tick(self) -> None:
        """Does what is due by the clock."""
        ...

    def checkpoint(self) -> None:
        """Makes what was written so far safe."""
        ...

    def finish(self, reason: EndReason, exit_code: int) -> None:
        """Ends the output."""
        ...


class _Subject(NamedTuple):
    """What a record is about, kept as it came until it is the record's turn."""

    entry: Subject
    examination: Examination


class Run:
    """One run over one source.

    Args:
        config: what is asked.
        source: where the entries come from.
        pool: started workers that know the lists.
        writer: takes the records, its header written.
        requests: looked at several times a second.
        journal: keeps how far the run is; ``None`` for a run that nobody goes on with.
        earlier: what the run that this one goes on with has done.
        cache: knows files that need not be read again.
    """

    def __init__(
        self,
        config: AuditConfig,
        *,
        source: Source,
        pool: Pool[Ticket],
        writer: RecordWriter,
        requests: Requests,
        journal: Journal | None = None,
        earlier: Earlier | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._config = config
        self._source = source
        self._pool = pool
        self._writer = writer
        self._tally = writer.tally
        self._requests = requests
        self._cache = cache
        self._begun_s = time.monotonic()
        self._journal = journal
        self._earlier = earlier
        self._last_line_met = -1
        cut = None if earlier is None else earlier.cut
        self._ordering: Ordering[_Subject | PathFault, WalkState] = Ordering(None if cut is None else cut.count)
        self._dispatcher = Dispatcher(config, pool, self._ordering, self._walk_state, cache)
        self._directories_before = self._tally.directories
        self._bytes_walked = self._bytes_taken_over = self._tally.bytes_read
        if earlier is not None:
            for link in earlier.links:
                self._dispatcher.links.restore(link.path, link.stat, link.result)
        self._walk_ended = False

    def events(self) -> Iterator[Event]:
        """Runs to the end and tells what happens.

        Raises:
            OutputError: the findings cannot be written; what was signed before still verifies.
            HostError: worker processes cannot be kept running.
        """
        try:
            yield from self._examine()
            if self._requests.signal_number is not None:
                # What is written from here on stands in another order, and is not what a later run goes on from.
                self._note_progress()
            # A run that is stopped writes what it has, in order; what was still in work stays pending in the totals.
            yield from self._write(self._ordering.rest())
            yield self._progress()
            yield self._finish()
        except BaseException as error:
            self._end_early(error)
            raise

    def _end_early(self, error: BaseException) -> None:
        """Writes what is decided and ends the findings file, so that it says itself that the run went no further."""
        code = (
            exitcodes.ExitCode.CANNOT_START if isinstance(error, HashauditError) else exitcodes.ExitCode.INTERNAL_ERROR
        )
        with contextlib.suppress(HashauditError):
            for _ in self._write(self._ordering.rest()):
                self._writer.checkpoint()
            self._writer.finish(EndReason.ERROR, code)

    def _examine(self) -> Iterator[Event]:
        walk = self._source.walk(None if self._earlier is None else self._earlier.start)
        progress_at_s = 0.0
        while not (self._walk_ended and self._pool.idle) and self._requests.signal_number is None:
            walked = self._walk_on(walk)
            for event in self._pool.collect(0 if walked else self._patience_s()):
                self._take(event)
            yield from self._write(self._ordering.ready())
            self._writer.tick()
            if self._journal is not None and self._journal.is_due():
                self._note_progress()
            now_s = time.monotonic()
            if now_s >= progress_at_s:
                progress_at_s = now_s + PROGRESS_INTERVAL_S
                yield self._progress()
            yield from self._oblige()

    def _oblige(self) -> Iterator[Event]:
        """Does what is asked of the run besides ending."""
        if self._requests.report:
            self._requests.report = False
            yield self._report()
        if self._requests.pause:
            with self._pool.held():
                self._writer.checkpoint()
                yield Paused()
            self._requests.pause = False

    def _note_progress(self) -> None:
        """Writes into the journal how far the run is. Everything that is ready was written before."""
        if self._journal is None:
            return
        cut = self._ordering.cut()
        if cut is not None and cut.before.position is None:
            cut = None
        # The lines of an earlier part are counted from the start on: only behind the last of them does what is counted
        # belong to a place of the walk.
        if cut is not None and self._earlier is not None:
            counted = not self._earlier.has_lines and cut.first > self._last_line_met
            cut = cut if counted else None
        links = self._dispatcher.links
        self._journal.write(cut, lambda: (Link(*result) for result in links.results()))

    def _walk_state(self) -> WalkState:
        tally = self._tally
        directories = self._directories_before + self._source.directories_listed
        return WalkState(self._source.position, tally.seen, directories, dict(tally.skipped))

    def _patience_s(self) -> float:
        """How long may be waited for a worker: no longer than until a segment has to be closed."""
        deadline_s = self._writer.deadline_s
        return POLL_S if deadline_s is None else min(POLL_S, max(0.0, deadline_s - time.monotonic()))

    def _walk_on(self, walk: Iterator[Subject | PathFault | Skipped | Waiting]) -> bool:
        """Walks on by about one unit, unless enough lies ahead; says if it did."""
        if self._walk_ended or not self._dispatcher.has_room or self._ordering.waiting >= self._config.waiting_records:
            # Records may wait for entries of the unit that is being filled; it must not wait for the walk in turn.
            self._dispatcher.flush()
            return False
        for _ in range(self._config.batch_files):
            met = next(walk, None)
            if met is None:
                self._walk_ended = True
                self._dispatcher.flush()
                break
            if isinstance(met, Waiting):
                break
            self._meet(met)
        self._tally.directories = self._directories_before + self._source.directories_listed
        if not self._pool.queued:
            self._dispatcher.flush()
        return True

    def _meet(self, met: Subject | PathFault | Skipped) -> None:
        match met:
            case Entry() | ObjectEntry():
                self._bytes_walked += state_of(met).size
                number = self._ordering.number()
                if self._earlier is None or not self._meet_again(self._earlier, number, met):
                    self._begin_entry(number, met)
            case Skipped():
                self._tally.see()
                self._tally.skip(met.reason)
            case PathFault():
                if self._earlier is not None and _has_line(self._earlier, met):
                    self._last_line_met = self._ordering.number()
                    return
                if not met.directory:
                    self._tally.see()
                self._ordering.put(self._ordering.number(), met)

    def _begin_entry(self, number: int, entry: Subject) -> None:
        taken_over = self._dispatcher.add(number, entry)
        self._tally.see()
        if taken_over is not None:
            self._bytes_taken_over += state_of(entry).size
            self._tally.read(taken_over.bytes_read)
            self._ordering.count(number, Count(bytes_read=taken_over.bytes_read))
            if taken_over.from_run is not None:
                self._ordering.count(number, self._recall(entry))
            self._end_entry(number, entry, taken_over, None)
            self._note_done(number, entry, taken_over)

    def _meet_again(self, earlier: Earlier, number: int, entry: Subject) -> bool:
        """Tells if the entry was done in an earlier part of the run, and counts it then."""
        line = earlier.line_of(entry.path, version_of(entry))
        told_bytes = None if line is None else line.bytes_read
        if line is not None:
            self._last_line_met = number
        found = earlier.outcome_of(entry)
        if told_bytes is None and found is None:
            return False
        bytes_read = found[1] if found is not None else 0 if earlier.is_other_name(entry) else told_bytes or 0
        self._bytes_taken_over += state_of(entry).size
        self._tally.read(bytes_read)
        self._ordering.count(number, Count(bytes_read=bytes_read))
        if (found is not None and found[0].recalled) or (found is None and line is not None and line.from_cache):
            self._ordering.count(number, self._recall(entry))
        if told_bytes is None and found is not None:
            outcome = found[0]
            self._tally.see()
            if outcome.examination is not None:
                self._end_entry(number, entry, outcome.examination, None)
            else:
                self._pass(number, None, known=outcome.known)
        if earlier.is_met and self._journal is not None:
            self._journal.drop_carried_behind(number)
        return True

    def _take(self, event: Answered[Ticket] | Blamed[Ticket]) -> None:
        match event:
            case Blamed(job=job, fault=fault):
                examination = Examination(0, None, 0, job.entry.consistency, {}, faults=(fault,))
                self._settle(job, examination)
                self._note_done(job.ticket.number, job.entry, examination)
            case Answered(jobs=jobs, answer=answer):
                self._take_answer(jobs, answer)
                self._keep(jobs, answer.cache)

    def _take_answer(self, jobs: tuple[EntryJob, ...], answer: Answer) -> None:
        told = {examination.item: _suspected(jobs[examination.item], examination) for examination in answer.told}
        untold_bytes = answer.bytes_read
        for item, job in enumerate(jobs):
            examination = told.get(item)
            if examination is not None:
                untold_bytes -= examination.bytes_read
                job.ticket.span.count.bytes_read += examination.bytes_read
            self._settle(job, examination)
        for item in answer.cache.recalled:
            job = jobs[item] if item in told else jobs[0]
            job.ticket.span.count.add(self._recall(jobs[item].entry))
        # All that is not told of belongs to one span: what others wait for, or is a span of its own, is told of.
        clean = len(jobs) - len(told) - len(answer.known)
        jobs[0].ticket.span.count.add(Count(clean, len(answer.known), untold_bytes))
        self._tally.clean += clean
        self._tally.known += len(answer.known)
        self._tally.read(answer.bytes_read)
        if self._journal is not None:
            entries = tuple(job.entry for job in jobs)
            last = max(job.ticket.number for job in jobs)
            self._journal.note(
                last, Done(entries, answer.known, tuple(told.values()), answer.bytes_read, answer.cache.recalled)
            )

    def _keep(self, jobs: Sequence[EntryJob], cached: Cached) -> None:
        if self._cache is None:
            return
        self._cache.note_damaged(cached.damaged)
        for kept in cached.kept:
            entry = jobs[kept.item].entry
            if isinstance(entry, Entry):
                self._cache.keep(entry, kept)

    def _recall(self, entry: Subject) -> Count:
        """Counts an entry whose content an earlier run has read."""
        size_bytes = state_of(entry).size
        self._tally.recall(size_bytes)
        return Count(from_cache=1, bytes_from_cache=size_bytes)

    def _settle(self, job: EntryJob, examination: Examination | None) -> None:
        group = job.ticket.group
        for other in self._dispatcher.settle(job, examination):
            if examination is not None:
                if examination.from_run is not None:
                    other.ticket.span.count.add(self._recall(other.entry))
                shared = msgspec.structs.replace(examination, bytes_read=0)
                self._end_entry(other.ticket.number, other.entry, shared, other.ticket.span)
                self._note_done(other.ticket.number, other.entry, shared)
        if examination is not None:
            self._end_entry(job.ticket.number, job.entry, examination, job.ticket.span)
        if self._journal is not None and group is not None and group.result is not None:
            self._journal.link(Link(group.path, group.stat, group.result))

    def _end_entry(self, number: int, entry: Subject, examination: Examination, span: Span[WalkState] | None) -> None:
        """Keeps what gets a line until its turn; counts what gets none."""
        if self._config.record_all or examination.faults or any_looked_for(examination.matches):
            self._ordering.put(number, _Subject(entry, examination))
        else:
            self._pass(number, span, known=bool(examination.matches))

    def _pass(self, number: int, span: Span[WalkState] | None, *, known: bool) -> None:
        """Counts what gets no line."""
        if known:
            self._tally.pass_known()
        else:
            self._tally.pass_clean()
        count = Count(known=1) if known else Count(clean=1)
        if span is not None:
            span.count.add(count)
        else:
            self._ordering.count(number, count)

    def _note_done(self, number: int, entry: Subject, examination: Examination) -> None:
        if self._journal is not None:
            told = msgspec.structs.replace(examination, item=0)
            self._journal.note(number, Done((entry,), (), (told,), told.bytes_read))

    def _write(self, subjects: Sequence[_Subject | PathFault]) -> Iterator[Recorded]:
        if subjects and self._journal is not None:
            self._journal.write_links()
        for subject in subjects:
            now_ns = time.time_ns()
            if isinstance(subject, PathFault):
                record: FindingRecord | FaultRecord | FileRecord | None = records.of_path_fault(subject, now_ns)
            else:
                record = records.of_examination(
                    subject.entry, named(subject.examination, self._config.category_names), now_ns, record_all=True
                )
            if record is None:
                continue
            self._writer.write(record)
            if not isinstance(record, FileRecord):
                yield Recorded(record)

    def _progress(self) -> Progress:
        tally = self._tally
        return Progress(
            files_walked=tally.seen - tally.skipped.total(),
            files_done=tally.examined + tally.faulted + self._ordering.waiting,
            bytes_walked=self._bytes_walked,
            bytes_done=self._pool.bytes_read() + self._bytes_taken_over,
            findings=tally.matched,
            faults=tally.faults.total(),
            walk_ended=self._walk_ended,
        )

    def _report(self) -> Report:
        now_s = time.monotonic()
        workers = tuple(
            WorkerReport(
                hand.pid, hand.job.entry.path, state_of(hand.job.entry).size, hand.offset, now_s - hand.begun_s
            )
            for hand in self._pool.in_hand()
        )
        return Report(self._progress(), now_s - self._begun_s, self._pool.workers, self._pool.queued, workers)

    def _finish(self) -> Finished:
        signal_number = self._requests.signal_number
        reason = EndReason.COMPLETED if signal_number is None else EndReason.SIGNAL
        exit_code = exitcodes.of_run(
            findings=self._tally.matched, faults=self._tally.faults.total(), signal_number=signal_number
        )
        self._writer.finish(reason, exit_code)
        if self._journal is not None:
            if reason is EndReason.COMPLETED:
                self._journal.remove()
            else:
                self._journal.close()
        return Finished(self._tally.totals(), reason, exit_code, self._pool.restarts)


def _has_line(earlier: Earlier, met: PathFault) -> bool:
    return earlier.has_folder(met.path) if met.directory else earlier.line_of(met.path) is not None


def _suspected(job: EntryJob, examination: Examination) -> Examination:
    """What was found without the decoder, and that the decoder ended the workers before."""
    if job.suspicion is None:
        return examination
    return msgspec.structs.replace(examination, faults=(*examination.faults, job.suspicion))
