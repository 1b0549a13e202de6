"""Decides which entries of a tree to skip, and why.

A directory is identified by its path without links. Device and inode alone do not identify it: a bind mount has those
of another directory and shows what a mount hides there, and a FUSE filesystem may give any numbers.
"""

import hashlib
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from os import stat_result

import msgspec

from hashaudit.content.containers.member_filter import MEMBER_MARK, file_pattern, is_member_pattern
from hashaudit.errors import UsageError
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import SkipReason
from hashaudit.model.paths import for_terminal
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.globs import NamePatterns

Identity = tuple[int, int]
"""Device and inode."""


class DirectoryRoot(msgspec.Struct, frozen=True):
    """A directory to walk, as the user named it."""

    path: bytes
    """Absolute, with links resolved."""
    device: int
    inode: int
    number: int = 0
    """Position among the roots of the scan, from 0."""

    @property
    def identity(self) -> Identity:
        """Device and inode."""
        return self.device, self.inode


class WalkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the walk. A root itself is always walked."""

    follow_links: bool = False
    """Follow symbolic links. A directory is walked once, however it is reached, unless a pattern has a slash."""
    one_file_system: bool = False
    """Skip directories on another device than their root."""
    include: tuple[bytes, ...] = ()
    """Patterns. If there are any, only files that match one are examined."""
    exclude: tuple[bytes, ...] = ()
    """Patterns. Matching entries are skipped, directories with everything below them."""
    unmatched: dict[bytes, None] = {}
    """Patterns to include that have matched no file yet. The walk removes those that match."""
    own_files: AbstractSet[Identity] = frozenset()
    """Files that this scan writes or signs with. May change during the walk."""
    own_paths: AbstractSet[bytes] = frozenset()
    """Absolute paths of the same files, without links."""
    named_in_list: bool = False
    """The roots are from a list of names: one that is no file and no directory is skipped, as in a directory."""
    each_path: bool = False
    """List a file under each path that leads to it: through every link, and in every root, also if roots overlap."""


def is_own_file(options: WalkOptions, consistency: Consistency, real: Callable[[], bytes]) -> bool:
    """Returns whether a file with the device and inode of a file of the scan is that file.

    On an unverified mount the numbers prove nothing: all its files may have the same.

    Args:
        options: name the files of the scan.
        consistency: of the filesystem.
        real: returns the absolute path of the file without links.
    """
    return consistency is Consistency.STABLE or real() in options.own_paths


def _require_parts(pattern: bytes) -> None:
    if pattern.startswith(MEMBER_MARK) or pattern.endswith(b"/"):
        raise UsageError(
            f"the pattern matches nothing: '{for_terminal(pattern)}'; it names no file or no member",
            hint="use FILE!/MEMBER, such as *.zip!/*.jpg",
        )


class Patterns:
    """The compiled patterns of the options."""

    __slots__ = ("exclude", "include")

    def __init__(self, options: WalkOptions) -> None:
        """Compiles them.

        Raises:
            UsageError: a pattern can match nothing.
        """
        for pattern in (*options.include, *options.exclude):
            if is_member_pattern(pattern):
                _require_parts(pattern)
        # A pattern of members includes the files that it names, and excludes no file.
        self.include = NamePatterns(map(file_pattern, options.include), options.unmatched)
        self.exclude = NamePatterns(pattern for pattern in options.exclude if not is_member_pattern(pattern))


class Filters:
    """Decides about each name, over all roots of a scan."""

    def __init__(
        self,
        options: WalkOptions,
        patterns: Patterns,
        filesystems: Filesystems,
        directories: Iterable[DirectoryRoot],
        entries: Iterable[Entry],
    ) -> None:
        """Creates the filters.

        Args:
            options: which entries to skip.
            patterns: compiled from the options.
            filesystems: the filesystems of this machine.
            directories: all roots that are directories; none is walked as part of another.
            entries: all roots that are files; none is seen as part of a directory.
        """
        self._options = options
        self._patterns = patterns
        self._filesystems = filesystems
        self._directory_roots: dict[Identity, set[bytes]] = {}
        for root in directories:
            self._directory_roots.setdefault(root.identity, set()).add(root.path)
        self._file_roots: dict[bytes, set[bytes]] = {}
        for entry in () if options.each_path else entries:
            self._file_roots.setdefault(entry.location.directory.path, set()).add(entry.location.name)
        self._begun: set[bytes] = set()
        self._visited: set[bytes] = set()
        self._root = DirectoryRoot(b"", -1, -1)
        self.each_path = options.each_path
        self.matches_paths = options.each_path or patterns.include.has_paths or patterns.exclude.has_paths
        """True if a directory must be walked again under each path that leads to it."""

    @property
    def own_files(self) -> AbstractSet[Identity]:
        """Device and inode of the files of this scan. May change during the walk."""
        return self._options.own_files

    @property
    def has_patterns(self) -> bool:
        """True if a name may have to match a pattern, or may not."""
        return bool(self._patterns.include) or bool(self._patterns.exclude)

    def begin(self, root: DirectoryRoot) -> SkipReason | None:
        """Starts a root, or returns why it is skipped."""
        if root.path in self._begun and not self._options.each_path:
            return SkipReason.OTHER_ROOT
        self._root = root
        self._begun.add(root.path)
        return None

    def go_to(self, root: DirectoryRoot) -> None:
        """Returns to a root that was begun before."""
        self._root = root

    def file_roots_in(self, real: Callable[[], bytes]) -> AbstractSet[bytes]:
        """Returns the names in a directory that are roots themselves.

        Args:
            real: returns the path of the directory without links.
        """
        return self._file_roots.get(real(), frozenset()) if self._file_roots else frozenset()

    def excludes(self, name: bytes, below_root: Callable[[], bytes]) -> bool:
        """Returns whether a name matches an exclude pattern."""
        return bool(self._patterns.exclude) and self._patterns.exclude.match(name, below_root)

    def skip_reason(
        self,
        name: bytes,
        status: stat_result,
        other_roots: AbstractSet[bytes],
        below_root: Callable[[], bytes],
        real: Callable[[], bytes],
    ) -> SkipReason | None:
        """Returns why a regular file is skipped, or ``None``.

        Args:
            name: of the file.
            status: of the file.
            other_roots: names in its directory that are roots themselves.
            below_root: returns the path of its directory below the root.
            real: returns its absolute path without links.
        """
        if other_roots and name in other_roots:
            return SkipReason.OTHER_ROOT
        if self._options.own_files and (status.st_dev, status.st_ino) in self._options.own_files:
            consistency = self._filesystems.of(status.st_dev, real).consistency
            if is_own_file(self._options, consistency, real):
                return SkipReason.OWN_OUTPUT
        if self._patterns.include and not self._patterns.include.match(name, below_root):
            return SkipReason.NOT_INCLUDED
        return None

    def directory_skip_reason(
        self, status: stat_result, device_above: int, path: Callable[[], bytes], real: Callable[[], bytes]
    ) -> SkipReason | None:
        """Returns why a directory is skipped, or ``None``.

        Args:
            status: of the directory.
            device_above: ``st_dev`` of the directory that it is in.
            path: returns its absolute path in the walk.
            real: returns its absolute path without links.
        """
        others = self._directory_roots.get((status.st_dev, status.st_ino))
        # Another root has other paths below it, and so other matches.
        if others and not self.matches_paths and real() != self._root.path and real() in others:
            return SkipReason.OTHER_ROOT
        if status.st_dev != device_above and self._filesystems.of(status.st_dev, path, entered=True).is_pseudo:
            return SkipReason.PSEUDO_FILESYSTEM
        if self._options.one_file_system and status.st_dev != self._root.device:
            return SkipReason.OTHER_FILESYSTEM
        # Only links form cycles: a bind mount of the root below itself shows what other mounts hide.
        if self._options.follow_links and not self.matches_paths and self._key(status, path, real) in self._visited:
            return SkipReason.ALREADY_VISITED
        return None

    def entered(self, status: stat_result, path: Callable[[], bytes], real: Callable[[], bytes]) -> None:
        """Notes a directory that is being walked. Without followed links each is seen once, and nothing is stored."""
        if self._options.follow_links and not self.matches_paths:
            self._visited.add(self._key(status, path, real))

    def _key(self, status: stat_result, path: Callable[[], bytes], real: Callable[[], bytes]) -> bytes:
        """Returns what identifies a directory. Two keys of 16 bytes are not equal by chance."""
        key = hashlib.blake2b(real(), digest_size=16)
        if self._filesystems.of(status.st_dev, path).consistency is Consistency.STABLE:
            # Another directory has taken its path since. On an unverified mount, the numbers prove nothing.
            key.update(b"\0%d %d" % (status.st_dev, status.st_ino))
        return key.digest()
