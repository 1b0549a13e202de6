"""Reads the records of a findings file as a stream, and says of each whether it is proven."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model.paths import for_terminal
from hashaudit.record.schema import Record
from hashaudit.record.verify.record_lines import pieces
from hashaudit.record.verify.segments import NumberedLine
from hashaudit.record.verify.trust import Trust
from hashaudit.record.verify.verifier import FileVerifier, read_sidecar
from hashaudit.record.verify.verify_report import Verification


class ReadRecord(msgspec.Struct, frozen=True):
    """A record, and whether it is proven."""

    record: Record
    raw: bytes
    """Its line with the newline."""
    is_proven: bool
    """True if the record is in a segment whose bytes and signature are right, by an accepted signer."""


class FindingsReader:
    """The records of one findings file in its order. Memory is bounded by one segment.

    A record appears when its segment is complete. Reading one file again gives the same records only if the file is the
    same: compare :attr:`sha256`.
    """

    def __init__(self, path: str | bytes, trust: Trust, *, extract: bool = False) -> None:
        """Prepares to read a file.

        Args:
            path: the findings file.
            trust: whose signatures count; ``None`` accepts the key that the file names.
            extract: as for :func:`hashaudit.record.verify.verifier.verify_file`.
        """
        self._path = os.fsencode(path)
        self._found: deque[ReadRecord] = deque()
        self._verifier = FileVerifier(trust, self._take, extract=extract)
        self._sha256 = hashlib.sha256()
        self._outcome: Verification | None = None

    @property
    def verification(self) -> Verification:
        """The outcome of the verification of the whole file.

        Raises:
            RuntimeError: the records have not been read to their end.
        """
        if self._outcome is None:
            raise RuntimeError("the file has not been read to its end")
        return self._outcome

    @property
    def sha256(self) -> str:
        """SHA-256 of what has been read, in hex."""
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[ReadRecord]:
        """Yields all records.

        Raises:
            FindingsError: the file cannot be read.
        """
        try:
            with open_regular(self._path) as stream:
                for piece, continued in pieces(stream):
                    self._sha256.update(piece)
                    self._verifier.feed(piece, continued=continued)
                    yield from self._drain()
                self._outcome = self._verifier.conclude(read_sidecar(self._path))
                yield from self._drain()
        except OSError as error:
            raise FindingsError(
                f"cannot read a findings file or its sidecar: '{for_terminal(self._path)}'; {error.strerror}"
            ) from error

    def _take(self, lines: Sequence[NumberedLine], is_proven: bool) -> None:  # noqa: FBT001 # the form of RecordSink
        self._found.extend(ReadRecord(line.record, line.raw, is_proven) for line in lines)

    def _drain(self) -> Iterator[ReadRecord]:
        while self._found:
            yield self._found.popleft()
