"""Open flags, directory descriptors and holes: what the system offers for reading files safely."""

import errno
import os
import stat

from hashaudit.model.entry import Stat

READ_FLAGS: int = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO that took a file's place does not block
    | getattr(os, "O_NOCTTY", 0)  # nor does a terminal become ours
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)  # Windows changes line ends and stops at 0x1a without it
)
"""Opens a file for reading without any effect beyond the read, whatever it has been replaced by."""

NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""Refuses a symbolic link as the last component. Without it (Windows) the check of device and inode has to do."""

NOATIME: int = getattr(os, "O_NOATIME", 0)
"""Leaves the access time as evidence has it. Only the owner or root may; others get EPERM."""

NOATIME_REFUSALS = frozenset({errno.EPERM, errno.EINVAL})
"""Not the owner; a filesystem that does not know the flag."""

LIST_FLAGS: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Opens a folder for listing."""

HANDLE_FLAGS: int = LIST_FLAGS | getattr(os, "O_PATH", 0)
"""Opens a folder only to open what is in it: with O_PATH that needs search permission and not read permission."""

HAS_DIR_FD: bool = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.scandir in os.supports_fd
"""Files can be opened relative to an open folder. Without it a path is at most what the system takes in one call."""

SEEK_DATA: int | None = getattr(os, "SEEK_DATA", None)
SEEK_HOLE: int | None = getattr(os, "SEEK_HOLE", None)
"""Find the holes of a sparse file (lseek(2)); ``None``: a hole is read like any other part."""

HAS_READV: bool = hasattr(os, "readv")
"""Reads go into a buffer that is used again, without making an object of each."""

PATH_MAX_BYTES = 4096
"""The longest path that Linux takes in one call, its final NUL included (limits.h)."""

BLOCK_BYTES = 512
"""The unit of ``st_blocks`` (stat(2)), whatever the filesystem's own."""

_JUNCTION_TAG: int = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def open_directory(path: bytes, flags: int = HANDLE_FLAGS) -> int:
    """Opens a folder by its absolute path, however long, and gives its descriptor.

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
    """Opens without a trace in the access time where this process may, else with one; gives the descriptor.

    Raises:
        OSError: as open(2).
    """
    try:
        return os.open(path, flags | NOATIME, dir_fd=dir_fd)
    except OSError as error:
        if not NOATIME or error.errno not in NOATIME_REFUSALS:
            raise
        return os.open(path, flags, dir_fd=dir_fd)


def is_link(status: os.stat_result) -> bool:
    """Whether ``lstat`` saw a link: a symbolic one, or a junction of NTFS, which may as well lead in a circle."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION_TAG


def may_have_holes(status: os.stat_result) -> bool:
    """Whether fewer blocks are allocated than the size needs, as far as the system tells."""
    blocks: int | None = getattr(status, "st_blocks", None)
    return blocks is not None and blocks * BLOCK_BYTES < status.st_size


def next_data(descriptor: int, position: int, size: int) -> int:
    """Where data begins at or behind a position before the end of a file; ``size`` where there is none before that.

    Raises:
        OSError: the system cannot tell.
    """
    return _next(descriptor, position, SEEK_DATA, size)


def next_hole(descriptor: int, position: int, size: int) -> int:
    """Where a hole begins at or behind a position before the end of a file; ``size`` where there is none before that.

    Raises:
        OSError: the system cannot tell.
    """
    return _next(descriptor, position, SEEK_HOLE, size)


def _next(descriptor: int, position: int, whence: int | None, size: int) -> int:
    if whence is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    try:
        return min(os.lseek(descriptor, position, whence), size)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole, or the file ends before position by now
            return size
        raise


def read_into(descriptor: int, buffer: memoryview) -> int:
    """Reads into a buffer as far as it goes; gives the number of bytes, 0 at the end of the file.

    Raises:
        OSError: as read(2).
    """
    if HAS_READV:
        return os.readv(descriptor, (buffer,))
    data = os.read(descriptor, len(buffer))
    buffer[: len(data)] = data
    return len(data)


def stat_of(status: os.stat_result) -> Stat:
    """The fields that identify a state of a file."""
    return Stat(
        status.st_mode,
        status.st_dev,
        status.st_ino,
        status.st_nlink,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
