"""The folders from a root down to the one being walked.

Only the innermost few are held open. One further up is opened again from the one below it when the walk comes back, and
is used only if device and inode say that it is still the same. Paths are put together when they are needed, because a
tree that is a thousand levels deep has paths of hundreds of kilobytes.
"""

from collections.abc import Callable, Iterator

import msgspec

from hashaudit.model.entry import Consistency
from hashaudit.model.faults import Fault
from hashaudit.model.location import DirectoryRef, join_path
from hashaudit.sources.directory import Folder, open_folder

MAX_OPEN_FOLDERS = 48
"""Descriptors held by a walk: deeper than nearly all trees, and a small part of the usual limit of 1024 open files."""


class Frame(msgspec.Struct, kw_only=True, eq=False):
    """One folder of the trail."""

    name: bytes
    folder: Folder | None
    """``None`` while it is not held open."""
    device: int
    inode: int
    items: Iterator[bytes]
    """What is still to be visited, as :mod:`hashaudit.sources.sort_names` gives it."""
    consistency: Consistency
    other_roots: frozenset[bytes] = frozenset()
    """Names of files in it that are roots of their own."""
    fault: Fault | None = None
    """Why not all of its names are known."""
    ref: DirectoryRef | None = None
    """Kept only while it is the innermost."""
    at: bytes = b""
    """The item being visited; empty before the first."""

    def release(self) -> None:
        """Closes the folder."""
        if self.folder is not None:
            self.folder.close()
            self.folder = None


class DirectoryStack:
    """A stack of levels."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._levels: list[Frame] = []

    def __bool__(self) -> bool:
        return bool(self._levels)

    @property
    def innermost(self) -> Frame:
        """The folder being walked."""
        return self._levels[-1]

    def items(self) -> tuple[bytes, ...]:
        """The item being visited in each folder, from the root's down: compares as the walk goes."""
        return tuple(level.at for level in self._levels)

    def push(self, level: Frame) -> None:
        """Goes down into a folder."""
        if self._levels:
            self._levels[-1].ref = None
        self._levels.append(level)
        if len(self._levels) > MAX_OPEN_FOLDERS:
            self._levels[-1 - MAX_OPEN_FOLDERS].release()

    def pop(self) -> None:
        """Goes up again. The folder above then has no ``folder`` if it could not be found again."""
        level = self._levels.pop()
        if self._levels and self._levels[-1].folder is None:
            self._levels[-1].folder = self._reopen(self._levels[-1], level.folder)
        level.release()

    def close(self) -> None:
        """Frees all levels."""
        while self._levels:
            self._levels.pop().release()

    def ref(self) -> DirectoryRef:
        """The innermost folder as entries name it."""
        level = self._levels[-1]
        if level.ref is None:
            level.ref = DirectoryRef(self._path(), level.device, level.inode)
        return level.ref

    def path_of(self, name: bytes) -> bytes:
        """Absolute path of a name in the innermost folder."""
        return join_path(self.ref().path, name)

    def below_root(self) -> bytes:
        """Path of the innermost folder below the root: empty, or with a slash at its end."""
        return b"".join(level.name + b"/" for level in self._levels[1:])

    def _path(self) -> bytes:
        below = b"/".join(level.name for level in self._levels[1:])
        return join_path(self._root, below) if below else self._root

    def _reopen(self, level: Frame, below: Folder | None) -> Folder | None:
        """By way of the folder below, else by the path: either may have moved, and a followed link has no way back."""
        ways: list[Callable[[], Folder]] = [lambda: open_folder(self._path())]
        if below is not None:
            ways.insert(0, below.above)
        for way in ways:
            try:
                folder = way()
            except OSError:
                continue
            if _is(folder, level):
                return folder
            folder.close()
        return None


def _is(folder: Folder, level: Frame) -> bool:
    try:
        status = folder.status()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (level.device, level.inode)
