"""The bytes of a container: an open file, memory, or the content of a member as it is unpacked."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, RandomSource, Source
from hashaudit.model.faults import FaultCode


class Throttle(Protocol):
    """Limits the rate of reading."""

    def acquire(self) -> int:
        """Waits until reading is allowed; returns the most bytes that the next read may take."""
        ...

    def consume(self, count: int) -> None:
        """Reports that ``count`` bytes were read."""
        ...


class ReadInOrder(ABC):
    """Reads a source in order by its positions."""

    _position = 0

    @abstractmethod
    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position, fewer at the end."""

    def read(self, count: int) -> bytes:
        """Returns the next bytes."""
        data = self.read_at(self._position, min(count, CHUNK_BYTES))
        self._position += len(data)
        return data


def chunks_of(source: RandomSource, start: int, end: int, message: str) -> Iterator[bytes]:
    """Yields a part of a source.

    Raises:
        ContainerError: the source ends in it; has the given message.
    """
    while start < end:
        data = source.read_at(start, min(CHUNK_BYTES, end - start))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, message)
        yield data
        start += len(data)


def failing(error: ContainerError) -> Iterator[bytes]:
    """Content that cannot be read at all."""
    yield b""
    raise error


class Beside(Protocol):
    """The files beside the one that is read."""

    @property
    def name(self) -> bytes:
        """The name of the file that is read."""
        ...

    def open(self, name: bytes) -> RandomSource | None:
        """Opens another file; ``None``: there is none that may be read."""
        ...


class FileSource(ReadInOrder):
    """An open file. Its position is its own, so that the descriptor's does not matter."""

    def __init__(
        self, descriptor: int, size: int, throttle: Throttle | None = None, beside: Beside | None = None
    ) -> None:
        self._descriptor = descriptor
        self._throttle = throttle
        self.size = size
        self.beside = beside
        """The files beside it, which may be volumes of the same image or archive."""

    @property
    def path(self) -> str:
        """A path of the open file, for libraries that open what they read."""
        return f"/proc/self/fd/{self._descriptor}"

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        parts: list[bytes] = []
        count = min(count, self.size - offset)
        while count > 0:
            allowed = count if self._throttle is None else min(count, self._throttle.acquire())
            try:
                data = os.pread(self._descriptor, allowed, offset)
            except OSError as error:
                raise ContainerError(FaultCode.IO_ERROR, f"cannot read the file: {error.strerror}") from error
            if not data:
                break
            if self._throttle is not None:
                self._throttle.consume(len(data))
            if len(data) == count and not parts:
                return data
            parts.append(data)
            offset += len(data)
            count -= len(data)
        return b"".join(parts)


class MemorySource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self.size = len(data)

    def read(self, count: int) -> bytes:
        """Returns the next bytes."""
        data = self._data[self._position : self._position + count]
        self._position += len(data)
        return data

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        return self._data[offset : offset + count] if offset >= 0 else b""


class PartSource(ReadInOrder):
    """A part of another source, as a partition is one of a disk."""

    def __init__(self, source: RandomSource, start: int, size: int) -> None:
        self._source = source
        self._start = start
        self.size = max(0, min(size, source.size - start))

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        count = min(count, self.size - offset)
        return self._source.read_at(self._start + offset, count) if offset >= 0 and count > 0 else b""


class StreamSource:
    """The content of a member while it is unpacked."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, count: int) -> bytes:
        """Returns the next bytes."""
        data = self._rest or next(self._chunks, b"")
        if len(data) <= count:
            self._rest = b""
            return data
        self._rest = data[count:]
        return data[:count]


class LookAhead:
    """A source of which some bytes are read before their turn."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ahead = b""
        self._at = 0
        """Bytes of ``_ahead`` that were returned: cutting them off each time would copy the others."""
        self.position = 0
        """Bytes returned so far."""

    def read_exactly(self, count: int) -> bytes:
        """Returns ``count`` bytes, or fewer at the end."""
        end = self._at + count
        if end > len(self._ahead):
            self._fill(count)
            end = count
        data = self._ahead[self._at : end]
        self._at += len(data)
        self.position += len(data)
        return data

    def _fill(self, count: int) -> None:
        """Reads until ``count`` bytes are there, or to the end."""
        parts = [self._ahead[self._at :]]
        length = len(parts[0])
        while length < count:
            data = self._source.read(max(CHUNK_BYTES, count - length))
            if not data:
                break
            parts.append(data)
            length += len(data)
        self._ahead, self._at = b"".join(parts), 0

    def skip(self, count: int) -> int:
        """Passes bytes, at most :data:`CHUNK_BYTES`; returns how many there were."""
        if self._at + count > len(self._ahead):
            return len(self.read_exactly(min(count, CHUNK_BYTES)))
        self._at += count
        self.position += count
        return count

    def push_back(self, data: bytes) -> None:
        """Returns bytes to the source, to be read again."""
        self._ahead = data + self._ahead[self._at :]
        self._at = 0
        self.position -= len(data)
