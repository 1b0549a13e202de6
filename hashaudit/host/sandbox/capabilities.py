"""Drops the capabilities that reading files does not need.

Source: capabilities(7), capget(2), linux/capability.h.
"""

import ctypes
import struct
from typing import Any

KEPT = (1 << 2) | (1 << 3)
"""CAP_DAC_READ_SEARCH reads files and directories of other users; CAP_FOWNER preserves their access times. Without the
other capabilities the kernel treats this process like an ordinary user's. With them, root could for example read its
parent's environment despite landlock (CAP_PERFMON)."""

_VERSION_3 = 0x20080522
_HEADER = struct.pack("=Ii", _VERSION_3, 0)
_SETS = struct.Struct("=6I")
"""Effective, permitted and inheritable: the lower 32 capabilities, then the upper ones."""


def available() -> bool:
    """Returns whether this system has capabilities. Applies nothing."""
    return _get() is not None


def drop() -> bool:
    """Reduces this thread's capabilities to :data:`KEPT` permanently. Returns whether that is active."""
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
    except (AttributeError, OSError, TypeError):  # no such functions; no C library; Windows does not accept None
        return None
    return library
