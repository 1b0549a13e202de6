"""Parts of a large container, which workers examine at the same time. Their results are joined in order.

The parts follow from the container alone, never from the number of workers, so that the results do not depend on it.
"""

from enum import IntEnum

import msgspec

from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Stat

SPLIT_BYTES = 32 << 20
"""Size of a file from which it is divided, if it is a container whose members can be read in any order."""

PART_BYTES = 32 << 20
"""Content of the members of one part, about."""

MAX_PARTS = 256
"""More parts are joined to larger ones."""


class PartTask(IntEnum):
    """Tasks of a worker with one part."""

    PLAN = 0
    """Find the parts."""
    FILE = 1
    """Read the whole file for its own hashes, and do not open it."""
    MEMBERS = 2
    """Examine a range of members."""
    CLOSED = 3
    """Examine one member, and do not open it: its members are in parts of their own."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One part of a file."""

    task: PartTask
    pin: str = ""
    """The state of the file: every part has to be of the same one. Empty for the plan."""
    kinds: tuple[ContainerKind, ...] = ()
    """Kinds of the containers around the range, from the file inwards; for a closed member, also its own."""
    path: tuple[int, ...] = ()
    """Positions of the members to go through, to the container of the range."""
    first: int = 0
    """First position of the range, in the container's own count. For the plan: :data:`PART_BYTES`."""
    end: int = 0
    """Position behind the range. An empty range has what belongs to no other one."""
    hint: int = 0
    """Where the reader finds the first position."""
    is_relative: bool = False
    """Indexes of members count from the start of the range."""


class PartResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The report of a worker about a part, besides results of members."""

    parts: tuple[Part, ...] = ()
    """The plan; empty: the file is not divided."""
    passed: int = 0
    """Positions of the range that were passed."""
    members: int = 0
    """Members that were found in the range itself, not in others in it."""
    has_changed: bool = False
    """The file is not in the pinned state."""


def pin_of(state: Stat, *, inodes_last: bool) -> str:
    """Returns the state of a file, as far as it is the same on all hosts that mount it.

    Args:
        state: of the file.
        inodes_last: inode numbers are permanent. FUSE daemons assign new ones after they forget a file.
    """
    inode = state.inode if inodes_last else 0
    return f"{state.size}:{int(state.mtime_ns)}:{int(state.ctime_ns)}:{inode}"
