"""Local storage as a source: directories and files of this machine, on any mount."""

import collections
import os
from collections.abc import Iterator, Sequence

from hashaudit.errors import UsageError
from hashaudit.host.mount_table import read_mount_table
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped, SkipReason
from hashaudit.model.file_run import FileRun
from hashaudit.model.paths import for_terminal
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import DirectoryRoot, Filters, Patterns, WalkOptions, is_own_file
from hashaudit.sources.interface import Item, Position, RootDescription
from hashaudit.sources.roots import RootReader
from hashaudit.sources.walk import Walker

_DEFAULTS = WalkOptions()


def _require_current_directory(roots: Sequence[bytes]) -> None:
    for root in roots:
        if not os.path.isabs(root):
            try:
                os.getcwdb()
            except OSError as error:
                raise UsageError(
                    f"cannot scan ROOT: '{for_terminal(root)}'; the current directory no longer exists",
                    hint="change to a directory that exists, or give an absolute path",
                ) from error


_BEHIND_ALL = (b"\xff",)
"""A position after every entry."""


class LocalSource:
    """Walks several roots, each a directory or a file, in the order given."""

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
            raise UsageError("no ROOT", hint="name a directory or file to scan")
        if any(not root or b"\0" in root for root in roots):
            raise UsageError("invalid ROOT; empty or with a NUL byte", hint="name a directory or file to scan")
        _require_current_directory(roots)
        self._roots = tuple(roots)
        self._options = options
        self._first_root = first_root
        self._patterns = Patterns(options)
        self._walker: Walker | None = None
        self._root = 0

    @property
    def position(self) -> Position | None:
        """Position of the item yielded last; ``None`` once the walk lists changed directories again."""
        if self._walker is not None and self._walker.lists_again:
            return None
        return Position(self._root, () if self._walker is None else self._walker.place)

    @property
    def directories_listed(self) -> int:
        """Number of directories listed so far, completely or in part."""
        return 0 if self._walker is None else self._walker.directories_listed

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots as they are now, in the order given."""
        table = read_mount_table()
        takes_any = self._options.named_in_list
        with RootReader() as reader:
            return tuple([reader.describe(root, table, takes_any=takes_any) for root in self._roots])

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything in the roots: root by root as given, each in the order of its names.

        Then it yields what has been added meanwhile to the directories that it had listed already, in the same order.
        If roots overlap, each is walked as itself and skipped inside another.

        Args:
            start: skip everything before this position.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        for item in self.walk_runs(start, 1):
            if isinstance(item, FileRun):
                yield from item.entries()
            else:
                yield item

    def walk_runs(self, start: Position | None, run_files: int) -> Iterator[Item]:
        """Yields the same, with files of one directory that need nothing of their own as runs.

        Args:
            start: skip everything before this position.
            run_files: most files in a run.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        filesystems = Filesystems()
        with RootReader() as reader:
            roots = [
                reader.resolve(root, filesystems, number) for number, root in enumerate(self._roots, self._first_root)
            ]
        directories = [root for root in roots if isinstance(root, DirectoryRoot)]
        entries = [root for root in roots if isinstance(root, Entry)]
        filters = Filters(self._options, self._patterns, filesystems, directories, entries)
        walker = Walker(filters, filesystems, follow_links=self._options.follow_links, run_files=run_files)
        self._walker = walker
        seen: set[bytes] = set()
        try:
            start = start or Position(0)
            for self._root, root in enumerate(roots):
                if isinstance(root, DirectoryRoot):
                    place = start.place if self._root == start.root else ()
                    if self._root >= start.root:
                        yield from walker.walk(root, place)
                    elif self._options.follow_links:
                        collections.deque(walker.walk(root, _BEHIND_ALL), maxlen=0)
                    else:
                        filters.begin(root)
                    continue
                met = self._file(root, again=root.path in seen) if isinstance(root, Entry) else root
                seen.add(root.path)
                if self._root >= start.root:
                    yield met
            yield from walker.walk_changed(directories)
        finally:
            walker.close()
            filesystems.close()

    def _file(self, entry: Entry, *, again: bool) -> Entry | Skipped:
        if again and not self._options.each_path:
            return Skipped(entry.path, SkipReason.OTHER_ROOT)
        numbers = (entry.stat.device, entry.stat.inode)
        if numbers in self._options.own_files and is_own_file(self._options, entry.consistency, lambda: entry.path):
            return Skipped(entry.path, SkipReason.OWN_OUTPUT)
        return entry
