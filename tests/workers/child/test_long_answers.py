"""A worker ends its answer before it is too long for a message."""

import os
from pathlib import Path

import pytest

from hashaudit.host.files import stat_of
from hashaudit.model.entry import Consistency
from hashaudit.model.location import DirectoryRef
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.child import examiner, result_bounds
from hashaudit.workers.protocol import ALLOWED_BYTES, PROGRESS_WORDS, Group, Item, WorkBatch, WorkerConfig


def test_a_long_answer_leaves_the_rest_of_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcd":
        (tmp_path / name).write_bytes(name.encode())
    here = os.stat(tmp_path)
    items = tuple(
        Item(name.encode(), stat_of(os.stat(tmp_path / name)), Consistency.STABLE, True, True, None, (), False)
        for name in "abcd"
    )
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    progress[ALLOWED_BYTES] = 1 << 40
    made = examiner.Examiner(WorkerConfig((AlgorithmName("sha256"),), True, ()), progress)
    batch = WorkBatch(1, (Group(DirectoryRef(os.fsencode(tmp_path), here.st_dev, here.st_ino), 0, items),))
    assert made.examine_batch(batch).not_begun == 0
    monkeypatch.setattr(examiner, "FULL_ANSWER_BYTES", result_bounds.SHORT_RESULT_BYTES + 1)
    answer = made.examine_batch(batch)
    assert [result.item for result in answer.reported] == [0, 1]
    assert answer.not_begun == 2
