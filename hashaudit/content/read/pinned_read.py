"""Opens a file in exactly one state, so that several workers can read parts of it."""

import os
import stat

import msgspec

from hashaudit.content.read.directory_cache import DirectoryCache, ReplacedError
from hashaudit.content.read.stable_read import is_listed_file, settled
from hashaudit.host.files import stat_of
from hashaudit.model.container_parts import pin_of
from hashaudit.model.entry import Consistency, Entry


class PinnedFile(msgspec.Struct, frozen=True):
    """An open file, and the state that it was in."""

    descriptor: int
    size: int
    pin: str


def open_pinned(entry: Entry, directories: DirectoryCache) -> PinnedFile | None:
    """Opens an entry; ``None``: it cannot be read, is another file than listed, or was changed just now."""
    is_local = entry.consistency is Consistency.STABLE
    try:
        directory = directories.get(entry.location.directory, inodes_last=is_local)
        descriptor = directory.open(entry.location)
    except (OSError, ReplacedError):
        return None
    try:
        status, is_certain = settled(descriptor, entry)
        is_file = stat.S_ISREG(status.st_mode) and is_listed_file(status, entry.stat, inodes_last=is_local)
    except OSError:
        os.close(descriptor)
        return None
    if not is_file or not is_certain:
        os.close(descriptor)
        return None
    return PinnedFile(descriptor, status.st_size, pin_of(stat_of(status), inodes_last=is_local))


def is_unchanged(entry: Entry, directories: DirectoryCache, file: PinnedFile) -> bool:
    """Returns whether an open file, and its path, are still in the state that it was opened in."""
    is_local = entry.consistency is Consistency.STABLE
    try:
        at_path = directories.get(entry.location.directory, inodes_last=is_local).stat(entry.location)
        states = (os.fstat(file.descriptor), at_path)
    except (OSError, ReplacedError):
        return False
    return all(pin_of(stat_of(status), inodes_last=is_local) == file.pin for status in states)
