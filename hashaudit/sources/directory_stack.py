"""The stack of directories from a root to the one in progress.

Only the innermost ones stay open. When the walk returns to a closed one, it is opened again from its child, and used
only if device and inode are unchanged. Only the path of the innermost one is kept, made from the one before, because
the paths of all levels of a deep tree would take the square of their number.
"""

import collections
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from os import stat_result
from typing import NamedTuple

import msgspec

from hashaudit.model.entry import Consistency
from hashaudit.model.faults import Fault
from hashaudit.model.location import DirectoryRef, join_path
from hashaudit.sources.directory import Directory, open_directory
from hashaudit.sources.visited_directories import Step

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


class Above(NamedTuple):
    """The directories above the first frame of a stack that does not begin at a root."""

    path: bytes
    """The path of the last of them."""
    way: Sequence[Step]
    """From the root to the last of them."""

    def real_paths(self, root: bytes) -> Iterator[bytes]:
        """Yields the path without links of each, from the root on."""
        path = root
        yield path
        for name, link in self.way:
            path = join_path(path, name) if link is None else link
            yield path

    def real(self, root: bytes) -> bytes | None:
        """Returns the path of the last of them without links; ``None`` if no link leads there."""
        if not any(link is not None for _, link in self.way):
            return None
        return collections.deque(self.real_paths(root), maxlen=1).pop()


class DirectoryStack:
    """A stack of frames."""

    def __init__(self, root: bytes, above: Above | None = None) -> None:
        """Creates an empty stack.

        Args:
            root: path of the root.
            above: the directories that lead to the first frame; ``None``: the first frame is the root.
        """
        self._root = root
        self._above = above
        self._frames: list[Frame] = []
        self._path = root if above is None else above.path
        self._real = None if above is None else above.real(root)
        """Path of the innermost directory without links; ``None`` if no link leads there."""

    def __bool__(self) -> bool:
        return bool(self._frames) or self._above is not None

    @property
    def depth(self) -> int:
        """Number of directories from the root to the innermost."""
        return len(self._frames) + (0 if self._above is None else 1 + len(self._above.way))

    @property
    def innermost(self) -> Frame:
        """The directory in progress."""
        return self._frames[-1]

    @property
    def has_links(self) -> bool:
        """True if a link leads to the innermost directory."""
        return self._real is not None

    def items(self) -> tuple[bytes, ...]:
        """Returns the current item of each directory, from the root down. Tuples compare in the order of the walk."""
        return tuple([frame.at for frame in self._frames])

    def common(self, items: Sequence[bytes], known: int) -> int:
        """Returns the number of current items, from the root down, that are as given.

        Args:
            items: what they are compared with.
            known: a number of them that were equal before, of directories that are not the innermost.
        """
        end = min(len(items), len(self._frames))
        count = min(known, end)
        while count < end and self._frames[count].at == items[count]:
            count += 1
        return count

    def at(self, depth: int) -> bytes:
        """Returns the current item of a directory, by its number from the root."""
        return self._frames[depth].at

    def push(self, frame: Frame) -> None:
        """Enters a directory."""
        if self:
            self._path = join_path(self._path, frame.name)
        if frame.real is not None:
            self._real = frame.real
        elif self._real is not None:
            self._real = join_path(self._real, frame.name)
        if self._frames:
            self._frames[-1].ref = None
        self._frames.append(frame)
        if len(self._frames) > MAX_OPEN_DIRECTORIES:
            self._frames[-1 - MAX_OPEN_DIRECTORIES].release()

    def pop(self) -> None:
        """Leaves a directory. The parent then has no ``folder`` if it could not be found again."""
        frame = self._frames.pop()
        self._path = _without(self._path, frame.name) if len(self._frames) > 1 or self._above else self._root
        if frame.real is not None:
            self._real = self._real_path()
        elif self._real is not None:
            self._real = _without(self._real, frame.name)
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
            frame.ref = DirectoryRef(self._path, frame.device, frame.inode)
        return frame.ref

    def path_of(self, name: bytes) -> bytes:
        """Returns the absolute path of a name in the innermost directory."""
        return join_path(self._path, name)

    def real_path_of(self, name: bytes) -> bytes:
        """Returns the absolute path of a name in the innermost directory, without the links that were followed."""
        return join_path(self._path if self._real is None else self._real, name)

    def real_paths(self) -> Iterator[bytes]:
        """Yields the path without links of each directory of the stack."""
        path = self._root
        frames = self._frames
        if self._above is None:
            yield path
            frames = frames[1:]
        else:
            for path in self._above.real_paths(self._root):
                yield path
        for frame in frames:
            path = join_path(path, frame.name) if frame.real is None else frame.real
            yield path

    def identities(self) -> Iterator[tuple[int, int]]:
        """Yields device and inode of each directory of the stack."""
        return ((frame.device, frame.inode) for frame in self._frames)

    def below_root(self) -> bytes:
        """Returns the path of the innermost directory below the root: empty, or with a slash at its end."""
        below = self._path[len(self._root) :].lstrip(b"/")
        return below + b"/" if below else b""

    def _real_path(self) -> bytes | None:
        names: list[bytes] = []
        real = None if self._above is None else self._above.real(self._root)
        for frame in reversed(self._frames):
            if frame.real is not None:
                real = frame.real
                break
            names.append(frame.name)
        return real if real is None or not names else join_path(real, b"/".join(reversed(names)))

    def _reopen(self, frame: Frame, below: Directory | None) -> Directory | None:
        """Opens a directory again, from its child or by its path.

        Either may have moved, and a followed link has no way back.
        """
        ways: list[Callable[[], Directory]] = [lambda: open_directory(self._path)]
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


def _without(path: bytes, name: bytes) -> bytes:
    """Returns the directory of a name at the end of a path."""
    return path[: -1 - len(name)] or b"/"


def _is(directory: Directory, frame: Frame) -> bool:
    try:
        status = directory.status()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (frame.device, frame.inode)
