"""Names files as the user named their root: relative, if the root is, and through the links that it has."""

from collections.abc import Sequence

from hashaudit.sources.interface import RootDescription


class GivenNames:
    """The names of entries, from the roots of a scan.

    Args:
        roots: in the order of their numbers.
        names: how each root is written; default: as the user gave it.
    """

    def __init__(self, roots: Sequence[RootDescription], names: Sequence[bytes] | None = None) -> None:
        self._roots = [root.path for root in roots]
        self._names = [root.given for root in roots] if names is None else names

    def name(self, root: int, path: bytes) -> bytes:
        """Returns the name of an entry.

        Args:
            root: number of its root.
            path: absolute, or a URL.
        """
        below = path.removeprefix(self._roots[root]).lstrip(b"/") if path.startswith(self._roots[root]) else path
        given = self._names[root]
        if not below or below == path:
            return given if not below else path
        return given + below if given.endswith(b"/") else given + b"/" + below
