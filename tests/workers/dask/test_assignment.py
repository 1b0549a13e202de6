"""Which unit is with whom: any order of joining, leaving and answering, every job exactly once."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.entry import DirectoryRef, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.dask.assignment import (
    BUNDLE_UNITS,
    LOSSES,
    UNITS_PER_PROCESS,
    ProtocolViolationError,
    Unit,
    Window,
)
from hashaudit.workers.dask.protocol import PartialReply, UnitResult, WorkerCrash
from hashaudit.workers.protocol import Answer
from hashaudit.workers.tasks import Completed, Event, Failed, Task

FOLDER = DirectoryRef(b"/tree", 1, 2)
FAULT = Fault(Stage.READ, FaultCode.WORKER_CRASHED, "it ended", 2)


def job(number: int) -> Task[int]:
    return Task(number, Entry(FOLDER, b"%d" % number, Stat(0o100644, 1, number, 1, 1, 0, 0)), tell=False)


def jobs(first: int, count: int) -> list[Task[int]]:
    return [job(first + number) for number in range(count)]


def examined(unit: Unit[int]) -> UnitResult:
    return UnitResult(unit.number, (PartialReply(tuple(range(len(unit.jobs))), Answer(1, (), 0, ()), {}),))


def tickets(events: list[Event[int]]) -> list[int]:
    found: list[int] = []
    for event in events:
        found += [each.ticket for each in event.jobs] if isinstance(event, Completed) else [event.job.ticket]
    return found


@given(st.integers(0, 1 << 32), st.booleans())
def test_every_job_ends_once_and_only_poison_is_blamed(seed: int, decodes: bool) -> None:
    """Workers come and go at random; one file loses every worker that is on it, with a decoder or without."""
    chance = random.Random(seed)
    poison = chance.randrange(60)
    window: Window[int] = Window()
    window.decodes = decodes
    for first in range(0, 60, 10):
        window.add(jobs(first, 10), urgent=chance.random() < 0.2)
    held: dict[str, list[tuple[Unit[int], ...]]] = {}
    ended: list[int] = []
    blamed: list[int] = []
    named = 0
    for _ in range(3000):
        if len(ended) == 60:
            break
        if len(held) < 2 or chance.random() < 0.05:
            named += 1
            held[str(named)] = []
            window.join(str(named), chance.randrange(1, 4))
        for name, units in window.hand_out():
            held[name].append(units)
            assert sum(map(len, held[name])) <= 3 * UNITS_PER_PROCESS
            together = [unit for bundle in held[name] for unit in bundle]
            assert len(together) == 1 or all(unit.alone is None for unit in together)
        name = chance.choice(list(held))
        if any(each.ticket == poison for units in held[name] for unit in units for each in unit.jobs):
            events = window.leave(name, lost=True)
            del held[name]
        elif chance.random() < 0.02:
            # An orderly end is never counted against anything.
            events = window.leave(name, lost=False)
            del held[name]
        elif held[name]:
            units = held[name].pop(chance.randrange(len(held[name])))
            events = window.answer(name, [unit.number for unit in units], [examined(unit) for unit in units])
        else:
            events = []
        ended += tickets(events)
        blamed += [event.job.ticket for event in events if isinstance(event, Failed)]
    assert Counter(ended) == Counter(range(60))
    assert blamed == [poison]
    assert window.queued == 0


def test_an_answer_to_what_is_not_held_is_dropped() -> None:
    window: Window[int] = Window()
    window.join("one", 1)
    window.add(jobs(0, 3), urgent=False)
    ((_, (unit,)),) = window.hand_out()
    assert window.leave("one", lost=True) == []
    window.join("two", 1)
    ((name, again),) = window.hand_out()
    assert (name, [each.number for each in again]) == ("two", [unit.number])
    assert window.answer("one", [unit.number], [examined(unit)]) == []
    assert tickets(window.answer("two", [unit.number], [examined(unit)])) == [0, 1, 2]
    assert window.answer("two", [unit.number], [examined(unit)]) == []


def test_the_window_is_bounded_and_shared_evenly() -> None:
    window: Window[int] = Window()
    window.join("one", 2)
    window.join("two", 2)
    for first in range(100):
        window.add(jobs(first, 1), urgent=False)
    given: Counter[str] = Counter()
    for name, units in window.hand_out():
        given[name] += len(units)
        assert len(units) <= BUNDLE_UNITS
    assert given == {"one": 2 * UNITS_PER_PROCESS, "two": 2 * UNITS_PER_PROCESS}
    assert window.queued == 100 - 4 * UNITS_PER_PROCESS


@pytest.mark.parametrize(
    "outcomes",
    [
        (),
        (PartialReply((0,), Answer(1, (), 0, ()), {}),),
        (PartialReply((0, 1, 1), Answer(1, (), 0, ()), {}),),
        (PartialReply((0, 1, 2), Answer(1, (), 0, ()), {}),),
        (PartialReply((-1, 0, 1), Answer(1, (), 0, ()), {}),),
        (PartialReply((0, 1), Answer(1, (), 0, ()), {}), WorkerCrash(1, FAULT)),
        (PartialReply((0, 1), Answer(1, (2,), 0, ()), {}),),
        (PartialReply((0, 1), Answer(1, (0, 0), 0, ()), {}),),
        (PartialReply((), Answer(1, (), 0, ()), {}), WorkerCrash(0, FAULT), WorkerCrash(1, FAULT)),
        (WorkerCrash(2, FAULT), WorkerCrash(0, FAULT)),
    ],
)
def test_a_dishonest_answer_is_refused_whole(outcomes: tuple[PartialReply | WorkerCrash, ...]) -> None:
    window: Window[int] = Window()
    window.join("one", 1)
    window.add(jobs(0, 2), urgent=False)
    ((_, (unit,)),) = window.hand_out()
    with pytest.raises(ProtocolViolationError):
        window.answer("one", [unit.number], [UnitResult(unit.number, outcomes)])
    assert window.leave("one", lost=False) == []
    assert window.queued == 1


def test_an_answer_that_leaves_a_unit_out_is_refused() -> None:
    window: Window[int] = Window()
    window.join("one", 1)
    window.add(jobs(0, 2), urgent=False)
    ((_, (unit,)),) = window.hand_out()
    with pytest.raises(ProtocolViolationError):
        window.answer("one", [unit.number], [])


def test_a_unit_is_suspected_only_when_it_was_lost_twice() -> None:
    window: Window[int] = Window()
    window.add(jobs(0, 2), urgent=False)
    alone = []
    for name in ("one", "two", "three"):
        window.join(name, 1)
        ((_, (unit,)),) = window.hand_out()
        alone.append(unit.alone)
        assert window.leave(name, lost=True) == []
    assert alone == [None] * LOSSES + [0]
    assert window.queued == 2  # halves


def test_a_suspect_has_its_turn_however_much_is_queued() -> None:
    window: Window[int] = Window()
    window.add(jobs(0, 1), urgent=False)
    window.join("lost", 1)
    assert len(list(window.hand_out())) == 1
    window.leave("lost", lost=True)
    window.join("lost too", 1)
    assert len(list(window.hand_out())) == 1
    window.join("busy", 1)
    held = []
    for first in range(1, 1000):
        window.add(jobs(first, 1), urgent=True)  # these travel one by one
        held += [units for name, units in window.hand_out() if name == "busy"]
    window.leave("lost too", lost=True)
    for _ in range(10):
        units = held.pop(0)
        if units[0].alone is not None:
            return
        window.answer("busy", [unit.number for unit in units], [examined(unit) for unit in units])
        held += [units for _, units in window.hand_out()]
    pytest.fail("the suspect was passed over")
