"""Directories and files of one user: created for that user alone, and a check that nobody else can replace them.

Windows has no owners and modes in this sense, and its access lists are not examined.
"""

import os
import stat
from contextlib import suppress

HAS_OWNERS: bool = hasattr(os, "geteuid")
"""The system has owners and modes of files. Windows does not."""

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_OTHERS_WRITE = 0o022
_ROOT = 0


def make_private_directories(path: str) -> None:
    """Creates a directory and those above it that are missing, each with mode 0700 under any umask.

    ``os.makedirs`` gives its mode to the last directory only.

    Raises:
        OSError: one of them cannot be created.
    """
    missing = []
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        missing.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    for directory in reversed(missing):
        try:
            os.mkdir(directory, _DIRECTORY_MODE)
        except FileExistsError:
            # Another process was faster, or it is not a directory.
            if not os.path.isdir(directory):
                raise
            continue
        if stat.S_IMODE(os.stat(directory).st_mode) != _DIRECTORY_MODE:  # the umask takes even the owner's rights
            os.chmod(directory, _DIRECTORY_MODE)


def append_private(path: str, content: bytes) -> None:
    """Appends to a regular file in one write, or creates it with mode 0600 under any umask.

    Raises:
        OSError: it cannot be written, or it is not a regular file.
    """
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        set_mode(descriptor, _FILE_MODE)
    except FileExistsError:
        descriptor = os.open(path, flags)
    with open(descriptor, "wb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        stream.write(content)


def set_mode(descriptor: int, mode: int) -> None:
    """Sets the mode of a file that this process has just created, under any umask. Does nothing without modes."""
    if hasattr(os, "fchmod") and stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        with suppress(PermissionError):  # a filesystem without modes, such as FAT
            os.fchmod(descriptor, mode)


def other_writer(path: str) -> str | None:
    """Returns the first of a file and its directories that another user could replace or write; ``None`` for none.

    Both the path as it is written and the path without links count, from the file up to the user's home directory, or
    to the root of the tree when it is elsewhere. Each must belong to this user or to root. Nobody else may have the
    right to write it, except a directory with the sticky bit, such as ``/tmp``: others cannot rename what this user has
    in it. Source: OpenSSH's misc.c, ``safe_path``, which demands the same of ``authorized_keys``.

    Raises:
        OSError: one of them cannot be examined.
    """
    if not HAS_OWNERS:
        return None
    home = os.path.expanduser("~")
    for start, end in (
        (os.path.abspath(path), os.path.abspath(home)),
        (os.path.realpath(path), os.path.realpath(home)),
    ):
        place = start
        while True:
            status = os.lstat(place)
            if status.st_uid not in {_ROOT, os.geteuid()}:
                return place
            is_shared = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
            if status.st_mode & _OTHERS_WRITE and not is_shared and not stat.S_ISLNK(status.st_mode):
                return place
            parent = os.path.dirname(place)
            if place in {end, parent}:
                break
            place = parent
    return None
