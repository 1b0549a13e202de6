"""System calls for reading files safely: open flags, directory descriptors, holes and locks.

Source: open(2), lseek(2), stat(2), flock(2).
"""

import enum
import errno
import os
import stat
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.model.entry import Stat
from hashaudit.model.times import time_ns

_OWN_DESCRIPTOR = lazy_pattern(rb"/dev/stdin|/(?:dev|proc/self)/fd/(\d+)")

HAS_FLOCK = True
"""The system has flock(2). Windows does not."""
try:
    import fcntl
except ImportError:
    HAS_FLOCK = False

READ_FLAGS: int = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO that replaced the file must not block
    | getattr(os, "O_NOCTTY", 0)  # a terminal must not become the controlling terminal of this process
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)  # without it Windows changes line ends and stops at 0x1a
)
"""Flags that open a file for reading with no other effect, even if something else has replaced the file."""

NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""The flag that refuses a symbolic link as the last component. Windows lacks it; there only the check of device and
inode protects."""

NOATIME: int = getattr(os, "O_NOATIME", 0)
"""The flag that preserves the access time, which is evidence. Only the owner and root may use it; others get EPERM."""

PLAIN_FLAGS = READ_FLAGS | NOFOLLOW | NOATIME
"""Flags for a file that is not a link. Access times stay."""

NOATIME_REFUSALS = frozenset({errno.EPERM, errno.EINVAL})
"""Errors that refuse :data:`NOATIME`: not the owner; a filesystem that does not know the flag."""

LIST_FLAGS: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags that open a directory for listing."""

HANDLE_FLAGS: int = LIST_FLAGS | getattr(os, "O_PATH", 0)
"""Flags that open a directory only to open its entries. With O_PATH that needs search but not read permission."""

HAS_DIR_FD: bool = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.scandir in os.supports_fd
"""Files can be opened relative to an open directory. Without it the system's limit on the length of a path applies."""

SEEK_DATA: int | None = getattr(os, "SEEK_DATA", None)
SEEK_HOLE: int | None = getattr(os, "SEEK_HOLE", None)
"""Find the holes of a sparse file (lseek(2)). ``None``: a hole is read like any other part."""

HAS_READV: bool = hasattr(os, "readv")
"""Reads can fill an existing buffer, without a new object for each read."""

PATH_MAX_BYTES = 4096
"""The longest path that Linux accepts in one call, with its final NUL (limits.h)."""

BLOCK_BYTES = 512
"""The unit of ``st_blocks`` (stat(2)), which does not depend on the filesystem's block size."""

_JUNCTION_TAG: int = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
_LOCKED_ERRORS = frozenset({errno.EWOULDBLOCK, errno.EACCES})


class LockState(enum.Enum):
    """The result of asking for the lock of a file."""

    TAKEN = enum.auto()
    """This process holds the lock."""
    HELD = enum.auto()
    """Another process holds the lock."""
    UNSUPPORTED = enum.auto()
    """This filesystem or system has no locks."""


def lock_file(descriptor: int) -> LockState:
    """Asks for the exclusive lock of an open file, without waiting.

    The lock lasts until the descriptor is closed. The system frees it when the process ends, even if it crashes.
    """
    if not HAS_FLOCK:
        return LockState.UNSUPPORTED
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return LockState.HELD if error.errno in _LOCKED_ERRORS else LockState.UNSUPPORTED
    return LockState.TAKEN


def open_directory(path: bytes, flags: int = HANDLE_FLAGS) -> int:
    """Opens a directory by its absolute path of any length. Returns its descriptor.

    Raises:
        OSError: as open(2).
    """
    if len(path) < PATH_MAX_BYTES or not HAS_DIR_FD:
        return os.open(path, flags)
    descriptor = os.open(b"/", HANDLE_FLAGS)
    rest = path.lstrip(b"/")
    try:
        while len(rest) >= PATH_MAX_BYTES:
            cut = rest.rfind(b"/", 0, PATH_MAX_BYTES)
            if cut <= 0:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            deeper = os.open(rest[:cut], HANDLE_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
            rest = rest[cut + 1 :]
        return os.open(rest, flags, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def open_noatime(path: bytes, flags: int, dir_fd: int | None = None) -> int:
    """Opens a file, preserving its access time where this process may. Returns the descriptor.

    Raises:
        OSError: as open(2).
    """
    try:
        return os.open(path, flags | NOATIME, dir_fd=dir_fd)
    except OSError as error:
        if not NOATIME or error.errno not in NOATIME_REFUSALS:
            raise
        return os.open(path, flags, dir_fd=dir_fd)


def open_regular(path: str | bytes) -> BinaryIO:
    """Opens a regular file for reading, links followed. Anything else in its place is refused and never waited for.

    Another user can put a FIFO in a shared directory under a name that this user is about to read. A pipe that this
    process was started with, such as ``/dev/stdin``, is not such a name and is read.

    Raises:
        OSError: as open(2), or it is not a regular file.
    """
    named = _OWN_DESCRIPTOR.fullmatch(os.fsencode(path))
    if named is not None and stat.S_ISFIFO(os.stat(path).st_mode):
        return open(os.dup(int(named[1] or b"0")), "rb")
    _require_regular(os.stat(path))  # opening a device can have an effect: a tape rewinds
    descriptor = os.open(path, READ_FLAGS)
    try:
        _require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def is_link(status: os.stat_result) -> bool:
    """Returns whether ``lstat`` saw a symbolic link or an NTFS junction. Both can form loops."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION_TAG


def may_have_holes(status: os.stat_result) -> bool:
    """Returns whether fewer blocks are allocated than the size needs. False if the system does not report blocks."""
    blocks: int | None = getattr(status, "st_blocks", None)
    return blocks is not None and blocks * BLOCK_BYTES < status.st_size


def next_data(descriptor: int, position: int, size: int) -> int:
    """Returns the first position of data, not before ``position``. Returns ``size`` if there is no more data.

    Raises:
        OSError: the system does not report holes.
    """
    return _seek_extent(descriptor, position, SEEK_DATA, size)


def next_hole(descriptor: int, position: int, size: int) -> int:
    """Returns the first position of a hole, not before ``position``. Returns ``size`` if there is no more hole.

    Raises:
        OSError: the system does not report holes.
    """
    return _seek_extent(descriptor, position, SEEK_HOLE, size)


def _seek_extent(descriptor: int, position: int, whence: int | None, size: int) -> int:
    if whence is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    try:
        return min(os.lseek(descriptor, position, whence), size)
    except OSError as error:
        if error.errno == errno.ENXIO:  # only a hole is left, or the file now ends before position
            return size
        raise


def read_into(descriptor: int, buffer: memoryview) -> int:
    """Reads into a buffer, up to its length. Returns the number of bytes read; 0 at the end of the file.

    Raises:
        OSError: as read(2).
    """
    if HAS_READV:
        return os.readv(descriptor, (buffer,))
    data = os.read(descriptor, len(buffer))
    buffer[: len(data)] = data
    return len(data)


def stat_of(status: os.stat_result) -> Stat:
    """Returns the fields that identify a state of a file."""
    return Stat(
        status.st_mode,
        status.st_dev,
        status.st_ino,
        status.st_nlink,
        status.st_size,
        time_ns(status.st_mtime_ns),
        time_ns(status.st_ctime_ns),
        status.st_uid,
        status.st_gid,
    )
