"""A folder that is being walked: by its descriptor, or by its path where the system has no such thing.

A descriptor stays with the folder whatever its path comes to mean, and makes paths of any length reachable.
"""

import errno
import os
from collections.abc import Iterator
from typing import Protocol, Self

from hashaudit.host import files
from hashaudit.model.location import join_path
from hashaudit.sources.sort_names import FOLDER, OTHER


class Folder(Protocol):
    """An open folder. Every method but ``close`` raises OSError as the system does."""

    def items(self, *, follow: bool) -> Iterator[bytes]:
        """Yields each name, unsorted, behind FOLDER or OTHER; ``follow``: a link to a folder counts as one."""
        ...

    def status(self) -> os.stat_result:
        """Of the folder itself."""
        ...

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Of a name in it, or of what the name links to."""
        ...

    def enter(self, name: bytes, *, follow: bool) -> "Folder":
        """Opens a folder in it; without ``follow`` never through a link."""
        ...

    def above(self) -> "Folder":
        """Opens the folder above."""
        ...

    def close(self) -> None:
        """Frees it; may be called again."""
        ...


def open_folder(path: bytes) -> Folder:
    """Opens a folder by its absolute path, links followed.

    Raises:
        OSError: as the system does.
    """
    if files.HAS_DIR_FD:
        return DescriptorFolder(files.open_directory(path, files.LIST_FLAGS))
    return PathFolder(path)


def open_for_lookup(path: bytes) -> Folder:
    """Opens a folder only to look at names in it, which needs no permission to list it.

    Raises:
        OSError: as the system does.
    """
    if files.HAS_DIR_FD:
        return DescriptorFolder(files.open_directory(path, files.HANDLE_FLAGS))
    return PathFolder(path)


class DescriptorFolder:
    """By descriptor, which it owns."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def items(self, *, follow: bool) -> Iterator[bytes]:
        """Yields the names, each behind what it is."""
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                yield _item(entry, os.fsencode(entry.name), follow=follow)

    def status(self) -> os.stat_result:
        """Of the folder itself."""
        return os.fstat(self._descriptor)

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Of a name in it, or of what it links to."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=follow)

    def enter(self, name: bytes, *, follow: bool) -> Self:
        """Opens a folder in it."""
        flags = files.LIST_FLAGS if follow else files.LIST_FLAGS | files.NOFOLLOW
        return type(self)(files.open_noatime(name, flags, self._descriptor))

    def above(self) -> Self:
        """Opens the folder above."""
        return type(self)(os.open(b"..", files.LIST_FLAGS, dir_fd=self._descriptor))

    def close(self) -> None:
        """Frees the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class PathFolder:
    """By path, which may come to mean another folder; the walk's check of device and inode has to notice."""

    __slots__ = ("_path",)

    def __init__(self, path: bytes) -> None:
        self._path = path

    def items(self, *, follow: bool) -> Iterator[bytes]:
        """Yields the names, each behind what it is."""
        with os.scandir(self._path) as entries:
            for entry in entries:
                yield _item(entry, entry.name, follow=follow)

    def status(self) -> os.stat_result:
        """Of the folder itself."""
        return os.stat(self._path)

    def stat(self, name: bytes, *, follow: bool = False) -> os.stat_result:
        """Of a name in it, or of what it links to."""
        return os.stat(join_path(self._path, name), follow_symlinks=follow)

    def enter(self, name: bytes, *, follow: bool) -> Self:
        """Opens a folder in it."""
        if not follow and files.is_link(self.stat(name)):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return type(self)(join_path(self._path, name))

    def above(self) -> Self:
        """Opens the folder above."""
        return type(self)(os.path.dirname(self._path))

    def close(self) -> None:
        """Holds nothing."""


def _item(entry: os.DirEntry[str] | os.DirEntry[bytes], name: bytes, *, follow: bool) -> bytes:
    try:
        is_folder = entry.is_dir(follow_symlinks=follow)
    except OSError:  # its own examination will say what is wrong with it
        is_folder = False
    return (FOLDER if is_folder else OTHER) + name
