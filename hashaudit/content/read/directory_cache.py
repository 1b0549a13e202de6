"""Keeps the directories of entries open, so that each path is looked up once and not for every file."""

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Self

from hashaudit.host import files
from hashaudit.host.birth_time import birth_of
from hashaudit.host.long_paths import LongPaths
from hashaudit.model.entry import Stat
from hashaudit.model.location import DirectoryRef, Location

MAX_OPEN_DIRECTORIES = 32
"""Entries arrive directory by directory. A few more directories stay open because batches alternate between them."""


class ReplacedError(Exception):
    """A path does not refer to what the walk listed. The message names the difference, for people."""


class Directory:
    """An open directory, by descriptor or, on a system without directory descriptors, by path."""

    __slots__ = ("_descriptor", "_noatime", "_prefix")

    def __init__(
        self,
        ref: DirectoryRef,
        *,
        inodes_last: bool = True,
        opener: Callable[[bytes], int] = files.open_directory,
    ) -> None:
        """Opens a directory.

        Links in its path are followed, even if they replaced a directory: device and inode show whether it is the
        listed directory.

        Args:
            ref: the directory as listed.
            inodes_last: inode numbers are permanent. FUSE daemons assign new ones after they forget a file.
            opener: opens its path by descriptor.

        Raises:
            OSError: as open(2) and stat(2).
            ReplacedError: the path refers to another directory.
        """
        self._descriptor: int | None = None
        self._noatime = files.NOATIME
        self._prefix = b""
        if files.HAS_DIR_FD:
            self._descriptor = opener(ref.path)
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
            raise ReplacedError("the directory of the file was replaced")

    def open(self, location: Location) -> int:
        """Opens a file for reading. Returns its descriptor.

        Raises:
            OSError: as open(2).
            ReplacedError: a symbolic link replaced the file.
        """
        path = self._prefix + location.name
        flags = files.READ_FLAGS if location.via_symlink else files.READ_FLAGS | files.NOFOLLOW
        try:
            return os.open(path, flags | self._noatime, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP and not location.via_symlink:
                raise ReplacedError("replaced by a symbolic link") from error
            if not self._noatime or error.errno not in files.NOATIME_REFUSALS:
                raise
        descriptor = os.open(path, flags, dir_fd=self._descriptor)
        self._noatime = 0  # files of a directory mostly have one owner, so the next call would fail too
        return descriptor

    @property
    def plain_descriptor(self) -> int | None:
        """The descriptor of this directory, at which files that are not links are opened with the usual flags.

        ``None`` on a system without directory descriptors, and once access times cannot be preserved: :meth:`open`
        then does it.
        """
        return self._descriptor if self._noatime == files.NOATIME else None

    def stat(self, location: Location) -> os.stat_result:
        """Returns the current state of the file at a location.

        Raises:
            OSError: as stat(2).
        """
        return os.stat(self._prefix + location.name, dir_fd=self._descriptor, follow_symlinks=location.via_symlink)

    def birth_ns(self, name: bytes, state: Stat, *, follow: bool = False) -> int | None:
        """Returns when the file in a given state was created, in nanoseconds; ``None`` if that is not known.

        Args:
            name: of the file in this directory.
            state: of the file.
            follow: it is the target of a symbolic link.
        """
        birth = birth_of(self._prefix + name, self._descriptor, follow=follow)
        if birth is None or (birth.device, birth.inode) != (state.device, state.inode):
            return None
        # A new file may have the inode of a deleted one. It was created after the deleted one last changed.
        return birth.birth_ns if birth.birth_ns <= state.ctime_ns else None

    def close(self) -> None:
        """Closes the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        # The cache of a dropped examiner would otherwise leave its directories open.
        with contextlib.suppress(OSError):  # a decoder closed it
            self.close()


class DirectoryCache:
    """Keeps the most recently used directories open. A context manager that closes them when it exits."""

    def __init__(self, max_open: int = MAX_OPEN_DIRECTORIES) -> None:
        self._max_open = max_open
        self._open: OrderedDict[DirectoryRef, Directory] = OrderedDict()
        self._last_ref: DirectoryRef | None = None
        self._last: Directory | None = None
        self._paths = LongPaths()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def get(self, ref: DirectoryRef, *, inodes_last: bool = True) -> Directory:
        """Returns the open directory.

        Args:
            ref: the directory as listed.
            inodes_last: see :class:`Directory`.

        Raises:
            OSError: as open(2) and stat(2).
            ReplacedError: the path refers to another directory.
        """
        if self._last is not None and ref is self._last_ref:
            return self._last
        found = self._open.get(ref)
        if found is None:
            found = self._opened(ref, inodes_last=inodes_last)
            self._open[ref] = found
            if len(self._open) > self._max_open:
                self._open.popitem(last=False)[1].close()
        else:
            self._open.move_to_end(ref)
        self._last_ref, self._last = ref, found
        return found

    def _opened(self, ref: DirectoryRef, *, inodes_last: bool) -> Directory:
        if not inodes_last:
            return Directory(ref, inodes_last=False)  # a stale descriptor would not be noticed
        may_be_stale = self._paths.has_handles
        try:
            return Directory(ref, opener=self._paths.open)
        except (OSError, ReplacedError):
            self._paths.close()
            if not may_be_stale:
                raise
        return Directory(ref)

    def drop(self, ref: DirectoryRef) -> None:
        """Closes a directory whose descriptor may be stale."""
        self._last_ref = self._last = None
        self._paths.close()
        found = self._open.pop(ref, None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Closes all directories."""
        self._last_ref = self._last = None
        self._paths.close()
        while self._open:
            self._open.popitem()[1].close()
