"""A mounted bucket beside its own listing: what the mount hides is met after all that it shows.

A mount shows keys as paths, and some keys are none: ``a//b``, ``../x``, ``dir/``, and all of ``blue/`` where there is
also an object ``blue``. Every key of the listing that was not met as a file below the mount is hidden. It is a fault,
or, where that is asked for, an object to be examined through the store itself.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.sources.buckets import BucketSource
from hashaudit.sources.interface import Position, RootDescription, Source

_DIGEST_BYTES = 16
"""Of a key: no two of 10^12 keys share one by chance."""

_HIDDEN = Fault(Stage.WALK, FaultCode.NOT_VISIBLE_ON_MOUNT, "the bucket holds this key and its mount does not show it")


class SeenKeys:
    """Which keys were met: 16 bytes each, whatever their lengths."""

    def __init__(self) -> None:
        self._met = bytearray()
        self._sorted: Any = None
        """An array of numpy's."""

    def add(self, key: bytes) -> None:
        """Notes a key."""
        self._met += _digest(key)

    def close(self) -> None:
        """Says that all are noted; :meth:`holds` may be asked from now on."""
        import numpy as np  # noqa: PLC0415 # start-up: few walks compare a mount

        self._sorted = np.sort(np.frombuffer(self._met, dtype=f"S{_DIGEST_BYTES}"))

    def holds(self, key: bytes) -> bool:
        """Whether a key was noted."""
        if self._sorted is None or not len(self._sorted):
            return False
        # Arrays of bytes leave zeros at the end out, on both sides of the comparison.
        wanted = _digest(key).rstrip(b"\0")
        place = int(self._sorted.searchsorted(wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)


class ReconciledSource:
    """Walks the mount, then what the store lists besides.

    Args:
        mount: a source with one root, the folder that shows the bucket.
        store: the same part of the bucket as the store lists it, with the same patterns.
        prefix: the URL of the bucket and what the keys of the mount begin with.
        examine: hidden keys are examined through the store; else each is a fault.
    """

    def __init__(self, mount: Source, store: BucketSource, prefix: bytes, *, examine: bool) -> None:
        self._mount = mount
        self._store = store
        self._prefix = prefix
        self._examine = examine
        self._in_store = False
        self._passed_over = 0

    @property
    def directories_listed(self) -> int:
        """How many folders of the mount were listed so far, from the walk's start on."""
        return self._mount.directories_listed - self._passed_over

    @property
    def position(self) -> Position | None:
        """Where the walk of the mount is; what follows it can only be walked as a whole."""
        return None if self._in_store else self._mount.position

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """The mount as it is now."""
        return self._mount.describe_roots()

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields what the mount shows, then what it hides.

        Args:
            start: what comes before it is walked in silence, because all that the mount shows has to be known.

        Raises:
            UsageError: the root is no folder.
            HostError: the store cannot be used.
        """
        [root] = self._mount.describe_roots()
        seen = SeenKeys()
        for met in self._mount.walk():
            if isinstance(met, NotReady):
                yield met
                continue
            # A folder that cannot be listed hides what follows, wherever it stands: it is told, be it a second time.
            unlisted = isinstance(met, PathFault) and met.directory
            if not unlisted:
                seen.add(self._key(met.path, root.path))
            if start is not None:
                self._passed_over = self._mount.directories_listed
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
        """The URL of the key that a path of the mount shows."""
        below = path[len(root.rstrip(b"/")) + 1 :]
        return self._prefix + below


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES).digest()
