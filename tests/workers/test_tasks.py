"""A batch with runs behaves as the list of its tasks, and reaches a worker in the same order."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import stat
from hashaudit.cache.values import CachedGroup, PlainValues
from hashaudit.model.entry import Entry
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import EntryResult
from hashaudit.workers.protocol import BATCH_DECODER, ENCODER, Answer, Cached, WorkBatch
from hashaudit.workers.tasks import RunTasks, Task, TaskBatch, accounted_for, grouped

Part = Task[int] | RunTasks[int]


def parts_of(lengths: list[int]) -> list[Part]:
    """Parts of these lengths, where 0 stands for a task and -1 for one that has to be reported."""
    parts: list[Part] = []
    number = 0
    for place, length in enumerate(lengths):
        folder = DirectoryRef(b"/srv/%d" % (place // 3), 1, place // 3)
        if length <= 0:
            entry = Entry(Location(folder, b"one%d" % number), stat(number))
            parts.append(Task(number, entry, report=length < 0))
            number += 1
            continue
        names = tuple(b"f%d" % index for index in range(number, number + length))
        files = FileRun(folder, 0, names, tuple(stat(index) for index in range(number, number + length)))
        parts.append(RunTasks(files, number.__add__))
        number += length
    return parts


LENGTHS = st.lists(st.integers(-1, 4), max_size=8)


@given(LENGTHS, st.integers(-40, 40), st.integers(-40, 40))
def test_a_batch_is_the_list_of_its_tasks(lengths: list[int], first: int, end: int) -> None:
    batch = TaskBatch(parts_of(lengths))
    tasks = list(batch)
    assert [task.context for task in tasks] == list(range(len(batch)))
    assert [batch[index] for index in range(-len(tasks), len(tasks))] == tasks * 2
    assert list(batch[first:end]) == tasks[first:end]
    assert len(batch[first:end]) == len(tasks[first:end])
    assert list(batch[:end] + batch[end:]) == tasks
    assert batch.sizes == sum(task.entry.state.size for task in tasks)
    assert TaskBatch.of(batch) is batch
    assert list(TaskBatch.of(tasks)) == tasks


@given(LENGTHS, st.integers(0, 40))
def test_a_worker_gets_the_tasks_in_their_order(lengths: list[int], cut: int) -> None:
    batch = TaskBatch(parts_of(lengths))[cut:]
    sent = BATCH_DECODER.decode(ENCODER.encode(WorkBatch(1, grouped(batch))))
    received = sent.entries()
    assert [entry for entry, _ in received] == [task.entry for task in batch]
    plain = WorkBatch(1, grouped(tuple(batch)))
    assert [item for _, item in received] == [item for _, item in plain.entries()]
    assert sum(map(len, sent.groups)) == len(batch)


@given(LENGTHS, st.sets(st.integers(0, 9)), st.integers(0, 3))
def test_an_answer_accounts_for_a_batch_as_for_its_tasks(lengths: list[int], reported: set[int], left: int) -> None:
    batch = TaskBatch(parts_of(lengths))
    results = tuple(EntryResult(item, None, 0, batch[0].entry.consistency, {}) for item in reported if batch)
    answer = Answer(1, (), 0, results, not_begun=left)
    assert accounted_for(answer, batch) == accounted_for(answer, tuple(batch))


@pytest.mark.parametrize(
    ("plain", "is_possible"),
    [
        (PlainValues(), True),
        (PlainValues((1,), (0, 1, 3), ((b"a",), (b"b",), (b"c",))), True),
        (PlainValues((1,), (0, 2, 1), ((b"a",), (b"b",), (b"c",))), False),
        (PlainValues((1,), (1, 1), ((b"a",), (b"b",))), False),
        (PlainValues((1,), (0, 1), ((b"a",),)), False),
        (PlainValues((1,), (-1,), ((b"a",),)), False),
        (PlainValues((1,), (4,), ((b"a",),)), False),
    ],
)
def test_values_to_cache_are_of_files_that_the_cache_applies_to(plain: PlainValues, is_possible: bool) -> None:
    parts = [msgspec.structs.replace(part, known=CachedGroup(b"key", (), "", 0)) for part in parts_of([0, 3])]
    answer = Answer(1, (), 0, (), Cached(plain=plain))
    assert accounted_for(answer, TaskBatch(parts)) is is_possible
    assert accounted_for(answer, TaskBatch(parts_of([0, 3]))) is not bool(plain.items)
