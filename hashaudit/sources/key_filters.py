"""Which keys the user wants left out, by the patterns that leave out files and folders."""

from hashaudit.model.faults import SkipReason
from hashaudit.sources.filters import Patterns, WalkOptions


class KeyRules:
    """Takes keys for paths, whose folders end at each slash."""

    def __init__(self, options: WalkOptions) -> None:
        """Compiles the patterns.

        Raises:
            UsageError: one can match nothing.
        """
        self._patterns = Patterns(options)
        self._folder = b""
        self._folder_excluded = False

    def why_not(self, key: bytes, prefix: bytes) -> SkipReason | None:
        """Why a key is not examined, if so.

        Args:
            key: the whole key.
            prefix: the root's; patterns with a slash are matched below its last slash.
        """
        if not self._patterns.exclude and not self._patterns.include:
            return None
        folder, slash, name = key[prefix.rfind(b"/") + 1 :].rpartition(b"/")
        folder += slash
        if self._patterns.exclude and (
            self._excludes_folder(folder) or self._patterns.exclude.match(name, lambda: folder)
        ):
            return SkipReason.EXCLUDED
        if self._patterns.include and not self._patterns.include.match(name, lambda: folder):
            return SkipReason.NOT_INCLUDED
        return None

    def _excludes_folder(self, folder: bytes) -> bool:
        """Whether a folder or one above it is left out. Keys come folder by folder: the last answer often stands."""
        if folder != self._folder:
            parts = folder.split(b"/")[:-1]
            above = [b"/".join((*parts[:depth], b"")) for depth in range(len(parts))]
            self._folder = folder
            self._folder_excluded = any(
                bool(self._patterns.exclude.match(part, lambda path=path: path))  # type: ignore[misc] # a default binds it
                for part, path in zip(parts, above, strict=True)
            )
        return self._folder_excluded
