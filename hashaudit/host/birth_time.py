"""Creation times of files, by statx(2): Python's ``os.stat`` does not return them on Linux.

Source: statx(2) and struct statx of the kernel's include/uapi/linux/stat.h. The call needs Linux 4.11 and glibc 2.28.
"""

import ctypes
import os
import struct
import sys
from typing import Any

import msgspec

from hashaudit.host.c_library import c_function

_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_NO_AUTOMOUNT = 0x800
_AT_STATX_DONT_SYNC = 0x4000
"""The state that is known here, without asking a file server: a creation time does not change."""
_STATX_INO = 0x100
_STATX_BTIME = 0x800

_STATX_BYTES = 256
_INODE = struct.Struct("=32xQ")
_BIRTH = struct.Struct("=80xqI")
_DEVICE = struct.Struct("=136xII")
_MASK = struct.Struct("=I")
_NS_PER_S = 1_000_000_000


class Birth(msgspec.Struct, frozen=True):
    """The creation time of a file, and which file it is."""

    device: int
    inode: int
    birth_ns: int
    """Nanoseconds since the epoch."""


def _load() -> Any:
    """Returns the C library's function, or ``None``. Loaded at import, because a sandbox may forbid it later."""
    if sys.platform != "linux":
        return None
    function = c_function("statx", use_errno=True)
    if function is None:
        return None
    function.restype = ctypes.c_int
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
    return function


_statx = _load()


def birth_of(path: bytes, dir_fd: int | None = None, *, follow: bool = False) -> Birth | None:
    """Returns the creation time of a file; ``None`` if the system, the filesystem or the call does not give it.

    Args:
        path: of the file; relative to ``dir_fd`` if that is given.
        dir_fd: descriptor of a directory.
        follow: the target of a symbolic link, not the link.
    """
    if _statx is None:
        return None
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    flags = _AT_NO_AUTOMOUNT | _AT_STATX_DONT_SYNC | (0 if follow else _AT_SYMLINK_NOFOLLOW)
    if _statx(_AT_FDCWD if dir_fd is None else dir_fd, path, flags, _STATX_INO | _STATX_BTIME, buffer):
        return None
    raw = buffer.raw
    (mask,) = _MASK.unpack_from(raw)
    if not mask & _STATX_BTIME or not mask & _STATX_INO:
        return None
    seconds, nanoseconds = _BIRTH.unpack_from(raw)
    (inode,) = _INODE.unpack_from(raw)
    return Birth(os.makedev(*_DEVICE.unpack_from(raw)), inode, seconds * _NS_PER_S + nanoseconds)
