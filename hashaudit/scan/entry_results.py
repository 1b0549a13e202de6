"""Decides the outcome of each entry: examined now or earlier, by this name or by another.

Every entry ends exactly once, as a record that waits for its turn or as a count. The journal receives each outcome and
the resume points.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hashaudit.cache.object_places import place_of
from hashaudit.cache.values import PlainValues
from hashaudit.model.containers import ContainerResult
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import ResumeKey
from hashaudit.model.results import EntryResult, has_deny_match
from hashaudit.record.totals import TotalsCounter
from hashaudit.scan.dispatcher import Dispatcher, EntryTask, TaskContext, WalkState
from hashaudit.scan.ordering import Count, OrderedBatch, Ordering
from hashaudit.scan.part_results import JoinedMembers, PartOutcome, PartResults
from hashaudit.scan.resume.journal import Done, Journal, JournaledLink, PartDone
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.protocol import Answer, Cached
from hashaudit.workers.tasks import Completed, Failed, RunTasks, Task, TaskBatch, all_entries, all_sizes

if TYPE_CHECKING:
    from hashaudit.cache.hash_cache import Cache
    from hashaudit.scan.resume.resume_state import ResumeState


MAX_JOURNALED_BYTES = 4 << 20
"""Results of one part of a container that go to the journal; a part with more is examined again."""

MemberResults = MemberSpool | JoinedMembers
"""Results of the members of one file."""


class Ended(NamedTuple):
    """An entry and its result, kept until it is the record's turn."""

    entry: Entry
    examination: EntryResult
    members: MemberResults | None = None
    """Results of its members, which come before its own record."""
    has_record: bool = True
    """False: only its members have records."""


ScanOrdering = Ordering[Ended | PathFault, WalkState]
"""The order of one scan."""


class EntryResults:
    """Collects the outcomes of one scan.

    Args:
        dispatcher: sends entries to the workers.
        ordering: holds the records.
        tally: counts.
        record_all: record entries without a finding as well.
        inside_bytes: that the members of one file may unpack to.
        journal: receives progress; ``None`` if the scan cannot be resumed.
        earlier: results of the interrupted scan that this one resumes.
        cache: stores hashes for later scans.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        ordering: ScanOrdering,
        tally: TotalsCounter,
        *,
        record_all: bool,
        inside_bytes: int,
        journal: Journal | None,
        earlier: "ResumeState | None",
        cache: "Cache | None",
    ) -> None:
        self._dispatcher = dispatcher
        self._ordering = ordering
        self._tally = tally
        self._record_all = record_all
        self._inside_bytes = inside_bytes
        self._journal = journal
        self._earlier = earlier
        self._cache = cache
        self._found: list[Ended | PathFault] = []
        self._last_line_met = -1
        self.bytes_met = self.bytes_taken_over = tally.bytes_read
        """Sizes of all entries so far, and of those that need not be read; includes an earlier part of the scan."""
        if earlier is not None:
            for link in earlier.links:
                dispatcher.links.restore(link.location, link.stat, link.result)

    def add(self, item: Entry | PathFault | Skipped | FileRun) -> None:
        """Accepts an item of the walk. A scan that resumes another takes no runs."""
        match item:
            case FileRun():
                sizes = item.sizes
                self.bytes_met += sum(sizes)
                self._dispatcher.add_run(self._ordering.number(len(item)), item, sizes)
                self._tally.add(len(item))
            case Entry():
                self.bytes_met += item.state.size
                number = self._ordering.number()
                if self._earlier is None or not self._restore(self._earlier, number, item):
                    self._begin_entry(number, item)
            case Skipped():
                self._tally.add()
                self._tally.skip(item.reason)
            case PathFault():
                if self._earlier is not None and _has_line(self._earlier, item):
                    self._last_line_met = self._ordering.number()
                    return
                if not item.directory:
                    self._tally.add()
                self._ordering.put(self._ordering.number(), item)
                self._found.append(item)

    def take(self, event: Completed[TaskContext] | Failed[TaskContext]) -> None:
        """Accepts an event of the executor."""
        match event:
            case Failed(task=task, fault=fault) if task.part is not None:
                self._take_part(task, PartOutcome(None, fault=fault))
            case Completed(tasks=(task,), answer=answer, members=members) if task.part is not None:
                self._keep((task,), answer.cache)
                [result] = answer.reported
                self._take_part(task, PartOutcome(result, members.get(0), task.suspicion))
            case Failed(task=task, fault=fault):
                examination = EntryResult(0, None, 0, task.entry.consistency, {}, faults=(fault,))
                self._resolve(task, examination)
                self._note_done(task.context.number, task.entry, examination)
            case Completed(tasks=tasks, answer=answer, members=members):
                self._handle_answer(tasks, answer, members)
                self._keep(tasks, answer.cache)

    def take_found(self) -> list[Ended | PathFault]:
        """Returns the findings and faults that were found since the last call."""
        found, self._found = self._found, []
        return found

    def note_progress(self) -> None:
        """Writes the progress into the journal, after every record that is ready was written."""
        if self._journal is None:
            return
        resume_point = self._ordering.resume_point()
        if resume_point is not None and resume_point.before.position is None:
            resume_point = None
        # Records of an earlier part count from the start. Only behind the last of them do the counts belong to a
        # position of the walk.
        if resume_point is not None and self._earlier is not None:
            counted = not self._earlier.has_lines and resume_point.first > self._last_line_met
            resume_point = resume_point if counted else None
        links = self._dispatcher.links
        self._journal.write(resume_point, lambda: (JournaledLink(*result) for result in links.results()))

    def _begin_entry(self, number: int, entry: Entry) -> None:
        taken_over = self._dispatcher.add(number, entry)
        self._tally.add()
        if taken_over is not None:
            self.bytes_taken_over += entry.state.size
            self._tally.read(taken_over.bytes_read)
            self._ordering.count(number, Count(bytes_read=taken_over.bytes_read))
            if taken_over.from_run is not None:
                self._ordering.count(number, self._recall(entry))
            self._end_entry(number, entry, taken_over, None)
            self._note_done(number, entry, taken_over)

    def _restore(self, earlier: "ResumeState", number: int, entry: Entry) -> bool:
        """Returns whether an earlier part of the scan examined the entry, and counts it then."""
        line = earlier.line_of(entry.location.resume_key)
        line_bytes = None if line is None else line.bytes_read
        if line is not None:
            self._last_line_met = number
            # Records of members come before that of their container.
            earlier.drop_members(entry.location.resume_key)
        elif earlier.has_members(entry.location.resume_key):
            self._last_line_met = number
        found = earlier.outcome_of(entry)
        if line_bytes is None and found is None:
            return False
        bytes_read = found[1] if found is not None else 0 if earlier.is_other_name(entry) else line_bytes or 0
        self.bytes_taken_over += entry.state.size
        self._tally.read(bytes_read)
        self._ordering.count(number, Count(bytes_read=bytes_read))
        if (found is not None and found[0].from_cache) or (found is None and line is not None and line.from_cache):
            self._ordering.count(number, self._recall(entry))
        if line_bytes is None and found is not None:
            outcome = found[0]
            self._tally.add()
            if outcome.examination is not None:
                self._end_entry(number, entry, outcome.examination, None)
            else:
                self._count_clean(number, None, known=outcome.known, container=None)
        if earlier.is_used_up and self._journal is not None:
            self._journal.drop_carried_behind(number)
        return True

    def _handle_answer(self, tasks: Sequence[EntryTask], answer: Answer, members: Mapping[int, MemberSpool]) -> None:
        reported = {examination.item: examination for examination in answer.reported}
        parts = TaskBatch.of(tasks).parts
        first = 0
        for part in parts:
            if isinstance(part, RunTasks):
                self._resolve_run(part, first, reported, members)
                first += len(part)
                continue
            examination = reported.get(first)
            if examination is not None:
                examination = reported[first] = _suspected(part, examination)
                part.context.span.count.bytes_read += examination.bytes_read
            self._resolve(part, examination, members.get(first))
            first += 1
        if answer.cache.hits:
            self._recall_all(tasks, reported, answer.cache.hits)
        # All entries that are not reported belong to one span, because entries with followers or their own span are
        # reported, and a large file is alone.
        clean = len(tasks) - len(reported) - len(answer.known)
        unreported_bytes = answer.bytes_read - sum(examination.bytes_read for examination in answer.reported)
        parts[0].context.span.count.add(Count(clean, len(answer.known), unreported_bytes))
        self._tally.clean += clean
        self._tally.known += len(answer.known)
        self._tally.read(answer.bytes_read)
        if self._journal is not None:
            self._journal.note(
                max(map(_last_number, parts)),
                lambda: Done(
                    tuple([task.entry for task in tasks]),
                    answer.known,
                    tuple(reported.values()),
                    answer.bytes_read,
                    answer.cache.hits,
                ),
            )

    def _take_part(self, task: EntryTask, outcome: PartOutcome) -> None:
        """Accepts the plan of a large container, or the outcome of one of its parts."""
        parts = task.context.parts
        if parts is None:
            planned = None if outcome.result is None else outcome.result.part
            if planned is None or not planned.parts or outcome.fault is not None:
                self._dispatcher.examine_whole(task)
                return
            parts = PartResults(task.entry, planned.parts, most_bytes=self._inside_bytes, record_all=self._record_all)
            self._restore_parts(task, parts)
        else:
            self._note_part(task, outcome)
            parts.take(task.context.part_number, outcome)
        self._dispatcher.examine_parts(task, parts)
        if parts.open:
            return
        joined = parts.join()
        if joined is None:
            self._dispatcher.examine_whole(task)
            return
        self._tally.read(joined.result.bytes_read)
        task.context.span.count.bytes_read += joined.result.bytes_read
        self._resolve(task, joined.result, joined.members)
        self._note_done(task.context.number, task.entry, joined.result)

    def _restore_parts(self, task: EntryTask, parts: PartResults) -> None:
        """Takes over the parts that an interrupted scan has done."""
        if self._earlier is None:
            return
        for number, part in enumerate(parts.parts):
            if (done := self._earlier.part_of(task.entry, part)) is not None:
                parts.restore(number, PartOutcome(done.result, MemberSpool(done.members)))
        if self._earlier.is_used_up and self._journal is not None:
            self._journal.drop_carried_behind(task.context.number)

    def _note_part(self, task: EntryTask, outcome: PartOutcome) -> None:
        result, members = outcome.result, outcome.members
        if self._journal is None or task.part is None or result is None or outcome.fault is not None:
            return
        has_changed = result.part is not None and result.part.has_changed
        if has_changed or (members is not None and members.size_bytes > MAX_JOURNALED_BYTES):
            return
        frames = () if members is None else tuple(members.frames())
        done = PartDone(task.entry, task.part, msgspec.structs.replace(result, item=0), frames)
        self._journal.note(task.context.number, lambda: done)

    def _resolve_run(
        self,
        part: RunTasks[TaskContext],
        first: int,
        reported: Mapping[int, EntryResult],
        members: Mapping[int, MemberSpool],
    ) -> None:
        """Ends the files of a run, of which most have no result of their own.

        Args:
            part: the files.
            first: the item of the first of them.
            reported: results by item.
            members: results of members by item.
        """
        span = part.context.span
        span.open -= len(part)
        for index in range(len(part)) if reported else ():
            examination = reported.get(first + index)
            if examination is not None:
                task = part.task(index)
                span.count.bytes_read += examination.bytes_read
                self._end_entry(task.context.number, task.entry, examination, span, members.get(first + index))

    def _keep(self, tasks: Sequence[EntryTask], cached: Cached) -> None:
        if self._cache is None:
            return
        self._cache.note_damaged(cached.damaged)
        if cached.to_keep:
            entries = all_entries(tasks)
            self._cache.keep_all([(entries[value.item], value) for value in cached.to_keep])
        if cached.plain.items:
            self._keep_plain(self._cache, tasks, cached.plain)

    def _keep_plain(self, cache: "Cache", tasks: Sequence[EntryTask], plain: PlainValues) -> None:
        """Stores the values of plain files, directory by directory."""
        items, first, begin = plain.items, 0, 0
        for part in TaskBatch.of(tasks).parts:
            after = first + (1 if isinstance(part, Task) else len(part))
            end = bisect_left(items, after, begin)
            if begin < end:
                places: Iterable[tuple[bytes, Stat]]
                if isinstance(part, Task):
                    entry, places = part.entry, [place_of(part.entry)]
                elif end - begin == len(part):
                    entry, places = part.files.entry(0), zip(part.files.names, part.files.states, strict=True)
                else:
                    names, states = part.files.names, part.files.states
                    entry = part.files.entry(0)
                    places = [(names[item - first], states[item - first]) for item in items[begin:end]]
                cache.keep_plain(entry, places, plain.numbers, plain.values[begin:end])
            first, begin = after, end

    def _recall_all(self, tasks: Sequence[EntryTask], reported: Collection[int], hits: Sequence[int]) -> None:
        """Counts the items of a batch whose content an earlier scan read."""
        for item in hits if reported else ():
            if item in reported:
                task = tasks[item]
                task.context.span.count.add(self._recall(task.entry))
        sizes = all_sizes(tasks)
        of_others = [sizes[item] for item in hits if item not in reported]
        if of_others:
            size_bytes = sum(of_others)
            self._tally.recall(size_bytes, len(of_others))
            count = Count(from_cache=len(of_others), bytes_from_cache=size_bytes)
            TaskBatch.of(tasks).parts[0].context.span.count.add(count)

    def _recall(self, entry: Entry) -> Count:
        """Counts an entry whose content an earlier scan read."""
        size_bytes = entry.state.size
        self._tally.recall(size_bytes)
        return Count(from_cache=1, bytes_from_cache=size_bytes)

    def _resolve(self, task: EntryTask, examination: EntryResult | None, members: MemberResults | None = None) -> None:
        group = task.context.group
        # Results of members are not kept for later names of the file, which are examined themselves.
        for other in self._dispatcher.resolve(task, examination if members is None else None):
            if examination is not None:
                if examination.from_run is not None:
                    other.context.span.count.add(self._recall(other.entry))
                shared = msgspec.structs.replace(examination, bytes_read=0)
                self._end_entry(other.context.number, other.entry, shared, other.context.span)
                self._note_done(other.context.number, other.entry, shared)
        if examination is not None:
            self._end_entry(task.context.number, task.entry, examination, task.context.span, members)
        if self._journal is not None and group is not None and group.result is not None:
            self._journal.link(JournaledLink(group.location, group.stat, group.result))

    def _end_entry(
        self,
        number: int,
        entry: Entry,
        examination: EntryResult,
        span: OrderedBatch[WalkState] | None,
        members: MemberResults | None = None,
    ) -> None:
        """Holds an entry with a record until its turn, and counts one without."""
        has_news = bool(examination.faults) or has_deny_match(examination.matches)
        is_appended = examination.consistency is Consistency.APPENDED_WHILE_READ
        has_record = has_news or is_appended or self._record_all
        if has_record or members is not None:
            ended = Ended(entry, examination, members, has_record)
            self._ordering.put(number, ended)
            if has_news:
                self._found.append(ended)
        if not has_record:
            self._count_clean(number, span, known=bool(examination.matches), container=examination.container)

    def _count_clean(
        self, number: int, span: OrderedBatch[WalkState] | None, *, known: bool, container: ContainerResult | None
    ) -> None:
        """Counts an entry without a record."""
        if known:
            self._tally.record_known()
        else:
            self._tally.record_clean()
        count = Count(known=1) if known else Count(clean=1)
        if container is not None:
            of_container = _count_of(container)
            self._tally.count_inside(of_container)
            count.add(of_container)
        if span is not None:
            span.count.add(count)
        else:
            self._ordering.count(number, count)

    def _note_done(self, number: int, entry: Entry, examination: EntryResult) -> None:
        if self._journal is not None:
            reported = msgspec.structs.replace(examination, item=0)
            self._journal.note(number, lambda: Done((entry,), (), (reported,), reported.bytes_read))


def _count_of(container: ContainerResult) -> Count:
    """Returns the counts of a container without a record, and of those of its members."""
    of_kind = {container.kind.value: 1}
    count = Count(
        containers=container.containers,
        containers_unopened=container.containers_unopened,
        members_clean=container.clean,
        members_known=container.known,
        members_skipped=container.skipped,
        members_deleted_unreadable=container.deleted_unreadable,
        member_bytes=container.bytes,
    )
    count.add(Count(containers=of_kind) if container.opened else Count(containers_unopened=of_kind))
    return count


def _last_number(part: EntryTask | RunTasks[TaskContext]) -> int:
    """Returns the number of the last entry."""
    return part.context.number + (len(part) - 1 if isinstance(part, RunTasks) else 0)


def _has_line(earlier: "ResumeState", item: PathFault) -> bool:
    return earlier.has_directory(item.path) if item.directory else earlier.line_of(ResumeKey(item.path)) is not None


def _suspected(task: EntryTask, examination: EntryResult) -> EntryResult:
    """Returns the result without decoding, with the fault of the decoder that crashed the workers."""
    if task.suspicion is None:
        return examination
    return msgspec.structs.replace(examination, faults=(*examination.faults, task.suspicion))
