"""``s3://bucket/prefix`` and ``az://container/prefix`` as a user names them.

A prefix is what keys begin with, as in the stores' own listings: ``s3://b/2024`` holds ``2024/x`` and ``2024-old``.
"""

import re

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.location import BucketRef
from hashaudit.model.paths import for_terminal

SCHEMES = ("s3", "az")

_URL = re.compile(rb"(s3|az)://([^/]*)/?(.*)\Z", re.DOTALL)
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
    """What the keys begin with; empty for all."""

    @property
    def path(self) -> bytes:
        """What the paths of its entries begin with."""
        return self.bucket.path + b"/" + self.prefix


def parse_root(given: bytes) -> BucketRoot | None:
    """A root in an object store, or ``None``: a path of this machine.

    Raises:
        UsageError: it begins like a URL of an object store and names no bucket.
    """
    match = _URL.match(given)
    if match is None:
        return None
    scheme, name = match[1].decode(), match[2].decode("ascii", errors="replace")
    if not _NAMES[scheme].match(name):
        raise UsageError(
            f"ROOT {for_terminal(given)}: write {scheme}://BUCKET/PREFIX; {name!r} can be no bucket's name"
        )
    return BucketRoot(given, BucketRef(scheme, name), match[3])
