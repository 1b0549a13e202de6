"""What a verification found: what is proven, on what that rests, and every problem by name."""

from enum import StrEnum

import msgspec

from hashaudit.record.header import RunHeader
from hashaudit.record.schema import CheckpointBody, EndReason

MAX_PROBLEMS = 200
"""Listed one by one; the rest is counted, so that a hostile file cannot fill the memory with them."""

MAX_RANGES = 200
"""Of intact records, for the same reason."""


class ProblemCode(StrEnum):
    """Why a file does not verify: the closed set of docs/reference/findings-format.md."""

    NO_HEADER = "no_header"
    UNREADABLE_LINE = "unreadable_line"
    SEGMENT_CHANGED = "segment_changed"
    LINES_MISSING = "lines_missing"
    LINES_REPEATED = "lines_repeated"
    LINES_REORDERED = "lines_reordered"
    UNCLOSED_LINES = "unclosed_lines"
    SEGMENT_MISSING = "segment_missing"
    CHAIN_BROKEN = "chain_broken"
    CHECKPOINT_UNREADABLE = "checkpoint_unreadable"
    CHECKPOINT_FOREIGN = "checkpoint_foreign"
    CHECKPOINT_REPEATED = "checkpoint_repeated"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_MISSING = "signature_missing"
    WRONG_KEY = "wrong_key"
    KEY_NOT_TRUSTED = "key_not_trusted"
    KEY_NOT_VALID_THEN = "key_not_valid_then"
    TOTALS_WRONG = "totals_wrong"
    NO_FINAL_CHECKPOINT = "no_final_checkpoint"
    LINES_AFTER_END = "lines_after_end"
    FILE_CHANGED = "file_changed"
    SIDECAR_INVALID = "sidecar_invalid"
    UNSIGNED = "unsigned"


class Problem(msgspec.Struct, frozen=True):
    """One reason why the file does not verify."""

    code: ProblemCode
    message: str
    """For people, to be read after the place; safe to print."""
    segment: int | None = None
    """From 1; ``None`` where the file as a whole is meant."""
    first_line: int | None = None
    """Of the file as ``sed -n Np`` counts, from 1."""
    last_line: int | None = None


class Problems:
    """Collects problems, the first :data:`MAX_PROBLEMS` of them one by one."""

    def __init__(self) -> None:
        self._listed: list[Problem] = []
        self.omitted = 0
        """Found beyond those listed."""

    def __bool__(self) -> bool:
        return bool(self._listed)

    def add(self, *problems: Problem) -> None:
        """Takes problems in the order in which they are found."""
        room = MAX_PROBLEMS - len(self._listed)
        self._listed.extend(problems[:room])
        self.omitted += len(problems[room:])

    @property
    def listed(self) -> tuple[Problem, ...]:
        """Those listed."""
        return tuple(self._listed)


class Basis(StrEnum):
    """On what the proof rests."""

    ALLOWED_SIGNERS = "allowed_signers"
    """The key stands in the reader's trust store."""
    GIVEN_KEY = "given_key"
    """The reader gave the public key."""
    NAMED_KEY = "named_key"
    """The key is the one that the file itself brings: nothing shows whose it is."""
    NONE = "none"
    """The file is not signed, or no signature holds."""


class Sidecar(StrEnum):
    """What became of ``FILE.sig``."""

    ABSENT = "absent"
    VALID = "valid"
    INVALID = "invalid"


class RecordRange(msgspec.Struct, frozen=True):
    """Consecutive record numbers (``seq``)."""

    first: int
    last: int


class IntactRecords:
    """Collects the numbers of intact records, the first :data:`MAX_RANGES` stretches one by one."""

    def __init__(self) -> None:
        self._ranges: list[RecordRange] = []
        self.records = 0
        """How many there are."""

    def add(self, first: int, last: int) -> None:
        """Takes one segment, in the order of numbers."""
        self.records += last - first + 1
        if self._ranges and self._ranges[-1].last + 1 == first:
            self._ranges[-1] = RecordRange(self._ranges[-1].first, last)
        elif len(self._ranges) < MAX_RANGES:
            self._ranges.append(RecordRange(first, last))

    @property
    def ranges(self) -> tuple[RecordRange, ...]:
        """Those listed."""
        return tuple(self._ranges)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome."""

    header: RunHeader | None
    """As line 1 reads; to be believed where record 1 is in :attr:`intact`."""
    basis: Basis
    fingerprint: str | None
    """Of the key that signed."""
    principals: tuple[str, ...]
    """Whom the trust store names for that key."""
    lines: int
    checkpoints: int
    """That hold."""
    intact: tuple[RecordRange, ...]
    """Records that are exactly as a checkpoint that holds says; proven as far as :attr:`basis` goes. In a file that is
    damaged all over, the first :data:`MAX_RANGES` stretches of them."""
    intact_records: int
    """How many there are in all."""
    last: CheckpointBody | None
    """The last checkpoint that holds."""
    resumptions: int = 0
    """How often the run was interrupted and went on in another process."""
    sidecar: Sidecar
    problems: tuple[Problem, ...]
    problems_omitted: int = 0
    """Found beyond those listed."""

    @property
    def ok(self) -> bool:
        """Whether there is no problem. With ``Basis.NAMED_KEY`` that proves no author."""
        return not self.problems

    @property
    def complete(self) -> bool:
        """Whether the run's own end is in the file."""
        return self.last is not None and self.last.final

    @property
    def proven(self) -> tuple[str, ...]:
        """What is proven, in sentences for people."""
        return tuple(_proven(self))

    @property
    def unproven(self) -> tuple[str, ...]:
        """What is not, in sentences for people; the problems say more."""
        return tuple(_unproven(self))


def _proven(outcome: Verification) -> list[str]:
    ranges = ", ".join(_shown(item) for item in outcome.intact)
    if outcome.basis is Basis.NONE:
        return [f"records {ranges} agree with their checkpoints, which anyone can recompute"] if ranges else []
    proven = [f"records {ranges} are exactly as they were signed"] if ranges else []
    match outcome.basis:
        case Basis.ALLOWED_SIGNERS:
            # A principal is a pattern from the reader's own trust store; it is still shown as data.
            names = ", ".join(ascii(name)[1:-1] for name in outcome.principals)
            proven.append(f"the signatures are by {outcome.fingerprint}, which the allowed signers trust as {names}")
        case Basis.GIVEN_KEY:
            proven.append(f"the signatures are by the key given, {outcome.fingerprint}")
        case Basis.NAMED_KEY:
            proven.append(f"the signatures are all by one key, {outcome.fingerprint}")
    if outcome.last is not None and outcome.last.final and not outcome.problems:
        proven.append(f"nothing is missing between the start and the end, {outcome.last.end}: {outcome.last.reason}")
    if outcome.resumptions:
        times = "once" if outcome.resumptions == 1 else f"{outcome.resumptions} times"
        proven.append(f"the run was interrupted {times} and went on in the same chain")
    if outcome.sidecar is Sidecar.VALID:
        proven.append("the sidecar signs this very file as a whole")
    return proven


def _unproven(outcome: Verification) -> list[str]:
    unproven = []
    if outcome.basis is Basis.NONE:
        unproven.append("who wrote this file, and that nobody has changed it: no signature holds")
    elif outcome.basis is Basis.NAMED_KEY:
        unproven.append(f"whose key {outcome.fingerprint} is: compare it with one that you have from its owner")
    if outcome.last is None:
        unproven.append("anything in this file: no checkpoint holds")
    elif not outcome.last.final:
        unproven.append(f"what followed record {outcome.last.last}: the run was interrupted, or the file was cut")
    elif outcome.last.reason is not EndReason.COMPLETED:
        unproven.append(f"anything about what was not reached: the run ended early ({outcome.last.reason})")
    if outcome.basis is not Basis.NONE:
        unproven.append("that the times are right: they are those of the machine that ran")
    return unproven


def _shown(item: RecordRange) -> str:
    return str(item.first) if item.first == item.last else f"{item.first}-{item.last}"
