"""Applies the patterns for files and directories to the keys of a bucket."""

from hashaudit.model.faults import SkipReason
from hashaudit.sources.filters import Patterns, WalkOptions


class KeyFilters:
    """Treats keys as paths, with a directory ending at each slash."""

    def __init__(self, options: WalkOptions) -> None:
        """Compiles the patterns.

        Raises:
            UsageError: one can match nothing.
        """
        self._patterns = Patterns(options)
        self._folder = b""
        self._folder_excluded = False

    def skip_reason(self, key: bytes, prefix: bytes) -> SkipReason | None:
        """Returns why a key is skipped, or ``None``.

        Args:
            key: the whole key.
            prefix: of the root; patterns with a slash are matched below its last slash.
        """
        if not self._patterns.exclude and not self._patterns.include:
            return None
        directory, slash, name = key[prefix.rfind(b"/") + 1 :].rpartition(b"/")
        directory += slash
        if self._patterns.exclude and (
            self._excludes_directory(directory) or self._patterns.exclude.match(name, lambda: directory)
        ):
            return SkipReason.EXCLUDED
        if self._patterns.include and not self._patterns.include.match(name, lambda: directory):
            return SkipReason.NOT_INCLUDED
        return None

    def _excludes_directory(self, directory: bytes) -> bool:
        """Returns whether a directory or a parent is excluded.

        Keys come directory by directory, so the last result often applies.
        """
        if directory != self._folder:
            parts = directory.split(b"/")[:-1]
            parent = [b"/".join((*parts[:depth], b"")) for depth in range(len(parts))]
            self._folder = directory
            self._folder_excluded = any(
                bool(self._patterns.exclude.match(part, lambda path=path: path))  # type: ignore[misc] # a default binds it
                for part, path in zip(parts, parent, strict=True)
            )
        return self._folder_excluded
