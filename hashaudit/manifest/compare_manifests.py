"""Compares two manifests without reading a file of either tree."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.manifest.comparison import Comparison, Difference, Observed
from hashaudit.manifest.load_manifest import LoadedManifest
from hashaudit.model.member_path import split_member_path

TREE = b"/"
"""Directory that stands for both trees."""


class ManifestDifference:
    """The differences from one manifest to another.

    Args:
        old: the manifest that is expected.
        new: the manifest that is compared with it.
        ignores_case: names that differ only in case are equal.
    """

    def __init__(
        self, old: Sequence[LoadedManifest], new: Sequence[LoadedManifest], *, ignores_case: bool = False
    ) -> None:
        self._comparison = Comparison(ignores_case=ignores_case)
        old_paths, new_paths = _comparable(old, new)
        for path, entry in old_paths:
            self._comparison.expect(path, entry)
        for path, entry in _merged(new_paths):
            if entry.digests:
                self._comparison.observe(Observed(path, entry.digests, entry.size))
            else:
                self._comparison.fail(path)

    @property
    def matched(self) -> int:
        """Number of files that agree; complete once the differences are asked for."""
        return self._comparison.matched

    def __iter__(self) -> Iterator[Difference]:
        """Returns the differences in the order of paths, which are below ``/`` if the trees are different ones."""
        return self._comparison.differences(lambda _: False)


_Paths = list[tuple[bytes, ManifestEntry]]


def _comparable(old: Sequence[LoadedManifest], new: Sequence[LoadedManifest]) -> tuple[_Paths, _Paths]:
    """Returns the entries of both with paths that can be compared: as they are, or else below each tree."""
    as_they_are = _paths(old, None), _paths(new, None)
    if _shared(*as_they_are):
        return as_they_are
    below = _paths(old, _top(old)), _paths(new, _top(new))
    return below if _shared(*below) else as_they_are


def _shared(first: _Paths, second: _Paths) -> bool:
    paths = {path for path, _ in first}
    return any(path in paths for path, _ in second)


def _paths(manifests: Iterable[LoadedManifest], top: bytes | None) -> _Paths:
    found = []
    for one in manifests:
        for entry in one.entries:
            # The name of a member is not a path.
            file, rest = split_member_path(entry.path)
            path = posixpath.normpath(posixpath.join(TREE, file)) + rest
            if top is not None and path.startswith(top.rstrip(b"/") + b"/"):
                path = path[len(top.rstrip(b"/")) :]
            found.append((path, entry))
    return found


def _top(manifests: Sequence[LoadedManifest]) -> bytes | None:
    """Returns the directory of a tree: as its manifest states it, else the one that all its files share."""
    stated = {one.prefix for one in manifests}
    if len(stated) == 1 and None not in stated:
        return stated.pop()
    paths = [posixpath.join(TREE, entry.path) for one in manifests for entry in one.entries]
    if not paths:
        return None
    common = posixpath.commonpath(paths)
    return posixpath.dirname(common) if len(set(paths)) == 1 else common


def _merged(paths: _Paths) -> Iterator[tuple[bytes, ManifestEntry]]:
    """Yields one entry for each path, with the digests of all manifests of its tree."""
    merged: dict[bytes, ManifestEntry] = {}
    for path, entry in paths:
        earlier = merged.get(path)
        size = entry.size if earlier is None or earlier.size is None else earlier.size
        digests = entry.digests | ({} if earlier is None else earlier.digests)
        merged[path] = ManifestEntry(entry.path, digests, size)
    yield from merged.items()
