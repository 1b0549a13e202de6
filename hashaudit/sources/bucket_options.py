"""Options of the walk of object stores."""

import msgspec

from hashaudit.objectstores.interface import StoreOptions


class BucketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the walk of object stores."""

    store: StoreOptions = StoreOptions()
    all_versions: bool = False
    """Include each version of each key, and delete markers."""
    reconcile: bytes | None = None
    """URL of the bucket that the root, a mount, shows."""
    read_unlisted: bool = False
    """Examine keys that the mount does not show through the store."""
    inventory: bytes | None = None
    """Manifest of an S3 Inventory, a path or a URL. It provides the keys."""
