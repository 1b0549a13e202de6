"""Joins the results of the parts of a large container to those of one file, in the order of its members.

The order in which parts are done does not matter: the parts and their results alone decide the result of the file.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from hashaudit.content.containers.inside_budget import MAX_MEMBERS, TIMES_OF_SIZE, limit_text
from hashaudit.model.container_parts import Part, PartResult, PartTask, pin_of
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import EntryResult, MemberResult, has_deny_match
from hashaudit.workers.member_spool import MemberSpool

UNACCOUNTED = "members of the container are unaccounted for; please report it"
NOT_EXAMINED = "the worker process ended while it examined a part of the container"

Path = tuple[int, ...]


class PartOutcome(msgspec.Struct, frozen=True):
    """The outcome of one part."""

    result: EntryResult | None
    """``None``: the part ended its workers."""
    members: MemberSpool | None = None
    fault: Fault | None = None
    """The fault of a part that ended its workers, wholly or when it opened containers."""


class Joined(msgspec.Struct, frozen=True):
    """The result of a file, as if it had been examined as a whole."""

    result: EntryResult
    members: "JoinedMembers | None"


class JoinedMembers:
    """The results of members of all parts, in order."""

    def __init__(self, runs: Sequence["_Run"]) -> None:
        self._runs = runs
        self.count = sum(run.count for run in runs)
        """Number of results."""

    def __iter__(self) -> Iterator[MemberResult]:
        return chain.from_iterable(self._runs)

    def clear(self) -> None:
        """Forgets all results."""
        for run in self._runs:
            run.clear()


class PartResults:
    """The parts of one file, and their outcomes so far.

    Args:
        entry: the file.
        plan: parts in the order of their results.
        most_bytes: that its members may unpack to, as configured.
        record_all: members without a finding are recorded, too.
    """

    def __init__(self, entry: Entry, plan: Sequence[Part], *, most_bytes: int, record_all: bool) -> None:
        self.entry = entry
        file = Part(PartTask.FILE, plan[0].pin)
        # The digests of whole containers take longest, and decide whether the others count at all.
        self.parts = (file, *plan)
        self._waiting = [number for number, part in enumerate(self.parts) if part.task is not PartTask.MEMBERS]
        self._waiting += [number for number, part in enumerate(self.parts) if part.task is PartTask.MEMBERS]
        self._waiting.reverse()
        self._open: set[int] = set()
        self._outcomes: dict[int, PartOutcome] = {}
        self._most_bytes = max(most_bytes, TIMES_OF_SIZE * entry.state.size)
        self._record_all = record_all
        self._taken_bytes = self._taken_members = 0
        self._last_taken = 0
        self._has_changed = False

    def restore(self, number: int, outcome: PartOutcome) -> None:
        """Adds the outcome of a part that is not to be examined, because an interrupted scan has done it."""
        self._waiting.remove(number)
        self.take(number, outcome)

    def next(self) -> tuple[int, Part] | None:
        """Returns the next part to examine and its number; ``None``: no more are needed now."""
        while self._waiting:
            number = self._waiting.pop()
            if self._is_needed(number):
                self._open.add(number)
                return number, self.parts[number]
        return None

    def _is_needed(self, number: int) -> bool:
        """Returns whether a part can still matter: not if those before it have reached a limit."""
        if self._has_changed:
            return False
        is_over = self._taken_bytes > self._most_bytes or self._taken_members > MAX_MEMBERS
        # Parts are begun in order. So all up to the last that is done are done or begun.
        return not is_over or self.parts[number].task is not PartTask.MEMBERS or number <= self._last_taken

    def take(self, number: int, outcome: PartOutcome) -> None:
        """Adds the outcome of a part."""
        self._open.discard(number)
        self._outcomes[number] = outcome
        result, part = outcome.result, self.parts[number]
        if part.task is PartTask.FILE:
            self._has_changed |= result is not None and not self._is_pinned(result, part.pin)
            return
        if result is not None and result.part is not None:
            self._has_changed |= result.part.has_changed
        if part.task is PartTask.MEMBERS:
            self._taken_bytes += _bytes(outcome)
            self._taken_members += _members(outcome)
            self._last_taken = max(self._last_taken, number)

    @property
    def open(self) -> int:
        """Number of parts that are being examined."""
        return len(self._open)

    def join(self) -> Joined | None:
        """Returns the result of the file; ``None``: it changed, and has to be examined as a whole.

        Call it when no part is open and :meth:`next` has no more.
        """
        if self._has_changed:
            self._clear()
            return None
        of_file = self._outcomes[0]
        total = _Total()
        closed = self._closed()
        dropped = [path for path, result in closed.items() if not _is_opened(result)]
        is_opened = of_file.result is None or of_file.result.container is None or of_file.result.container.opened
        if not is_opened:
            dropped.append(())
        runs: list[_Run] = []
        faults: dict[Path, list[Fault]] = {}
        offsets: dict[Path, int] = {}
        for number, part in enumerate(self.parts[1:], 1):
            outcome = self._outcomes.get(number)
            if outcome is None or _is_below(part, dropped):
                continue  # behind a limit, or inside a known container
            is_over = part.task is PartTask.MEMBERS and total.limit(self._most_bytes) is not None
            if is_over:
                continue
            kept = faults.setdefault(part.path, [])
            _add_new(kept, _faults_of(part, outcome))
            if part.task is PartTask.CLOSED:
                runs.append(self._run_of_closed(outcome, closed[*part.path, part.first], faults, part, total))
                continue
            total.add(outcome)
            offset = offsets.get(part.path, 0)
            runs.append(_Run(outcome.members, len(part.path), offset))
            if part.is_relative and outcome.result is not None and outcome.result.part is not None:
                offsets[part.path] = offset + outcome.result.part.members
        limit = total.limit(self._most_bytes) or self._limit_of_skipped(dropped)
        of_container = faults.get((), [])
        if limit is not None:
            _add_new(of_container, [limit])
        # A limit belongs to the file, wherever it was reached.
        for path, found in faults.items():
            if path:
                _add_new(of_container, [fault for fault in found if fault.code is FaultCode.LIMIT_REACHED])
        lines = sum(run.count for run in runs)
        result = self._of_file(of_file, total, lines, tuple(of_container))
        return Joined(result, JoinedMembers(runs) if lines else None)

    def _of_file(self, of_file: PartOutcome, total: "_Total", lines: int, faults: tuple[Fault, ...]) -> EntryResult:
        result = of_file.result
        if result is None:
            result = EntryResult(0, None, 0, self.entry.consistency, {})
        if of_file.fault is not None:
            result = msgspec.structs.replace(result, faults=(*result.faults, of_file.fault))
        kind = self.parts[1].kinds[0]
        container = result.container or ContainerResult(kind, opened=True)
        if container.opened:
            container = total.counts(kind, lines)
            result = msgspec.structs.replace(result, faults=(*result.faults, *faults))
        return msgspec.structs.replace(result, container=container)

    def _limit_of_skipped(self, dropped: Sequence[Path]) -> Fault | None:
        """Returns the limit that only members of known containers have reached, if parts behind it were not begun."""
        is_skipped = any(
            number not in self._outcomes and not _is_below(part, dropped) for number, part in enumerate(self.parts)
        )
        return _limit(self._taken_members, self._taken_bytes, self._most_bytes) if is_skipped else None

    def _run_of_closed(
        self,
        outcome: PartOutcome,
        member: MemberResult | None,
        faults: dict[Path, list[Fault]],
        part: Part,
        total: "_Total",
    ) -> "_Run":
        """Adds a member whose own members were examined in parts, with the faults of those parts."""
        total.add(outcome, without_members=True)
        if member is None:
            return _Run(outcome.members, len(part.path), 0)
        inner = [
            fault for fault in faults.get((*part.path, part.first), ()) if fault.code is not FaultCode.LIMIT_REACHED
        ]
        result = member.result
        if inner and _is_opened(member):
            result = msgspec.structs.replace(result, faults=(*result.faults, *inner))
        if self._record_all or result.faults or has_deny_match(result.matches):
            return _Run([msgspec.structs.replace(member, result=result)], len(part.path), 0)
        total.count_member(result)
        return _Run(None, 0, 0)

    def _closed(self) -> dict[Path, MemberResult | None]:
        """Returns the results of the members whose own members are parts, by their paths."""
        found: dict[Path, MemberResult | None] = {}
        for number, part in enumerate(self.parts):
            if part.task is PartTask.CLOSED:
                outcome = self._outcomes.get(number)
                members = [] if outcome is None or outcome.members is None else list(outcome.members)
                found[*part.path, part.first] = members[0] if len(members) == 1 else None
        return found

    def _is_pinned(self, result: EntryResult, pin: str) -> bool:
        if result.consistency in {Consistency.CHANGED_WHILE_READ, Consistency.APPENDED_WHILE_READ}:
            return False
        if not isinstance(result.stat, Stat):
            return True  # it could not be read, and what its parts gave stands
        return pin_of(result.stat, inodes_last=self.entry.consistency is Consistency.STABLE) == pin

    def _clear(self) -> None:
        for outcome in self._outcomes.values():
            if outcome.members is not None:
                outcome.members.clear()


class _Run:
    """The results of one part."""

    def __init__(self, members: "MemberSpool | list[MemberResult] | None", depth: int, offset: int) -> None:
        self._members = members
        self._depth = depth
        self._offset = offset
        self.count = 0 if members is None else len(members) if isinstance(members, list) else members.count

    def __iter__(self) -> Iterator[MemberResult]:
        for member in self._members or ():
            if not self._offset:
                yield member
                continue
            steps = list(member.within)
            step = steps[self._depth]
            steps[self._depth] = msgspec.structs.replace(step, ordinal=step.ordinal + self._offset)
            yield msgspec.structs.replace(member, within=tuple(steps))

    def clear(self) -> None:
        """Forgets the results."""
        if self._members is not None:
            self._members.clear()


class _Total:
    """The counts of all parts so far."""

    def __init__(self) -> None:
        self.clean = self.known = self.bytes = self.skipped = self.unreadable = 0
        self.opened: dict[str, int] = {}
        self.unopened: dict[str, int] = {}
        self._limited_bytes = self._limited_members = 0

    def add(self, outcome: PartOutcome, *, without_members: bool = False) -> None:
        """Adds a part; ``without_members``: its one member is counted apart."""
        container = None if outcome.result is None else outcome.result.container
        if container is None:
            return
        self.bytes += container.bytes
        if without_members:
            return
        self._limited_bytes += _bytes(outcome)
        self._limited_members += _members(outcome)
        self.clean += container.clean
        self.known += container.known
        self.skipped += container.skipped
        self.unreadable += container.deleted_unreadable
        for of_kind, added in (
            (self.opened, container.containers),
            (self.unopened, container.containers_unopened),
        ):
            for name, count in added.items():
                of_kind[name] = of_kind.get(name, 0) + count

    def count_member(self, result: EntryResult) -> None:
        """Counts a member that is a container, and needs no record."""
        if result.matches:
            self.known += 1
        else:
            self.clean += 1
        if result.container is not None:
            of_kind = self.opened if result.container.opened else self.unopened
            of_kind[result.container.kind.value] = of_kind.get(result.container.kind.value, 0) + 1

    def limit(self, most_bytes: int) -> Fault | None:
        """Returns the fault of a limit that all parts together exceed."""
        return _limit(self._limited_members, self._limited_bytes, most_bytes)

    def counts(self, kind: ContainerKind, lines: int) -> ContainerResult:
        """Returns the counts, as those of a file of this kind."""
        return ContainerResult(
            kind,
            opened=True,
            lines=lines,
            clean=self.clean,
            known=self.known,
            bytes=self.bytes,
            containers=self.opened,
            containers_unopened=self.unopened,
            skipped=self.skipped,
            deleted_unreadable=self.unreadable,
        )


def _limit(members: int, length_bytes: int, most_bytes: int) -> Fault | None:
    text = None
    if members > MAX_MEMBERS:
        text = limit_text("members", MAX_MEMBERS)
    elif length_bytes > most_bytes:
        text = limit_text("bytes", most_bytes)
    return None if text is None else Fault(Stage.UNPACK, FaultCode.LIMIT_REACHED, text)


def _bytes(outcome: PartOutcome) -> int:
    container = None if outcome.result is None else outcome.result.container
    return 0 if container is None else container.bytes


def _members(outcome: PartOutcome) -> int:
    container = None if outcome.result is None else outcome.result.container
    return 0 if container is None else container.members + container.skipped + container.deleted_unreadable


def _faults_of(part: Part, outcome: PartOutcome) -> list[Fault]:
    """Returns the faults of a part, and one if its members are not all accounted for."""
    faults = [] if outcome.fault is None else [msgspec.structs.replace(outcome.fault, stage=Stage.UNPACK)]
    if outcome.result is None:
        return faults
    faults += outcome.result.faults
    report = outcome.result.part or PartResult()
    if report.passed != part.end - part.first and not faults:
        faults.append(Fault(Stage.UNPACK, FaultCode.INTERNAL_ERROR, UNACCOUNTED))
    return faults


def _add_new(faults: list[Fault], more: Sequence[Fault]) -> None:
    faults.extend(fault for fault in dict.fromkeys(more) if fault not in faults)


def _is_opened(member: MemberResult | None) -> bool:
    return member is None or member.result.container is None or member.result.container.opened


def _is_below(part: Part, paths: Sequence[Path]) -> bool:
    return any(part.path[: len(path)] == path for path in paths)
