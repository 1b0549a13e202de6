"""Examines a file in parts in this process: the plan, each part in any order, and their joined results."""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.content.containers.reader_registry import readable_kinds
from hashaudit.host.files import stat_of
from hashaudit.model.container_parts import Part, PartTask
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.scan.part_results import PartOutcome, PartResults
from hashaudit.workers.answer_check import AnswerCheck
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    PROGRESS_WORDS,
    Blame,
    InsideConfig,
    MemberFrame,
    WorkBatch,
    WorkerConfig,
)
from hashaudit.workers.tasks import Task, accounted_for, grouped
from inside_lab import SHA256, Examined

MOST_BYTES = 1 << 40


class PartsLab:
    """A file, and workers that examine parts of it.

    Args:
        path: of the file.
        workers: number of processes that would take turns.
        report_all: members without a finding have results, too.
    """

    def __init__(self, path: Path, *, workers: int = 1, report_all: bool = True) -> None:
        here = os.stat(path.parent)
        directory = DirectoryRef(os.fsencode(path.parent), here.st_dev, here.st_ino)
        self.entry = Entry(Location(directory, path.name.encode()), stat_of(os.stat(path)), Consistency.STABLE)
        inside = InsideConfig(readable_kinds(), InsideLimits(8, MOST_BYTES), opens_known=False)
        self.config = WorkerConfig((SHA256,), report_all, (), inside=inside)
        self.report_all = report_all
        self.frames: list[MemberFrame] = []
        self.examiners = [self._worker() for _ in range(workers)]
        self.order: list[Part] = []
        """Parts as they were begun."""

    def _worker(self) -> Examiner:
        progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
        progress[ALLOWED_BYTES] = 1 << 60
        return Examiner(self.config, progress, self.frames.append)

    def examine(self, part: Part, blames: Sequence[Blame] = ()) -> PartOutcome:
        """Lets the next worker examine a part, and checks its answer as the parent does."""
        self.order.append(part)
        self.frames.clear()
        examiner = self.examiners[len(self.order) % len(self.examiners)]
        task = Task(None, self.entry, report=True, part=part, blames=tuple(blames))
        answer = examiner.examine_batch(WorkBatch(1, grouped([task])))
        assert accounted_for(answer, (task,))
        check = AnswerCheck(self.config)
        assert check.invalid_item(answer, (task,)) is None
        [result] = answer.reported
        members = MemberSpool()
        for frame in self.frames:
            assert check.are_members(frame, task)
            members.append(frame.results)
        assert result.lines == members.count
        return PartOutcome(result, members)

    def plan(self, part_bytes: int) -> tuple[Part, ...]:
        """Returns the parts that a worker finds."""
        result = self.examine(Part(PartTask.PLAN, first=part_bytes)).result
        assert result is not None
        assert result.part is not None
        return result.part.parts

    def results(self, plan: Sequence[Part], *, most_bytes: int = MOST_BYTES) -> PartResults:
        """Returns what joins the parts."""
        return PartResults(self.entry, plan, most_bytes=most_bytes, record_all=self.report_all)

    def whole(
        self,
        part_bytes: int,
        *,
        seed: int = 0,
        window: int = 1,
        examine: Callable[[Part], PartOutcome] | None = None,
    ) -> Examined:
        """Examines all parts, with a number of them open at once, which end in an order that a seed decides."""
        parts = self.results(self.plan(part_bytes))
        chance = random.Random(seed)
        begun: list[tuple[int, Part]] = []
        while True:
            while len(begun) < window and (found := parts.next()) is not None:
                begun.append(found)
            if not begun:
                break
            number, part = begun.pop(chance.randrange(len(begun)))
            parts.take(number, (examine or self.examine)(part))
        joined = parts.join()
        assert joined is not None
        return Examined(joined.result, [] if joined.members is None else list(joined.members))
