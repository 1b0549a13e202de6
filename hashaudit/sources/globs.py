"""Which names the user wants left out or alone let in.

A pattern without a slash is matched against the base name, one with a slash against the path below its root. Matching
is by bytes: ``*`` stands for any bytes, slashes among them, ``?`` for one byte, ``[...]`` for one of a set (fnmatch).
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
    """Several patterns, any of which may match."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        """Compiles the patterns.

        Raises:
            UsageError: a pattern can match nothing.
        """
        by_name: list[bytes] = []
        by_path: list[bytes] = []
        for pattern in patterns:
            if not pattern or pattern.startswith(b"/") or pattern.endswith(b"/"):
                raise UsageError(
                    f"pattern {for_terminal(pattern)!r} matches nothing: "
                    "give a base name, or a path below ROOT without a slash at its ends"
                )
            (by_path if b"/" in pattern else by_name).append(pattern)
        self._name_matches = _compile(by_name)
        self._path_matches = _compile(by_path)
        self._any_path = bool(by_path)
        self._any = bool(by_name or by_path)

    def __bool__(self) -> bool:
        return self._any

    def match(self, name: bytes, folder: Callable[[], bytes]) -> bool:
        """Whether a pattern matches.

        Args:
            name: the base name.
            folder: gives the path of the entry's folder below the root, empty or with a slash at its end. It is called
                only when a pattern has a slash, for few do and building the path costs more than the rest.
        """
        if self._name_matches(name):
            return True
        return self._any_path and bool(self._path_matches(folder() + name))


def _compile(patterns: list[bytes]) -> _Match:
    if not patterns:
        return _nothing
    # Latin-1 gives each byte a character of its own; fnmatch itself translates byte patterns in this way.
    either = "|".join(fnmatch.translate(pattern.decode("latin-1")) for pattern in patterns)
    return re.compile(either.encode("latin-1")).match
