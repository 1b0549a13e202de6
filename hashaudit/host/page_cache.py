"""Which parts of a file the kernel holds in memory, and letting go of them.

Source: cachestat(2), which exists from Linux 6.5 on; preadv2(2) with RWF_NOWAIT, from 4.14 on; posix_fadvise(2).
"""

import ctypes
import errno
import functools
import os
import platform
from collections.abc import Callable

CAN_FORGET: bool = hasattr(os, "posix_fadvise")
"""Without it (macOS, Windows) the system's own judgement has to do."""

CACHESTAT_NUMBER = 451
"""Of the system call, the same on every machine (the kernel's syscall tables)."""

PROBES = 16
"""Places at which a part of a file is looked at where the kernel cannot count."""

NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None) if hasattr(os, "preadv") else None
"""Reads what is in memory and nothing else."""


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Counts(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


def is_cached(descriptor: int, offset: int, length: int) -> bool:
    """Whether any of a part of a file is in memory. Where the kernel does not tell, it counts as if it were.

    The file is one that is read from its start to its end: the kernel is told to expect that.
    """
    counted = _count(descriptor, offset, length)
    if counted is not None:
        return counted > 0
    step = max(1, length // PROBES)
    # A probe may make the kernel read ahead, to where the next one would find what it looks for.
    _advise(descriptor, 0, 0, "POSIX_FADV_RANDOM")
    try:
        return any(_is_at_hand(descriptor, position) for position in range(offset, offset + length, step))
    finally:
        expect_sequential_read(descriptor)


def read_if_cached(descriptor: int, buffer: memoryview) -> int | None:
    """Reads on into a buffer what of it is in memory; ``None``, and nothing is read, where the next byte is not.

    Raises:
        OSError: as preadv2(2); EOPNOTSUPP where the filesystem cannot tell.
    """
    if NOWAIT is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    try:
        return os.preadv(descriptor, (buffer,), -1, NOWAIT)  # -1: at the descriptor's own position
    except BlockingIOError:
        return None


def drop_pages(descriptor: int, offset: int, length: int) -> None:
    """Lets the kernel drop a part of a file that was read; 0 bytes: to its end. What others map or have written stays.

    That is a hint, and no error if it is not taken.
    """
    _advise(descriptor, offset, length, "POSIX_FADV_DONTNEED")


def expect_sequential_read(descriptor: int) -> None:
    """Lets the kernel read further ahead."""
    _advise(descriptor, 0, 0, "POSIX_FADV_SEQUENTIAL")


def _advise(descriptor: int, offset: int, length: int, advice: str) -> None:
    if CAN_FORGET:
        try:
            os.posix_fadvise(descriptor, offset, length, getattr(os, advice))
        except OSError:
            return


def _count(descriptor: int, offset: int, length: int) -> int | None:
    """Pages of a part of a file that are in memory; ``None`` where the kernel cannot count them."""
    syscall = _syscall()
    if syscall is None:
        return None
    asked, counts = _Range(offset, length), _Counts()
    done = syscall(CACHESTAT_NUMBER, descriptor, ctypes.byref(asked), ctypes.byref(counts), 0)
    return int(counts.cached) if done == 0 else None


@functools.cache
def _syscall() -> Callable[..., int] | None:
    if platform.system() != "Linux":
        return None
    try:
        syscall = ctypes.CDLL(None).syscall
    except (AttributeError, OSError, TypeError):  # no such function; no C library; Windows takes no None
        return None
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)
    return syscall


def _is_at_hand(descriptor: int, position: int) -> bool:
    if NOWAIT is None:
        return True
    try:
        return os.preadv(descriptor, (bytearray(1),), position, NOWAIT) > 0
    except BlockingIOError:
        return False
    except OSError:
        return True
