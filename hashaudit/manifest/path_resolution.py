"""Finds the absolute paths of a manifest's entries on this machine."""

import os
import posixpath
from collections.abc import Sequence

import msgspec

from hashaudit.model.location import is_below
from hashaudit.model.member_path import split_member_path

_SAMPLE = 500
"""Entries that are looked up to choose a directory: enough to recognise the right one."""


class PathResolver(msgspec.Struct, frozen=True):
    """Gives the absolute path of an entry.

    A relative path is below :attr:`base`. An absolute one is as it is, or is below :attr:`base` without
    :attr:`prefix`.
    """

    base: bytes
    prefix: bytes = b""
    """Directory that absolute paths of the manifest begin with, and that is replaced by the base."""
    is_windows: bool = False
    """True if the manifest separates names by backslashes."""

    def resolve_member(self, path: bytes) -> tuple[bytes, bytes]:
        """Returns the absolute path of an entry, and of a member the container's and the rest with its mark.

        An entry is a member if its container is a file, or if nothing is at its path.
        """
        file, rest = split_member_path(path)
        whole = self.resolve(path)
        if not rest or os.path.lexists(whole):
            return whole, b""
        return self.resolve(file), rest

    def resolve(self, path: bytes) -> bytes:
        """Returns an absolute path without ``.`` and ``..``."""
        if self.is_windows:
            path = _posix(path)
        if self.prefix and path.startswith(b"/"):
            path = path.removeprefix(self.prefix).lstrip(b"/") if is_below(path, self.prefix) else path
        # Two leading slashes have a meaning of their own in POSIX, and none here.
        return posixpath.normpath(posixpath.join(self.base, path)).replace(b"//", b"/", 1)


def choose_resolver(
    paths: Sequence[bytes],
    roots: Sequence[bytes],
    manifest: bytes,
    *,
    base: bytes | None = None,
    prefix: bytes | None = None,
) -> PathResolver:
    """Returns the resolver under which most entries exist below the roots.

    Args:
        paths: of the manifest.
        roots: absolute paths of the tree.
        manifest: path of the manifest.
        base: the directory that relative paths are below, if the user states it.
        prefix: the directory to remove from absolute paths, if the user or the manifest states it.
    """
    is_windows = any(b"\\" in path for path in paths) and not any(b"/" in path for path in paths)
    posix = [_posix(path) for path in paths] if is_windows else paths
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    candidates = _candidates(posix, roots, manifest, base, prefix)
    resolvers = [PathResolver(*candidate, is_windows=is_windows) for candidate in candidates]
    # Of several equal ones, max() returns the first.
    return max(resolvers, key=lambda resolver: _existing(sample, roots, resolver))


def _candidates(
    paths: Sequence[bytes], roots: Sequence[bytes], manifest: bytes, base: bytes | None, prefix: bytes | None
) -> list[tuple[bytes, bytes]]:
    directories = [root if os.path.isdir(root) else os.path.dirname(root) for root in roots]
    if base is not None:
        return [(os.path.realpath(base), (prefix or b"").rstrip(b"/"))]
    bases = list(
        dict.fromkeys(
            (
                *directories,
                *(os.path.dirname(directory) for directory in directories),
                os.getcwdb(),
                os.path.dirname(os.path.realpath(manifest)),
            )
        )
    )
    candidates = [(one, b"") for one in bases] if prefix is None else []
    absolute = [path for path in paths if path.startswith(b"/")]
    if absolute:
        common = posixpath.commonpath(absolute) if len(absolute) > 1 else posixpath.dirname(absolute[0])
        prefixes = [prefix] if prefix is not None else _above(common)
        candidates += [(directory, one.rstrip(b"/")) for one in prefixes for directory in directories]
    return candidates or [(one, b"") for one in bases]


def _above(path: bytes) -> list[bytes]:
    """Returns a directory and those above it, without the root of the filesystem."""
    found = []
    while len(path) > 1:
        found.append(path)
        path = posixpath.dirname(path)
    return found


def _existing(sample: Sequence[bytes], roots: Sequence[bytes], resolver: PathResolver) -> int:
    resolved = map(resolver.resolve, sample)
    return sum(any(is_below(path, root) for root in roots) and os.path.lexists(path) for path in resolved)


def _posix(path: bytes) -> bytes:
    """Returns a path of Windows with slashes, and without the name of the drive."""
    path = path.replace(b"\\", b"/")
    return path[2:] if path[1:2] == b":" else path
