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

    ticket: ContextT
    entry: Subject
    tell: bool
    known: CachedFile | None = None
    """From the cache; ``None``: it has no part in it."""
    attempts: int = 0
    decode: bool = True
    suspicion: Fault | None = None
    """A decoder ended workers over this entry; it is being examined without."""


class Completed(msgspec.Struct, Generic[ContextT], frozen=True):
    """A unit was examined."""

    jobs: tuple[Task[ContextT], ...]
    answer: Answer


class Failed(msgspec.Struct, Generic[ContextT], frozen=True):
    """An item ended its worker as often as it was tried."""

    job: Task[ContextT]
    fault: Fault


Event = Completed[ContextT] | Failed[ContextT]


class InProgress(msgspec.Struct, Generic[ContextT], frozen=True):
    """A job that a worker is on."""

    job: Task[ContextT]
    pid: int
    offset: int
    """Bytes of the file gone through so far."""
    begun_s: float
    """When, on the monotonic clock."""
    host: str | None = None
    """Whose number ``pid`` is; ``None``: of this machine."""


def grouped(jobs: Sequence[Task[ContextT]]) -> tuple[Group | BucketGroup, ...]:
    """The jobs as a worker is told them, by folder or bucket, in their order."""
    # By identity: entries of one folder share it, and its path can be long.
    return tuple(_group(list(run)) for _, run in groupby(jobs, key=lambda job: id(holder_of(job.entry))))


def accounted_for(answer: Answer, jobs: tuple[Task[ContextT], ...]) -> bool:
    """An answer accounts for each item of its unit exactly once, and tells of all that had to be told of."""
    told = {examination.item for examination in answer.told}
    apart = told.union(answer.known)
    must = {index for index, job in enumerate(jobs) if job.tell}
    cached = answer.cache
    return (
        answer.bytes_read >= sum(examination.bytes_read for examination in answer.told)
        and min((examination.bytes_read for examination in answer.told), default=0) >= 0
        and len(apart) == len(answer.told) + len(answer.known)
        and must <= told
        and all(0 <= item < len(jobs) for item in apart)
        and cached.damaged >= 0
        and len(set(cached.recalled)) == len(cached.recalled)
        and all(0 <= item < len(jobs) and jobs[item].known is not None for item in cached.recalled)
        and all(0 <= kept.item < len(jobs) and jobs[kept.item].known is not None for kept in cached.kept)
    )


def _group(run: list[Task[ContextT]]) -> Group | BucketGroup:
    holder = holder_of(run[0].entry)
    pairs = [(job, job.entry) for job in run]
    if isinstance(holder, BucketRef):
        objects = (
            ObjectItem(entry.key, entry.state, job.decode, job.tell)
            for job, entry in pairs
            if isinstance(entry, ObjectEntry)
        )
        return BucketGroup(holder, tuple(objects))
    files = (
        Item(entry.name, entry.stat, entry.followed, entry.consistency, job.decode, job.tell, job.known)
        for job, entry in pairs
        if isinstance(entry, Entry)
    )
    return Group(holder, tuple(files))
