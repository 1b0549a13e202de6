"""Object stores as a source: the keys below a prefix, from the listing of the bucket or from an inventory."""

import os
from collections.abc import Iterator, Sequence
from typing import Protocol

from hashaudit.model.entry import NOT_READY, Entry, NotReady, pinned
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import Location
from hashaudit.model.paths import for_terminal
from hashaudit.objectstores.interface import ListedObject, StoreError, StoreOptions
from hashaudit.objectstores.store_endpoint import endpoint_of
from hashaudit.objectstores.store_registry import Stores
from hashaudit.objectstores.url import BucketRoot
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Position, RootDescription
from hashaudit.sources.key_filters import KeyFilters
from hashaudit.sources.prefetch import Prefetcher

_DEFAULTS = WalkOptions()


class KeyList(Protocol):
    """A provider of the keys of a root, page by page."""

    @property
    def in_order(self) -> bool:
        """True if keys come in byte order and a listing can start after any of them."""
        ...

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        """Yields the keys with the root's prefix after ``after``, which is ``None`` unless :attr:`in_order`.

        Raises:
            StoreError: the remaining keys are unseen.
        """
        ...


class StoreListing:
    """Provides the keys from the listings of the stores."""

    def __init__(self, stores: Stores, *, all_versions: bool = False) -> None:
        self._stores = stores
        self._all_versions = all_versions

    @property
    def in_order(self) -> bool:
        """True, as for every listing of a store."""
        return True

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        """Implements :class:`KeyList`."""
        store = self._stores.of(root.bucket.scheme)
        return store.pages(root.bucket, root.prefix, after, all_versions=self._all_versions)


class BucketSource:
    """Walks several roots, each a bucket or a prefix of one, in the order given.

    Args:
        roots: where.
        keys: gives their keys.
        options: which keys the user excludes.
        first_root: position of the first of them among all roots of the scan.
        store: names the endpoint for the descriptions.
    """

    def __init__(
        self,
        roots: Sequence[BucketRoot],
        keys: KeyList,
        options: WalkOptions = _DEFAULTS,
        *,
        first_root: int = 0,
        store: StoreOptions | None = None,
    ) -> None:
        self._store = store or StoreOptions()
        self._roots = tuple(roots)
        self._keys = keys
        self._filters = KeyFilters(options)
        self._listed = 0
        self._first_root = first_root
        self._root = 0
        self._place: tuple[bytes, ...] = ()
        self._is_first_version = True
        self._is_in_order = keys.in_order

    @property
    def position(self) -> Position | None:
        """Position of the walk. A listing can resume after a key, but not after one version of a key."""
        can_begin = self._is_first_version and (self._is_in_order or not self._place)
        return Position(self._root, self._place) if can_begin else None

    @property
    def directories_listed(self) -> int:
        """Number of roots that were listed completely."""
        return self._listed

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots, in the order given."""
        return tuple(
            RootDescription(root.given, root.path, source=self._endpoint(root), is_bucket=True) for root in self._roots
        )

    def _endpoint(self, root: BucketRoot) -> bytes | None:
        endpoint = endpoint_of(root.bucket.scheme, self._store)
        return None if endpoint is None else os.fsencode(endpoint)

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields all entries of the roots: root by root, each in byte order of its keys.

        If roots overlap, a key belongs to the root with the longest prefix and is skipped in the others.

        Args:
            start: skip everything before this position.

        Raises:
            HostError: an object store cannot be used at all.
        """
        start = start or Position(0)
        for number, root in enumerate(self._roots[start.root :], start.root):
            self._root, self._place, self._is_first_version = number, (), True
            self._is_in_order = self._keys.in_order
            if root.path in {earlier.path for earlier in self._roots[:number]}:
                yield Skipped(root.path, SkipReason.OTHER_ROOT)
            else:
                yield from self._walk(root, start.place if number == start.root else ())

    def _walk(self, root: BucketRoot, start: tuple[bytes, ...]) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        others = [other.path for other in self._roots if len(other.path) > len(root.path)]
        before = last = start[0] if start else None
        try:
            for page in Prefetcher(self._keys.pages(root, last)):
                if page is None:
                    yield NOT_READY
                    continue
                for listed in page:
                    self._is_first_version = last != listed.key
                    if self._is_first_version:
                        # After a key that is out of order, no listing can resume.
                        self._is_in_order = self._is_in_order and (last is None or last < listed.key)
                        before, last = last, listed.key
                    self._place = () if before is None else (before,)
                    yield self._item(root, listed, others)
        except StoreError as error:
            where = "all of it" if last is None else f"what comes after {for_terminal(last)}"
            fault = Fault(Stage.WALK, error.code, f"cannot list the bucket: {error}; {where} is unseen")
            yield PathFault(root.path, fault, directory=True, root=self._root_number)
        else:
            self._listed += 1

    @property
    def _root_number(self) -> int:
        return self._first_root + self._root

    def _item(self, root: BucketRoot, listed: ListedObject, others: list[bytes]) -> Entry | PathFault | Skipped:
        location = Location(root.bucket, listed.key, listed.state.version, root=self._root_number)
        path = location.path
        if others and path.startswith(tuple(others)):
            return Skipped(path, SkipReason.OTHER_ROOT)
        if not listed.key.startswith(root.prefix):
            fault = Fault(
                Stage.WALK, FaultCode.FILE_REPLACED, "the store listed a key that does not begin as asked for"
            )
            return PathFault(path, fault, root=self._root_number)
        reason = SkipReason.DELETE_MARKER if listed.deleted else self._filters.skip_reason(listed.key, root.prefix)
        return Entry(location, listed.state, pinned(listed.state)) if reason is None else Skipped(path, reason)
