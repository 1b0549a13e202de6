"""Patterns that name members of containers: ``a.zip!/b/*.jpg``, the pattern of the file and that of the member.

The part behind ``!/`` is compared with the base name of a member if it has no slash, else with all names on the way to
it, joined by ``!/``. Matching is by bytes, as for files (fnmatch): ``*`` matches slashes too.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

import msgspec

MEMBER_MARK = b"!/"
"""Between a file and a member, and between a member and one in it."""


class MemberVerdict(Enum):
    """The treatment of a member."""

    EXAMINE = 0
    SEARCH = 1
    """Only members in it may be wanted."""
    SKIP = 2


class MemberPatterns(msgspec.Struct, frozen=True, array_like=True):
    """The patterns of a scan, and its roots."""

    include: tuple[bytes, ...]
    """All patterns, also those of files alone."""
    exclude: tuple[bytes, ...]
    """Patterns with :data:`MEMBER_MARK`."""
    roots: tuple[bytes, ...]
    """Absolute paths or URLs, by number."""


def is_member_pattern(pattern: bytes) -> bool:
    """Returns whether a pattern names members of containers."""
    return MEMBER_MARK in pattern


def file_pattern(pattern: bytes) -> bytes:
    """Returns the part of a pattern that names files."""
    return pattern.partition(MEMBER_MARK)[0]


class MemberFilter:
    """Decides about the members of one file."""

    def __init__(self, include: Sequence[bytes] | None, exclude: Sequence[bytes]) -> None:
        """Compiles patterns of members.

        Args:
            include: ``None``: everything is included.
            exclude: patterns of members that are skipped with all that is in them.
        """
        self._include = None if include is None else _matcher(include)
        self._exclude = _matcher(exclude)

    def verdict(self, names: Sequence[bytes]) -> MemberVerdict:
        """Returns what is done with the member that these names lead to."""
        if self._exclude(names):
            return MemberVerdict.SKIP
        if self._include is None or self._include(names):
            return MemberVerdict.EXAMINE
        return MemberVerdict.SEARCH


class MemberFilters:
    """The filters of all files of a scan."""

    def __init__(self, patterns: MemberPatterns) -> None:
        self._roots = patterns.roots
        members = [pattern for pattern in patterns.include if is_member_pattern(pattern)]
        self._include = [_split(pattern) for pattern in members]
        self._whole = _file_matcher(pattern for pattern in patterns.include if not is_member_pattern(pattern))
        self._exclude = [_split(pattern) for pattern in patterns.exclude]

    def of_file(self, root: int, path: bytes) -> MemberFilter | None:
        """Returns the filter of a file; ``None``: all of its members are examined.

        Args:
            root: number of its root.
            path: absolute path or URL.
        """
        above = self._roots[root].rstrip(b"/") + b"/" if root < len(self._roots) else b""
        below = path.removeprefix(above) if path.startswith(above) else path.rpartition(b"/")[2]
        exclude = [pattern for matches, pattern in self._exclude if matches(below)]
        included = [pattern for matches, pattern in self._include if matches(below)]
        include = None if not included or self._whole(below) else included
        return MemberFilter(include, exclude) if exclude or include is not None else None


_Matches = Callable[[bytes], bool]


def _split(pattern: bytes) -> tuple[_Matches, bytes]:
    file, _, member = pattern.partition(MEMBER_MARK)
    return _file_matcher((file,)), member


def _file_matcher(patterns: Iterable[bytes]) -> _Matches:
    patterns = list(patterns)
    by_name = _compiled(pattern for pattern in patterns if b"/" not in pattern)
    by_path = _compiled(pattern for pattern in patterns if b"/" in pattern)
    return lambda path: by_path(path) or by_name(path.rpartition(b"/")[2])


def _matcher(patterns: Sequence[bytes]) -> Callable[[Sequence[bytes]], bool]:
    by_name = _compiled(pattern for pattern in patterns if b"/" not in pattern)
    by_path = _compiled(pattern for pattern in patterns if b"/" in pattern)

    def matches(names: Sequence[bytes]) -> bool:
        if by_path(MEMBER_MARK.join(names)) or by_name(names[-1].rpartition(b"/")[2]):
            return True
        # A tar in a .tgz and the disk in an image have no name.
        return b"" in names and by_path(MEMBER_MARK.join(filter(None, names)))

    return matches


def _compiled(patterns: Iterable[bytes]) -> _Matches:
    # Latin-1 maps each byte to one character; fnmatch itself translates byte patterns in this way.
    either = "|".join(fnmatch.translate(pattern.decode("latin-1")) for pattern in patterns)
    if not either:
        return lambda _: False
    match = re.compile(either.encode("latin-1")).match
    return lambda name: match(name) is not None
