"""Assignment of batches: any order of joining, leaving and answering, every task exactly once."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.entry import Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.workers.dask.assignment import (
    BATCHES_PER_PROCESS,
    BUNDLE_BATCHES,
    LOSSES,
    Assignment,
    Batch,
    ProtocolViolationError,
)
from hashaudit.workers.dask.protocol import BatchResult, PartialReply, WorkerCrash
from hashaudit.workers.protocol import Answer
from hashaudit.workers.tasks import Completed, Event, Failed, Task

FOLDER = DirectoryRef(b"/tree", 1, 2)
FAULT = Fault(Stage.READ, FaultCode.WORKER_CRASHED, "it ended", 2)


def task(number: int) -> Task[int]:
    return Task(number, Entry(Location(FOLDER, b"%d" % number), Stat(0o100644, 1, number, 1, 1, 0, 0)), report=False)


def tasks(first: int, count: int) -> list[Task[int]]:
    return [task(first + number) for number in range(count)]


def examined(batch: Batch[int]) -> BatchResult:
    return BatchResult(batch.number, (PartialReply(tuple(range(len(batch.tasks))), Answer(1, (), 0, ()), {}),))


def contexts(events: list[Event[int]]) -> list[int]:
    found: list[int] = []
    for event in events:
        found += [each.context for each in event.tasks] if isinstance(event, Completed) else [event.task.context]
    return found


@given(st.integers(0, 1 << 32), st.booleans())
def test_every_task_ends_once_and_only_the_crashing_one_fails(seed: int, decodes: bool) -> None:
    """Workers come and go at random; one file loses every worker that is on it, with a decoder or without."""
    chance = random.Random(seed)
    poison = chance.randrange(60)
    assignment: Assignment[int] = Assignment()
    assignment.decodes = decodes
    for first in range(0, 60, 10):
        assignment.add(tasks(first, 10), urgent=chance.random() < 0.2)
    paused: dict[str, list[tuple[Batch[int], ...]]] = {}
    ended: list[int] = []
    blamed: list[int] = []
    named = 0
    for _ in range(3000):
        if len(ended) == 60:
            break
        if len(paused) < 2 or chance.random() < 0.05:
            named += 1
            paused[str(named)] = []
            assignment.join(str(named), chance.randrange(1, 4))
        for name, batches in assignment.hand_out():
            paused[name].append(batches)
            assert sum(map(len, paused[name])) <= 3 * BATCHES_PER_PROCESS
            together = [batch for bundle in paused[name] for batch in bundle]
            assert len(together) == 1 or all(batch.alone is None for batch in together)
        name = chance.choice(list(paused))
        if any(each.context == poison for batches in paused[name] for batch in batches for each in batch.tasks):
            events = assignment.leave(name, lost=True)
            del paused[name]
        elif chance.random() < 0.02:
            # An orderly end is never counted against anything.
            events = assignment.leave(name, lost=False)
            del paused[name]
        elif paused[name]:
            batches = paused[name].pop(chance.randrange(len(paused[name])))
            events = assignment.answer(
                name, [batch.number for batch in batches], [examined(batch) for batch in batches]
            )
        else:
            events = []
        ended += contexts(events)
        blamed += [event.task.context for event in events if isinstance(event, Failed)]
    assert Counter(ended) == Counter(range(60))
    assert blamed == [poison]
    assert assignment.queued == 0


def test_an_answer_to_what_is_not_held_is_dropped() -> None:
    assignment: Assignment[int] = Assignment()
    assignment.join("one", 1)
    assignment.add(tasks(0, 3), urgent=False)
    ((_, (batch,)),) = assignment.hand_out()
    assert assignment.leave("one", lost=True) == []
    assignment.join("two", 1)
    ((name, again),) = assignment.hand_out()
    assert (name, [each.number for each in again]) == ("two", [batch.number])
    assert assignment.answer("one", [batch.number], [examined(batch)]) == []
    assert contexts(assignment.answer("two", [batch.number], [examined(batch)])) == [0, 1, 2]
    assert assignment.answer("two", [batch.number], [examined(batch)]) == []


def test_the_window_is_bounded_and_shared_evenly() -> None:
    assignment: Assignment[int] = Assignment()
    assignment.join("one", 2)
    assignment.join("two", 2)
    for first in range(100):
        assignment.add(tasks(first, 1), urgent=False)
    given: Counter[str] = Counter()
    for name, batches in assignment.hand_out():
        given[name] += len(batches)
        assert len(batches) <= BUNDLE_BATCHES
    assert given == {"one": 2 * BATCHES_PER_PROCESS, "two": 2 * BATCHES_PER_PROCESS}
    assert assignment.queued == 100 - 4 * BATCHES_PER_PROCESS


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
def test_a_false_answer_is_rejected_entirely(outcomes: tuple[PartialReply | WorkerCrash, ...]) -> None:
    assignment: Assignment[int] = Assignment()
    assignment.join("one", 1)
    assignment.add(tasks(0, 2), urgent=False)
    ((_, (batch,)),) = assignment.hand_out()
    with pytest.raises(ProtocolViolationError):
        assignment.answer("one", [batch.number], [BatchResult(batch.number, outcomes)])
    assert assignment.leave("one", lost=False) == []
    assert assignment.queued == 1


def test_an_answer_without_a_batch_is_rejected() -> None:
    assignment: Assignment[int] = Assignment()
    assignment.join("one", 1)
    assignment.add(tasks(0, 2), urgent=False)
    ((_, (batch,)),) = assignment.hand_out()
    with pytest.raises(ProtocolViolationError):
        assignment.answer("one", [batch.number], [])


def test_a_batch_is_suspect_after_two_lost_workers() -> None:
    assignment: Assignment[int] = Assignment()
    assignment.add(tasks(0, 2), urgent=False)
    alone = []
    for name in ("one", "two", "three"):
        assignment.join(name, 1)
        ((_, (batch,)),) = assignment.hand_out()
        alone.append(batch.alone)
        assert assignment.leave(name, lost=True) == []
    assert alone == [None] * LOSSES + [0]
    assert assignment.queued == 2  # halves


def test_a_suspect_is_retried_even_with_a_long_queue() -> None:
    assignment: Assignment[int] = Assignment()
    assignment.add(tasks(0, 1), urgent=False)
    assignment.join("lost", 1)
    assert len(list(assignment.hand_out())) == 1
    assignment.leave("lost", lost=True)
    assignment.join("lost too", 1)
    assert len(list(assignment.hand_out())) == 1
    assignment.join("busy", 1)
    paused = []
    for first in range(1, 1000):
        assignment.add(tasks(first, 1), urgent=True)  # these travel one by one
        paused += [batches for name, batches in assignment.hand_out() if name == "busy"]
    assignment.leave("lost too", lost=True)
    for _ in range(10):
        batches = paused.pop(0)
        if batches[0].alone is not None:
            return
        assignment.answer("busy", [batch.number for batch in batches], [examined(batch) for batch in batches])
        paused += [batches for _, batches in assignment.hand_out()]
    pytest.fail("the suspect was never retried")
