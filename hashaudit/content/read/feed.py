"""Feeds the whole content of an open file to a sink, without reading holes.

Errors of a sink propagate. Only errors of the system about the file become an :class:`UnreadableError`.
"""

import os
from typing import Protocol

from hashaudit.content.read.page_cache_guard import PageCacheGuard
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES, Reader
from hashaudit.host import files, page_cache

_ZEROS = memoryview(bytes(READ_CHUNK_BYTES))


class Sink(Protocol):
    """A consumer of content. It must not keep the view, because the next read overwrites its bytes."""

    def update(self, data: memoryview, /) -> object:
        """Consumes bytes."""
        ...


class UnreadableError(Exception):
    """The system refused to read or examine an open file."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.error = error


def status_of(descriptor: int) -> os.stat_result:
    """Returns the result of fstat(2).

    Raises:
        UnreadableError: the system refused.
    """
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise UnreadableError(error) from error


def feed(
    descriptor: int, sink: Sink, reader: Reader, before: os.stat_result, *, limit: int, skip_holes: bool
) -> tuple[int, os.stat_result]:
    """Feeds a whole file, from a descriptor at its start.

    A file that grows is read to its new end: the size from fstat(2) counts as the end only if it is unchanged after
    the read. Files of size 0 are read until read(2) returns nothing, because files of pseudo filesystems report 0.

    Args:
        descriptor: descriptor of the file.
        sink: consumes the content.
        reader: reads the content.
        before: result of fstat(2) after opening.
        limit: position at which reading stops, in bytes; larger than the size.
        skip_holes: feeds holes of a sparse file as zeros instead of reading them.

    Returns:
        The number of bytes fed, and the result of fstat(2) after the last of them.

    Raises:
        UnreadableError: the system refused.
    """
    size = before.st_size
    feeding = _Feeding(descriptor, sink, reader)
    if skip_holes and files.may_have_holes(before):
        position = feeding.sparse(size)
    elif 0 < size <= READ_CHUNK_BYTES:
        position = feeding.small(size)
    else:
        position = feeding.large(size) if size else feeding.until(0, limit)
    after = status_of(descriptor)
    if size <= position < after.st_size:
        position = feeding.until(position, limit)
        after = status_of(descriptor)
    return position, after


class _Feeding:
    """Feeds one descriptor to one sink. Each method returns the position reached."""

    __slots__ = ("_descriptor", "_guard", "_reader", "_sink")

    def __init__(self, descriptor: int, sink: Sink, reader: Reader) -> None:
        self._descriptor = descriptor
        self._sink = sink
        self._reader = reader
        self._guard: PageCacheGuard | None = None

    def small(self, size: int) -> int:
        """Feeds a file of one chunk, and drops its pages unless they were cached before."""
        try:
            data, was_cached = self._reader.read_first(self._descriptor)
        except OSError as error:
            raise UnreadableError(error) from error
        self._sink.update(data)
        position = self.until(len(data), size) if data else 0
        if not was_cached:
            page_cache.drop_pages(self._descriptor, 0, 0)
        return position

    def large(self, size: int) -> int:
        """Feeds a file of more than a chunk."""
        self._guard = PageCacheGuard(self._descriptor, size)
        try:
            return self.until(0, size)
        finally:
            self._guard.close()

    def sparse(self, size: int) -> int:
        """Feeds holes as zeros. A file that is truncated during the read counts as if it ended in a hole."""
        self._guard = PageCacheGuard(self._descriptor, size)
        position = 0
        try:
            while position < size:
                data, hole = self._next_data(position, size)
                _feed_zeros(self._sink, data - position)
                self._seek(data)
                position = self.until(data, hole)
                if position < hole:
                    break
        finally:
            self._guard.close()
        return position

    def until(self, position: int, stop: int) -> int:
        """Feeds to the end of the file, or until at least ``stop``."""
        while position < stop:
            try:
                data = self._reader.read(self._descriptor)
            except OSError as error:
                raise UnreadableError(error) from error
            if not data:
                break
            self._sink.update(data)
            position += len(data)
            if self._guard is not None:
                self._guard.advance(position)
        return position

    def _next_data(self, position: int, size: int) -> tuple[int, int]:
        """Returns the next range of data: its first position and its end."""
        try:
            data = files.next_data(self._descriptor, position, size)
            return data, files.next_hole(self._descriptor, data, size) if data < size else size
        except OSError:  # this filesystem does not report holes
            return position, size

    def _seek(self, position: int) -> None:
        try:
            os.lseek(self._descriptor, position, os.SEEK_SET)
        except OSError as error:
            raise UnreadableError(error) from error
        if self._guard is not None:
            self._guard.advance(position)


def _feed_zeros(sink: Sink, count: int) -> None:
    while count > 0:
        part = min(count, len(_ZEROS))
        sink.update(_ZEROS[:part])
        count -= part
