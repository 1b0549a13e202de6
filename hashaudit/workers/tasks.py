"""What is handed to the pool and what comes back, and how both travel to a worker and from it."""

from collections.abc import Sequence
from itertools import groupby
from typing import Generic, TypeVar

import msgspec

from hashaudit.cache.values import CachedFile
from hashaudit.model.entry import BucketRef, Entry, ObjectEntry, Subject, holder_of
from hashaudit.model.faults import Fault
from hashaudit.workers.protocol import Answer, BucketGroup, Group, Item, ObjectItem

ContextT = TypeVar("ContextT")


class Task(msgspec.Struct, Generic[ContextT], frozen=True):
    """One entry to examine and the caller's own mark for it."""

    context: ContextT
    entry: Subject
    report: bool
    known: CachedFile | None = None
    """From the cache; ``None``: it has no part in it."""
    attempts: int = 0
    decode: bool = True
    suspicion: Fault | None = None
    """A decoder ended workers over this entry; it is being examined without."""


class Completed(msgspec.Struct, Generic[ContextT], frozen=True):
    """A unit was examined."""

    tasks: tuple[Task[ContextT], ...]
    answer: Answer


class Failed(msgspec.Struct, Generic[ContextT], frozen=True):
    """An item ended its worker as often as it was tried."""

    task: Task[ContextT]
    fault: Fault


Event = Completed[ContextT] | Failed[ContextT]


class InProgress(msgspec.Struct, Generic[ContextT], frozen=True):
    """A job that a worker is on."""

    task: Task[ContextT]
    pid: int
    offset: int
    """Bytes of the file gone through so far."""
    begun_s: float
    """When, on the monotonic clock."""
    host: str | None = None
    """Whose number ``pid`` is; ``None``: of this machine."""


def grouped(tasks: Sequence[Task[ContextT]]) -> tuple[Group | BucketGroup, ...]:
    """The jobs as a worker is told them, by folder or bucket, in their order."""
    # By identity: entries of one folder share it, and its path can be long.
    return tuple(_group(list(run)) for _, run in groupby(tasks, key=lambda task: id(holder_of(task.entry))))


def accounted_for(answer: Answer, tasks: tuple[Task[ContextT], ...]) -> bool:
    """An answer accounts for each item of its unit exactly once, and tells of all that had to be told of."""
    reported = {examination.item for examination in answer.reported}
    apart = reported.union(answer.known)
    must = {index for index, task in enumerate(tasks) if task.report}
    cached = answer.cache
    return (
        answer.bytes_read >= sum(examination.bytes_read for examination in answer.reported)
        and min((examination.bytes_read for examination in answer.reported), default=0) >= 0
        and len(apart) == len(answer.reported) + len(answer.known)
        and must <= reported
        and all(0 <= item < len(tasks) for item in apart)
        and cached.damaged >= 0
        and len(set(cached.hits)) == len(cached.hits)
        and all(0 <= item < len(tasks) and tasks[item].known is not None for item in cached.hits)
        and all(0 <= new.item < len(tasks) and tasks[new.item].known is not None for new in cached.to_keep)
    )


def _group(run: list[Task[ContextT]]) -> Group | BucketGroup:
    holder = holder_of(run[0].entry)
    pairs = [(task, task.entry) for task in run]
    if isinstance(holder, BucketRef):
        objects = (
            ObjectItem(entry.key, entry.state, task.decode, task.report)
            for task, entry in pairs
            if isinstance(entry, ObjectEntry)
        )
        return BucketGroup(holder, tuple(objects))
    files = (
        Item(entry.name, entry.stat, entry.followed, entry.consistency, task.decode, task.report, task.known)
        for task, entry in pairs
        if isinstance(entry, Entry)
    )
    return Group(holder, tuple(files))
