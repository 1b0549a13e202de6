"""Which unit is with which Dask worker: a bounded window over the listing, and what becomes of units whose worker goes.

Nothing here speaks to anyone. Units wait in a queue; a worker holds a few of them for each of its processes. What it
held when it was lost goes to others. A unit that loses its worker twice is suspected: it is tried on a worker that has
nothing else, halved as often as that loses the worker again, and a file that does so alone is blamed. What else was
with a worker that was lost is never blamed: only suspects are counted against, and they are alone.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic

import msgspec

from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.dask.protocol import PartialReply, UnitResult
from hashaudit.workers.tasks import Completed, ContextT, Event, Failed, Task, accounted_for

UNITS_PER_PROCESS = 3
"""One in hand, and what keeps a process busy while an answer travels and the next units come."""

BUNDLE_UNITS = 4
"""Units that travel together at most: a scheduler passes some hundred tasks a second."""

LOSSES = 2
"""How often a unit may be with a worker that is lost before it is suspected, and a suspect before it is blamed."""


class ProtocolViolationError(Exception):
    """A worker answered to what was not asked, or not to what was."""


class Unit(msgspec.Struct, Generic[ContextT], frozen=True):
    """Jobs that are handed out together."""

    number: int
    jobs: tuple[Task[ContextT], ...]
    urgent: bool = False
    losses: int = 0
    """Workers that were lost while they held it."""
    alone: int | None = None
    """Of a suspect: workers that were lost while they held nothing else."""


class _Holder(Generic[ContextT]):
    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.units: dict[int, Unit[ContextT]] = {}

    @property
    def room(self) -> int:
        if any(unit.alone is not None for unit in self.units.values()):
            return 0
        return self.processes * UNITS_PER_PROCESS - len(self.units)


class Window(Generic[ContextT]):
    """Hands units to workers, which are known by name here."""

    def __init__(self) -> None:
        self.decodes = False
        """Workers hash pictures, so that a suspect is tried without a decoder before it is given up."""
        self._queue: deque[Unit[ContextT]] = deque()
        self._urgent: deque[Unit[ContextT]] = deque()
        self._suspects: deque[Unit[ContextT]] = deque()
        self._holders: dict[str, _Holder[ContextT]] = {}
        self._last_number = 0

    @property
    def queued(self) -> int:
        """Units that no worker has."""
        return len(self._queue) + len(self._urgent) + len(self._suspects)

    def add(self, jobs: Sequence[Task[ContextT]], *, urgent: bool) -> None:
        """Queues a unit."""
        (self._urgent if urgent else self._queue).append(self._unit(tuple(jobs), urgent=urgent))

    def join(self, name: str, processes: int) -> None:
        """Lets a worker have units."""
        self._holders[name] = _Holder(processes)

    def leave(self, name: str, *, lost: bool) -> list[Event[ContextT]]:
        """Takes a worker away and gives what it held to others.

        Args:
            name: of the worker.
            lost: it went while it held them, so that one of them may be why; otherwise none is counted against.
        """
        holder = self._holders.pop(name, None)
        events: list[Event[ContextT]] = []
        for unit in () if holder is None else reversed(holder.units.values()):
            if not lost:
                self._give_back(unit)
            elif (blamed := self._count_loss(unit)) is not None:
                events.append(blamed)
        return events

    def job(self, name: str, number: int, item: int) -> Task[ContextT] | None:
        """A job that a worker holds."""
        holder = self._holders.get(name)
        unit = None if holder is None else holder.units.get(number)
        return unit.jobs[item] if unit is not None and 0 <= item < len(unit.jobs) else None

    def hand_out(self) -> Iterator[tuple[str, tuple[Unit[ContextT], ...]]]:
        """Gives units to workers that have room, as bundles that travel together."""
        while True:
            given = self._next_suspect() or self._next_bundle()
            if given is None:
                return
            name, units = given
            self._holders[name].units.update((unit.number, unit) for unit in units)
            yield given

    def answer(self, name: str, asked: Sequence[int], results: Sequence[UnitResult]) -> list[Event[ContextT]]:
        """Takes a worker's answer to a bundle. What the worker does not hold any more is passed over.

        Raises:
            DishonestError: it does not account for each item exactly once. Nothing of it is taken.
        """
        holder = self._holders.get(name)
        if holder is None:
            return []
        if sorted(result.number for result in results) != sorted(asked):
            raise ProtocolViolationError
        events = []
        for result in results:
            unit = holder.units.get(result.number)
            if unit is not None:
                events.append(_checked(unit, result))
        for number in asked:
            holder.units.pop(number, None)
        return [event for group in events for event in group]

    def _unit(self, jobs: tuple[Task[ContextT], ...], *, urgent: bool = False, losses: int = 0) -> Unit[ContextT]:
        self._last_number += 1
        return Unit(self._last_number, jobs, urgent, losses)

    def _next_suspect(self) -> tuple[str, tuple[Unit[ContextT], ...]] | None:
        free = next((name for name, holder in self._holders.items() if not holder.units), None)
        return (free, (self._suspects.popleft(),)) if self._suspects and free is not None else None

    def _next_bundle(self) -> tuple[str, tuple[Unit[ContextT], ...]] | None:
        rooms = {name: holder.room for name, holder in self._holders.items() if holder.room > 0}
        if self._suspects and rooms:
            # One is let run empty, for the suspect.
            rooms.pop(min(rooms, key=lambda name: len(self._holders[name].units)))
        if not rooms or not (self._urgent or self._queue):
            return None
        name = max(rooms, key=lambda each: rooms[each] / self._holders[each].processes)
        if self._urgent:
            # Alone: what travels with a large file would wait for it.
            return name, (self._urgent.popleft(),)
        share = math.ceil(len(self._queue) / len(rooms))
        count = min(BUNDLE_UNITS, rooms[name], share)
        return name, tuple(self._queue.popleft() for _ in range(count))

    def _give_back(self, unit: Unit[ContextT]) -> None:
        if unit.alone is not None:
            self._suspects.appendleft(unit)
        else:
            (self._urgent if unit.urgent else self._queue).appendleft(unit)

    def _count_loss(self, unit: Unit[ContextT]) -> Event[ContextT] | None:
        losses = unit.losses + 1
        if unit.alone is None:
            alone = 0 if losses >= LOSSES else None
            self._give_back(msgspec.structs.replace(unit, losses=losses, alone=alone))
            return None
        if len(unit.jobs) > 1:
            middle = len(unit.jobs) // 2
            for jobs in (unit.jobs[middle:], unit.jobs[:middle]):
                half = self._unit(jobs, urgent=unit.urgent, losses=losses)
                self._give_back(msgspec.structs.replace(half, alone=0))
            return None
        alone = unit.alone + 1
        if alone < LOSSES:
            self._give_back(msgspec.structs.replace(unit, losses=losses, alone=alone))
            return None
        return self._blame(unit, losses)

    def _blame(self, unit: Unit[ContextT], losses: int) -> Event[ContextT] | None:
        (job,) = unit.jobs
        decoding = self.decodes and job.decode
        message = "each cluster worker that examined it was lost"
        fault = Fault(Stage.DECODE if decoding else Stage.READ, FaultCode.WORKER_CRASHED, message, losses)
        if not decoding:
            return Failed(job, fault)
        plain = msgspec.structs.replace(job, decode=False, tell=True, suspicion=fault)
        self._give_back(msgspec.structs.replace(unit, jobs=(plain,), losses=losses, alone=0))
        return None


def _checked(unit: Unit[ContextT], result: UnitResult) -> list[Event[ContextT]]:
    """What became of the jobs of a unit, each of which must be told of exactly once."""
    events: list[Event[ContextT]] = []
    items: list[int] = []
    for outcome in result.outcomes:
        about = outcome.items if isinstance(outcome, PartialReply) else (outcome.item,)
        if not about or min(about) < 0 or max(about) >= len(unit.jobs):
            raise ProtocolViolationError
        items += about
        if not isinstance(outcome, PartialReply):
            events.append(Failed(unit.jobs[outcome.item], outcome.fault))
            continue
        jobs = tuple(_suspected(unit.jobs[item], outcome.suspicions.get(item)) for item in about)
        if not accounted_for(outcome.answer, jobs):
            raise ProtocolViolationError
        events.append(Completed(jobs, outcome.answer))
    if sorted(items) != list(range(len(unit.jobs))):
        raise ProtocolViolationError
    return events


def _suspected(job: Task[ContextT], suspicion: Fault | None) -> Task[ContextT]:
    if suspicion is None:
        return job
    return msgspec.structs.replace(job, decode=False, tell=True, suspicion=suspicion)
