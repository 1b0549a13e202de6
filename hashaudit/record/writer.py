"""Writes the records of a scan in order, closes and signs segments when they are due, and ends the file."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.model.counted import counted
from hashaudit.record import timestamps
from hashaudit.record.chain import Chain, ChainEnd, Ending
from hashaudit.record.codec import MAX_LINE_BYTES, decode_line, encode_line
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.schema import (
    AuditRecord,
    Checkpoint,
    EndReason,
    FaultRecord,
    FileRecord,
    FindingRecord,
    Record,
    Resumption,
)
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import without_newline
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE, FILE_NAMESPACE, Signer


class Clock(msgspec.Struct, frozen=True):
    """The two clocks of a writer."""

    wall_ns: Callable[[], int] = time.time_ns
    """Nanoseconds since the epoch, for the times in the file."""
    steady_s: Callable[[], float] = time.monotonic
    """Monotonic seconds, for deadlines of segments."""


class FindingsWriter:
    """The findings file of one scan, from its header to its final checkpoint.

    Lines stay in memory until their segment closes, at most some megabytes and five seconds; call :meth:`tick` at
    :attr:`deadline_s` when there is nothing to write.
    """

    def __init__(
        self, output: Output, header: RunHeader, *, signer: Signer | None = None, clock: Clock | None = None
    ) -> None:
        """Starts the file with ``header``.

        Args:
            output: a new, empty output. It is closed with the writer.
            header: line 1; its ``key_fingerprint`` must be the signer's.
            signer: signs every checkpoint and the whole file; ``None`` leaves the run unsigned.
            clock: for tests.

        Raises:
            FindingsError: the header names another key than the signer's.
        """
        if header.key_fingerprint != (signer.fingerprint if signer else None):
            raise FindingsError("the header's key_fingerprint is not the signer's")
        self._prepare(output, signer, clock, Chain(header.run_id), TotalsCounter())
        self._append(header)

    @classmethod
    def continued(
        cls,
        output: Output,
        end: ChainEnd,
        *,
        tally: TotalsCounter,
        lines: Sequence[bytes],
        resumed: Resumption,
        signer: Signer | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Resumes the file of an interrupted scan, and signs a record of that at once.

        Args:
            output: opened behind the last checkpoint that is kept.
            end: of the chain there.
            tally: what was counted until then.
            lines: that stood for the next segment when the run was interrupted, as they were written.
            resumed: what the next checkpoint says of the interruption.
            signer: the one that signed before; ``None`` for an unsigned run.
            clock: for tests.

        Raises:
            FindingsError: a line is not a record.
            OutputError: the output failed.
            SigningKeyError: the key cannot be used now.
        """
        writer = cls.__new__(cls)
        writer._prepare(output, signer, clock, Chain.continued(end), tally)  # noqa: SLF001 # a constructor of this class
        writer._take_over(lines, resumed)  # noqa: SLF001 # as above
        return writer

    def _prepare(
        self, output: Output, signer: Signer | None, clock: Clock | None, chain: Chain, tally: TotalsCounter
    ) -> None:
        self.tally = tally
        """Running totals. The caller counts entries without a record here."""
        self._output = output
        self._signer = signer
        self._clock = clock or Clock()
        self._chain = chain
        self._sign = None if signer is None else partial(signer.sign, namespace=CHECKPOINT_NAMESPACE)
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.close()

    @property
    def deadline_s(self) -> float | None:
        """Time at which :meth:`tick` is due, on the monotonic clock; ``None`` while nothing waits."""
        return self._chain.deadline_s

    def _take_over(self, lines: Sequence[bytes], resumed: Resumption) -> None:
        for line in lines:
            record = decode_line(without_newline(line))
            if isinstance(record, Checkpoint) or record.seq != self._chain.next_seq:
                raise FindingsError("a line that was kept is not the next one of its run")
            self._chain.append(line, self._clock.steady_s(), urgent=False)
            self.tally.count_line(record)
        self._close_segment(None, resumed)

    def unsigned(self) -> tuple[Sequence[bytes], int]:
        """Returns the records that no checkpoint has closed yet, and the number of the next one."""
        return tuple(self._chain.pending), self._chain.next_seq

    def write(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> int:
        """Numbers, counts and writes one record, and closes the segment if it is due.

        Returns:
            The line's number.

        Raises:
            FindingsError: the file is finished or failed before, or the line is longer than the format allows.
            OutputError: the output failed.
            SigningKeyError: the key cannot be used now.
        """
        seq = self._append(record)
        self.tick()
        return seq

    def tick(self) -> None:
        """Closes the segment if it is due.

        Raises:
            OutputError: the output failed.
            SigningKeyError: the key cannot be used now.
        """
        if self._chain.due(self._clock.steady_s()):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Closes the segment now, unless it is empty.

        Raises:
            OutputError: the output failed.
            SigningKeyError: the key cannot be used now.
        """
        if self._chain.deadline_s is not None:
            self._close_segment(None)

    def finish(self, reason: EndReason, exit_code: int) -> None:
        """Writes the final checkpoint and, for a signed file, its sidecar.

        Raises:
            FindingsError: the file is finished already; the totals do not add up; or entries have no outcome in a run
                said to be completed, which may still be finished for another reason.
            OutputError: the output failed.
            SigningKeyError: the key cannot be used now.
        """
        if reason is EndReason.COMPLETED and self.tally.pending:
            raise FindingsError(
                f"the totals do not add up: {counted(self.tally.pending, 'entry has', 'entries have')} no outcome"
            )
        self._close_segment(Ending(reason, exit_code))
        if self._signer and self._output.takes_sidecar:
            self._output.write_sidecar(self._signer.sign_sha512(self._chain.file_sha512, FILE_NAMESPACE))

    def _append(self, record: Record) -> int:
        self._require_open()
        seq = self._chain.next_seq
        line = encode_line(msgspec.structs.replace(record, seq=seq))
        if len(line) > MAX_LINE_BYTES:
            raise FindingsError(f"line {seq} would have {len(line)} bytes; the format allows {MAX_LINE_BYTES}")
        self._chain.append(line, self._clock.steady_s(), urgent=isinstance(record, FindingRecord))
        self.tally.count_line(record)
        return seq

    def _close_segment(self, ending: Ending | None, resumed: Resumption | None = None) -> None:
        self._require_open()
        totals = self.tally.totals()
        # Stays closed if anything below fails: later records would not chain to a segment that is not in the file.
        self._open = False
        now = timestamps.to_text(self._clock.wall_ns())
        self._output.write(self._chain.close(now, totals, self._sign, ending, resumed))
        self._output.sync()
        self._open = ending is None

    def _require_open(self) -> None:
        if not self._open:
            raise FindingsError("the findings file is finished, or failed before: it takes no more lines")
