"""Reads the findings file of an interrupted scan, up to the point where its chain can be continued.

A verification reports what is proven of a damaged file. This module accepts a file only if it is intact up to its end,
or up to a tail that no checkpoint closes, because a scan that continues after damage would vouch for it.
"""

import hashlib
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.model.location import ResumeKey
from hashaudit.record import timestamps
from hashaudit.record.chain import ChainEnd
from hashaudit.record.codec import decode_line
from hashaudit.record.header import FORMAT_VERSION, RunHeader
from hashaudit.record.schema import AuditRecord, Checkpoint, CheckpointBody, EndReason, FaultRecord, Record
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import pieces, read_body, without_newline
from hashaudit.record.verify.segments import NumberedLine, is_intact
from hashaudit.record.verify.trust import SignatureCheck
from hashaudit.signing.public_key import PublicKey
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE


class RecordedLine(msgspec.Struct, frozen=True):
    """An entry that has a record."""

    seq: int
    key: ResumeKey
    """The identity of its entry."""
    bytes_read: int
    """Bytes read completely, as far as the record shows."""
    from_cache: bool
    """An earlier scan read the content."""


class Interrupted(msgspec.Struct, frozen=True):
    """The state of an interrupted scan, from its findings file."""

    header: RunHeader
    end: ChainEnd
    """End of the part that is kept."""
    tally: TotalsCounter
    """Totals of its records alone."""
    lines: tuple[RecordedLine, ...]
    """Records about entries in the order of the file, from the requested number on."""
    folders: frozenset[bytes]
    """All directories with a fault record."""
    ended: CheckpointBody | None
    """The scan's own end, from a segment that is not kept."""
    whole_sha512: bytes
    """SHA-512 of the whole file."""


def read_interrupted(stream: BinaryIO, key: PublicKey | None, first_line: int = 1) -> Interrupted:
    """Reads a findings file from its start.

    Args:
        stream: the file.
        key: the key that signed it; ``None`` for an unsigned scan.
        first_line: number of the first record to return.

    Raises:
        FindingsError: the file is damaged, signed by another key, or has no checkpoint.
        OSError: the stream cannot be read.
    """
    reader = _Reader(key, first_line)
    for piece, continued in pieces(stream):
        reader.feed(piece, continued=continued)
    return reader.conclude()


class _Reader:
    def __init__(self, key: PublicKey | None, first_line: int) -> None:
        self._key = key
        self._signatures = SignatureCheck(key)
        self._first_line = first_line
        self._header: RunHeader | None = None
        self._end: ChainEnd | None = None
        self._ended: CheckpointBody | None = None
        self._broken: str | None = None
        self._waiting: list[NumberedLine] = []
        self._tally = TotalsCounter()
        self._lines: list[RecordedLine] = []
        self._folders: set[bytes] = set()
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._size = 0
        self._count = 0

    def feed(self, piece: bytes, *, continued: bool) -> None:
        if not continued:
            self._count += 1
        self._sha256.update(piece)
        self._sha512.update(piece)
        self._size += len(piece)
        if continued:
            return
        try:
            line = decode_line(without_newline(piece))
            if not isinstance(line, Checkpoint):
                self._waiting.append(NumberedLine(self._count, piece, line))
                return
            body = read_body(line, piece)
        except FindingsError as error:
            self._broken = self._broken or f"line {self._count}: {error}"
            return
        # Only a tail may be broken, because no checkpoint closes a tail.
        problem = self._broken or self._problem(line, body)
        if problem is not None:
            raise _damaged(problem)
        self._close(body, piece)

    def conclude(self) -> Interrupted:
        if self._header is None or self._end is None:
            raise FindingsError("the findings file has no header that a checkpoint closes", hint="start a new scan")
        complete = self._ended is not None and self._ended.reason is EndReason.COMPLETED
        if complete and (self._waiting or self._broken is not None):
            raise _damaged("there is content after the final checkpoint")
        return Interrupted(
            self._header,
            self._end,
            self._tally,
            tuple(self._lines),
            frozenset(self._folders),
            self._ended,
            self._sha512.digest(),
        )

    def _problem(self, checkpoint: Checkpoint, body: CheckpointBody) -> str | None:
        place = f"line {self._count}"
        last = 0 if self._end is None else self._end.last
        previous = None if self._end is None else self._end.checkpoint_sha256
        if self._ended is not None:
            return f"{place}: it is after the final checkpoint"
        if not is_intact(self._waiting, body) or body.first != last + 1 or body.prev_checkpoint_sha256 != previous:
            return f"{place}: the checkpoint does not match the records before it"
        if self._end is not None and body.run_id != self._end.run_id:
            return f"{place}: the checkpoint belongs to another scan"
        return self._signature_problem(checkpoint, body, place)

    def _signature_problem(self, checkpoint: Checkpoint, body: CheckpointBody, place: str) -> str | None:
        if self._key is None:
            return None if checkpoint.sshsig is None else f"{place}: it is signed, but the scan is declared unsigned"
        sha512 = hashlib.sha512(checkpoint.body.encode("ascii")).digest()
        refusal = self._signatures.refusal(
            checkpoint.sshsig, sha512, CHECKPOINT_NAMESPACE, timestamps.to_seconds(body.time)
        )
        return None if refusal is None else f"{place}: {refusal.message}"

    def _close(self, body: CheckpointBody, raw: bytes) -> None:
        if body.final:
            self._ended = body
            self._waiting.clear()
            return
        for line in self._waiting:
            self._take(line.record)
        self._waiting.clear()
        self._end = ChainEnd(
            body.run_id,
            body.last,
            hashlib.sha256(raw).hexdigest(),
            self._sha256.copy(),
            self._sha512.copy(),
            body.totals,
            self._size,
        )

    def _take(self, record: Record) -> None:
        self._tally.count_line(record)
        if isinstance(record, RunHeader):
            if record.v != FORMAT_VERSION or self._header is not None:
                raise FindingsError("the findings file has an unsupported header", hint="start a new scan")
            self._header = record
        if isinstance(record, AuditRecord) or (isinstance(record, RunHeader) and record.against):
            raise FindingsError(
                "cannot resume an audit", hint="start the audit again; --cache spares files that were read"
            )
        if isinstance(record, RunHeader):
            return
        key = record.entry.resume_key
        if isinstance(record, FaultRecord) and record.directory:
            self._folders.add(key.path)
        elif record.seq >= self._first_line:
            from_cache = record.from_run is not None
            read = (
                0
                if key.within
                else int(record.state.size)
                if record.state is not None and record.digests and not from_cache
                else 0
            )
            self._lines.append(RecordedLine(record.seq, key, read, from_cache))


def _damaged(problem: str) -> FindingsError:
    return FindingsError(
        f"cannot resume: the findings file is damaged; {problem}",
        hint="see what is proven with hashaudit verify, and start a new scan",
    )
