"""Feeding the content of an open file to a sink: to its end, without reading holes.

A sink's own errors pass through; only what the system says of the file becomes an :class:`UnreadableError`.
"""

import os
from typing import Protocol

from hashaudit.host import files
from hashaudit.reading.reader import READ_CHUNK_BYTES, Reader

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
    if skip_holes and files.may_have_holes(before):
        position = _feed_sparse(descriptor, sink, reader, size)
    else:
        position = _feed(descriptor, sink, reader, 0, size or limit)
    after = status_of(descriptor)
    if size <= position < after.st_size:
        position = _feed(descriptor, sink, reader, position, limit)
        after = status_of(descriptor)
    return position, after


def _feed(descriptor: int, sink: Sink, reader: Reader, position: int, stop: int) -> int:
    """Feeds until the end of the file or until ``stop`` is reached or passed; gives the position reached."""
    while position < stop:
        try:
            data = reader.read(descriptor)
        except OSError as error:
            raise UnreadableError(error) from error
        if not data:
            break
        sink.update(data)
        position += len(data)
    return position


def _feed_sparse(descriptor: int, sink: Sink, reader: Reader, size: int) -> int:
    """As :func:`_feed`, from the start. A file that is cut short meanwhile counts as if it ended in a hole."""
    position = 0
    while position < size:
        try:
            data = files.next_data(descriptor, position, size)
            hole = files.next_hole(descriptor, data, size) if data < size else size
        except OSError:  # this filesystem cannot tell its holes
            data, hole = position, size
        _feed_zeros(sink, data - position)
        _seek(descriptor, data)
        position = _feed(descriptor, sink, reader, data, hole)
        if position < hole:
            break
    return position


def _seek(descriptor: int, position: int) -> None:
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
    except OSError as error:
        raise UnreadableError(error) from error


def _feed_zeros(sink: Sink, count: int) -> None:
    while count > 0:
        part = min(count, len(_ZEROS))
        sink.update(_ZEROS[:part])
        count -= part
