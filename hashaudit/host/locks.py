"""Locks on open files that the system frees when their process ends, however it ends. Source: flock(2)."""

import enum
import errno
import importlib.util

HAS_FLOCK: bool = importlib.util.find_spec("fcntl") is not None
"""Windows has none."""
if HAS_FLOCK:
    import fcntl

_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})


class Lock(enum.Enum):
    """What came of asking for a lock."""

    TAKEN = enum.auto()
    HELD = enum.auto()
    """By another process."""
    UNSUPPORTED = enum.auto()
    """This filesystem or system has no locks."""


def lock(descriptor: int) -> Lock:
    """Asks for the exclusive lock of an open file, without waiting. It is kept until the descriptor is closed."""
    if not HAS_FLOCK:
        return Lock.UNSUPPORTED
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return Lock.HELD if error.errno in _HELD else Lock.UNSUPPORTED
    return Lock.TAKEN
