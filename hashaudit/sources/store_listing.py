"""The keys of a root as its store lists them now."""

from collections.abc import Iterator

from hashaudit.objectstores.interface import ListedObject
from hashaudit.objectstores.store_registry import Stores
from hashaudit.objectstores.url import BucketRoot


class StoreListing:
    """Asks the stores themselves."""

    def __init__(self, stores: Stores, *, all_versions: bool = False) -> None:
        self._stores = stores
        self._all_versions = all_versions

    @property
    def in_order(self) -> bool:
        """As stores list."""
        return True

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        """See :class:`hashaudit.sources.buckets.KeyList`."""
        store = self._stores.of(root.bucket.scheme)
        return store.pages(root.bucket, root.prefix, after, all_versions=self._all_versions)
