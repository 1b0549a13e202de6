"""Gives up the powers of root that reading files does not need.

Source: capabilities(7), capget(2), linux/capability.h.
"""

import ctypes
import struct
from typing import Any

KEPT = (1 << 2) | (1 << 3)
"""CAP_DAC_READ_SEARCH reads files and folders of others; CAP_FOWNER leaves their access times as they are. Without the
others a kernel treats this process as one of an ordinary user: as root it could read the environment of its parent, for
one, whatever landlock says (CAP_PERFMON)."""

_VERSION_3 = 0x20080522
_HEADER = struct.pack("=Ii", _VERSION_3, 0)
_SETS = struct.Struct("=6I")
"""Effective, permitted and inheritable: the lower 32 capabilities, then the upper ones."""


def available() -> bool:
    """Whether this system has capabilities. Nothing is applied."""
    return _get() is not None


def give_up() -> bool:
    """Leaves this thread at most :data:`KEPT`, for the rest of its life; says whether that is in force."""
    held = _get()
    library = _library()
    if held is None or library is None:
        return False
    kept = held[1] & KEPT
    return bool(library.capset(_HEADER, _SETS.pack(held[0] & kept, kept, 0, 0, 0, 0)) == 0)


def _get() -> tuple[int, ...] | None:
    library = _library()
    sets = ctypes.create_string_buffer(_SETS.size)
    if library is None or library.capget(_HEADER, sets) != 0:
        return None
    return _SETS.unpack(sets.raw)


def _library() -> Any:
    try:
        library = ctypes.CDLL(None)
        _ = library.capget, library.capset
    except (AttributeError, OSError, TypeError):  # no such functions; no C library; Windows takes no None
        return None
    return library
