"""Tasks, their events, and the conversion of both to and from messages of the worker protocol."""

from collections.abc import Sequence
from itertools import groupby
from typing import Generic, TypeVar

import msgspec

from hashaudit.cache.values import CachedFile
from hashaudit.model.container_parts import Part
from hashaudit.model.entry import Entry
from hashaudit.model.faults import Fault
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.protocol import Answer, Blame, Group, Item

ContextT = TypeVar("ContextT")


class Task(msgspec.Struct, Generic[ContextT], frozen=True):
    """One entry to examine, with the caller's context."""

    context: ContextT
    entry: Entry
    report: bool
    known: CachedFile | None = None
    """Cached values; ``None``: the cache does not apply."""
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


class Completed(msgspec.Struct, Generic[ContextT], frozen=True):
    """A batch was examined."""

    tasks: tuple[Task[ContextT], ...]
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


def grouped(tasks: Sequence[Task[ContextT]]) -> tuple[Group, ...]:
    """Groups tasks by directory or bucket, in their order, for a worker."""
    # By identity, because entries of one directory share it and its path can be long.
    return tuple(_group(list(run)) for _, run in groupby(tasks, key=lambda task: id(task.entry.location.container)))


def accounted_for(answer: Answer, tasks: tuple[Task[ContextT], ...]) -> bool:
    """Returns whether an answer accounts for each item of its batch once and reports all that must be reported."""
    done = len(tasks) - answer.not_begun
    if not 0 <= done <= len(tasks) or (done < bool(tasks) and not answer.needs_readers):
        return False
    tasks = tasks[:done]
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


def _group(run: list[Task[ContextT]]) -> Group:
    first = run[0].entry.location
    return Group(first.container, first.root, tuple([_item(task) for task in run]))


def _item(task: Task[ContextT]) -> Item:
    entry = task.entry
    at = entry.location
    return Item(
        at.name,
        entry.state,
        entry.consistency,
        task.decode,
        task.report,
        task.known,
        at.version,
        at.within,
        at.via_symlink,
        task.blames,
        task.inside,
        task.part,
    )
