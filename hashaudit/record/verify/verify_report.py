"""The result of a verification: what is proven, on which basis, and every problem with its code."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from hashaudit.model.counted import counted
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import CheckpointBody, EndReason

MAX_PROBLEMS = 200
"""Problems that are listed; more are counted, because a hostile file must not fill the memory with them."""

MAX_RANGES = 200
"""Ranges of intact records that are listed, for the same reason."""


class ProblemCode(StrEnum):
    """A kind of problem: the closed set of docs/reference/findings-format.md."""

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
    FILE_MISSING = "file_missing"
    SIDECAR_INVALID = "sidecar_invalid"
    UNSIGNED = "unsigned"


class Problem(msgspec.Struct, frozen=True):
    """One problem of the file, because of which it does not verify."""

    code: ProblemCode
    message: str
    """Text for people that follows the place; safe to print."""
    segment: int | None = None
    """Number of the segment, from 1; ``None`` for the file as a whole."""
    first_line: int | None = None
    """Line number in the file from 1, as ``sed -n Np`` counts."""
    last_line: int | None = None


def is_about_trust(problem: Problem) -> bool:
    """Returns whether a problem concerns only the reader's trust in the signer, not the content."""
    return problem.code in {ProblemCode.KEY_NOT_TRUSTED, ProblemCode.KEY_NOT_VALID_THEN}


class Problems:
    """Collects problems; lists the first :data:`MAX_PROBLEMS` and counts the rest."""

    def __init__(self) -> None:
        self._listed: list[Problem] = []
        self.omitted = 0
        """Number of problems beyond the listed ones."""

    def __bool__(self) -> bool:
        return bool(self._listed)

    def add(self, *problems: Problem) -> None:
        """Adds problems in the order in which they are found."""
        room = MAX_PROBLEMS - len(self._listed)
        self._listed.extend(problems[:room])
        self.omitted += len(problems[room:])

    @property
    def listed(self) -> tuple[Problem, ...]:
        """The listed problems."""
        return tuple(self._listed)


class Basis(StrEnum):
    """The basis of trust in the signatures."""

    ALLOWED_SIGNERS = "allowed_signers"
    """The key is in the reader's trust store."""
    GIVEN_KEY = "given_key"
    """The reader gave the public key."""
    NAMED_KEY = "named_key"
    """The key is only named by the file itself, so its owner is unknown."""
    NONE = "none"
    """The file is not signed, or no signature is valid."""


class Sidecar(StrEnum):
    """The state of ``FILE.sig``."""

    ABSENT = "absent"
    VALID = "valid"
    INVALID = "invalid"


class RecordRange(msgspec.Struct, frozen=True):
    """Consecutive record numbers (``seq``)."""

    first: int
    last: int


class RecordRanges:
    """Collects the numbers of records; lists the first :data:`MAX_RANGES` ranges and counts all."""

    def __init__(self) -> None:
        self._ranges: list[RecordRange] = []
        self.records = 0
        """Number of all records."""

    def add(self, first: int, last: int) -> None:
        """Adds one segment; segments come in the order of their numbers."""
        self.records += last - first + 1
        if self._ranges and self._ranges[-1].last + 1 == first:
            self._ranges[-1] = RecordRange(self._ranges[-1].first, last)
        elif len(self._ranges) < MAX_RANGES:
            self._ranges.append(RecordRange(first, last))

    @property
    def ranges(self) -> tuple[RecordRange, ...]:
        """The listed ranges."""
        return tuple(self._ranges)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a verification."""

    header: RunHeader | None
    """The content of line 1; reliable only if record 1 is in :attr:`intact`."""
    basis: Basis
    fingerprint: str | None
    """Fingerprint of the key that signed."""
    principals: tuple[str, ...]
    """Names for which the trust store trusts that key."""
    lines: int
    checkpoints: int
    """Number of valid checkpoints."""
    intact: tuple[RecordRange, ...]
    """Records that agree with a valid checkpoint; proven as far as :attr:`basis` goes. At most
    :data:`MAX_RANGES` ranges are listed."""
    intact_records: int
    """Number of intact records in all."""
    undisclosed: tuple[RecordRange, ...] = ()
    """Records of absent segments, if the file was verified as an extract. At most :data:`MAX_RANGES` ranges."""
    undisclosed_records: int = 0
    """Number of these records in all."""
    last: CheckpointBody | None
    """The last valid checkpoint."""
    resumptions: int = 0
    """Number of times that the scan was interrupted and resumed."""
    sidecar: Sidecar
    recognised: bool = True
    """True if any line is of this format; otherwise the file is not a findings file."""
    problems: tuple[Problem, ...]
    problems_omitted: int = 0
    """Number of problems beyond the listed ones."""

    @property
    def ok(self) -> bool:
        """True if there is no problem. With ``Basis.NAMED_KEY`` the author is still unknown."""
        return not self.problems

    @property
    def unmodified(self) -> bool:
        """True if the whole file agrees with its signatures, by any signer."""
        return all(is_about_trust(problem) for problem in self.problems)

    @property
    def verified(self) -> bool:
        """True if there is no problem and the reader trusts the signer."""
        return self.ok and self.basis in {Basis.ALLOWED_SIGNERS, Basis.GIVEN_KEY}

    @property
    def end_reason(self) -> EndReason | None:
        """The reason why the scan ended; ``None`` if the file does not contain its end."""
        return self.last.reason if self.last is not None and self.last.final else None

    @property
    def complete(self) -> bool:
        """True if the file contains the scan's own end."""
        return self.last is not None and self.last.final

    @property
    def proven(self) -> tuple[str, ...]:
        """Sentences for people about what is proven."""
        return tuple(_proven(self))

    @property
    def unproven(self) -> tuple[str, ...]:
        """Sentences for people about what is not proven; the problems have the details."""
        return tuple(_unproven(self))


def _proven(outcome: Verification) -> list[str]:
    records, is_one = _records(outcome.intact), _is_one(outcome.intact)
    if outcome.basis is Basis.NONE:
        agree = "agrees with its checkpoint" if is_one else "agree with their checkpoints"
        return [f"{records} {agree}, which anyone can recompute"] if outcome.intact else []
    unchanged = "is unchanged since it was signed" if is_one else "are unchanged since they were signed"
    proven = [f"{records} {unchanged}"] if outcome.intact else []
    match outcome.basis:
        case Basis.ALLOWED_SIGNERS:
            # A principal is a pattern from the reader's own trust store; it is still shown as data.
            names = ", ".join(ascii(name)[1:-1] for name in outcome.principals)
            proven.append(f"the signer is {outcome.fingerprint}, which allowed_signers trusts as {names}")
        case Basis.GIVEN_KEY:
            proven.append(f"the signer is the given key {outcome.fingerprint}")
        case Basis.NAMED_KEY:
            proven.append(f"all signatures are by one key, {outcome.fingerprint}")
    if outcome.undisclosed_records and not outcome.problems:
        proven.append(f"the chain of {counted(outcome.checkpoints, 'checkpoint')} is complete")
    elif outcome.last is not None and outcome.last.final and not outcome.problems:
        proven.append(f"nothing is missing between the start and the end, {outcome.last.end}: {outcome.last.reason}")
    if outcome.resumptions:
        times = "once" if outcome.resumptions == 1 else f"{outcome.resumptions} times"
        proven.append(f"the scan was interrupted {times} and resumed in the same chain")
    if outcome.sidecar is Sidecar.VALID:
        proven.append("the sidecar signs exactly this file")
    return proven


def _unproven(outcome: Verification) -> list[str]:
    unproven = []
    if outcome.undisclosed_records:
        they_are = "it is" if _is_one(outcome.undisclosed) else "they are"
        unproven.append(f"the content of {_records(outcome.undisclosed)}: {they_are} not in this extract")
    if outcome.basis is Basis.NONE:
        unproven.append("the signer: no signature is valid, so anyone could have written or changed this file")
    elif outcome.basis is Basis.NAMED_KEY:
        unproven.append(f"the owner of key {outcome.fingerprint}: compare it with a fingerprint from the owner")
    if outcome.last is None:
        unproven.append("the records: no checkpoint is valid")
    elif not outcome.last.final:
        unproven.append(f"records after {outcome.last.last}: scan interrupted or file truncated")
    elif outcome.last.reason is not EndReason.COMPLETED:
        unproven.append(f"entries that were not reached: the scan ended early ({outcome.last.reason})")
    if outcome.basis is not Basis.NONE:
        unproven.append("the times: they come from the clock of the scanning host")
    return unproven


def _records(ranges: Sequence[RecordRange]) -> str:
    return f"{'record' if _is_one(ranges) else 'records'} {', '.join(map(_shown, ranges))}"


def _is_one(ranges: Sequence[RecordRange]) -> bool:
    return len(ranges) == 1 and ranges[0].first == ranges[0].last


def _shown(item: RecordRange) -> str:
    return str(item.first) if item.first == item.last else f"{item.first}-{item.last}"
