"""The content of a file that lies in runs of blocks on a disk, read straight from there."""

from collections.abc import Iterator, Sequence

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder, chunks_of
from hashaudit.model.faults import FaultCode

DAMAGED_MEMBER = "the content of the member is damaged"

HOLE = -1
"""Position of a run that is not on the disk; its content is zeros."""

Run = tuple[int, int]
"""Position on the disk and length, in bytes."""


class RunContent(ReadInOrder):
    """The content of a file at any position.

    Args:
        disk: the bytes of the file system.
        runs: in the order of the content; together at least as long as it.
        size: length of the content in bytes.
        written: bytes of the content that were ever written. Behind them are zeros, also if the disk
            holds other bytes there.
    """

    def __init__(self, disk: RandomSource, runs: Sequence[Run], size: int, written: int) -> None:
        self._disk = disk
        self._runs = runs
        self._written = min(size, written)
        self.size = size

    def whole(self) -> bytes | None:
        """Returns a content of one chunk; ``None``: it is longer, or cannot be read."""
        if self.size > CHUNK_BYTES:
            return None
        try:
            return self.read_at(0, self.size)
        except ContainerError:
            return None

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        count = min(count, self.size - offset)
        if count <= 0 or offset < 0:
            return b""
        on_disk = max(0, min(count, self._written - offset))
        at, length = self._runs[0] if self._runs else (HOLE, 0)
        if on_disk == count and offset + count <= length and at != HOLE:
            # Most files are one run.
            return self._exactly(at + offset, count)
        parts = [] if on_disk == 0 else list(self._parts(offset, on_disk))
        parts.append(bytes(count - on_disk))
        return b"".join(parts)

    def _parts(self, offset: int, count: int) -> Iterator[bytes]:
        start = 0
        for at, length in self._runs:
            end = start + length
            if offset < end:
                here = min(count, end - offset)
                yield bytes(here) if at == HOLE else self._exactly(at + offset - start, here)
                offset += here
                count -= here
                if not count:
                    return
            start = end
        raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)

    def _exactly(self, at: int, count: int) -> bytes:
        data = self._disk.read_at(at, count)
        if len(data) < count:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)
        return data

    def pieces(self) -> Iterator[bytes]:
        """Yields the whole content."""
        return chunks_of(self, 0, self.size, DAMAGED_MEMBER)


def add_run(runs: list[Run], at: int, length: int) -> None:
    """Adds a run behind others, joined with the last one if it follows that on the disk."""
    if runs:
        before, its_length = runs[-1]
        if at == (HOLE if before == HOLE else before + its_length):
            runs[-1] = (before, its_length + length)
            return
    runs.append((at, length))
