"""Patterns of names to include or exclude.

A pattern without a slash is matched against the base name, one with a slash against the path below its root. Matching
is by bytes: ``*`` matches any bytes including slashes, ``?`` one byte, ``[...]`` one of a set (fnmatch).
"""

import fnmatch
import re
from collections.abc import Callable, Iterable

from hashaudit.errors import UsageError
from hashaudit.model.paths import for_terminal

_Match = Callable[[bytes], object]


def _nothing(_name: bytes) -> None:
    """Matches no name."""


class NamePatterns:
    """A set of patterns, any of which may match."""

    def __init__(self, patterns: Iterable[bytes], unmatched: dict[bytes, None] | None = None) -> None:
        """Compiles the patterns.

        Args:
            patterns: any of them may match.
            unmatched: patterns that have matched nothing yet, in the order of the user. Those that match are removed.

        Raises:
            UsageError: a pattern can match nothing.
        """
        by_name: list[bytes] = []
        by_path: list[bytes] = []
        for pattern in patterns:
            if not pattern or pattern.startswith(b"/") or pattern.endswith(b"/"):
                raise UsageError(
                    f"the pattern matches nothing: '{for_terminal(pattern)}'; it is empty or has a slash at an end",
                    hint="use a base name, or a path below ROOT without a slash at its ends",
                )
            (by_path if b"/" in pattern else by_name).append(pattern)
        self._name_matches = _compile(by_name)
        self._path_matches = _compile(by_path)
        self._any_path = bool(by_path)
        self._any = bool(by_name or by_path)
        self._unmatched = {} if unmatched is None else unmatched
        self._single = {one: _compile([one]) for one in self._unmatched}

    def __bool__(self) -> bool:
        return self._any

    @property
    def has_paths(self) -> bool:
        """True if a pattern has a slash, so that a match depends on the path by which a directory is reached."""
        return self._any_path

    def match(self, name: bytes, directory: Callable[[], bytes]) -> bool:
        """Returns whether a pattern matches.

        Args:
            name: the base name.
            directory: returns the path of the entry's directory below the root, empty or with a slash at its
                end. Called only if a pattern has a slash, because few do and building the path costs more
                than the rest.
        """
        is_match = bool(self._name_matches(name)) or (self._any_path and bool(self._path_matches(directory() + name)))
        if is_match and self._unmatched:
            self._note(name, directory)
        return is_match

    def _note(self, name: bytes, directory: Callable[[], bytes]) -> None:
        for pattern in list(self._unmatched):
            if self._single[pattern](directory() + name if b"/" in pattern else name):
                del self._unmatched[pattern]


def _compile(patterns: list[bytes]) -> _Match:
    if not patterns:
        return _nothing
    # Latin-1 maps each byte to one character; fnmatch itself translates byte patterns in this way.
    either = "|".join(fnmatch.translate(pattern.decode("latin-1")) for pattern in patterns)
    return re.compile(either.encode("latin-1")).match
