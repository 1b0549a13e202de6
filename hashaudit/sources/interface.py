"""The interface of a source of entries."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import msgspec

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.model.file_run import FileRun


class RootDescription(msgspec.Struct, frozen=True):
    """The description of a root in the run header."""

    given: bytes
    """As the user named it."""
    path: bytes
    """Absolute, with links resolved; the start of its entries' paths."""
    fs_type: str | None = None
    """``None``: the system does not report it, or the root could not be examined."""
    source: bytes | None = None
    """The mounted object: a device, the export of a server, a bucket."""
    options: str | None = None
    """Mount options, of the mount and then of the filesystem, comma-separated."""
    left_out: tuple[bytes, ...] = ()
    """Mount points of pseudo filesystems below it, which are not walked."""
    mount_point: bytes | None = None
    device: int | None = None
    inode: int | None = None
    is_bucket: bool = False
    """True if it is in an object store; ``path`` is then its URL."""


class Position(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A cursor in a walk. Positions of one source compare in the order of its walk."""

    root: int
    """Index of the root in the order given, from 0."""
    place: tuple[bytes, ...] = ()
    """Cursor within the root. Its meaning is private to the source, but the last step to a file of a run is one byte
    before its name."""

    def moved_to(self, name: bytes) -> "Position":
        """Returns the position of another file of the run that this is the position of."""
        *above, last = self.place
        return Position(self.root, (*above, last[:1] + name))


class Source(Protocol):
    """A provider of entries. A problem with one entry is an item of the walk and ends nothing."""

    @property
    def directories_listed(self) -> int:
        """Number of directories listed so far, completely or in part."""
        ...

    @property
    def position(self) -> Position | None:
        """Position of the item yielded last; ``None`` if no walk can start there."""
        ...

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots as they are now, in the order given."""
        ...

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything in the roots, in an order that depends only on the tree.

        Args:
            start: skip everything before this position, also in the count of listed directories.

        Raises:
            OutputError: temporary space for sorting cannot be written.
            HostError: an object store cannot be used at all.
        """
        ...


Item = Entry | PathFault | Skipped | NotReady | FileRun
"""An item of a walk in runs."""


@runtime_checkable
class RunSource(Protocol):
    """A source that can yield many files at once."""

    def walk_runs(self, start: Position | None, run_files: int) -> Iterator[Item]:
        """Yields the same as :meth:`Source.walk` in the same order, with runs in place of entries where it can.

        The position is then that of the first file of the run.

        Args:
            start: as for ``walk``.
            run_files: most files in a run.
        """
        ...


def walk_in_runs(source: Source, start: Position | None, run_files: int) -> Iterator[Item]:
    """Walks a source in runs, if it has them."""
    return source.walk_runs(start, run_files) if isinstance(source, RunSource) else source.walk(start)
