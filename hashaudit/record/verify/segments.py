"""Checks one segment: holds its records until the checkpoint, and compares them with it."""

import hashlib
from collections import Counter, deque

import msgspec

from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.record.chain import MAX_SEGMENT_BYTES, MAX_SEGMENT_LINES
from hashaudit.record.codec import MAX_LINE_BYTES
from hashaudit.record.schema import CheckpointBody, Record, Totals
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.verify_report import Problem, ProblemCode

_MAX_WAITING_BYTES = MAX_SEGMENT_BYTES + MAX_LINE_BYTES
"""The largest segment that the format allows."""

_MAX_LISTED = 10


class NumberedLine(msgspec.Struct, frozen=True):
    """A record with its place in the file."""

    number: int
    """Line number in the file, from 1."""
    raw: bytes
    """Bytes of the line with its newline."""
    record: Record

    @property
    def seq(self) -> int:
        """Number of the record."""
        return self.record.seq


class HeldRecords:
    """Records that no checkpoint has closed yet. Beyond the size of one segment, the oldest are dropped."""

    def __init__(self) -> None:
        self._lines: deque[NumberedLine] = deque()
        self._bytes = 0
        self.dropped = 0
        """Number of records dropped since the last :meth:`take_all`."""

    def append(self, line: NumberedLine) -> list[NumberedLine]:
        """Adds the next record of the file, and returns the records that were dropped."""
        self._lines.append(line)
        self._bytes += len(line.raw)
        dropped = []
        while len(self._lines) > MAX_SEGMENT_LINES or self._bytes > _MAX_WAITING_BYTES:
            dropped.append(self._lines.popleft())
            self._bytes -= len(dropped[-1].raw)
        self.dropped += len(dropped)
        return dropped

    def covered(self, body: CheckpointBody) -> list[NumberedLine]:
        """Returns the records whose numbers a checkpoint covers, in the order of the file."""
        return [line for line in self._lines if body.first <= line.seq <= body.last]

    def take(self, first: int, last: int) -> list[NumberedLine]:
        """Removes and returns the records with these numbers, in the order of the file."""
        taken = [line for line in self._lines if first <= line.seq <= last]
        if taken:
            self._lines = deque(line for line in self._lines if not first <= line.seq <= last)
            self._bytes -= sum(len(line.raw) for line in taken)
        return taken

    def take_all(self) -> list[NumberedLine]:
        """Removes and returns all records, and resets the number of dropped ones."""
        taken = list(self._lines)
        self._lines.clear()
        self._bytes = 0
        self.dropped = 0
        return taken


def is_intact(lines: list[NumberedLine], body: CheckpointBody) -> bool:
    """Returns whether these lines are exactly the bytes that the checkpoint closes, with its numbers."""
    if [line.seq for line in lines] != list(range(body.first, body.last + 1)):
        return False
    return hashlib.sha256(b"".join(line.raw for line in lines)).hexdigest() == body.segment_sha256


def damage(lines: list[NumberedLine], body: CheckpointBody, segment: int, unreadable: int) -> list[Problem]:
    """Returns the problems of a segment that is not intact.

    Args:
        lines: the records whose numbers the checkpoint covers, in the order of the file.
        body: the checkpoint.
        segment: number of the segment.
        unreadable: number of lines of the segment that are already reported as unreadable.
    """
    seqs = [line.seq for line in lines]
    counts = Counter(seqs)
    missing = [seq for seq in range(body.first, body.last + 1) if seq not in counts]
    repeated = [line for line in lines if counts[line.seq] > 1]
    misplaced = [line for line, seq in zip(lines, sorted(seqs), strict=True) if line.seq != seq]
    problems = []
    if len(missing) > unreadable:
        problems.append(_problem(ProblemCode.LINES_MISSING, f"records missing: {listed(missing)}", segment, lines))
    if repeated:
        text = f"repeated records: {listed(sorted({line.seq for line in repeated}))}"
        problems.append(_problem(ProblemCode.LINES_REPEATED, text, segment, repeated))
    if misplaced:
        text = f"records out of order: {listed([line.seq for line in misplaced])}"
        problems.append(_problem(ProblemCode.LINES_REORDERED, text, segment, misplaced))
    if not problems:
        text = f"records {body.first}-{body.last} were modified"
        problems.append(_problem(ProblemCode.SEGMENT_CHANGED, text, segment, lines))
    return problems


def totals_contradiction(lines: list[NumberedLine], before: Totals | None, after: Totals) -> str | None:
    """Returns how the totals around an intact segment contradict its records, or ``None``.

    Args:
        lines: the records of the segment.
        before: totals of the previous checkpoint; ``None`` at the start of the file.
        after: totals of the segment's own checkpoint.
    """
    tally = TotalsCounter()
    for line in lines:
        tally.count_line(line.record)
    counted = {
        "matched": tally.matched,
        "faulted": tally.faulted,
        "directories_faulted": tally.directories_faulted,
        "file_lines": tally.file_lines,
        "members_matched": tally.members_matched,
        "accepted": tally.accepted,
        "appended": tally.appended,
        "members_faulted": tally.members_faulted,
        "member_file_lines": tally.member_file_lines,
    }
    for name, count in counted.items():
        if getattr(after, name) - (getattr(before, name) if before else 0) != count:
            return f"{name} does not agree with the records"
    counted_kinds = {"containers": tally.containers, "containers_unopened": tally.containers_unopened}
    for name, kinds in counted_kinds.items():
        # Most containers have no record, and a resumed scan counts again what has none.
        if not Counter(getattr(after, name)) >= kinds:
            return f"{name} does not agree with the records"
    if Counter(after.faults) != Counter(before.faults if before else {}) + tally.faults:
        return "faults does not agree with the records"
    if _recorded_outcomes(after) != _recorded_outcomes(before) + _recorded_outcomes(tally):
        return "audit does not agree with the records"
    return None


def _recorded_outcomes(totals: Totals | TotalsCounter | None) -> Counter[AuditOutcome]:
    """Returns the number of audit records by outcome; a file that agrees with the manifest has none."""
    outcomes = {} if totals is None else totals.audit
    return Counter({name: count for name, count in outcomes.items() if name is not AuditOutcome.MATCHED})


def listed(seqs: list[int]) -> str:
    """Returns record numbers as text; the first few of many."""
    shown = ", ".join(map(str, seqs[:_MAX_LISTED]))
    return shown if len(seqs) <= _MAX_LISTED else f"{shown} and {len(seqs) - _MAX_LISTED} more"


def _problem(code: ProblemCode, message: str, segment: int, lines: list[NumberedLine]) -> Problem:
    numbers = [line.number for line in lines]
    return Problem(code, message, segment, min(numbers, default=None), max(numbers, default=None))
