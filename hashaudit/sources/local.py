"""Local storage as a source: folders and files of this machine, whatever is mounted there."""

import collections
from collections.abc import Iterator, Sequence

from hashaudit.errors import UsageError
from hashaudit.host.mount_table import read_mount_table
from hashaudit.model.entry import Entry
from hashaudit.model.faults import PathFault, Skipped, SkipReason
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import Filters, FolderRoot, Patterns, WalkOptions
from hashaudit.sources.interface import Position, RootDescription
from hashaudit.sources.roots import describe, resolve
from hashaudit.sources.walk import Walker

_DEFAULTS = WalkOptions()

_BEHIND_ALL = (b"\xff",)
"""A place that no walk reaches."""


class LocalSource:
    """Walks several roots, each a folder or a file, in the order given."""

    def __init__(self, roots: Sequence[bytes], options: WalkOptions = _DEFAULTS, *, first_root: int = 0) -> None:
        """Takes the roots as given; nothing is touched before the walk.

        Args:
            roots: paths.
            options: how to walk them.
            first_root: position of the first of them among all roots of the scan.

        Raises:
            UsageError: there is no root, or one that can be no path, or a pattern that can match nothing.
        """
        if not roots:
            raise UsageError("no ROOT: name a folder or a file to examine")
        if any(not root or b"\0" in root for root in roots):
            raise UsageError("ROOT is empty or holds a NUL byte: name a folder or a file")
        self._roots = tuple(roots)
        self._options = options
        self._first_root = first_root
        self._patterns = Patterns(options)
        self._walker: Walker | None = None
        self._root = 0

    @property
    def position(self) -> Position:
        """Where the walk is: at what it yielded last."""
        return Position(self._root, () if self._walker is None else self._walker.place)

    @property
    def directories_listed(self) -> int:
        """How many folders the walk has listed so far, wholly or in part."""
        return 0 if self._walker is None else self._walker.directories_listed

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """The roots as they are now, in the order given."""
        table = read_mount_table()
        return tuple(describe(root, table) for root in self._roots)

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped]:
        """Yields everything that the roots hold: root by root as given, each in the order of its names.

        Of roots that overlap, each is walked as itself and skipped where it is met in another.

        Args:
            start: what comes before it is passed over.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        kinds = Filesystems()
        roots = [resolve(root, kinds, number) for number, root in enumerate(self._roots, self._first_root)]
        folders = [root for root in roots if isinstance(root, FolderRoot)]
        entries = [root for root in roots if isinstance(root, Entry)]
        rules = Filters(self._options, self._patterns, kinds, folders, entries)
        walker = Walker(rules, kinds, follow_links=self._options.follow_links)
        self._walker = walker
        seen: set[bytes] = set()
        try:
            start = start or Position(0)
            for self._root, root in enumerate(roots):
                if isinstance(root, FolderRoot):
                    place = start.place if self._root == start.root else ()
                    if self._root >= start.root:
                        yield from walker.walk(root, place)
                    elif self._options.follow_links:
                        collections.deque(walker.walk(root, _BEHIND_ALL), maxlen=0)
                    else:
                        rules.begin(root)
                    continue
                met = self._file(root, again=root.path in seen) if isinstance(root, Entry) else root
                seen.add(root.path)
                if self._root >= start.root:
                    yield met
        finally:
            walker.close()

    def _file(self, entry: Entry, *, again: bool) -> Entry | Skipped:
        if again:
            return Skipped(entry.path, SkipReason.OTHER_ROOT)
        if (entry.stat.device, entry.stat.inode) in self._options.own_files:
            return Skipped(entry.path, SkipReason.OWN_OUTPUT)
        return entry
