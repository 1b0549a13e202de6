"""A run that is ended after any write, with whatever then survives of what was not synced: it goes on to the same end.

Everything but the workers and the walk is the real thing; every write to either file is a moment to be ended at.
"""

import contextlib
import os
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings_lab import RUN_ID, header, stat
from hashaudit.model import container_parts
from hashaudit.model.container_parts import Part, PartResult, PartTask, pin_of
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import DirectoryRef, Location, Member
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, MemberResult, Role
from hashaudit.record import chain
from hashaudit.record.output import Output
from hashaudit.record.verify.verifier import verify_file
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.dispatcher import TaskContext
from hashaudit.scan.main_loop import MainLoop
from hashaudit.scan.open_output import open_output
from hashaudit.scan.own_files import OwnFiles
from hashaudit.scan.resume import journal as journals
from hashaudit.scan.resume.journal_file import AuthenticatedLog
from hashaudit.scan.resume.open_resume import continue_scan, reopen
from hashaudit.sources.interface import Position, RootDescription
from hashaudit.workers.local.pool import Pool
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.protocol import Answer
from hashaudit.workers.tasks import Completed, Failed, Task, TaskBatch
from interrupted import Told, journal_of, told

Item = Entry | PathFault | Skipped
CONFIG = ScanConfig(roots=(b"/srv",), workers=2, batch_files=3, batch_bytes=50, lookahead_units=4, waiting_records=6)
DIRECTORY = DirectoryRef(b"/srv", 1, 1)
HEADER = msgspec.structs.replace(header(None), config={})
KINDS = (
    *("clean", "known", "hit", "fault", "blamed", "skipped", "lost", "unlisted"),
    *("large",) * 3,
    *("linked",) * 2,
    *("divided",) * 2,
    *("whole", "clean"),
)


class ListedSource:
    """Walks a list."""

    def __init__(self, items: Sequence[Item], at_each: Callable[[], None]) -> None:
        self._items = items
        self._at_each = at_each
        self._at = 0
        self.directories_listed = 0

    @property
    def position(self) -> Position:
        return Position(0, (b"0" + os.path.basename(self._items[self._at].path),))

    def describe_roots(self) -> tuple[RootDescription, ...]:
        return ()

    def walk(self, start: Position | None = None) -> Iterator[Item]:
        first = 0 if start is None else int(start.place[0][1:5])
        for at, item in enumerate(self._items[first:], first):
            self._at = at
            self._at_each()
            # The folder of the item that a walk starts at was listed before.
            self.directories_listed += at % 4 == 0 and (start is None or at > first)
            yield item


class RunsSource(ListedSource):
    """Walks a list, with runs of any length where a walk of a tree can have them."""

    def __init__(self, items: Sequence[Item], at_each: Callable[[], None], chance: random.Random) -> None:
        super().__init__(items, at_each)
        self._chance = chance

    def walk_runs(self, start: Position | None, run_files: int) -> Iterator[Item | FileRun]:
        assert start is None  # a resumed scan takes no runs
        at = 0
        while at < len(self._items):
            end = at + 1
            # Directories are counted between runs.
            while end % 4 and end - at < run_files and all(map(is_plain, self._items[at : end + 1])):
                end += 1
                if self._chance.random() < 0.2:
                    break
            end = min(end, len(self._items))
            self._at = at
            self.directories_listed += at % 4 == 0
            for _ in range(at, end):
                self._at_each()
            first = self._items[at]
            yield run_of(self._items[at:end]) if is_plain(first) else first
            at = end


def is_plain(item: Item) -> bool:
    return isinstance(item, Entry) and item.stat.links == 1 and item.consistency is Consistency.STABLE


def run_of(items: Sequence[Item]) -> FileRun:
    entries = [item for item in items if isinstance(item, Entry)]
    names = tuple(entry.location.name for entry in entries)
    return FileRun(DIRECTORY, 0, names, tuple(entry.stat for entry in entries))


class ShufflingPool:
    """Answers units in any order."""

    restarts = 0
    workers = 2

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._batches: deque[Sequence[Task[TaskContext]]] = deque()
        self._read = 0

    @property
    def queued(self) -> int:
        return len(self._batches)

    @property
    def idle(self) -> bool:
        return not self._batches

    def bytes_read(self) -> int:
        return self._read

    def submit(self, tasks: Sequence[Task[TaskContext]], *, urgent: bool = False) -> None:
        self._batches.append(tasks) if urgent else self._batches.appendleft(tasks)

    def collect(self, _timeout_s: float = 0) -> Iterator[Completed[TaskContext] | Failed[TaskContext]]:
        for _ in range(self._random.randrange(3)):
            if self._batches:
                number = self._random.randrange(len(self._batches))
                tasks = self._batches[number]
                del self._batches[number]
                yield from self._events(tasks)

    def _events(self, tasks: Sequence[Task[TaskContext]]) -> Iterator[Completed[TaskContext] | Failed[TaskContext]]:
        if tasks[0].part is not None:
            yield self._part(tasks, tasks[0].part)
            return
        examined = tasks
        for number, task in reversed(list(enumerate(tasks))):
            if kind_of(task.entry) == "blamed":
                yield Failed(task, Fault(Stage.READ, FaultCode.WORKER_CRASHED, "died", 2, 9))
                examined = TaskBatch.of(examined[:number]) + TaskBatch.of(examined[number + 1 :])
        if examined:
            told = [examined_as(task.entry, item) for item, task in enumerate(examined) if is_told(task)]
            known = [item for item, task in enumerate(examined) if kind_of(task.entry) == "known" and not task.report]
            size = sum(task.entry.state.size for task in examined)
            self._read += size
            yield Completed(examined, Answer(0, tuple(known), size, tuple(told)))

    def _part(self, tasks: Sequence[Task[TaskContext]], part: Part) -> Completed[TaskContext]:
        """Answers one part of a container, of which every third member needs a record."""
        entry, members = tasks[0].entry, {}
        result = EntryResult(0, None, 0, entry.consistency, {}, part=PartResult())
        if part.task is PartTask.PLAN:
            plan = PLAN if kind_of(entry) == "divided" else ()
            result = msgspec.structs.replace(result, part=PartResult(plan))
        elif part.task is PartTask.FILE:
            result = examined_as(entry, 0)
            result = msgspec.structs.replace(result, container=ContainerResult(ContainerKind.ZIP, opened=True))
            self._read += entry.state.size
        else:
            told = [number for number in range(part.first, part.end) if number % 3 == 0]
            members = {0: MemberSpool()}
            if told:
                members[0].append(tuple(map(faulty_member, told)))
            count = part.end - part.first
            of_part = ContainerResult(ContainerKind.ZIP, opened=True, lines=len(told), clean=count - len(told), bytes=9)
            result = msgspec.structs.replace(result, container=of_part, part=PartResult(passed=count, members=count))
        return Completed(tasks, Answer(0, (), result.bytes_read, (result,)), members)


PLAN = tuple(
    Part(PartTask.MEMBERS, pin_of(stat(200), inodes_last=False), (ContainerKind.ZIP,), (), number, number + 2)
    for number in range(0, 12, 2)
)


def faulty_member(number: int) -> MemberResult:
    fault = Fault(Stage.UNPACK, FaultCode.DAMAGED, "damaged")
    return MemberResult(
        (Member("zip", b"m", number),), EntryResult(0, None, 0, Consistency.STABLE, {}, faults=(fault,))
    )


def is_told(task: Task[TaskContext]) -> bool:
    return task.report or kind_of(task.entry) in {"hit", "fault"}


def examined_as(entry: Entry, item: int) -> EntryResult:
    kind, state = kind_of(entry), entry.state
    role = {"hit": Role.DENY, "known": Role.KNOWN}.get(kind)
    match = () if role is None else (Match(1, "line 1", AlgorithmName("sha256"), MatchType.EXACT, role, {}),)
    faults = (Fault(Stage.READ, FaultCode.IO_ERROR, "unreadable"),) if kind == "fault" else ()
    return EntryResult(item, state, state.size, entry.consistency, {"sha256": "ab" * 32}, match, faults=faults)


def kind_of(entry: Entry) -> str:
    return entry.path.rpartition(b"-")[2].decode()


def item_of(number: int, kind: str) -> Item:
    name = b"%04d-%s" % (number, kind.encode())
    if kind == "skipped":
        return Skipped(b"/srv/" + name, SkipReason.FIFO)
    if kind in {"lost", "unlisted"}:
        fault = Fault(Stage.WALK, FaultCode.PERMISSION_DENIED, "no")
        return PathFault(b"/srv/" + name, fault, directory=kind == "unlisted")
    linked = {"inode": 5000 + number % 3, "links": 9} if kind == "linked" else {"inode": number + 1}
    size = {"large": 60, "divided": 200, "whole": 200}.get(kind, 10)
    # Without permanent inode numbers, all divided files have one state.
    consistency = Consistency.UNVERIFIED_MOUNT if kind == "divided" else Consistency.STABLE
    return Entry(Location(DIRECTORY, name), stat(size, **linked), consistency)


class Disk:
    """What has been written of both files, and what of it is sure to stay, after every write."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._journal = journal_of(output)
        self._synced = {self._output: 0, self._journal: 0}
        self._before = b""
        self.moments: list[tuple[tuple[bytes, int], tuple[bytes, int], bytes]] = []

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        for kind, name, path in (
            (Output, "write", self._output),
            (Output, "sync", self._output),
            (AuthenticatedLog, "append", self._journal),
            (AuthenticatedLog, "sync", self._journal),
            (AuthenticatedLog, "replace", self._journal),
        ):
            patch.setattr(kind, name, self._watching(getattr(kind, name), name, path))

    def _watching(self, original: Any, name: str, path: Path) -> Any:
        def watched(*words: object) -> None:
            before = self._journal.read_bytes() if self._journal.exists() else b""
            original(*words)
            if name == "replace":
                self._before = before
            if name in {"sync", "replace"}:
                self._synced[path] = path.stat().st_size
            self._take()

        return watched

    def _take(self) -> None:
        states = [
            (path.read_bytes() if path.exists() else b"", self._synced[path]) for path in (self._output, self._journal)
        ]
        self.moments.append((states[0], states[1], self._before))


def run_to_end(items: Sequence[Item], output: Path, seed: int, *, resume: bool, runs: bool, stop: float = 0.0) -> None:
    """Begins or goes on, and runs to the end, or with some likelihood at each turn until it is stopped."""
    requests = Control()
    chance = random.Random(seed + 1)
    pool = cast("Pool[TaskContext]", ShufflingPool(seed))
    with contextlib.ExitStack() as stack:
        config = CONFIG
        if resume:
            former = stack.enter_context(reopen(os.fsencode(output), None, CONFIG))
            if former.exit_code is not None:
                return
            config = former.config
            begun = continue_scan(former, HEADER, signer=None, own_files=OwnFiles(), report=lambda _: None)
        else:
            begun = open_output(
                os.fsencode(output), CONFIG, HEADER, signer=None, own_files=OwnFiles(), report=lambda _: None
            )
        stack.enter_context(begun.writer)
        at_each = partial(stop_sometimes, requests, chance, stop)
        source = RunsSource(items, at_each, chance) if runs else ListedSource(items, at_each)
        run = MainLoop(
            config,
            source=source,
            pool=pool,
            writer=begun.writer,
            control=requests,
            journal=begun.journal,
            earlier=begun.prior,
        )
        deque(run.events(), maxlen=0)


def stop_sometimes(requests: Control, chance: random.Random, likelihood: float) -> None:
    if chance.random() < likelihood:
        requests.signal_number = 2


def crash(disk: Disk, output: Path, source: random.Random) -> bool:
    """Leaves what survives of one moment; ``False`` where nothing had begun."""
    (findings, findings_synced), (journal, journal_synced), before = source.choice(disk.moments)
    what = source.choice(["killed", "power lost", "power lost", "disk lied"])
    if what != "killed":
        findings = findings[: source.randint(0 if what == "disk lied" else findings_synced, len(findings))]
        journal = before if source.random() < 0.2 else journal[: source.randint(journal_synced, len(journal))]
    if findings.count(b"\n") < 2:
        return False
    for path in output.parent.iterdir():
        path.unlink()
    output.touch(0o600)
    output.write_bytes(findings)
    if source.random() < 0.9:
        journal_of(output).write_bytes(journal)
    return True


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes and compacts the journal at every turn, and does not wait for the disk."""
    monkeypatch.setattr(journals, "INTERVAL_S", 0.0)
    monkeypatch.setattr(journals, "SYNC_INTERVAL_S", 0.002)
    monkeypatch.setattr(journals, "LEAST_COMPACTED_BYTES", 1500)
    monkeypatch.setattr(container_parts, "SPLIT_BYTES", 100)
    monkeypatch.setattr(chain, "MAX_SEGMENT_LINES", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@settings(max_examples=100)
@given(count=st.integers(0, 60), seed=st.integers(0, 1 << 32))
def test_every_entry_ends_exactly_once(count: int, seed: int) -> None:
    source = random.Random(seed)
    kinds = source.choices(KINDS, k=count)
    items = [item_of(number, kind) for number, kind in enumerate(kinds)]
    with TemporaryDirectory() as folder:
        (Path(folder) / "whole").mkdir()
        (Path(folder) / "run").mkdir()
        whole, output = Path(folder) / "whole" / "F", Path(folder) / "run" / "F"
        run_to_end(items, whole, seed, resume=False, runs=False)
        expected = told(whole)
        resume = False
        for _ in range(5):
            disk = Disk(output)
            with pytest.MonkeyPatch.context() as patch:
                disk.watch(patch)
                run_to_end(items, output, source.randrange(1 << 32), resume=resume, runs=True)
            check(told(output), expected, kinds, output)
            if not disk.moments or not crash(disk, output, source):
                break
            resume = True


@settings(max_examples=60)
@given(count=st.integers(0, 60), seed=st.integers(0, 1 << 32))
def test_a_run_that_is_stopped_often_ends_all_the_same(count: int, seed: int) -> None:
    source = random.Random(seed)
    kinds = source.choices(KINDS, k=count)
    items = [item_of(number, kind) for number, kind in enumerate(kinds)]
    with TemporaryDirectory() as folder:
        whole, output = Path(folder) / "whole", Path(folder) / "F"
        run_to_end(items, whole, seed, resume=False, runs=False)
        for part in range(6):
            stop = 0.05 if part < 5 else 0.0
            run_to_end(items, output, source.randrange(1 << 32), resume=part > 0, runs=True, stop=stop)
        # What waited for its turn when a run was stopped is written then, before what comes earlier in the walk.
        check(sorted_by_path(told(output)), sorted_by_path(told(whole)), kinds, output)


def sorted_by_path(what: Told) -> Told:
    records = [{**record, "seq": 0} for record in what.records]
    return Told(sorted(records, key=lambda record: str(record["entry"]["path"])), what.totals)


def check(found: Told, expected: Told, kinds: Sequence[str], output: Path) -> None:
    assert found.records == expected.records
    # A name whose content was read by another name is read again where the journal that says so is lost.
    left_out = {"bytes"} if "linked" in kinds else set()
    for name in expected.totals.keys() - left_out:
        assert found.totals[name] == expected.totals[name], name
    outcome = verify_file(str(output))
    assert [problem.code for problem in outcome.problems if problem.code != "unsigned"] == []
    assert outcome.complete
    assert RUN_ID in output.read_text()


def test_parts_of_a_container_that_are_done_are_not_examined_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Part | None] = []
    original = ShufflingPool.submit

    def submit(pool: ShufflingPool, tasks: Sequence[Task[TaskContext]], *, urgent: bool = False) -> None:
        begun.extend(task.part for task in tasks)
        original(pool, tasks, urgent=urgent)

    monkeypatch.setattr(ShufflingPool, "submit", submit)
    items = [item_of(0, "divided")]
    whole, output = tmp_path / "whole", tmp_path / "F"
    run_to_end(items, whole, 1, resume=False, runs=True)
    expected = len(begun)
    assert expected == 2 + len(PLAN)
    disk = Disk(output)
    with pytest.MonkeyPatch.context() as patch:
        disk.watch(patch)
        run_to_end(items, output, 2, resume=False, runs=True)
    counts = []
    for (findings, _), (journal, _), _ in disk.moments:
        if findings.count(b"\n") < 2 or not journal:
            continue
        for path in (output, journal_of(output)):
            path.unlink(missing_ok=True)
        output.touch(0o600)
        output.write_bytes(findings)
        journal_of(output).write_bytes(journal)
        begun.clear()
        run_to_end(items, output, 3, resume=True, runs=True)
        counts.append(len(begun))
        check(told(output), told(whole), ["divided"], output)
    assert counts[0] == expected
    assert sorted(set(counts))[:2] in ([0, 1], [1, 2]), "the plan, and nothing else, once all parts are in the journal"
