"""The files of a cache: made for this user alone, refused where others could have written, set aside when damaged."""

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
_MAX_SET_ASIDE = 1000

HAS_OWNERS: bool = hasattr(os, "geteuid")
"""Windows has neither owners nor modes in this sense; its access lists are not looked at."""


def check(path: bytes) -> bool:
    """Says if there is a cache at ``path``, and refuses one that others could have filled.

    Whoever can write to a cache can make any file look clean, and SQLite takes over what it finds in the files beside
    it; so the folder counts as well.

    Raises:
        CacheError: others can write to it, its folder or the files beside it, or read it; or it is no regular file.
    """
    _check_folder(os.path.dirname(path) or b".")
    for suffix in SIDE_SUFFIXES:
        _check_file(path + suffix)
    return _check_file(path)


def make(path: bytes) -> None:
    """Makes an empty file that only this user can read and write.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, _NEW_FILE, _MODE))


def set_aside(path: bytes) -> bytes:
    """Renames a damaged cache, with what SQLite keeps beside it, and says to what.

    Raises:
        OSError: it cannot be renamed.
    """
    for number in range(1, _MAX_SET_ASIDE):
        aside = path + (b".damaged" if number == 1 else b".damaged-%d" % number)
        if os.path.lexists(aside):
            continue
        # The log first: SQLite would apply one that is left behind to the next database of this name.
        for suffix in SIDE_SUFFIXES:
            with suppress(FileNotFoundError):
                os.rename(path + suffix, aside + suffix)
        os.rename(path, aside)
        return aside
    raise FileExistsError(f"{_MAX_SET_ASIDE} damaged caches lie beside {for_terminal(path)} already")


def identity(path: bytes) -> tuple[int, int] | None:
    """Device and inode of what is at ``path``, if anything is."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def identities(path: bytes) -> frozenset[tuple[int, int]]:
    """Device and inode of each file of a cache that is there."""
    found = map(identity, (path, *(path + suffix for suffix in SIDE_SUFFIXES)))
    return frozenset(one for one in found if one is not None)


def _check_folder(folder: bytes) -> None:
    try:
        status = os.stat(folder)
    except OSError as error:
        raise CacheError(f"the cache's folder {for_terminal(folder)} cannot be used: {error.strerror}") from error
    if HAS_OWNERS and (status.st_uid not in {0, os.geteuid()} or status.st_mode & _OTHERS_WRITE):
        raise CacheError(
            f"others can write to the folder {for_terminal(folder)}, so what a cache in it says cannot be trusted: "
            f"keep the cache in a folder that only you can write to"
        )


def _check_file(path: bytes) -> bool:
    shown = for_terminal(path)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CacheError(f"the cache {shown} cannot be examined: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise CacheError(f"the cache {shown} is no regular file")
    if HAS_OWNERS:
        if status.st_uid != os.geteuid():
            raise CacheError(f"the cache {shown} belongs to another user: use one of your own")
        if status.st_mode & _OTHERS:
            raise CacheError(
                f"others can read or write the cache {shown}, so it cannot be trusted: remove it and begin a new one"
            )
    return True
