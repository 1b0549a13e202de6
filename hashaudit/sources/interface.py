"""What a source of things to examine is to the rest of the program."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped


class RootDescription(msgspec.Struct, frozen=True):
    """What the run header says of one root."""

    given: bytes
    """As the user named it."""
    path: bytes
    """Absolute, links resolved: what the paths of its entries begin with."""
    fs_type: str | None = None
    """``None``: the system does not tell, or the root could not be examined."""
    source: bytes | None = None
    """What is mounted: a device, a server's export, a bucket."""
    options: str | None = None
    """Mount options, of the mount and then of the filesystem, comma-separated."""
    left_out: tuple[bytes, ...] = ()
    """Mount points of pseudo filesystems below it, which are not walked."""
    is_bucket: bool = False
    """It is in an object store; ``path`` is its URL."""


class Position(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A place in a walk. Positions of one source compare as its walk goes."""

    root: int
    """Of the roots in the order given, from 0."""
    place: tuple[bytes, ...] = ()
    """Within the root; the source's own matter."""


class Source(Protocol):
    """Something that holds entries. Whatever goes wrong with one of them is an item of the walk and ends nothing."""

    @property
    def directories_listed(self) -> int:
        """How many folders the walk has listed so far, wholly or in part."""
        ...

    @property
    def position(self) -> Position | None:
        """Where the walk is: at what it yielded last; ``None`` where no walk can begin."""
        ...

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """The roots as they are now, in the order given."""
        ...

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything that the roots hold, in an order that depends on the tree alone.

        Args:
            start: what comes before it is passed over and not counted among the folders listed.

        Raises:
            OutputError: temporary space for sorting cannot be written.
            HostError: an object store cannot be used at all.
        """
        ...
