"""Creates the files of a cache for this user alone, and refuses those that others could have written.

A damaged cache is moved to a backup file.
"""

import os
import stat
from contextlib import suppress

from hashaudit.errors import CacheError
from hashaudit.model.paths import for_terminal

SIDE_SUFFIXES = (b"-wal", b"-shm")
"""Files that SQLite keeps beside a database in WAL mode. Source: sqlite.org/walformat.html, section 1."""

_MODE = 0o600
_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_MAX_BACKUPS = 1000

HAS_OWNERS: bool = hasattr(os, "geteuid")
"""Windows has no owners and modes in this sense; its access lists are not checked."""


def check(path: bytes) -> bool:
    """Returns whether there is a cache at ``path``, and refuses one that others could have written.

    Anyone who can write to a cache can make any file look clean, and SQLite applies the files that it finds beside it,
    so the directory counts as well.

    Raises:
        CacheError: others can write to it, its directory or the files beside it, or read it; or it is not a
            regular file.
    """
    _check_directory(os.path.dirname(path) or b".")
    for suffix in SIDE_SUFFIXES:
        _check_file(path + suffix)
    return _check_file(path)


def make(path: bytes) -> None:
    """Creates an empty file that only this user can read and write.

    Raises:
        OSError: it cannot be created.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, _NEW_FILE, _MODE))


def move_to_backup(path: bytes) -> bytes:
    """Moves a damaged cache and SQLite's files beside it to a backup name, and returns that name.

    Raises:
        OSError: it cannot be renamed.
    """
    for number in range(1, _MAX_BACKUPS):
        backup = path + (b".damaged" if number == 1 else b".damaged-%d" % number)
        if os.path.lexists(backup):
            continue
        # The log first: SQLite would apply one that is left behind to the next database of this name.
        for suffix in SIDE_SUFFIXES:
            with suppress(FileNotFoundError):
                os.rename(path + suffix, backup + suffix)
        os.rename(path, backup)
        return backup
    raise FileExistsError(f"there are already {_MAX_BACKUPS} backups of damaged caches beside '{for_terminal(path)}'")


def identity(path: bytes) -> tuple[int, int] | None:
    """Returns device and inode of the file at ``path``, or ``None``."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def paths(path: bytes) -> tuple[bytes, ...]:
    """Returns the paths of all files that a cache can have."""
    return (path, *(path + suffix for suffix in SIDE_SUFFIXES))


def identities(path: bytes) -> frozenset[tuple[int, int]]:
    """Returns device and inode of each existing file of a cache."""
    found = map(identity, paths(path))
    return frozenset(one for one in found if one is not None)


def _check_directory(directory: bytes) -> None:
    try:
        status = os.stat(directory)
    except OSError as error:
        raise CacheError(
            f"cannot use the directory of the cache: '{for_terminal(directory)}'; {error.strerror}"
        ) from error
    if HAS_OWNERS and (status.st_uid not in {0, os.geteuid()} or status.st_mode & _OTHERS_WRITE):
        raise CacheError(
            f"untrusted directory of the cache: '{for_terminal(directory)}'; others can write to it",
            hint="keep the cache in a directory that only you can write to",
        )


def _check_file(path: bytes) -> bool:
    shown = for_terminal(path)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CacheError(f"cannot access the cache: '{shown}'; {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise CacheError(f"the cache is not a regular file: '{shown}'")
    if HAS_OWNERS:
        if status.st_uid != os.geteuid():
            raise CacheError(f"the cache belongs to another user: '{shown}'", hint="use a cache of your own")
        if status.st_mode & _OTHERS:
            raise CacheError(
                f"untrusted cache: '{shown}'; others can read or write it", hint="remove it and start a new one"
            )
    return True
