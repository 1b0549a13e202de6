"""Access to a directory in the walk, by descriptor, or by path on systems without such descriptors.

A descriptor refers to the same directory even if its path changes, and makes paths of any length reachable.
"""

import errno
import functools
import os
import sys
from array import array
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, Self

from hashaudit.host import files
from hashaudit.model.location import join_path
from hashaudit.sources.sort_names import DIRECTORY, OTHER

_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
"""Codec and error handler of os.fsencode, whose call takes longer than the encoding itself."""


class NameNotes(NamedTuple):
    """Takes note of each name that is listed, and omits known ones."""

    hashes: "array[int]"
    """Receives a keyed hash of each name with its inode number."""
    known: frozenset[int] | None = None
    """Hashes of the names to omit."""
    has_inodes: bool = True
    """False: inode numbers change by themselves, so that names alone count."""


class Directory(Protocol):
    """An open directory. Every method but ``close`` raises the system's OSError."""

    def items(self, *, follow: bool, note: NameNotes | None = None) -> Iterator[bytes]:
        """Yields each name, unsorted, behind DIRECTORY or OTHER; ``follow``: a link to a directory counts as one.

        A name that is known to ``note`` is not yielded.
        """
        ...

    def status(self) -> os.stat_result:
        """Returns the status of the directory itself."""
        ...

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Returns the status of a name in it, or of the name's link target."""
        ...

    @property
    def stat_plain(self) -> Callable[[bytes], os.stat_result]:
        """A function as :meth:`stat`, which never follows a link, and costs less for many names."""
        ...

    def enter(self, name: bytes, *, follow: bool) -> "Directory":
        """Opens a directory in it; without ``follow`` never through a link."""
        ...

    def parent(self) -> "Directory":
        """Opens the parent directory."""
        ...

    def close(self) -> None:
        """Closes the directory; may be called again."""
        ...


def open_directory(path: bytes, opener: Callable[[bytes, int], int] = files.open_directory) -> Directory:
    """Opens a directory by its absolute path, following links.

    Args:
        path: the path.
        opener: opens it by descriptor.

    Raises:
        OSError: as from the system.
    """
    if files.HAS_DIR_FD:
        return DirectoryByDescriptor(opener(path, files.LIST_FLAGS))
    return DirectoryByPath(path)


def open_for_lookup(path: bytes) -> Directory:
    """Opens a directory only to look up names, which needs no permission to list it.

    Raises:
        OSError: as from the system.
    """
    if files.HAS_DIR_FD:
        return DirectoryByDescriptor(files.open_directory(path, files.HANDLE_FLAGS))
    return DirectoryByPath(path)


class DirectoryByDescriptor:
    """A directory by descriptor, which it owns."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def items(self, *, follow: bool, note: NameNotes | None = None) -> Iterator[bytes]:
        """Yields the names, each prefixed with its type."""
        with os.scandir(self._descriptor) as entries:
            yield from _items(entries, note, follow=follow)

    def status(self) -> os.stat_result:
        """Returns the status of the directory itself."""
        return os.fstat(self._descriptor)

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Returns the status of a name in it, or of the name's link target."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=follow)

    @property
    def stat_plain(self) -> Callable[[bytes], os.stat_result]:
        """A function that returns the status of a name in it."""
        return functools.partial(os.stat, dir_fd=self._descriptor, follow_symlinks=False)

    def enter(self, name: bytes, *, follow: bool) -> Self:
        """Opens a directory in it."""
        flags = files.LIST_FLAGS if follow else files.LIST_FLAGS | files.NOFOLLOW
        return type(self)(files.open_noatime(name, flags, self._descriptor))

    def parent(self) -> Self:
        """Opens the parent directory."""
        return type(self)(os.open(b"..", files.LIST_FLAGS, dir_fd=self._descriptor))

    def close(self) -> None:
        """Closes the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DirectoryByPath:
    """A directory by path. The path may change its meaning; the walk detects that by device and inode."""

    __slots__ = ("_path",)

    def __init__(self, path: bytes) -> None:
        self._path = path

    def items(self, *, follow: bool, note: NameNotes | None = None) -> Iterator[bytes]:
        """Yields the names, each prefixed with its type."""
        with os.scandir(self._path) as entries:
            yield from _items(entries, note, follow=follow)

    def status(self) -> os.stat_result:
        """Returns the status of the directory itself."""
        return os.stat(self._path)

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Returns the status of a name in it, or of the name's link target."""
        return os.stat(join_path(self._path, name), follow_symlinks=follow)

    @property
    def stat_plain(self) -> Callable[[bytes], os.stat_result]:
        """A function that returns the status of a name in it."""
        return self.stat

    def enter(self, name: bytes, *, follow: bool) -> Self:
        """Opens a directory in it."""
        if not follow and files.is_link(self.stat(name)):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return type(self)(join_path(self._path, name))

    def parent(self) -> Self:
        """Opens the parent directory."""
        return type(self)(os.path.dirname(self._path))

    def close(self) -> None:
        """Does nothing."""


def _items(entries: Iterator[os.DirEntry[Any]], note: NameNotes | None, *, follow: bool) -> Iterator[bytes]:
    """Yields the items of a listing. One loop without calls of its own, because it runs for every name of a tree."""
    add_hash = None if note is None else note.hashes.append
    known = None if note is None else note.known
    has_inodes = note is not None and note.has_inodes
    for entry in entries:
        name = entry.name
        if isinstance(name, str):
            name = name.encode(_ENCODING, _ERRORS)
        if add_hash is not None:
            hashed = hash((name, entry.inode() if has_inodes else 0))
            add_hash(hashed)
            if known is not None and hashed in known:
                continue
        try:
            is_directory = entry.is_dir(follow_symlinks=follow)
        except OSError:  # examining the entry reports what is wrong with it
            is_directory = False
        yield (DIRECTORY if is_directory else OTHER) + name
