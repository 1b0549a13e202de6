"""Parses roots in object stores: ``s3://bucket/prefix`` and ``az://container/prefix``.

A prefix is the beginning of a key, as in the stores' own listings: ``s3://b/2024`` contains ``2024/x`` and
``2024-old``.
"""

import re

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lazy import lazy_pattern
from hashaudit.model.location import BucketRef
from hashaudit.model.paths import for_terminal
from hashaudit.model.secret_masking import MASK, mask_secrets

SCHEMES = ("s3", "az")

_URL = lazy_pattern(rb"(s3|az)://([^/]*)/?(.*)\Z", re.DOTALL)
_NAMES = {
    # S3 names of old regions and of other stores have capitals and underscores; Azure adds $web, $root and $logs.
    "s3": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}\Z"),
    "az": re.compile(r"\$?[a-z0-9][a-z0-9-]{1,62}\Z"),
}


class BucketRoot(msgspec.Struct, frozen=True):
    """A root in an object store."""

    given: bytes
    bucket: BucketRef
    prefix: bytes
    """The beginning of the keys; empty for all keys."""

    @property
    def path(self) -> bytes:
        """The beginning of the paths of its entries."""
        return self.bucket.path + b"/" + self.prefix


def parse_root(given: bytes) -> BucketRoot | None:
    """Returns the root in an object store, or ``None`` for a path of this machine.

    Raises:
        UsageError: the root begins like a URL of an object store but has no valid bucket name.
    """
    match = _URL.match(given)
    if match is None:
        return None
    scheme, name = match[1].decode(), match[2].decode("ascii", errors="replace")
    if not _NAMES[scheme].match(name):
        shown = MASK if {"@", ":"} & set(name) else name
        raise UsageError(
            f"invalid ROOT: '{mask_secrets(for_terminal(given))}'; not a bucket name: {shown!r}",
            hint=f"write {scheme}://BUCKET/PREFIX",
        )
    return BucketRoot(given, BucketRef(scheme, name), match[3])
