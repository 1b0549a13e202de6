"""Hard links: content with several names is read once and reported for every name.

The first name met leads; later names of the same file in the same state follow and take over what was found for the
first. When the first name could not be examined the others are examined themselves, since only that name may be bad.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.location import Location
from hashaudit.model.results import EntryResult

FollowerT = TypeVar("FollowerT")

MAX_GROUPS = 100_000
"""Files remembered whose other names were not met yet. Beyond it a name is read again: slower, never wrong."""


class LinkGroup(Generic[FollowerT]):
    """The names of one file that wait for, or take over, one examination."""

    __slots__ = ("followers", "location", "result", "settled", "stat")

    def __init__(self, location: Location, stat: Stat) -> None:
        self.location = location
        """The first name's."""
        self.stat = stat
        self.settled = False
        self.result: EntryResult | None = None
        """What the followers may take over; ``None`` while not settled, and when they must be examined themselves."""
        self.followers: list[FollowerT] = []
        """What the caller keeps of the names that came before the group was settled."""

    def settle(self, result: EntryResult | None) -> list[FollowerT]:
        """Notes the first name's examination if it is whole; returns the names that waited for it."""
        self.settled = True
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
        """The group that the entry follows, or ``None``: then it leads a new one or stands alone; see :meth:`lead`."""
        if entry.consistency is not Consistency.STABLE:
            # Behind a FUSE daemon or a server an inode proves nothing: two files may have one, or one file two.
            return None
        stat = entry.stat
        key = (stat.device, stat.inode)
        group = self._groups.get(key)
        if group is None:
            return None
        # The first name itself is met again in a resumed run that was ended before it was noted as done.
        if entry.path != group.location.path:
            left = self._left[key] = self._left[key] - 1
            if left == 0 and not self._every_file:
                del self._groups[key], self._left[key]
        # A state that differs from the first name's was made in between: it has to be read.
        return group if stat == group.stat else None

    def restore(self, location: Location, stat: Stat, result: EntryResult) -> None:
        """Takes the group of a file that was examined in an earlier part of an interrupted run."""
        key = (stat.device, stat.inode)
        if key not in self._groups and len(self._groups) < self._max_groups:
            group = self._groups[key] = LinkGroup(location, stat)
            group.settle(result)
            # How many of its names were met then is not known; at most all but one are still to come.
            self._left[key] = max(stat.links - 1, 1)

    def results(self) -> Iterator[tuple[Location, Stat, EntryResult]]:
        """All that later names may take over: the first name's location, its state, and the result."""
        for group in self._groups.values():
            if group.result is not None:
                yield group.location, group.stat, group.result

    def lead(self, entry: Entry) -> LinkGroup[FollowerT] | None:
        """Makes a group led by the entry, where its file can have other names."""
        stat = entry.stat
        if entry.consistency is not Consistency.STABLE or (not self._every_file and stat.links < 2):
            return None
        key = (stat.device, stat.inode)
        if key in self._groups or len(self._groups) >= self._max_groups:
            return None
        group = self._groups[key] = LinkGroup(entry.location, stat)
        self._left[key] = max(stat.links - 1, 1)
        return group
