"""Examines one file with its members in this process, as a worker does."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.content.containers.reader_registry import readable_kinds
from hashaudit.host.files import stat_of
from hashaudit.model.entry import Consistency
from hashaudit.model.location import DirectoryRef
from hashaudit.model.results import AlgorithmName, EntryResult, MemberResult
from hashaudit.workers.answer_check import AnswerCheck, members_with_own_words
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    PROGRESS_WORDS,
    Blame,
    Group,
    InsideConfig,
    Item,
    MemberFrame,
    WorkBatch,
    WorkerConfig,
)

SHA256 = AlgorithmName("sha256")


class Examined(NamedTuple):
    """A file and its members."""

    file: EntryResult
    members: list[MemberResult]

    @property
    def digests(self) -> dict[tuple[bytes, ...], str | None]:
        """The SHA-256 of each member, by the names on the way to it."""
        return {names(member): member.result.digests.get("sha256") for member in self.members}

    @property
    def codes(self) -> list[str]:
        """Every fault, of the file and of members."""
        of_members = [fault.code.value for member in self.members for fault in member.result.faults]
        return [fault.code.value for fault in self.file.faults] + of_members

    def whole(self) -> set[str]:
        """The SHA-256 of every member that has one and no fault."""
        return {
            item.result.digests["sha256"] for item in self.members if item.result.digests and not item.result.faults
        }


def names(member: MemberResult) -> tuple[bytes, ...]:
    return tuple(step.name for step in member.within)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def examine(
    path: Path,
    *,
    depth: int = 8,
    most_bytes: int = 1 << 40,
    blames: Sequence[Blame] = (),
    report_all: bool = True,
    passwords: tuple[bytes, ...] = (),
    progress: memoryview | None = None,
) -> Examined:
    """Examines a file as a worker does, and checks its answer as the parent does."""
    status, here = os.stat(path), os.stat(path.parent)
    inside = InsideConfig(readable_kinds(), InsideLimits(depth, most_bytes), opens_known=False, passwords=passwords)
    config = WorkerConfig((SHA256,), report_all, (), inside=inside)
    frames: list[MemberFrame] = []
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q") if progress is None else progress
    progress[ALLOWED_BYTES] = 1 << 60
    item = Item(path.name.encode(), stat_of(status), Consistency.STABLE, True, True, None, (), False, tuple(blames))
    batch = WorkBatch(1, (Group(DirectoryRef(os.fsencode(path.parent), here.st_dev, here.st_ino), 0, (item,)),))
    answer = Examiner(config, progress, frames.append).examine_batch(batch)
    [result] = answer.reported
    check = AnswerCheck(config)
    members: list[MemberResult] = []
    for frame in frames:
        if frame.first == 0:
            members.clear()
        assert frame.first == len(members)
        assert all(check._is_member(one, batch.entries()[0][0]) for one in frame.results)  # the parent's
        assert members_with_own_words(frame.results) == frame.results, "every text is in the closed set"
        members += frame.results
    assert result.container is None or result.container.lines == len(members)
    return Examined(result, members)
