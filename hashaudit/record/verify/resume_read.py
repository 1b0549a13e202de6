"""Reads the findings file of an interrupted run, up to where its chain can be continued.

Unlike a verification, which says what is proven of a damaged file, this takes a file only if it is whole up to its end
or up to a tail that no checkpoint closes: a run that goes on behind damage would vouch for it.
"""

import hashlib
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.model import paths
from hashaudit.model.location import ResumeKey
from hashaudit.record import timestamps
from hashaudit.record.chain import ChainEnd
from hashaudit.record.codec import decode_line
from hashaudit.record.header import FORMAT_VERSION, RunHeader
from hashaudit.record.schema import Checkpoint, CheckpointBody, EndReason, FaultRecord, Record
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import pieces, read_body, without_newline
from hashaudit.record.verify.segments import NumberedLine, is_intact
from hashaudit.record.verify.trust import SignatureCheck
from hashaudit.signing.public_key import PublicKey
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE


class RecordedLine(msgspec.Struct, frozen=True):
    """A path that has its line."""

    seq: int
    key: ResumeKey
    """The identity of its entry."""
    bytes_read: int
    """As far as the line tells: the size of what was read to its end."""
    from_cache: bool
    """An earlier run has read the content."""


class Interrupted(msgspec.Struct, frozen=True):
    """What an interrupted run has left."""

    header: RunHeader
    end: ChainEnd
    """Of what is kept."""
    tally: TotalsCounter
    """What its lines count; nothing else."""
    lines: tuple[RecordedLine, ...]
    """About entries, in the order of the file, from the number that was asked for."""
    folders: frozenset[bytes]
    """All folders with a line."""
    ended: CheckpointBody | None
    """How the run says that it ended, in a segment that is not kept."""
    whole_sha512: bytes
    """Of the whole file."""


def read_interrupted(stream: BinaryIO, key: PublicKey | None, first_line: int = 1) -> Interrupted:
    """Reads a findings file from its start.

    Args:
        stream: the file.
        key: that signed it; ``None`` for an unsigned run.
        first_line: the number from which on lines are returned.

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
        # Only a tail may be broken: what stands behind it is closed by no checkpoint.
        problem = self._broken or self._problem(line, body)
        if problem is not None:
            raise _damaged(problem)
        self._close(body, piece)

    def conclude(self) -> Interrupted:
        if self._header is None or self._end is None:
            raise FindingsError("the findings file has no header that a checkpoint closes: begin a new run")
        complete = self._ended is not None and self._ended.reason is EndReason.COMPLETED
        if complete and (self._waiting or self._broken is not None):
            raise _damaged("there is something behind the final checkpoint")
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
            return f"{place}: it stands behind the final checkpoint"
        if not is_intact(self._waiting, body) or body.first != last + 1 or body.prev_checkpoint_sha256 != previous:
            return f"{place}: the checkpoint does not close what stands before it"
        if self._end is not None and body.run_id != self._end.run_id:
            return f"{place}: the checkpoint is of another run"
        return self._signature_problem(checkpoint, body, place)

    def _signature_problem(self, checkpoint: Checkpoint, body: CheckpointBody, place: str) -> str | None:
        if self._key is None:
            return None if checkpoint.sshsig is None else f"{place}: it is signed, and the run is said to be unsigned"
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
                raise FindingsError("the findings file has a header that is not known here: begin a new run")
            self._header = record
            return
        path = paths.from_text(record.path, record.path_b64)
        if isinstance(record, FaultRecord) and record.directory:
            self._folders.add(path)
        elif record.seq >= self._first_line:
            from_cache = record.from_run is not None
            read = int(record.size or 0) if record.digests and not from_cache else 0
            self._lines.append(RecordedLine(record.seq, ResumeKey(path, record.version), read, from_cache))


def _damaged(problem: str) -> FindingsError:
    return FindingsError(
        f"the findings file is damaged ({problem}), so that it cannot be continued: "
        "see what is proven with hashaudit verify, and begin a new run"
    )
