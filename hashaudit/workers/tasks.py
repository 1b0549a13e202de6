"""Tasks, their events, and the conversion of both to and from messages of the worker protocol."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Generic, TypeVar, overload

import msgspec

from hashaudit.cache.values import CachedGroup
from hashaudit.model.container_parts import Part
from hashaudit.model.entry import Entry
from hashaudit.model.faults import Fault
from hashaudit.model.file_run import FileRun
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.protocol import Answer, Blame, Cached, CachedRun, Group, GroupOrRun, Item

ContextT = TypeVar("ContextT")


class Task(msgspec.Struct, Generic[ContextT], frozen=True):
    """One entry to examine, with the caller's context."""

    context: ContextT
    entry: Entry
    report: bool
    known: CachedGroup | None = None
    """Cached values of its directory, shared with the other tasks of its batch there; ``None``: the cache does not
    apply."""
    attempts: int = 0
    decode: bool = True
    blames: tuple[Blame, ...] = ()
    """Members that have ended workers."""
    inside: bool = True
    """Open the entry if it is a container."""
    suspicion: Fault | None = None
    """Set when a decoder has crashed workers on this entry, which is now examined without decoding or opening it."""
    part: Part | None = None
    """A part of a large container, which has the batch to itself; ``None``: the whole entry."""


class RunTasks(msgspec.Struct, Generic[ContextT], frozen=True):
    """The tasks of a run of files. Each is made only when something has to be said about it."""

    files: FileRun
    context_at: Callable[[int], ContextT]
    """Returns the context of a file by its position in the run that the caller submitted."""
    first: int = 0
    """Position there of the first of these files."""
    known: CachedGroup | None = None
    """Cached values of the files; ``None``: the cache does not apply."""

    def __len__(self) -> int:
        return len(self.files)

    @property
    def context(self) -> ContextT:
        """The context of the first file."""
        return self.context_at(self.first)

    def task(self, index: int) -> Task[ContextT]:
        """Returns one of the tasks."""
        return Task(self.context_at(self.first + index), self.files.entry(index), report=False, known=self.known)

    def part(self, first: int, end: int) -> "RunTasks[ContextT]":
        """Returns the tasks from ``first`` to before ``end``."""
        return RunTasks(self.files.part(first, end), self.context_at, self.first + first, self.known)


class TaskBatch(Sequence[Task[ContextT]]):
    """A sequence of tasks, of which those of runs of files are made on demand."""

    __slots__ = ("_ends", "parts")

    def __init__(self, parts: Iterable[Task[ContextT] | RunTasks[ContextT]] = ()) -> None:
        self.parts = tuple(parts)
        """The tasks, in their order, with runs in one piece."""
        self._ends = tuple(accumulate([1 if isinstance(part, Task) else len(part) for part in self.parts]))

    @classmethod
    def of(cls, tasks: "Sequence[Task[ContextT]]") -> "TaskBatch[ContextT]":
        """Returns tasks as a batch."""
        return tasks if isinstance(tasks, TaskBatch) else cls(tasks)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Task[ContextT]: ...

    @overload
    def __getitem__(self, index: slice) -> "TaskBatch[ContextT]": ...

    def __getitem__(self, index: int | slice) -> "Task[ContextT] | TaskBatch[ContextT]":
        if isinstance(index, slice):
            first, end, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a batch has no steps")
            return self._part(first, end)
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("no such task")
        number = bisect_right(self._ends, index)
        part = self.parts[number]
        return part if isinstance(part, Task) else part.task(index - self._ends[number] + len(part))

    def __iter__(self) -> Iterator[Task[ContextT]]:
        for part in self.parts:
            if isinstance(part, Task):
                yield part
            else:
                yield from map(part.task, range(len(part)))

    def __add__(self, other: "TaskBatch[ContextT]") -> "TaskBatch[ContextT]":
        return TaskBatch(self.parts + other.parts)

    @property
    def sizes(self) -> int:
        """Bytes of all entries as listed."""
        return sum(part.entry.state.size if isinstance(part, Task) else sum(part.files.sizes) for part in self.parts)

    def _part(self, first: int, end: int) -> "TaskBatch[ContextT]":
        if first == 0 and end == len(self):
            return self
        parts: list[Task[ContextT] | RunTasks[ContextT]] = []
        begin = 0
        for part, ends in zip(self.parts, self._ends, strict=True):
            low, high = max(first, begin), min(end, ends)
            if low < high:
                parts.append(part if isinstance(part, Task) else part.part(low - begin, high - begin))
            begin = ends
        return TaskBatch(parts)


class Completed(msgspec.Struct, Generic[ContextT], frozen=True):
    """A batch was examined."""

    tasks: Sequence[Task[ContextT]]
    answer: Answer
    members: dict[int, MemberSpool] = {}
    """Results of members, by the positions of their containers in the batch."""


class Failed(msgspec.Struct, Generic[ContextT], frozen=True):
    """A task whose worker crashed or stalled on every attempt."""

    task: Task[ContextT]
    fault: Fault


Event = Completed[ContextT] | Failed[ContextT]


class InProgress(msgspec.Struct, Generic[ContextT], frozen=True):
    """A task that a worker is examining."""

    task: Task[ContextT]
    pid: int
    offset: int
    """Bytes of the file processed so far."""
    begun_s: float
    """Start time on the monotonic clock."""
    host: str | None = None
    """Host of the process ``pid``; ``None``: this machine."""


def grouped(tasks: Sequence[Task[ContextT]]) -> tuple[GroupOrRun, ...]:
    """Groups tasks by directory or bucket, in their order, for a worker."""
    groups: list[GroupOrRun] = []
    for is_run, parts in groupby(_parts(tasks), key=lambda part: isinstance(part, RunTasks)):
        if is_run:
            groups += [_run(part) for part in parts if isinstance(part, RunTasks)]
        else:
            # By identity, because entries of one directory share it and its path can be long.
            singles = [part for part in parts if isinstance(part, Task)]
            of_directories = groupby(singles, key=_place)
            groups += [_group(list(group)) for _, group in of_directories]
    return tuple(groups)


def all_entries(tasks: Sequence[Task[ContextT]]) -> list[Entry]:
    """Returns the entries of tasks, at less cost than one by one."""
    entries: list[Entry] = []
    for part in _parts(tasks):
        if isinstance(part, RunTasks):
            entries += part.files.entries()
        else:
            entries.append(part.entry)
    return entries


def all_sizes(tasks: Sequence[Task[ContextT]]) -> list[int]:
    """Returns the bytes of each entry as listed, at less cost than one by one."""
    sizes: list[int] = []
    for part in _parts(tasks):
        if isinstance(part, RunTasks):
            sizes += part.files.sizes
        else:
            sizes.append(part.entry.state.size)
    return sizes


def accounted_for(answer: Answer, tasks: Sequence[Task[ContextT]]) -> bool:
    """Returns whether an answer accounts for each item of its batch once and reports all that must be reported."""
    done = len(tasks) - answer.not_begun
    if not 0 <= done <= len(tasks) or (done < bool(tasks) and not answer.needs_readers):
        return False
    tasks = tasks[:done]
    reported = {examination.item for examination in answer.reported}
    apart = reported.union(answer.known)
    must = _to_report(tasks)
    cached = answer.cache
    return (
        answer.bytes_read >= sum(examination.bytes_read for examination in answer.reported)
        and min((examination.bytes_read for examination in answer.reported), default=0) >= 0
        and len(apart) == len(answer.reported) + len(answer.known)
        and must <= reported
        and all(0 <= item < len(tasks) for item in apart)
        and cached.damaged >= 0
        and len(set(cached.hits)) == len(cached.hits)
        and _may_be_cached(cached, tasks)
    )


def _may_be_cached(cached: Cached, tasks: Sequence[Task[ContextT]]) -> bool:
    """Returns whether the cache applies to all items that an answer has from it or for it."""
    plain = cached.plain.items
    if len(plain) != len(cached.plain.values) or not all(map(int.__lt__, plain, plain[1:])):
        return False
    items = [*cached.hits, *plain, *(new.item for new in cached.to_keep)]
    if not items:
        return True
    if min(items) < 0 or max(items) >= len(tasks):
        return False
    parts = _parts(tasks)
    if all(part.known is not None for part in parts):
        return True
    return all(tasks[item].known is not None for item in items)


def _parts(tasks: Sequence[Task[ContextT]]) -> Sequence[Task[ContextT] | RunTasks[ContextT]]:
    return tasks.parts if isinstance(tasks, TaskBatch) else tasks


def _to_report(tasks: Sequence[Task[ContextT]]) -> set[int]:
    """Returns the positions of the tasks of which a result is wanted in any case; none of a run is."""
    must = set()
    position = 0
    for part in _parts(tasks):
        if isinstance(part, RunTasks):
            position += len(part)
            continue
        if part.report:
            must.add(position)
        position += 1
    return must


def _run(part: RunTasks[ContextT]) -> FileRun | CachedRun:
    return part.files if part.known is None else CachedRun(part.files, part.known)


def _place(task: Task[ContextT]) -> tuple[int, int]:
    return id(task.entry.location.container), id(task.known)


def _group(run: list[Task[ContextT]]) -> Group:
    first = run[0].entry.location
    return Group(first.container, first.root, tuple([_item(task) for task in run]), run[0].known)


def _item(task: Task[ContextT]) -> Item:
    entry = task.entry
    at = entry.location
    return Item(
        at.name,
        entry.state,
        entry.consistency,
        task.decode,
        task.report,
        at.version,
        at.within,
        at.via_symlink,
        task.blames,
        task.inside,
        task.part,
    )
