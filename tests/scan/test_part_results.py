"""Parts of a container: what is begun, what counts, and that nothing is lost between them."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from findings_lab import entry
from hashaudit.model.container_parts import Part, PartResult, PartTask, pin_of
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Member
from hashaudit.model.results import AlgorithmName, EntryResult, ListNumber, Match, MatchType, MemberResult, Role
from hashaudit.scan import part_results
from hashaudit.scan.part_results import Joined, PartOutcome, PartResults
from hashaudit.workers.member_spool import MemberSpool

ENTRY = entry(b"a.zip")
PIN = pin_of(ENTRY.stat, inodes_last=True)
ZIP, EXT = ContainerKind.ZIP, ContainerKind.EXT
KNOWN = Match(ListNumber(1), "line 1", AlgorithmName("sha256"), MatchType.EXACT, Role.KNOWN, {})
CRASH = Fault(Stage.READ, FaultCode.WORKER_CRASHED, "the worker process ended", 2)


def members(first: int, end: int, **more: object) -> Part:
    return msgspec.structs.replace(Part(PartTask.MEMBERS, PIN, (ZIP,), (), first, end), **more)


PLAN = (members(0, 10), members(10, 20), members(20, 30), members(30, 30))
FILE = PartOutcome(
    EntryResult(0, ENTRY.stat, 7, Consistency.STABLE, {"sha256": "00"}, container=ContainerResult(ZIP, opened=True))
)


def outcome(part: Part, *, passed: int | None = None, size: int = 5, found: Sequence[int] = ()) -> PartOutcome:
    """A part of which all members are clean but those that are found, of the given positions."""
    count = part.end - part.first
    spool = MemberSpool()
    if found:
        spool.append(
            tuple(
                MemberResult(
                    (Member("zip", b"%d" % one, one),), EntryResult(0, None, 1, Consistency.STABLE, {}, faults=(CRASH,))
                )
                for one in found
            )
        )
    container = ContainerResult(part.kinds[0], opened=True, lines=len(found), clean=count - len(found), bytes=size)
    report = PartResult(passed=count if passed is None else passed, members=count)
    return PartOutcome(EntryResult(0, None, 0, Consistency.STABLE, {}, container=container, part=report), spool)


def joined(
    plan: Sequence[Part],
    outcomes: dict[Part, PartOutcome] | None = None,
    *,
    file: PartOutcome = FILE,
    seed: int = 0,
    window: int = 3,
    most_bytes: int = 1 << 40,
    subject: Entry = ENTRY,
) -> tuple[Joined | None, list[Part]]:
    """Runs all parts with some open at once; returns the result, and the parts as they were begun."""
    parts = PartResults(subject, plan, most_bytes=most_bytes, record_all=False)
    chance, begun, order = random.Random(seed), list[tuple[int, Part]](), list[Part]()
    while True:
        while len(begun) < window and (found := parts.next()) is not None:
            begun.append(found)
            order.append(found[1])
        if not begun:
            return parts.join(), order
        number, part = begun.pop(chance.randrange(len(begun)))
        is_file = part.task is PartTask.FILE
        parts.take(number, file if is_file else (outcomes or {}).get(part) or outcome(part))


def container_of(result: Joined | None) -> ContainerResult:
    assert result is not None
    assert result.result.container is not None
    return result.result.container


def test_counts_add_up_and_records_stand_in_order() -> None:
    outcomes = {PLAN[2]: outcome(PLAN[2], found=[21, 25]), PLAN[0]: outcome(PLAN[0], found=[3])}
    result, order = joined(PLAN, outcomes, seed=4)
    assert result is not None
    container = container_of(result)
    assert (container.lines, container.clean, container.bytes, container.members) == (3, 27, 20, 30)
    assert result.result.digests == {"sha256": "00"}
    assert not result.result.faults
    assert [one.within[0].ordinal for one in result.members or ()] == [3, 21, 25]
    assert order[0].task is PartTask.FILE


def test_positions_that_count_from_the_start_of_a_range_are_moved() -> None:
    plan = [msgspec.structs.replace(part, is_relative=True) for part in PLAN]
    outcomes = {part: outcome(part, found=[1]) for part in plan[:3]}
    result, _ = joined(plan, outcomes)
    assert result is not None
    assert [one.within[0].ordinal for one in result.members or ()] == [1, 11, 21]


@pytest.mark.parametrize("passed", [0, 9, 11])
def test_members_that_are_unaccounted_for_are_a_fault(passed: int) -> None:
    result, _ = joined(PLAN, {PLAN[1]: outcome(PLAN[1], passed=passed)})
    assert result is not None
    assert [(fault.stage, fault.code) for fault in result.result.faults] == [(Stage.UNPACK, FaultCode.INTERNAL_ERROR)]


def test_a_part_that_ends_workers_is_a_fault_of_the_container_and_the_others_count() -> None:
    result, _ = joined(PLAN, {PLAN[1]: PartOutcome(None, fault=CRASH)})
    assert result is not None
    assert [(fault.stage, fault.code) for fault in result.result.faults] == [(Stage.UNPACK, FaultCode.WORKER_CRASHED)]
    assert container_of(result).clean == 20
    assert result.result.digests, "the file itself was read"
    unread, _ = joined(PLAN, file=PartOutcome(None, fault=CRASH))
    assert unread is not None
    assert (unread.result.faults, container_of(unread).clean) == ((CRASH,), 30)


def test_limits_are_of_all_parts_together_in_whatever_order_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [members(10 * number, 10 * number + 10) for number in range(20)]
    outcomes = {part: outcome(part, size=100, found=[part.first]) for part in plan}
    small = msgspec.structs.replace(ENTRY, state=msgspec.structs.replace(ENTRY.stat, size=1))
    file = FILE
    found = set()
    for seed in range(20):
        result, order = joined(plan, outcomes, file=file, seed=seed, window=4, most_bytes=450, subject=small)
        container = container_of(result)
        assert result is not None
        found.add((container.lines, container.clean, tuple(str(fault) for fault in result.result.faults)))
        assert len(order) <= 1 + 5 + 4, "what is behind the limit is not begun"
    [(lines, clean, faults)] = found
    assert (lines, clean) == (5, 45)
    assert "limit on bytes inside one file reached: 450" in faults[0]
    monkeypatch.setattr(part_results, "MAX_MEMBERS", 25)
    result, _ = joined(plan, outcomes, seed=1)
    assert result is not None
    assert (container_of(result).members, len(result.result.faults)) == (30, 1)


def test_a_known_container_counts_as_not_opened() -> None:
    assert FILE.result is not None
    closed = msgspec.structs.replace(FILE.result, container=ContainerResult(ZIP), matches=(KNOWN,))
    result, _ = joined(PLAN, {PLAN[0]: outcome(PLAN[0], found=[1])}, file=PartOutcome(closed))
    assert result is not None
    assert result.members is None
    assert container_of(result) == ContainerResult(ZIP)
    assert not result.result.faults


def test_a_member_in_parts_gets_their_faults_and_counts_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [members(0, 8, kinds=(ZIP, EXT), path=(0,)), members(8, 16, kinds=(ZIP, EXT), path=(0,))]
    closed = Part(PartTask.CLOSED, PIN, (ZIP, EXT), (), 0, 1)
    plan = [members(0, 0), *inside, closed, members(1, 2)]

    def of_member(*, opened: bool) -> PartOutcome:
        spool = MemberSpool()
        container = ContainerResult(EXT, opened=opened)
        matches = () if opened else (KNOWN,)
        inner = EntryResult(0, None, 9, Consistency.STABLE, {"sha256": "11"}, matches, container=container)
        spool.append((MemberResult((Member("zip", b"p1", 0),), inner),))
        counts = ContainerResult(ZIP, opened=True, lines=1, bytes=9)
        part = PartResult(passed=1, members=1)
        return PartOutcome(EntryResult(0, None, 0, Consistency.STABLE, {}, container=counts, part=part), spool)

    result, _ = joined(plan, {closed: of_member(opened=True)})
    container = container_of(result)
    assert (container.lines, container.clean, container.containers) == (0, 18, {"ext": 1})
    result, _ = joined(plan, {closed: of_member(opened=True), inside[1]: outcome(inside[1], passed=7)})
    assert result is not None
    [member] = list(result.members or ())
    assert [fault.code for fault in member.result.faults] == [FaultCode.INTERNAL_ERROR]
    assert not result.result.faults
    result, _ = joined(plan, {closed: of_member(opened=False)})
    container = container_of(result)
    assert (container.known, container.clean, container.containers_unopened) == (1, 1, {"ext": 1})
    # What a known container unpacks to does not count, but has ended the file: what was not begun is no silent loss.
    monkeypatch.setattr(part_results, "TIMES_OF_SIZE", 0)
    large = {closed: of_member(opened=False), inside[0]: outcome(inside[0], size=100)}
    result, order = joined(plan, large, window=1, most_bytes=50)
    assert result is not None
    assert plan[-1] not in order
    assert [fault.code for fault in result.result.faults] == [FaultCode.LIMIT_REACHED]


@pytest.mark.parametrize("consistency", [Consistency.CHANGED_WHILE_READ, Consistency.APPENDED_WHILE_READ])
def test_a_file_that_changes_is_not_joined(consistency: Consistency) -> None:
    assert FILE.result is not None
    changed = msgspec.structs.replace(FILE.result, consistency=consistency)
    assert joined(PLAN, file=PartOutcome(changed))[0] is None
    other = msgspec.structs.replace(FILE.result, stat=msgspec.structs.replace(ENTRY.stat, mtime_ns=1))
    assert joined(PLAN, file=PartOutcome(other))[0] is None


def test_parts_of_an_interrupted_scan_are_not_begun_again() -> None:
    parts = PartResults(ENTRY, PLAN, most_bytes=1 << 40, record_all=False)
    for number in (0, 2, 4):
        part = parts.parts[number]
        parts.restore(
            number, FILE if part.task is PartTask.FILE else outcome(part, found=[part.first][: part.end - 20])
        )
    begun = []
    while (found := parts.next()) is not None:
        begun.append(found[1])
        parts.take(found[0], outcome(found[1]))
    assert begun == [PLAN[0], PLAN[2]]
    assert container_of(parts.join()).members == 30
