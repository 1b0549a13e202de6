"""Keeps the results of a container's members until it is their turn to be recorded: in memory, then in a file."""

from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from hashaudit.errors import HostError
from hashaudit.lazy import lazy
from hashaudit.model.results import MemberResult

MEMORY_BYTES = 4 << 20
"""Kept in memory for one container; longer results go to an unnamed temporary file."""

PART_MEMORY_BYTES = 64 << 10
"""Kept in memory for one part of a container, because many parts wait for one another."""

_LENGTH_BYTES = 4
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = lazy(lambda: msgspec.msgpack.Decoder(tuple[MemberResult, ...]))


class MemberSpool:
    """The results of the members of one container, in order.

    Args:
        frames: the first results, encoded.
        memory_bytes: kept in memory.
    """

    def __init__(self, frames: Iterable[bytes] = (), memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._frames: list[bytes] = []
        self.size_bytes = 0
        """Length of all results, encoded."""
        self._file: IO[bytes] | None = None
        self.count = 0
        """Number of results."""
        for frame in frames:
            self._add(frame, len(_DECODER.decode(frame)))

    def append(self, results: tuple[MemberResult, ...]) -> None:
        """Adds the next results.

        Raises:
            HostError: the temporary file cannot be written.
        """
        self._add(_ENCODER.encode(results), len(results))

    def _add(self, frame: bytes, count: int) -> None:
        self.count += count
        self.size_bytes += len(frame)
        if self._file is None:
            self._frames.append(frame)
            if self.size_bytes <= self._memory_bytes:
                return
        frames, self._frames = self._frames or [frame], []
        try:
            if self._file is None:
                import tempfile  # noqa: PLC0415 # start-up: containers of many members alone need it

                self._file = tempfile.TemporaryFile(prefix="hashaudit-members-")  # noqa: SIM115 # open as long as this
            for each in frames:
                self._file.write(len(each).to_bytes(_LENGTH_BYTES) + each)
        except OSError as error:
            raise HostError(f"cannot write a temporary file; {error.strerror}") from error

    def frames(self) -> Iterator[bytes]:
        """Yields the encoded results, as they were added.

        Raises:
            HostError: the temporary file cannot be read.
        """
        yield from self._frames
        if self._file is None:
            return
        try:
            self._file.seek(0)
            while length := self._file.read(_LENGTH_BYTES):
                yield self._file.read(int.from_bytes(length))
        except OSError as error:
            raise HostError(f"cannot read a temporary file; {error.strerror}") from error

    def __iter__(self) -> Iterator[MemberResult]:
        for frame in self.frames():
            yield from _DECODER.decode(frame)

    def clear(self) -> None:
        """Forgets all results."""
        self._frames, self.size_bytes, self.count = [], 0, 0
        if self._file is not None:
            self._file.close()
            self._file = None
