"""Assigns batches to Dask workers, and requeues or splits the batches of workers that are lost.

It communicates with nobody. Batches wait in a queue; a worker holds a few for each of its processes, and loses them to
others when it disappears. A batch that loses its worker twice is suspect: it is retried on a worker without other
batches, and split in half as often as that worker is lost too. An item that loses its worker alone is marked as failed.
Other batches of a lost worker never count, because only suspects are counted, and they are alone.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic

import msgspec

from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.dask.protocol import BatchResult, PartialReply
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.tasks import Completed, ContextT, Event, Failed, Task, accounted_for

BATCHES_PER_PROCESS = 3
"""One in progress, and enough to keep a process busy while an answer and the next batches travel."""

BUNDLE_BATCHES = 4
"""Largest number of batches in one Dask task. A scheduler handles some hundred tasks a second."""

LOSSES = 2
"""Number of lost workers that make a batch suspect, and that make a suspect fail."""


class ProtocolViolationError(Exception):
    """An answer does not match the request."""


class Batch(msgspec.Struct, Generic[ContextT], frozen=True):
    """Tasks that are assigned together."""

    number: int
    tasks: tuple[Task[ContextT], ...]
    urgent: bool = False
    losses: int = 0
    """Number of workers lost while they held it."""
    alone: int | None = None
    """For a suspect, the number of workers lost while they held only this batch; ``None``: not a suspect."""


class _AssignedWorker(Generic[ContextT]):
    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.batches: dict[int, Batch[ContextT]] = {}

    @property
    def free(self) -> int:
        if any(batch.alone is not None for batch in self.batches.values()):
            return 0
        return self.processes * BATCHES_PER_PROCESS - len(self.batches)


class Assignment(Generic[ContextT]):
    """Assigns batches to workers, which are identified by name."""

    def __init__(self) -> None:
        self.decodes = False
        """True if workers decode images, so that a suspect is retried without decoding before it fails."""
        self._queue: deque[Batch[ContextT]] = deque()
        self._urgent: deque[Batch[ContextT]] = deque()
        self._suspects: deque[Batch[ContextT]] = deque()
        self._workers: dict[str, _AssignedWorker[ContextT]] = {}
        self._last_number = 0

    @property
    def queued(self) -> int:
        """Number of batches that no worker has."""
        return len(self._queue) + len(self._urgent) + len(self._suspects)

    def add(self, tasks: Sequence[Task[ContextT]], *, urgent: bool) -> None:
        """Queues a batch."""
        (self._urgent if urgent else self._queue).append(self._unit(tuple(tasks), urgent=urgent))

    def join(self, name: str, processes: int) -> None:
        """Adds a worker."""
        self._workers[name] = _AssignedWorker(processes)

    def leave(self, name: str, *, lost: bool) -> list[Event[ContextT]]:
        """Removes a worker and requeues its batches.

        Args:
            name: of the worker.
            lost: it disappeared while it held them, so that one of them may be the cause; otherwise none is
                counted.
        """
        worker = self._workers.pop(name, None)
        events: list[Event[ContextT]] = []
        for batch in () if worker is None else reversed(worker.batches.values()):
            if not lost:
                self._requeue(batch)
            elif (failed := self._count_loss(batch)) is not None:
                events.append(failed)
        return events

    def task(self, name: str, number: int, item: int) -> Task[ContextT] | None:
        """Returns a task that a worker holds."""
        worker = self._workers.get(name)
        batch = None if worker is None else worker.batches.get(number)
        return batch.tasks[item] if batch is not None and 0 <= item < len(batch.tasks) else None

    def hand_out(self) -> Iterator[tuple[str, tuple[Batch[ContextT], ...]]]:
        """Assigns batches to workers with free slots, as bundles that travel together."""
        while True:
            given = self._next_suspect() or self._next_bundle()
            if given is None:
                return
            name, batches = given
            self._workers[name].batches.update((batch.number, batch) for batch in batches)
            yield given

    def answer(self, name: str, asked: Sequence[int], results: Sequence[BatchResult]) -> list[Event[ContextT]]:
        """Accepts a worker's answer to a bundle. Ignores batches that the worker no longer holds.

        Raises:
            ProtocolViolationError: it does not account for each item exactly once. Nothing of it is
                accepted.
        """
        worker = self._workers.get(name)
        if worker is None:
            return []
        if sorted(result.number for result in results) != sorted(asked):
            raise ProtocolViolationError
        events = []
        for result in results:
            batch = worker.batches.get(result.number)
            if batch is not None:
                events.append(_checked(batch, result))
        for number in asked:
            worker.batches.pop(number, None)
        return [event for group in events for event in group]

    def _unit(self, tasks: tuple[Task[ContextT], ...], *, urgent: bool = False, losses: int = 0) -> Batch[ContextT]:
        self._last_number += 1
        return Batch(self._last_number, tasks, urgent, losses)

    def _next_suspect(self) -> tuple[str, tuple[Batch[ContextT], ...]] | None:
        free = next((name for name, worker in self._workers.items() if not worker.batches), None)
        return (free, (self._suspects.popleft(),)) if self._suspects and free is not None else None

    def _next_bundle(self) -> tuple[str, tuple[Batch[ContextT], ...]] | None:
        free_slots = {name: worker.free for name, worker in self._workers.items() if worker.free > 0}
        if self._suspects and free_slots:
            # Let one worker run empty, for the suspect.
            free_slots.pop(min(free_slots, key=lambda name: len(self._workers[name].batches)))
        if not free_slots or not (self._urgent or self._queue):
            return None
        name = max(free_slots, key=lambda each: free_slots[each] / self._workers[each].processes)
        if self._urgent:
            # Alone, because other batches would wait for the large file.
            return name, (self._urgent.popleft(),)
        share = math.ceil(len(self._queue) / len(free_slots))
        count = min(BUNDLE_BATCHES, free_slots[name], share)
        return name, tuple(self._queue.popleft() for _ in range(count))

    def _requeue(self, batch: Batch[ContextT]) -> None:
        if batch.alone is not None:
            self._suspects.appendleft(batch)
        else:
            (self._urgent if batch.urgent else self._queue).appendleft(batch)

    def _count_loss(self, batch: Batch[ContextT]) -> Event[ContextT] | None:
        losses = batch.losses + 1
        if batch.alone is None:
            alone = 0 if losses >= LOSSES else None
            self._requeue(msgspec.structs.replace(batch, losses=losses, alone=alone))
            return None
        if len(batch.tasks) > 1:
            middle = len(batch.tasks) // 2
            for tasks in (batch.tasks[middle:], batch.tasks[:middle]):
                half = self._unit(tasks, urgent=batch.urgent, losses=losses)
                self._requeue(msgspec.structs.replace(half, alone=0))
            return None
        alone = batch.alone + 1
        if alone < LOSSES:
            self._requeue(msgspec.structs.replace(batch, losses=losses, alone=alone))
            return None
        return self._fail(batch, losses)

    def _fail(self, batch: Batch[ContextT], losses: int) -> Event[ContextT] | None:
        (task,) = batch.tasks
        decoding = self.decodes and task.decode
        message = "every Dask worker that examined it was lost"
        fault = Fault(Stage.DECODE if decoding else Stage.READ, FaultCode.WORKER_CRASHED, message, losses)
        if not decoding:
            return Failed(task, fault)
        plain = msgspec.structs.replace(task, decode=False, report=True, suspicion=fault)
        self._requeue(msgspec.structs.replace(batch, tasks=(plain,), losses=losses, alone=0))
        return None


def _checked(batch: Batch[ContextT], result: BatchResult) -> list[Event[ContextT]]:
    """Returns the events for the tasks of a batch, each of which must be reported exactly once."""
    events: list[Event[ContextT]] = []
    items: list[int] = []
    for outcome in result.outcomes:
        about = outcome.items if isinstance(outcome, PartialReply) else (outcome.item,)
        if not about or min(about) < 0 or max(about) >= len(batch.tasks):
            raise ProtocolViolationError
        items += about
        if not isinstance(outcome, PartialReply):
            events.append(Failed(batch.tasks[outcome.item], outcome.fault))
            continue
        tasks = tuple(_suspected(batch.tasks[item], outcome.suspicions.get(item)) for item in about)
        if not accounted_for(outcome.answer, tasks):
            raise ProtocolViolationError
        try:
            members = {item: MemberSpool(frames) for item, frames in outcome.members.items()}
        except msgspec.MsgspecError:
            raise ProtocolViolationError from None
        lines = {one.item: one.lines for one in outcome.answer.reported if one.lines}
        if lines != {item: each.count for item, each in members.items()}:
            raise ProtocolViolationError
        events.append(Completed(tasks, outcome.answer, members))
    if sorted(items) != list(range(len(batch.tasks))):
        raise ProtocolViolationError
    return events


def _suspected(task: Task[ContextT], suspicion: Fault | None) -> Task[ContextT]:
    if suspicion is None:
        return task
    return msgspec.structs.replace(task, decode=False, report=True, suspicion=suspicion)
