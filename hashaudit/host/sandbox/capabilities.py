"""Drops the capabilities that reading files does not need.

Source: capabilities(7), capget(2), linux/capability.h.
"""

import ctypes
import struct

from hashaudit.host.c_library import c_function

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
    capset = c_function("capset")
    if held is None or capset is None:
        return False
    kept = held[1] & KEPT
    return bool(capset(_HEADER, _SETS.pack(held[0] & kept, kept, 0, 0, 0, 0)) == 0)


def _get() -> tuple[int, ...] | None:
    capget = c_function("capget")
    sets = ctypes.create_string_buffer(_SETS.size)
    if capget is None or capget(_HEADER, sets) != 0:
        return None
    return _SETS.unpack(sets.raw)
