"""The stack of directories from a root to the one in progress.

Only the innermost ones stay open. When the walk returns to a closed one, it is opened again from its child, and used
only if device and inode are unchanged. Paths are joined on demand, because a tree of a thousand levels has paths of
hundreds of kilobytes.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from os import stat_result

import msgspec

from hashaudit.model.entry import Consistency
from hashaudit.model.faults import Fault
from hashaudit.model.location import DirectoryRef, join_path
from hashaudit.sources.directory import Directory, open_directory

MAX_OPEN_DIRECTORIES = 48
"""Descriptors that a walk keeps open: deeper than nearly all trees, and a small part of the usual limit of 1024."""


class Frame(msgspec.Struct, kw_only=True, eq=False):
    """One directory of the stack."""

    name: bytes
    directory: Directory | None
    """``None`` while it is closed."""
    device: int
    inode: int
    items: Iterator[bytes]
    """Remaining items, as from :mod:`hashaudit.sources.sort_names`."""
    consistency: Consistency
    is_plain: bool = False
    """Its files need no check but that of their own state."""
    status: stat_result | None = None
    """State of the current item, if it has been examined."""
    other_roots: AbstractSet[bytes] = frozenset()
    """Names of files in it that are roots themselves."""
    fault: Fault | None = None
    """Reason for an incomplete list of names."""
    ref: DirectoryRef | None = None
    """Only set while it is the innermost directory."""
    real: bytes | None = None
    """Path without links, if it was reached by a link; ``None``: its name in the directory above."""
    at: bytes = b""
    """Current item; empty before the first."""

    def release(self) -> None:
        """Closes the directory."""
        if self.directory is not None:
            self.directory.close()
            self.directory = None


class DirectoryStack:
    """A stack of frames."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._frames: list[Frame] = []

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def depth(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def innermost(self) -> Frame:
        """The directory in progress."""
        return self._frames[-1]

    def items(self) -> tuple[bytes, ...]:
        """Returns the current item of each directory, from the root down. Tuples compare in the order of the walk."""
        return tuple(frame.at for frame in self._frames)

    def push(self, frame: Frame) -> None:
        """Enters a directory."""
        if self._frames:
            self._frames[-1].ref = None
        self._frames.append(frame)
        if len(self._frames) > MAX_OPEN_DIRECTORIES:
            self._frames[-1 - MAX_OPEN_DIRECTORIES].release()

    def pop(self) -> None:
        """Leaves a directory. The parent then has no ``folder`` if it could not be found again."""
        frame = self._frames.pop()
        if self._frames and self._frames[-1].directory is None:
            self._frames[-1].directory = self._reopen(self._frames[-1], frame.directory)
        frame.release()

    def close(self) -> None:
        """Closes all frames."""
        while self._frames:
            self._frames.pop().release()

    def ref(self) -> DirectoryRef:
        """Returns the reference to the innermost directory for its entries."""
        frame = self._frames[-1]
        if frame.ref is None:
            frame.ref = DirectoryRef(self._path(), frame.device, frame.inode)
        return frame.ref

    def path_of(self, name: bytes) -> bytes:
        """Returns the absolute path of a name in the innermost directory."""
        return join_path(self.ref().path, name)

    def real_path_of(self, name: bytes) -> bytes:
        """Returns the absolute path of a name in the innermost directory, without the links that were followed."""
        return join_path(self._real_path(len(self._frames)), name)

    def real_paths(self) -> Iterator[bytes]:
        """Yields the path without links of each directory of the stack."""
        return (self._real_path(depth + 1) for depth in range(len(self._frames)))

    def identities(self) -> Iterator[tuple[int, int]]:
        """Yields device and inode of each directory of the stack."""
        return ((frame.device, frame.inode) for frame in self._frames)

    def _real_path(self, depth: int) -> bytes:
        names: list[bytes] = []
        for frame in reversed(self._frames[1:depth]):
            if frame.real is not None:
                return join_path(frame.real, b"/".join(reversed(names))) if names else frame.real
            names.append(frame.name)
        return join_path(self._root, b"/".join(reversed(names))) if names else self._root

    def below_root(self) -> bytes:
        """Returns the path of the innermost directory below the root: empty, or with a slash at its end."""
        return b"".join(frame.name + b"/" for frame in self._frames[1:])

    def _path(self) -> bytes:
        below = b"/".join(frame.name for frame in self._frames[1:])
        return join_path(self._root, below) if below else self._root

    def _reopen(self, frame: Frame, below: Directory | None) -> Directory | None:
        """Opens a directory again, from its child or by its path.

        Either may have moved, and a followed link has no way back.
        """
        ways: list[Callable[[], Directory]] = [lambda: open_directory(self._path())]
        if below is not None:
            ways.insert(0, below.parent)
        for way in ways:
            try:
                directory = way()
            except OSError:
                continue
            if _is(directory, frame):
                return directory
            directory.close()
        return None


def _is(directory: Directory, frame: Frame) -> bool:
    try:
        status = directory.status()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (frame.device, frame.inode)
