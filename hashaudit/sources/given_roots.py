"""Checks of the roots that a user names, before any of them is opened."""

import os
from collections.abc import Sequence

from hashaudit.errors import UsageError
from hashaudit.lazy import lazy_pattern
from hashaudit.model.paths import for_terminal
from hashaudit.model.secret_masking import mask_secrets
from hashaudit.objectstores.url import SCHEMES, parse_root
from hashaudit.sources.bucket_options import BucketOptions

_URL = lazy_pattern(rb"[A-Za-z][A-Za-z0-9+.-]*:/")
"""The beginning of a URL, RFC 3986 section 3.1, also of one with a slash too few."""


def schemes_of(roots: Sequence[bytes], buckets: BucketOptions) -> tuple[str, ...]:
    """Returns the URL schemes of the object stores in use.

    Raises:
        UsageError: a URL names no bucket.
    """
    read = (*roots, *((buckets.reconcile,) if buckets.reconcile is not None and buckets.read_unlisted else ()))
    return tuple(sorted({root.bucket.scheme for root in map(parse_root, read) if root is not None}))


def check_buckets(roots: Sequence[bytes], buckets: BucketOptions) -> None:
    """Rejects options that conflict, such as one endpoint for stores of two types.

    Raises:
        UsageError: options conflict, or a root URL names no bucket.
    """
    if buckets.read_unlisted and buckets.reconcile is None:
        raise UsageError("--read-unlisted needs --reconcile", hint="add the URL of the mounted bucket")
    if len(schemes_of(roots, buckets)) > 1 and buckets.store.endpoint_url is not None:
        raise UsageError("--endpoint-url conflicts with roots in both s3:// and az://", hint="scan one store at a time")


def require_roots(roots: Sequence[bytes]) -> None:
    """Requires every local root to exist before anything is written.

    A root that cannot be examined for another reason, or that vanishes later, is a fault of the walk.

    Raises:
        UsageError: a root does not exist, or is a URL of an unsupported kind.
    """
    for root in roots:
        if b"\0" in root or parse_root(root) is not None:
            continue
        try:
            os.lstat(root)
        except (FileNotFoundError, NotADirectoryError) as error:
            shown = mask_secrets(for_terminal(root))
            if _URL.match(root):
                raise UsageError(
                    f"unsupported ROOT: '{shown}'; not a path, and not a URL of a supported object store",
                    hint="write " + " or ".join(f"{scheme}://BUCKET/PREFIX" for scheme in SCHEMES),
                ) from error
            raise UsageError(
                f"no such ROOT: '{shown}'; {error.strerror}", hint="check the path, and that its storage is mounted"
            ) from error
        except OSError:
            continue
