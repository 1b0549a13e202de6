"""Compares a mounted bucket with the listing of its store and reports keys that the mount does not show.

A mount shows keys as paths, and some keys are not paths: ``a//b``, ``../x``, ``dir/``, and all of ``blue/`` if there is
also an object ``blue``. Every listed key that the walk of the mount did not see is hidden. It is a fault, or, on
request, an object to examine through the store.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.sources.buckets import BucketSource
from hashaudit.sources.interface import Position, RootDescription, Source

_DIGEST_BYTES = 16
"""Digest size of a key: no two of 10^12 keys share one by chance."""

_SKIPPED_AS_KEY = frozenset({SkipReason.EXCLUDED, SkipReason.NOT_INCLUDED, SkipReason.OWN_OUTPUT})

_HIDDEN = Fault(Stage.WALK, FaultCode.NOT_VISIBLE_ON_MOUNT, "the key is in the bucket, but the mount does not show it")


class SeenKeys:
    """The keys that were seen: 16 bytes each, regardless of their lengths."""

    def __init__(self) -> None:
        self._item = bytearray()
        self._sorted: Any = None
        """A numpy array."""

    def add(self, key: bytes) -> None:
        """Adds a key."""
        self._item += _digest(key)

    def close(self) -> None:
        """Ends adding; call it before :meth:`holds`."""
        import numpy as np  # noqa: PLC0415 # start-up: few walks compare a mount

        self._sorted = np.sort(np.frombuffer(self._item, dtype=f"S{_DIGEST_BYTES}"))

    def holds(self, key: bytes) -> bool:
        """Returns whether a key was added."""
        if self._sorted is None or not len(self._sorted):
            return False
        # numpy drops trailing zeros of byte strings, on both sides of the comparison.
        wanted = _digest(key).rstrip(b"\0")
        place = int(self._sorted.searchsorted(wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)


class ReconciledSource:
    """Walks the mount, then the keys that only the store lists.

    Args:
        mount: a source with one root, the directory that shows the bucket.
        store: the same part of the bucket from the store, with the same patterns.
        prefix: URL of the bucket and prefix of the mount's keys.
        examine: examine hidden keys through the store; otherwise each is a fault.
    """

    def __init__(self, mount: Source, store: BucketSource, prefix: bytes, *, examine: bool) -> None:
        self._mount = mount
        self._store = store
        self._prefix = prefix
        self._examine = examine
        self._in_store = False
        self._skipped_directories = 0

    @property
    def directories_listed(self) -> int:
        """Number of directories of the mount listed since the start of the walk."""
        return self._mount.directories_listed - self._skipped_directories

    @property
    def position(self) -> Position | None:
        """Position in the walk of the mount. The rest can only be walked as a whole."""
        return None if self._in_store else self._mount.position

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the mount as it is now."""
        return self._mount.describe_roots()

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything that the mount shows, then everything that it hides.

        Args:
            start: walk everything before it silently, because all keys that the mount shows must be known.

        Raises:
            UsageError: the root is not a directory.
            HostError: the store cannot be used.
        """
        [root] = self._mount.describe_roots()
        seen = SeenKeys()
        for met in self._mount.walk():
            if isinstance(met, NotReady):
                yield met
                continue
            # An unreadable directory hides everything below it, so report it even if it has been reported before.
            unlisted = isinstance(met, PathFault) and met.directory
            if not unlisted and _is_shown(met):
                seen.add(self._key(met.path, root.path))
            if start is not None:
                self._skipped_directories = self._mount.directories_listed
                position = self._mount.position
                if position is not None and position >= start:
                    start = None
            if start is None or unlisted:
                yield met
        seen.close()
        self._in_store = True
        for hidden in self._store.walk():
            if isinstance(hidden, Entry):
                if not seen.holds(hidden.path):
                    yield hidden if self._examine else PathFault(hidden.path, _HIDDEN)
            elif not isinstance(hidden, Skipped) or hidden.reason is SkipReason.DELETE_MARKER:
                yield hidden

    def _key(self, path: bytes, root: bytes) -> bytes:
        """Returns the URL of the key that a path of the mount shows."""
        below = path[len(root.rstrip(b"/")) + 1 :]
        return self._prefix + below


def _is_shown(met: Entry | PathFault | Skipped) -> bool:
    """Returns whether a path shows its key: examined, at fault, or skipped by a pattern that holds for the key as well.

    A mount may take the type of a file from metadata of the object (s3fs: ``x-amz-meta-mode``). A symbolic link, FIFO,
    socket or device then stands for a key with any content, and a followed link leads to other content.
    """
    if isinstance(met, Entry):
        return not met.location.via_symlink
    return isinstance(met, PathFault) or met.reason in _SKIPPED_AS_KEY


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES).digest()
