"""Finds and drops the pages of a file in the kernel's page cache.

Source: cachestat(2), since Linux 6.5; sync_file_range(2); preadv2(2) with RWF_NOWAIT, since Linux 4.14;
posix_fadvise(2).
"""

import ctypes
import errno
import functools
import os
import platform
from collections.abc import Callable
from typing import cast

from hashaudit.host.c_library import c_function

HAS_FADVISE: bool = hasattr(os, "posix_fadvise")
"""The system accepts advice about the page cache. macOS and Windows do not."""

CACHESTAT_NUMBER = 451
"""Number of the system call, the same on every machine (the kernel's syscall tables)."""

PROBES = 16
"""Positions to probe in a part of a file if the kernel cannot count pages."""

NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None) if hasattr(os, "preadv") else None
"""The flag that reads cached pages only."""


_SYNC_AND_WAIT = 0b111
"""SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER."""


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Counts(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


_WHOLE, _RESULT = _Range(0, 0), _Counts()
_WHOLE_AT, _RESULT_AT = ctypes.addressof(_WHOLE), ctypes.addressof(_RESULT)


def is_cached(descriptor: int, offset: int, length: int) -> bool:
    """Returns whether any page of a part of a file is cached. True if the kernel does not report it.

    Advises the kernel to expect sequential reading of the file.
    """
    counted = _count(descriptor, offset, length)
    if counted is not None:
        return counted > 0
    step = max(1, length // PROBES)
    # Otherwise a probe may make the kernel read ahead, and the next probe would find that page.
    _advise(descriptor, 0, 0, "POSIX_FADV_RANDOM")
    try:
        return any(_is_page_cached(descriptor, position) for position in range(offset, offset + length, step))
    finally:
        expect_sequential_read(descriptor)


def is_written(descriptor: int) -> bool:
    """Returns whether all cached pages of a file are on storage; false if the kernel does not report it.

    Only then does the next write through a memory map fault, and gives the file a new time: the kernel write-protects
    mapped pages when it writes them (folio_mkclean in mm/rmap.c). Where the kernel does not count pages, this makes it
    write them.
    """
    syscall = _syscall()
    # One part and one result for all calls, because this runs for each file that is cached.
    if syscall is not None and syscall(CACHESTAT_NUMBER, descriptor, _WHOLE_AT, _RESULT_AT, 0) == 0:
        return not (_RESULT.dirty or _RESULT.writeback)
    sync = _sync_file_range()
    return sync is not None and sync(descriptor, 0, 0, _SYNC_AND_WAIT) == 0


def read_if_cached(descriptor: int, buffer: memoryview) -> int | None:
    """Reads the cached bytes at the descriptor's position into a buffer. Returns their number.

    Returns ``None`` and reads nothing if the next byte is not cached. Such a call makes the kernel start reading the
    page (filemap_get_pages in mm/filemap.c). If that read ends before the call does, the page counts as cached.

    Raises:
        OSError: as preadv2(2); EOPNOTSUPP if the filesystem does not support the flag.
    """
    if NOWAIT is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    try:
        return os.preadv(descriptor, (buffer,), -1, NOWAIT)  # -1: the descriptor's position
    except BlockingIOError:
        return None


def drop_pages(descriptor: int, offset: int, length: int) -> None:
    """Advises the kernel to drop the cached pages of a part of a file; a length of 0 means to its end.

    Pages that are mapped or dirty stay. It is not an error if the kernel ignores the advice.
    """
    _advise(descriptor, offset, length, "POSIX_FADV_DONTNEED")


def expect_sequential_read(descriptor: int) -> None:
    """Advises the kernel to read further ahead."""
    _advise(descriptor, 0, 0, "POSIX_FADV_SEQUENTIAL")


def _advise(descriptor: int, offset: int, length: int, advice: str) -> None:
    if HAS_FADVISE:
        try:
            os.posix_fadvise(descriptor, offset, length, getattr(os, advice))
        except OSError:
            return


def _count(descriptor: int, offset: int, length: int) -> int | None:
    """Returns the number of cached pages of a part of a file; ``None`` if the kernel cannot count them."""
    counts = _counts(descriptor, offset, length)
    return None if counts is None else int(counts.cached)


def _counts(descriptor: int, offset: int, length: int) -> _Counts | None:
    syscall = _syscall()
    if syscall is None:
        return None
    part, counts = _Range(offset, length), _Counts()
    result = syscall(CACHESTAT_NUMBER, descriptor, ctypes.byref(part), ctypes.byref(counts), 0)
    return counts if result == 0 else None


@functools.cache
def _sync_file_range() -> Callable[..., int] | None:
    return _typed("sync_file_range", ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


@functools.cache
def _syscall() -> Callable[..., int] | None:
    return _typed("syscall", ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)


def _typed(name: str, *types: type) -> Callable[..., int] | None:
    """Returns a function of Linux with the types of its arguments; ``None`` elsewhere."""
    function = c_function(name) if platform.system() == "Linux" else None
    if function is None:
        return None
    function.argtypes = types
    return cast("Callable[..., int]", function)


def _is_page_cached(descriptor: int, position: int) -> bool:
    if NOWAIT is None:
        return True
    try:
        return os.preadv(descriptor, (bytearray(1),), position, NOWAIT) > 0
    except BlockingIOError:
        return False
    except OSError:
        return True
