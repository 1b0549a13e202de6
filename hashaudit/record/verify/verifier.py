"""Verifies a findings file as a stream, in bounded memory for any content.

Records wait until a valid checkpoint covers their numbers. Other records stay unproven, and a problem in one segment
does not affect the next (docs/adr/0012-verify-segments-independently.md).
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model.counted import counted
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.codec import decode_line
from hashaudit.record.header import FORMAT_VERSION, RunHeader
from hashaudit.record.output import SIDECAR_SUFFIX
from hashaudit.record.schema import Checkpoint, CheckpointBody, EndReason, Line, Record
from hashaudit.record.verify.record_lines import pieces, read_body, without_newline
from hashaudit.record.verify.segments import HeldRecords, NumberedLine, damage, is_intact, listed, totals_contradiction
from hashaudit.record.verify.trust import KeyRefusal, SignatureCheck, Trust
from hashaudit.record.verify.verify_report import (
    MAX_PROBLEMS,
    Problem,
    ProblemCode,
    Problems,
    RecordRanges,
    Sidecar,
    Verification,
)
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE, FILE_NAMESPACE

RecordSink = Callable[[Sequence[NumberedLine], bool], None]
"""Takes consecutive records. The second argument is true if a checkpoint proves them: their bytes are those that it
closes, and its signature is accepted."""

MAX_SIDECAR_BYTES = 4096
"""A signature has about 300."""


def verify_file(path: str | bytes, trust: Trust = None, *, extract: bool = False) -> Verification:
    """Verifies a file, and its sidecar ``FILE.sig`` if it exists.

    Args:
        path: the findings file.
        trust: whose signatures count; ``None`` accepts the key that the file names; its owner is then unknown.
        extract: the file is an extract: segments may be absent, if the chain of checkpoints is complete.

    Raises:
        FindingsError: a file cannot be read. Any problem of its content is in the outcome instead.
    """
    raw = os.fsencode(path)
    try:
        with open_regular(raw) as stream:
            return verify(stream, trust, read_sidecar(raw), extract=extract)
    except OSError as error:
        raise FindingsError(
            f"cannot read a findings file or its sidecar: '{for_terminal(raw)}'; {error.strerror}"
        ) from error


def verify(
    stream: BinaryIO, trust: Trust = None, sidecar: bytes | None = None, *, extract: bool = False
) -> Verification:
    """Verifies a findings file.

    Args:
        stream: the file from its start.
        trust: whose signatures count; ``None`` accepts the key that the file names; its owner is then unknown.
        sidecar: content of ``FILE.sig``, if there is one.
        extract: as for :func:`verify_file`.

    Raises:
        OSError: the stream cannot be read.
    """
    verifier = FileVerifier(trust, extract=extract)
    # Until the first trusted signature, the file may be an intact one by another signer.
    anyone = None if trust is None else FileVerifier(None, extract=extract)
    for piece, continued in pieces(stream):
        verifier.feed(piece, continued=continued)
        if anyone is not None:
            anyone = None if verifier.has_key else anyone
        if anyone is not None:
            anyone.feed(piece, continued=continued)
    if anyone is None or verifier.distrust is None:
        return verifier.conclude(sidecar)
    outcome = anyone.conclude(sidecar)
    problem = Problem(verifier.distrust.code, verifier.distrust.message)
    return msgspec.structs.replace(outcome, problems=(problem, *outcome.problems)[:MAX_PROBLEMS])


def read_sidecar(path: bytes) -> bytes | None:
    """Returns the content of the sidecar beside a findings file; ``None`` if there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with open_regular(path + SIDECAR_SUFFIX) as stream:
            return stream.read(MAX_SIDECAR_BYTES + 1)
    except FileNotFoundError:
        return None


class _RejectedError(Exception):
    """The reason why a checkpoint is invalid. Never leaves this module."""

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def _read_body(checkpoint: Checkpoint, raw: bytes) -> CheckpointBody:
    try:
        return read_body(checkpoint, raw)
    except FindingsError as error:
        raise _RejectedError(ProblemCode.CHECKPOINT_UNREADABLE, str(error)) from error


class FileVerifier:
    """Verifies one file, line by line."""

    def __init__(self, trust: Trust, on_records: RecordSink | None = None, *, extract: bool = False) -> None:
        """Prepares to read a file.

        Args:
            trust: whose signatures count; ``None`` accepts the key that the file names.
            on_records: takes the records as soon as it is known whether they are proven.
            extract: accept absent segments, if the chain of checkpoints is complete.
        """
        self._on_records = on_records
        self._extract = extract
        self._undisclosed = RecordRanges()
        self._problems = Problems()
        self._signatures = SignatureCheck(trust)
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._header: RunHeader | None = None
        self._run_id: str | None = None
        self._waiting = HeldRecords()
        self._unreadable = 0
        self._lines = 0
        self._readable = 0
        self._first_after_end: int | None = None
        self._head: CheckpointBody | None = None
        self._head_sha256: str | None = None
        self._totals_hold = True
        self._holding = 0
        self._resumptions = 0
        self._gaps = 0
        self._intact = RecordRanges()

    @property
    def has_key(self) -> bool:
        """True if a signature has been accepted."""
        return self._signatures.key is not None

    @property
    def distrust(self) -> KeyRefusal | None:
        """The first refusal of a valid signature because of the reader's trust."""
        return self._signatures.distrust

    @property
    def _segment(self) -> int:
        # Each gap counts as one segment, because damage must not renumber the segments after it.
        return self._holding + self._gaps + 1

    def feed(self, piece: bytes, *, continued: bool) -> None:
        """Processes the next line, or the next piece of a line that is too long."""
        if not continued:
            self._lines += 1
            if self._head is not None and self._head.final:
                self._first_after_end = self._first_after_end or self._lines
            else:
                self._process_line(piece)
        self._sha256.update(piece)
        self._sha512.update(piece)

    def conclude(self, sidecar: bytes | None) -> Verification:
        """Processes the end of the file and returns the outcome."""
        self._conclude_lines()
        if self._is_unsigned():
            self._file_problem(ProblemCode.UNSIGNED, "the scan is not signed; anyone could have written this file")
        state = self._check_sidecar(sidecar)
        return Verification(
            header=self._header,
            basis=self._signatures.basis,
            fingerprint=self._signatures.key.fingerprint if self._signatures.key else None,
            principals=self._signatures.principals,
            lines=self._lines,
            checkpoints=self._holding,
            intact=self._intact.ranges,
            intact_records=self._intact.records,
            undisclosed=self._undisclosed.ranges,
            undisclosed_records=self._undisclosed.records,
            last=self._head,
            resumptions=self._resumptions,
            sidecar=state,
            recognised=self._readable > 0,
            problems=self._problems.listed,
            problems_omitted=self._problems.omitted,
        )

    def _conclude_lines(self) -> None:
        if self._lines == 0:
            self._file_problem(ProblemCode.NO_HEADER, "the file is empty")
        if self._first_after_end is not None:
            place = (self._first_after_end, self._lines)
            self._problems.add(Problem(ProblemCode.LINES_AFTER_END, "content after the final checkpoint", None, *place))
        self._report_unclosed(self._waiting.dropped, self._waiting.take_all())
        if self._head is None or not self._head.final:
            after = f" after record {self._head.last}" if self._head else ""
            self._file_problem(
                ProblemCode.NO_FINAL_CHECKPOINT,
                f"no valid final checkpoint: scan interrupted or file truncated{after}",
            )

    def _process_line(self, raw: bytes) -> None:
        try:
            line = self._read_line(raw)
        except FindingsError as error:
            self._unreadable += 1
            code = ProblemCode.NO_HEADER if self._lines == 1 else ProblemCode.UNREADABLE_LINE
            self._line_problem(code, str(error))
            return
        self._readable += 1
        if isinstance(line, Checkpoint):
            self._take_checkpoint(line, raw)
            return
        if isinstance(line, RunHeader):
            self._take_header(line)
        self._emit(self._waiting.append(NumberedLine(self._lines, raw, line)))

    def _read_line(self, raw: bytes) -> Line:
        line = decode_line(without_newline(raw))
        if isinstance(line, RunHeader) is not (self._lines == 1):
            raise FindingsError("the run header must be the first line and no other")
        return line

    def _take_header(self, header: RunHeader) -> None:
        if header.v != FORMAT_VERSION:
            self._line_problem(ProblemCode.NO_HEADER, f"format version {header.v} is not supported")
        self._header = header
        self._run_id = header.run_id
        self._signatures.named_fingerprint = header.key_fingerprint

    def _take_checkpoint(self, checkpoint: Checkpoint, raw: bytes) -> None:
        try:
            body = _read_body(checkpoint, raw)
            self._check_run(body)
            self._ignore_modified_header(body)
            self._check_signature(checkpoint, body)
            self._check_place(body)
        except _RejectedError as rejected:
            self._line_problem(rejected.code, str(rejected))
            return
        contiguous = self._close_gap(body)
        covered = self._waiting.take(body.first, body.last)
        self._report_unclosed(self._waiting.dropped, self._waiting.take_all())
        self._check_segment(covered, body, contiguous=contiguous)
        whole = not self._problems and not self._undisclosed.records
        if body.final and whole and body.file_sha256 != self._sha256.hexdigest():
            self._line_problem(ProblemCode.FILE_CHANGED, "the file before the final checkpoint was modified")
        self._head = body
        self._head_sha256 = hashlib.sha256(raw).hexdigest()
        self._run_id = body.run_id
        self._holding += 1
        self._resumptions += body.resumed is not None
        self._unreadable = 0

    def _check_run(self, body: CheckpointBody) -> None:
        if self._run_id is None or body.run_id == self._run_id:
            return
        if self._head is None:
            # Only the unproven header says that the scan is another, so it must not decide about later checkpoints.
            self._run_id = None
        raise _RejectedError(
            ProblemCode.CHECKPOINT_FOREIGN, f"the checkpoint belongs to another scan, {ascii(body.run_id)[:40]}"
        )

    def _ignore_modified_header(self, body: CheckpointBody) -> None:
        # A modified header must not decide which signatures are the true ones.
        if body.first == 1 and self._head is None and not is_intact(self._waiting.covered(body), body):
            self._signatures.named_fingerprint = None

    def _check_signature(self, checkpoint: Checkpoint, body: CheckpointBody) -> None:
        if checkpoint.sshsig is None and self._is_unsigned():
            return
        if self._head is not None and self._signatures.key is None:
            raise _RejectedError(ProblemCode.WRONG_KEY, "the checkpoint is signed, but those before it are not")
        sha512 = hashlib.sha512(checkpoint.body.encode("ascii")).digest()
        time_s = timestamps.to_seconds(body.time)
        refusal = self._signatures.refusal(checkpoint.sshsig, sha512, CHECKPOINT_NAMESPACE, time_s)
        if refusal is not None:
            raise _RejectedError(refusal.code, f"the checkpoint: {refusal.message}")

    def _is_unsigned(self) -> bool:
        """Returns whether the header declares the scan unsigned and no signature contradicts it so far."""
        return self._header is not None and self._header.key_fingerprint is None and self._signatures.key is None

    def _check_place(self, body: CheckpointBody) -> None:
        if self._head is not None and body.first <= self._head.last:
            self._emit(self._waiting.take(body.first, body.last))
            raise _RejectedError(
                ProblemCode.CHECKPOINT_REPEATED,
                f"the checkpoint of records {body.first}-{body.last} is after that of record {self._head.last}",
            )

    def _close_gap(self, body: CheckpointBody) -> bool:
        """Reports records between the last valid checkpoint and this one; returns whether there is no gap."""
        expected = self._head.last + 1 if self._head else 1
        if body.first == expected:
            if body.prev_checkpoint_sha256 != self._head_sha256:
                text = "its checkpoint is not the one that the next checkpoint names"
                self._problems.add(Problem(ProblemCode.CHAIN_BROKEN, text, max(1, self._segment - 1)))
            return True
        present = self._waiting.take(expected, body.first - 1)
        dropped, self._waiting.dropped = self._waiting.dropped, 0
        self._report_unclosed(dropped, present)
        if len(present) + dropped + self._unreadable < body.first - expected:
            text = f"some or all of records {expected}-{body.first - 1} are missing, with their checkpoint"
            self._line_problem(ProblemCode.SEGMENT_MISSING, text)
        self._gaps += 1
        self._unreadable = 0
        return False

    def _check_segment(self, lines: list[NumberedLine], body: CheckpointBody, *, contiguous: bool) -> None:
        intact = is_intact(lines, body)
        self._emit(lines, proven=intact and self.has_key)
        if self._is_undisclosed(lines, body):
            self._undisclosed.add(body.first, body.last)
        elif not intact:
            self._problems.add(*damage(lines, body, self._segment, self._unreadable))
        elif lines:
            self._check_header_key(lines[0].record)
            self._intact.add(body.first, body.last)
        wrong = self._totals_contradiction(lines, body, comparable=contiguous and intact)
        self._totals_hold = wrong is None
        if wrong is not None:
            self._line_problem(ProblemCode.TOTALS_WRONG, f"the checkpoint's totals: {wrong}")

    def _is_undisclosed(self, lines: list[NumberedLine], body: CheckpointBody) -> bool:
        """Returns whether an extract does not contain this segment: none of its records is there, not even damaged."""
        return self._extract and not lines and not self._unreadable and body.first <= body.last

    def _emit(self, lines: Sequence[NumberedLine], *, proven: bool = False) -> None:
        if self._on_records is not None and lines:
            self._on_records(lines, proven)

    def _check_header_key(self, record: Record) -> None:
        key = self._signatures.key
        if isinstance(record, RunHeader) and record.key_fingerprint != (key.fingerprint if key else None):
            self._line_problem(ProblemCode.WRONG_KEY, "the header names a different key than the one that signed it")

    def _totals_contradiction(self, lines: list[NumberedLine], body: CheckpointBody, *, comparable: bool) -> str | None:
        broken = body.totals.imbalance()
        if broken is not None:
            return f"{broken} does not hold"
        if body.reason is EndReason.COMPLETED and body.totals.pending:
            return "the scan is declared complete, but entries are pending"
        if not (comparable and self._totals_hold):
            return None
        return totals_contradiction(lines, self._head.totals if self._head else None, body.totals)

    def _check_sidecar(self, sidecar: bytes | None) -> Sidecar:
        if sidecar is None:
            return Sidecar.ABSENT
        if self._head is None or not self._head.final or self._signatures.key is None:
            reason = "it cannot be checked without a valid, signed final checkpoint"
        else:
            refusal = self._signatures.refusal(
                sidecar.decode("ascii", errors="replace"),
                self._sha512.digest(),
                FILE_NAMESPACE,
                timestamps.to_seconds(self._head.time),
            )
            if refusal is None:
                return Sidecar.VALID
            reason = refusal.message
        self._file_problem(ProblemCode.SIDECAR_INVALID, f"the sidecar: {reason}")
        return Sidecar.INVALID

    def _report_unclosed(self, dropped: int, lines: list[NumberedLine]) -> None:
        self._emit(lines)
        if not (dropped or lines):
            return
        text = f"{counted(dropped + len(lines), 'record is', 'records are')} not covered by a valid checkpoint"
        if lines:
            text += f" ({listed([line.seq for line in lines])})"
        first, last = (lines[0].number, lines[-1].number) if lines else (None, None)
        self._problems.add(Problem(ProblemCode.UNCLOSED_LINES, text, self._segment, first, last))

    def _line_problem(self, code: ProblemCode, message: str) -> None:
        self._problems.add(Problem(code, message, self._segment, self._lines, self._lines))

    def _file_problem(self, code: ProblemCode, message: str) -> None:
        self._problems.add(Problem(code, message))
