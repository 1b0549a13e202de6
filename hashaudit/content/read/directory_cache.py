"""The folders that entries are opened in, held open: each is looked up by its path once and not for every file."""

import errno
import os
from collections import OrderedDict
from typing import Self

from hashaudit.host import files
from hashaudit.model.location import DirectoryRef, Location

HELD_FOLDERS = 32
"""Entries come folder by folder; a few more are held for trees that are walked to and fro."""


class ReplacedError(Exception):
    """What is found at a path is not what the walk saw there. The message says what, for people."""


class Directory:
    """A folder to open and look up names in, by descriptor or, where the system has no such thing, by path."""

    __slots__ = ("_descriptor", "_prefix", "_quietly")

    def __init__(self, ref: DirectoryRef, *, inodes_last: bool = True) -> None:
        """Opens it.

        Args:
            ref: as the walk saw it.
            inodes_last: an inode stays a folder's own; FUSE daemons make new ones up as they forget.

        Links on the way to it are followed, whether by request or because they replaced a folder: device and inode say
        in any case whether it is the folder that the walk saw.

        Raises:
            OSError: as the system does.
            ReplacedError: it is another folder.
        """
        self._quietly = files.NOATIME
        self._prefix = b""
        self._descriptor: int | None = None
        if files.HAS_DIR_FD:
            self._descriptor = files.open_directory(ref.path)
        else:
            self._prefix = ref.path.rstrip(b"/") + b"/"
        try:
            self._check(ref, inodes_last=inodes_last)
        except BaseException:
            self.close()
            raise

    def _check(self, ref: DirectoryRef, *, inodes_last: bool) -> None:
        status = os.stat(ref.path) if self._descriptor is None else os.fstat(self._descriptor)
        if status.st_dev != ref.device or (inodes_last and status.st_ino != ref.inode):
            raise ReplacedError("the folder that held the file was replaced")

    def open(self, location: Location) -> int:
        """Opens a file for reading; gives its descriptor.

        Raises:
            OSError: as the system does.
            ReplacedError: a link stands where the walk saw none.
        """
        path = self._prefix + location.name
        flags = files.READ_FLAGS if location.via_symlink else files.READ_FLAGS | files.NOFOLLOW
        try:
            return os.open(path, flags | self._quietly, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP and not location.via_symlink:
                raise ReplacedError("a link took the file's place") from error
            if not self._quietly or error.errno not in files.NOATIME_REFUSALS:
                raise
        descriptor = os.open(path, flags, dir_fd=self._descriptor)
        self._quietly = 0  # files of a folder mostly have one owner: the next would be refused too
        return descriptor

    def stat(self, location: Location) -> os.stat_result:
        """Returns the state of what is at the location now.

        Raises:
            OSError: as the system does.
        """
        return os.stat(self._prefix + location.name, dir_fd=self._descriptor, follow_symlinks=location.via_symlink)

    def close(self) -> None:
        """Frees the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class DirectoryCache:
    """Keeps the folders used last. Close it, or use it as a context, to free their descriptors."""

    def __init__(self, held: int = HELD_FOLDERS) -> None:
        self._may_hold = held
        self._held: OrderedDict[DirectoryRef, Directory] = OrderedDict()
        self._last_ref: DirectoryRef | None = None
        self._last: Directory | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def get(self, ref: DirectoryRef, *, inodes_last: bool = True) -> Directory:
        """The folder, open.

        Args:
            ref: as the walk saw it.
            inodes_last: as of :class:`Directory`.

        Raises:
            OSError: as the system does.
            ReplacedError: another folder is at its path.
        """
        if self._last is not None and ref is self._last_ref:
            return self._last
        found = self._held.get(ref)
        if found is None:
            found = Directory(ref, inodes_last=inodes_last)
            self._held[ref] = found
            if len(self._held) > self._may_hold:
                self._held.popitem(last=False)[1].close()
        else:
            self._held.move_to_end(ref)
        self._last_ref, self._last = ref, found
        return found

    def drop(self, ref: DirectoryRef) -> None:
        """Forgets a folder, whose descriptor may have gone stale."""
        self._last_ref = self._last = None
        found = self._held.pop(ref, None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Frees all descriptors."""
        self._last_ref = self._last = None
        while self._held:
            self._held.popitem()[1].close()
