"""Hard links: a file with several names is read once and reported for every name.

The first name seen is the primary one; later names of the same file in the same state take over its result. If the
primary name could not be examined, the others are examined themselves, because the fault may be of that name only.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.location import Location
from hashaudit.model.results import EntryResult

FollowerT = TypeVar("FollowerT")

MAX_GROUPS = 100_000
"""Most files remembered whose other names are still to come. Beyond it a name is read again: slower, never wrong."""


class LinkGroup(Generic[FollowerT]):
    """The names of one file that share a result."""

    __slots__ = ("followers", "location", "resolved", "result", "stat")

    def __init__(self, location: Location, stat: Stat) -> None:
        self.location = location
        """The state of the primary name."""
        self.stat = stat
        self.resolved = False
        self.result: EntryResult | None = None
        """Result for the followers; ``None`` before it is resolved, and if they must be examined themselves."""
        self.followers: list[FollowerT] = []
        """Caller's items for the names that came before the group was resolved."""

    def resolve(self, result: EntryResult | None) -> list[FollowerT]:
        """Stores the primary name's result if it is complete; returns the names that waited for it."""
        self.resolved = True
        if result is not None and not result.faults and result.stat is not None:
            self.result = result
        waiting, self.followers = self.followers, []
        return waiting


class LinkGroups(Generic[FollowerT]):
    """Finds the group of an entry, in the order of the walk."""

    def __init__(self, *, every_file: bool = False, max_groups: int = MAX_GROUPS) -> None:
        self._groups: dict[tuple[int, int], LinkGroup[FollowerT]] = {}
        self._left: dict[tuple[int, int], int] = {}
        self._every_file = every_file
        self._max_groups = max_groups

    def find(self, entry: Entry) -> LinkGroup[FollowerT] | None:
        """Returns the group that the entry follows, or ``None`` if it may be a primary name; see :meth:`primary`."""
        if entry.consistency is not Consistency.STABLE:
            # Behind a FUSE daemon or a server an inode proves nothing: two files may share one, or one file have two.
            return None
        stat = entry.stat
        key = (stat.device, stat.inode)
        group = self._groups.get(key)
        if group is None:
            return None
        # In a resumed scan the primary name itself comes again if the scan ended before it was noted as done.
        if entry.path != group.location.path:
            left = self._left[key] = self._left[key] - 1
            if left == 0 and not self._every_file:
                del self._groups[key], self._left[key]
        # A state that differs from the primary name's is newer and has to be read.
        return group if stat == group.stat else None

    def restore(self, location: Location, stat: Stat, result: EntryResult) -> None:
        """Adds the group of a file that an earlier part of the scan examined."""
        key = (stat.device, stat.inode)
        if key not in self._groups and len(self._groups) < self._max_groups:
            group = self._groups[key] = LinkGroup(location, stat)
            group.resolve(result)
            # It is unknown how many of its names were seen then; at most all but one are still to come.
            self._left[key] = max(stat.links - 1, 1)

    def results(self) -> Iterator[tuple[Location, Stat, EntryResult]]:
        """Yields everything that later names may take over: the primary name's location, its state, and the result."""
        for group in self._groups.values():
            if group.result is not None:
                yield group.location, group.stat, group.result

    def primary(self, entry: Entry) -> LinkGroup[FollowerT] | None:
        """Creates a group with the entry as its primary name, if its file can have other names."""
        stat = entry.stat
        if entry.consistency is not Consistency.STABLE or (not self._every_file and stat.links < 2):
            return None
        key = (stat.device, stat.inode)
        if key in self._groups or len(self._groups) >= self._max_groups:
            return None
        group = self._groups[key] = LinkGroup(entry.location, stat)
        self._left[key] = max(stat.links - 1, 1)
        return group
