"""Feeding the content of an open file to a sink: to its end, without reading holes.

A sink's own errors pass through; only what the system says of the file becomes an :class:`UnreadableError`.
"""

import os
from typing import Protocol

from hashaudit.content.read.page_cache_guard import PageCacheGuard
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES, Reader
from hashaudit.host import files, page_cache

_ZEROS = memoryview(bytes(READ_CHUNK_BYTES))


class Sink(Protocol):
    """What takes content in. It must not keep the view, whose bytes are overwritten by the next."""

    def update(self, data: memoryview, /) -> object:
        """Takes in more bytes."""
        ...


class UnreadableError(Exception):
    """The system refused to read or examine an open file."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.error = error


def status_of(descriptor: int) -> os.stat_result:
    """What fstat(2) says.

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
    """Feeds a whole file, from a descriptor that stands at its start.

    The end is where the file ends once it has been read so far, not where it ended at first: the size that stat gives
    is taken for the end only if it still is the size afterwards, and files of 0 bytes are read until read(2) says so,
    for those of pseudo filesystems have content.

    Args:
        descriptor: of the file.
        sink: takes the content.
        reader: reads it.
        before: what fstat(2) said after the file was opened.
        limit: reading stops there, bytes; more than the size.
        skip_holes: holes of a sparse file are fed as zeros and not read.

    Returns:
        The number of bytes fed, and what fstat(2) says after the last of them.

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
        position = feeding.large(size) if size else feeding.on(0, limit)
    after = status_of(descriptor)
    if size <= position < after.st_size:
        position = feeding.on(position, limit)
        after = status_of(descriptor)
    return position, after


class _Feeding:
    """From one descriptor to one sink. Each method gives the position reached."""

    __slots__ = ("_descriptor", "_footprint", "_reader", "_sink")

    def __init__(self, descriptor: int, sink: Sink, reader: Reader) -> None:
        self._descriptor = descriptor
        self._sink = sink
        self._reader = reader
        self._footprint: PageCacheGuard | None = None

    def small(self, size: int) -> int:
        """Feeds a file of one chunk, and lets go of its pages unless they were in memory before."""
        try:
            data, found = self._reader.read_first(self._descriptor)
        except OSError as error:
            raise UnreadableError(error) from error
        self._sink.update(data)
        position = self.on(len(data), size) if data else 0
        if not found:
            page_cache.drop_pages(self._descriptor, 0, 0)
        return position

    def large(self, size: int) -> int:
        """Feeds a file of more than a chunk."""
        self._footprint = PageCacheGuard(self._descriptor, size)
        try:
            return self.on(0, size)
        finally:
            self._footprint.close()

    def sparse(self, size: int) -> int:
        """Feeds holes as zeros. A file that is cut short meanwhile counts as if it ended in a hole."""
        self._footprint = PageCacheGuard(self._descriptor, size)
        position = 0
        try:
            while position < size:
                data, hole = self._next_data(position, size)
                _feed_zeros(self._sink, data - position)
                self._seek(data)
                position = self.on(data, hole)
                if position < hole:
                    break
        finally:
            self._footprint.close()
        return position

    def on(self, position: int, stop: int) -> int:
        """Feeds until the end of the file or until ``stop`` is reached or passed."""
        while position < stop:
            try:
                data = self._reader.read(self._descriptor)
            except OSError as error:
                raise UnreadableError(error) from error
            if not data:
                break
            self._sink.update(data)
            position += len(data)
            if self._footprint is not None:
                self._footprint.passed(position)
        return position

    def _next_data(self, position: int, size: int) -> tuple[int, int]:
        """Where data begins, and where it ends."""
        try:
            data = files.next_data(self._descriptor, position, size)
            return data, files.next_hole(self._descriptor, data, size) if data < size else size
        except OSError:  # this filesystem cannot tell its holes
            return position, size

    def _seek(self, position: int) -> None:
        try:
            os.lseek(self._descriptor, position, os.SEEK_SET)
        except OSError as error:
            raise UnreadableError(error) from error
        if self._footprint is not None:
            self._footprint.passed(position)


def _feed_zeros(sink: Sink, count: int) -> None:
    while count > 0:
        part = min(count, len(_ZEROS))
        sink.update(_ZEROS[:part])
        count -= part
