"""Reads the content of files into one reused buffer, no faster than a throttle allows. Nothing else reads content."""

from typing import Protocol

from hashaudit.host import files, page_cache

READ_CHUNK_BYTES = 256 * 1024
"""Measured with SHA-256 on cached files: 64 KiB is 3 % slower because of its calls, 4 MiB 3 % because it exceeds the
CPU's cache."""


class Throttle(Protocol):
    """Limits the rate of reading."""

    def acquire(self) -> int:
        """Waits until reading is allowed. Returns the most bytes that the next read may take, at least 1."""
        ...

    def consume(self, count: int) -> None:
        """Reports that ``count`` bytes were read."""
        ...


class Reader:
    """Reads open files, one after the other.

    Args:
        throttle: limits the rate; ``None`` for no limit.
        chunk_bytes: most bytes of one read.
    """

    __slots__ = ("_buffer", "_throttle")

    def __init__(self, throttle: Throttle | None = None, chunk_bytes: int = READ_CHUNK_BYTES) -> None:
        self._buffer = memoryview(bytearray(chunk_bytes))
        self._throttle = throttle

    def read_first(self, descriptor: int) -> tuple[memoryview, bool]:
        """Returns the first bytes of a file, and whether they were cached. True if the system does not report it.

        Raises:
            OSError: as read(2).
        """
        buffer = self._buffer if self._throttle is None else self._buffer[: self._throttle.acquire()]
        try:
            count = page_cache.read_if_cached(descriptor, buffer)
        except OSError:  # unsupported by this filesystem, or another error that the plain read will raise
            return self.read(descriptor), True
        if count is None:
            return self.read(descriptor), False
        if self._throttle is not None:
            self._throttle.consume(count)
        return buffer[:count], True

    def read(self, descriptor: int) -> memoryview:
        """Returns the next bytes of a file, valid until the next read; none at its end.

        Raises:
            OSError: as read(2).
        """
        if self._throttle is None:
            return self._buffer[: files.read_into(descriptor, self._buffer)]
        count = files.read_into(descriptor, self._buffer[: self._throttle.acquire()])
        self._throttle.consume(count)
        return self._buffer[:count]
