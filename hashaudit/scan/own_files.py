"""The files that a scan writes or signs with, which its walk skips."""

import msgspec

FileIdentity = tuple[int, int]
"""Device and inode."""


class OwnFiles(msgspec.Struct, frozen=True):
    """The files of a scan. They change while it runs."""

    identities: set[FileIdentity] = msgspec.field(default_factory=set)
    """Identifies them where inode numbers identify a file."""
    paths: set[bytes] = msgspec.field(default_factory=set)
    """Absolute paths without links: on other mounts, the numbers alone prove nothing."""
