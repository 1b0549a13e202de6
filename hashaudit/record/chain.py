"""Segments and checkpoints: which records are closed together, when, and what a checkpoint states. No I/O.

A segment is handed out whole, with the checkpoint that closes it, so a file holds nothing but closed segments unless a
write was cut short. Each checkpoint names the one before, so none can be removed; each hashes its own segment alone,
so damage in one segment says nothing about the others.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from hashaudit.record.codec import encode_body, encode_line
from hashaudit.record.header import FORMAT_VERSION
from hashaudit.record.schema import Checkpoint, CheckpointBody, EndReason, Resumption, Totals

MAX_SEGMENT_LINES = 1000
"""Most records in a segment. Signing and fsync then cost a few microseconds a record, and damage voids no more."""

MAX_SEGMENT_BYTES = 4 * 1024 * 1024
"""Bytes after which a segment takes no further record. It bounds what the writer and every reader hold."""

MAX_AGE_S = 5.0
"""Longest wait of a record for its checkpoint."""

MAX_FINDING_AGE_S = 0.2
"""Longest wait of a finding, so that it is signed and on the disk within a quarter of a second."""


class Ending(msgspec.Struct, frozen=True):
    """The additional fields of the final checkpoint."""

    reason: EndReason
    exit_code: int


class ChainEnd(msgspec.Struct, frozen=True):
    """The end of a chain at a checkpoint, from which a resumed scan continues."""

    run_id: str
    last: int
    """Number of the last closed record."""
    checkpoint_sha256: str
    file_sha256: "hashlib._Hash"
    """Hash of all bytes up to and including that checkpoint."""
    file_sha512: "hashlib._Hash"
    totals: Totals
    """Totals that the checkpoint states."""
    size: int
    """Number of bytes up to and including that checkpoint."""


class Chain:
    """The open segment of one scan, and the hashes that chain the closed ones.

    Times are seconds of any clock that never steps back.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        self._next_seq = 1
        self._deadline_s: float | None = None
        self._previous_sha256: str | None = None
        self._file_sha256 = hashlib.sha256()
        self._file_sha512 = hashlib.sha512()

    @property
    def next_seq(self) -> int:
        """Number of the next record, from 1."""
        return self._next_seq

    @property
    def pending(self) -> Sequence[bytes]:
        """Records of the open segment."""
        return self._lines

    @property
    def deadline_s(self) -> float | None:
        """Time at which the open segment must be closed; ``None`` while it is empty."""
        return self._deadline_s

    @property
    def file_sha512(self) -> bytes:
        """Hash of all bytes returned so far."""
        return self._file_sha512.digest()

    @classmethod
    def continued(cls, end: "ChainEnd") -> Self:
        """Continues after the last checkpoint of an interrupted scan."""
        chain = cls(end.run_id)
        chain._next_seq = end.last + 1
        chain._previous_sha256 = end.checkpoint_sha256
        chain._file_sha256 = end.file_sha256.copy()
        chain._file_sha512 = end.file_sha512.copy()
        return chain

    def append(self, line: bytes, now_s: float, *, urgent: bool) -> None:
        """Adds the record numbered :attr:`next_seq`, with its newline.

        Args:
            line: its bytes.
            now_s: the time.
            urgent: it is a finding.
        """
        self._lines.append(line)
        self._pending_bytes += len(line)
        self._next_seq += 1
        deadline_s = now_s + (MAX_FINDING_AGE_S if urgent else MAX_AGE_S)
        if self._deadline_s is None or deadline_s < self._deadline_s:
            self._deadline_s = deadline_s

    def due(self, now_s: float) -> bool:
        """Returns whether the open segment must be closed now."""
        if self._deadline_s is None:
            return False
        full = len(self._lines) >= MAX_SEGMENT_LINES or self._pending_bytes >= MAX_SEGMENT_BYTES
        return full or now_s >= self._deadline_s

    def close(
        self,
        time: str,
        totals: Totals,
        sign: Callable[[bytes], str] | None,
        ending: Ending | None = None,
        resumed: Resumption | None = None,
    ) -> bytes:
        """Closes the open segment.

        Args:
            time: of the checkpoint, RFC 3339.
            totals: counts up to and with the segment's last line.
            sign: from the body's bytes to an armoured SSHSIG; ``None`` leaves the run unsigned.
            ending: makes this the final checkpoint.
            resumed: this is the first checkpoint of another process.

        Returns:
            The segment's lines and its checkpoint line.
        """
        segment = b"".join(self._lines)
        self._absorb(segment)
        body = encode_body(
            CheckpointBody(
                v=FORMAT_VERSION,
                run_id=self._run_id,
                first=self._next_seq - len(self._lines),
                last=self._next_seq - 1,
                segment_sha256=hashlib.sha256(segment).hexdigest(),
                prev_checkpoint_sha256=self._previous_sha256,
                time=time,
                totals=totals,
                final=ending is not None,
                file_sha256=None if ending is None else self._file_sha256.hexdigest(),
                end=None if ending is None else time,
                reason=None if ending is None else ending.reason,
                exit_code=None if ending is None else ending.exit_code,
                resumed=resumed,
            )
        )
        line = encode_line(Checkpoint(body=body, sshsig=None if sign is None else sign(body.encode("ascii"))))
        self._absorb(line)
        self._previous_sha256 = hashlib.sha256(line).hexdigest()
        self._lines.clear()
        self._pending_bytes = 0
        self._deadline_s = None
        return segment + line

    def _absorb(self, data: bytes) -> None:
        self._file_sha256.update(data)
        self._file_sha512.update(data)
