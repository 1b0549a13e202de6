"""Hides parts of a report on request. Record numbers stay: the holder of the findings file can look them up."""

from enum import StrEnum

HIDDEN = "[hidden]"


class Redact(StrEnum):
    """A kind of information that a report can hide."""

    PATHS = "paths"
    """All paths: of files, roots, lists and the command line."""
    NAMES = "names"
    """The names of files, and the names of members. Their directories stay."""
    LABELS = "labels"
    """The labels and ids that lists give their entries."""
    DIGESTS = "digests"
    """Digests and perceptual hashes of files."""


class Redaction:
    """Hides the chosen kinds."""

    def __init__(self, kinds: frozenset[Redact]) -> None:
        self.kinds = kinds

    def hides(self, kind: Redact) -> bool:
        """Returns whether a kind is hidden."""
        return kind in self.kinds

    def path(self, path: bytes, *, is_file: bool = False) -> bytes:
        """Returns what is shown of a path.

        Args:
            path: the path.
            is_file: its last component is the name of a scanned file.
        """
        if Redact.PATHS in self.kinds:
            return HIDDEN.encode()
        if is_file and Redact.NAMES in self.kinds:
            return path.split(b"//", 1)[0].rpartition(b"/")[0] + b"/" + HIDDEN.encode()
        return path
