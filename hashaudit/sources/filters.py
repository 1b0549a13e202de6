"""What of a tree is left out by intent, and why."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from os import stat_result

import msgspec

from hashaudit.model.entry import Entry
from hashaudit.model.faults import SkipReason
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.globs import NamePatterns

Identity = tuple[int, int]
"""Device and inode."""


class FolderRoot(msgspec.Struct, frozen=True):
    """A directory to walk, as the user named it."""

    path: bytes
    """Absolute, links resolved."""
    device: int
    inode: int
    number: int = 0
    """Position among the roots of the scan, from 0."""

    @property
    def identity(self) -> Identity:
        """Device and inode."""
        return self.device, self.inode


class WalkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the user wants roots walked. A root itself is walked whatever they say."""

    follow_links: bool = False
    """Symbolic links are followed; a folder is walked once, however it is reached."""
    one_file_system: bool = False
    """Folders on another device than their root's are left out."""
    include: tuple[bytes, ...] = ()
    """Patterns; where there are any, only files that match one are examined."""
    exclude: tuple[bytes, ...] = ()
    """Patterns; what matches one is left out, a folder with all that it holds."""
    own_files: AbstractSet[Identity] = frozenset()
    """Files that this run itself writes or signs with; may change while the walk goes on."""


class Patterns:
    """The patterns of the options, compiled."""

    __slots__ = ("exclude", "include")

    def __init__(self, options: WalkOptions) -> None:
        """Compiles them.

        Raises:
            UsageError: a pattern can match nothing.
        """
        self.include = NamePatterns(options.include)
        self.exclude = NamePatterns(options.exclude)


class Filters:
    """Decides about each name, over all roots of a run."""

    def __init__(
        self,
        options: WalkOptions,
        patterns: Patterns,
        kinds: Filesystems,
        folders: Iterable[FolderRoot],
        entries: Iterable[Entry],
    ) -> None:
        """Prepares.

        Args:
            options: what the user wants left out.
            patterns: those of the options, compiled.
            kinds: the filesystems of this machine.
            folders: all roots that are folders: none is walked as a part of another.
            entries: all roots that are files: none is seen as a part of a folder.
        """
        self._options = options
        self._patterns = patterns
        self._kinds = kinds
        self._folder_roots = {root.identity for root in folders}
        self._file_roots: dict[Identity, frozenset[bytes]] = {}
        for entry in entries:
            directory = entry.location.directory
            parent = (directory.device, directory.inode)
            self._file_roots[parent] = self.file_roots_in(parent) | {entry.location.name}
        self._walked: set[Identity] = set()
        self._root = FolderRoot(b"", -1, -1)

    def begin(self, root: FolderRoot) -> SkipReason | None:
        """Says that a root is walked from now on, or why it is not."""
        if root.identity in self._walked:
            return SkipReason.OTHER_ROOT
        self._root = root
        self._walked.add(root.identity)
        return None

    def file_roots_in(self, folder: Identity) -> frozenset[bytes]:
        """The names in a folder that are roots of their own."""
        return self._file_roots.get(folder, frozenset())

    def excludes(self, name: bytes, below_root: Callable[[], bytes]) -> bool:
        """Whether the user wants a name left out, whatever it is."""
        return bool(self._patterns.exclude) and self._patterns.exclude.match(name, below_root)

    def skip_reason(
        self, name: bytes, status: stat_result, other_roots: frozenset[bytes], below_root: Callable[[], bytes]
    ) -> SkipReason | None:
        """Why a regular file is not examined here, if so."""
        if other_roots and name in other_roots:
            return SkipReason.OTHER_ROOT
        if self._options.own_files and (status.st_dev, status.st_ino) in self._options.own_files:
            return SkipReason.OWN_OUTPUT
        if self._patterns.include and not self._patterns.include.match(name, below_root):
            return SkipReason.NOT_INCLUDED
        return None

    def directory_skip_reason(
        self, status: stat_result, device_above: int, path: Callable[[], bytes]
    ) -> SkipReason | None:
        """Why a folder is not entered, if so."""
        identity = (status.st_dev, status.st_ino)
        if identity in self._folder_roots and identity != self._root.identity:
            return SkipReason.OTHER_ROOT
        if status.st_dev != device_above and self._kinds.of(status.st_dev, path).is_pseudo:
            return SkipReason.PSEUDO_FILESYSTEM
        if self._options.one_file_system and status.st_dev != self._root.device:
            return SkipReason.OTHER_FILESYSTEM
        # Only links lead in circles: a bind mount of the root below itself shows what other mounts hide.
        if self._options.follow_links and identity in self._walked:
            return SkipReason.ALREADY_VISITED
        return None

    def entered(self, status: stat_result) -> None:
        """Notes a folder that is being walked. Without followed links none is met twice, and nothing is kept."""
        if self._options.follow_links:
            self._walked.add((status.st_dev, status.st_ino))
