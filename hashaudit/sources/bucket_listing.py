"""The keys of a root as its store lists them now."""

from collections.abc import Iterator

from hashaudit.stores.address import BucketRoot
from hashaudit.stores.interface import Listed
from hashaudit.stores.opening import Stores


class StoreListing:
    """Asks the stores themselves."""

    def __init__(self, stores: Stores, *, all_versions: bool = False) -> None:
        self._stores = stores
        self._all_versions = all_versions

    @property
    def in_order(self) -> bool:
        """As stores list."""
        return True

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[Listed]]:
        """See :class:`hashaudit.sources.buckets.KeyList`."""
        store = self._stores.of(root.bucket.scheme)
        return store.pages(root.bucket, root.prefix, after, all_versions=self._all_versions)
