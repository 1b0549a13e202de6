"""Divides entries into batches by count and bytes, sends large files first, and shares results among hard links."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hashaudit.cache.object_places import place_of
from hashaudit.host.hardware import is_rotational
from hashaudit.model import container_parts
from hashaudit.model.container_parts import Part, PartTask
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import SkipReason
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import Kind
from hashaudit.model.results import EntryResult
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.hardlinks import LinkGroup, LinkGroups
from hashaudit.scan.ordering import OrderedBatch, Ordering
from hashaudit.sources.interface import Position
from hashaudit.workers.executor import Executor
from hashaudit.workers.tasks import RunTasks, Task, TaskBatch

if TYPE_CHECKING:
    from hashaudit.cache.hash_cache import Cache
    from hashaudit.cache.values import CachedGroup
    from hashaudit.scan.part_results import PartResults

MAX_SPANS = 1_000_000
"""Finished batches in memory behind one that is not; of up to 256 files each, so only a stalled file reaches this."""

KNOWN_BYTES = 256 << 10
"""Most cached values in one batch, because they stay in memory until it is done."""


SEVERAL_NAMES = 2
"""Hard links from which a result may be shared among names."""


class WalkState(msgspec.Struct, frozen=True, array_like=True):
    """Position and counts of a walk."""

    position: Position | None
    """``None`` if no walk can start there."""
    seen: int = 0
    directories: int = 0
    skipped: dict[SkipReason, int] = {}


class TaskContext(NamedTuple):
    """The scan's data about a task in progress."""

    number: int
    span: OrderedBatch[WalkState]
    group: "LinkGroup[EntryTask] | None"
    """The names that take over its result."""
    parts: "PartResults | None" = None
    """The parts of the entry, if it is divided."""
    part_number: int = 0


class RunContext(msgspec.Struct, frozen=True):
    """The scan's data about a run of files in progress."""

    number: int
    """The number of the first file."""
    span: OrderedBatch[WalkState]

    def __call__(self, index: int) -> TaskContext:
        """Returns the data about one of the files."""
        return TaskContext(self.number + index, self.span, None)


EntryTask = Task[TaskContext]


class Dispatcher:
    """Sends entries to the executor in batches, and results to all names that share them."""

    def __init__(
        self,
        config: ScanConfig,
        pool: Executor[TaskContext],
        ordering: Ordering[Any, WalkState],
        walk_state: Callable[[int], WalkState],
        cache: "Cache | None" = None,
        *,
        divides: bool = False,
    ) -> None:
        """Creates the dispatcher.

        Args:
            config: sizes of batches.
            pool: the executor.
            ordering: holds the spans.
            walk_state: returns the state of the walk before the entry that is being added, or before a file of the
                run that is, by its position in the run.
            cache: looks up each file that is sent.
            divides: large containers are examined in parts.
        """
        self._cache = cache
        self._walk_state = walk_state
        self._config = config
        self._divides = divides
        self._alone_bytes = min(config.batch_bytes, container_parts.SPLIT_BYTES) if divides else config.batch_bytes
        """Size from which a local file is no part of a batch."""
        self._pool = pool
        self._ordering = ordering
        self._links: LinkGroups[EntryTask] = LinkGroups(every_file=config.follow_links)
        self._batch: list[EntryTask | RunTasks[TaskContext]] = []
        self._batch_files = 0
        self._batch_bytes = 0
        self._batch_span: OrderedBatch[WalkState] | None = None
        self._rotational: dict[int, bool] = {}

    @property
    def has_room(self) -> bool:
        """True if the workers need more batches."""
        return self._pool.queued < self._config.lookahead_units and self._ordering.spans < MAX_SPANS

    def add(self, number: int, entry: Entry) -> EntryResult | None:
        """Adds the next entry of the walk.

        Returns the result if it is known, with ``bytes_read`` 0 if another name of the same file was read; otherwise
        ``None``, and a result follows.
        """
        state = entry.state
        if not isinstance(state, Stat) or (state.links < SEVERAL_NAMES and not self._config.follow_links):
            # It cannot have another name in this scan.
            self._examine(number, entry, None)
            return None
        group = self._links.find(entry)
        if group is None:
            self._examine(number, entry, self._links.primary(entry))
        elif group.result is not None:
            is_first = entry.path == group.location.path
            return group.result if is_first else msgspec.structs.replace(group.result, bytes_read=0)
        elif group.resolved:
            self._examine(number, entry, None)
        else:
            span = self._ordering.open_span(number, self._walk_state(0))
            group.followers.append(Task(TaskContext(number, span, None), entry, report=True))
        return None

    def add_run(self, number: int, files: FileRun, sizes: Sequence[int]) -> None:
        """Adds files of the walk that follow each other. Results follow.

        Args:
            number: of the first of them.
            files: the files.
            sizes: their bytes, as listed.
        """
        first = 0
        while first < len(files):
            if sizes[first] >= self._alone_bytes:
                span = self._ordering.open_span(number + first, self._walk_state(first))
                task = Task(TaskContext(number + first, span, None), files.entry(first), report=False)
                self._submit_alone(task, may_divide=self._divides and sizes[first] >= container_parts.SPLIT_BYTES)
                first += 1
                continue
            if self._batch_bytes + sizes[first] > self._config.batch_bytes:
                self.flush()
            end = min(len(files), first + self._config.batch_files - self._batch_files)
            total = sum(sizes[first:end])
            if self._batch_bytes + total >= self._alone_bytes:
                end, total = self._fitting(sizes, first, end)
            if self._batch_span is None:
                self._batch_span = self._ordering.open_span(number + first, self._walk_state(first))
                self._batch_span.open -= 1  # joined below with the others
            self._batch_span.join(number + first, end - first)
            part = files if end - first == len(files) else files.part(first, end)
            self._batch.append(RunTasks(part, RunContext(number + first, self._batch_span)))
            self._batch_bytes += total
            self._batch_files += end - first
            if self._batch_files >= self._config.batch_files:
                self.flush()
            first = end

    def _fitting(self, sizes: Sequence[int], first: int, end: int) -> tuple[int, int]:
        """Returns the end of the files from ``first`` on that fit into the batch, and their bytes."""
        room = self._config.batch_bytes - self._batch_bytes
        total, index = 0, first
        while index < end and sizes[index] < self._alone_bytes and total + sizes[index] <= room:
            total += sizes[index]
            index += 1
        return index, total

    @property
    def links(self) -> LinkGroups[EntryTask]:
        """The groups of hard links."""
        return self._links

    def flush(self) -> None:
        """Submits the batch that is being filled."""
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        self._submit(batch)
        self._batch_files, self._batch_bytes, self._batch_span = 0, 0, None

    def resolve(self, task: EntryTask, examination: EntryResult | None) -> list[EntryTask]:
        """Notes that a task is done; returns the other names that take over its result.

        If they cannot, they are submitted to be examined themselves.
        """
        task.context.span.open -= 1
        group = task.context.group
        if group is None:
            return []
        followers = group.resolve(examination)
        if group.result is not None:
            for follower in followers:
                follower.context.span.open -= 1
            return followers
        if followers:
            self._submit(followers)
        return []

    def examine_whole(self, task: EntryTask) -> None:
        """Submits an entry that is not divided."""
        report = task.context.group is not None
        context = task.context._replace(parts=None)
        whole: EntryTask = Task(context, task.entry, report)
        self._submit([whole], urgent=True)

    def examine_parts(self, task: EntryTask, parts: "PartResults") -> None:
        """Submits as many parts of an entry as keep all workers busy."""
        while parts.open < 2 * self._pool.workers and (found := parts.next()) is not None:
            number, part = found
            context = task.context._replace(parts=parts, part_number=number)
            one: EntryTask = Task(context, task.entry, report=True, part=part)
            if part.task is PartTask.FILE:
                self._submit([one], urgent=True)
            else:
                self._pool.submit([one], urgent=True)

    def _examine(self, number: int, entry: Entry, group: "LinkGroup[EntryTask] | None") -> None:
        report = group is not None
        size_bytes = entry.state.size
        may_divide = self._divides and size_bytes >= container_parts.SPLIT_BYTES and entry.state.kind is Kind.FILE
        if size_bytes >= self._config.batch_bytes or may_divide:
            span = self._ordering.open_span(number, self._walk_state(0))
            self._submit_alone(Task(TaskContext(number, span, group), entry, report), may_divide=may_divide)
            return
        if self._batch_bytes + size_bytes > self._config.batch_bytes:
            self.flush()
        if self._batch_span is None:
            self._batch_span = self._ordering.open_span(number, self._walk_state(0))
        else:
            self._batch_span.join(number)
        self._batch.append(Task(TaskContext(number, self._batch_span, group), entry, report))
        self._batch_bytes += size_bytes
        self._batch_files += 1
        if self._batch_files >= self._config.batch_files:
            self.flush()

    def _submit_alone(self, task: EntryTask, *, may_divide: bool) -> None:
        if may_divide:
            plan = Part(PartTask.PLAN, first=container_parts.PART_BYTES)
            self._pool.submit([msgspec.structs.replace(task, report=True, part=plan)], urgent=True)
        else:
            self._submit([task], urgent=True)

    def _submit(self, batch: Sequence[EntryTask | RunTasks[TaskContext]], *, urgent: bool = False) -> None:
        tasks: TaskBatch[TaskContext] = TaskBatch(batch)
        for part in (tasks,) if self._cache is None else _with_known(self._cache, tasks):
            self._pool.submit(self._in_reading_order(part), urgent=urgent)

    def _in_reading_order(self, batch: TaskBatch[TaskContext]) -> TaskBatch[TaskContext]:
        """Returns tasks in inode order for a spinning disk, which then seeks far less than in the order of names."""
        devices = (
            part.files.states[0].device if isinstance(part, RunTasks) else part.entry.stat.device
            for part in batch.parts
            if isinstance(part, RunTasks) or part.entry.location.kind is Kind.FILE
        )
        device = next(devices, None)
        if device is None or not self._is_rotational(device):
            return batch
        files = [task for task in batch if task.entry.location.kind is Kind.FILE]
        files.sort(key=lambda task: (task.entry.location.directory.path, task.entry.stat.inode))
        return TaskBatch([*files, *(task for task in batch if task.entry.location.kind is not Kind.FILE)])

    def _is_rotational(self, device: int) -> bool:
        known = self._rotational.get(device)
        if known is None:
            known = self._rotational[device] = is_rotational(device) is True
        return known


def _with_known(cache: "Cache", batch: TaskBatch[TaskContext]) -> Iterator[TaskBatch[TaskContext]]:
    """Yields the same tasks with cached values, in one batch unless these are too large."""
    known_bytes = 0
    found: list[EntryTask | RunTasks[TaskContext]] = []
    for _, group in groupby(batch.parts, key=_place):
        parts = list(group)
        known = _look_up(cache, parts)
        if known is None:
            found += parts
        else:
            known_bytes += sum(map(len, known.blocks))
            found += [msgspec.structs.replace(part, known=known) for part in parts]
    if known_bytes <= KNOWN_BYTES or len(batch) == 1:
        yield TaskBatch(found)
        return
    middle = len(batch) // 2
    yield from _with_known(cache, batch[:middle])
    yield from _with_known(cache, batch[middle:])


def _place(part: EntryTask | RunTasks[TaskContext]) -> tuple[int, int, Consistency | None]:
    """Returns what entries have in common that are looked up at once; a run has nothing in common with others."""
    if isinstance(part, RunTasks):
        return id(part), 0, None
    state = part.entry.state
    device = state.device if isinstance(state, Stat) else 0
    return id(part.entry.location.container), device, part.entry.consistency


def _look_up(cache: "Cache", parts: Sequence[EntryTask | RunTasks[TaskContext]]) -> "CachedGroup | None":
    first = parts[0]
    if isinstance(first, RunTasks):
        return cache.look_up(first.files.entry(0), first.files.names, first.files.states)
    places = [place_of(part.entry) for part in parts if isinstance(part, Task)]
    names, states = zip(*places, strict=True)
    return cache.look_up(first.entry, names, states)
