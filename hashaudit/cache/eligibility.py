"""Decides which files and objects the cache may be used for, and the key of their directory or bucket.

The cache concludes from an unchanged ``stat`` that the content is unchanged. That holds on filesystems whose kernel
gives every change of content a new ctime that no user can choose, and that keep inode numbers. For an object, the
listing has decided (:mod:`hashaudit.objectstores.conclusive_states`).
"""

import hashlib
import time
from collections.abc import Callable

from hashaudit.host.mount_table import Mount, read_mount_table
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.location import BucketRef, DirectoryRef, Kind

TRUSTED_TYPES = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "overlay", "reiserfs", "ubifs", "xfs", "zfs"}
)
"""Filesystems that the cache is used on; an unknown type is not.

Excluded on purpose: tmpfs and ramfs, where writing through a memory map changes no time; FAT, exFAT and NTFS, whose
inode numbers or ctimes are invented; read-only images (iso9660, squashfs, erofs), where another image in the same place
can agree in every field; and everything behind a network or a daemon.
"""

RACY_NS = 2 * 10**9
"""Timestamps are as coarse as 2 s on some storage, so a later change within that time may not be visible."""

_KEY_BYTES = 16


class Eligibility:
    """Decides for each entry whether its hashes may be cached, and computes the key of its directory.

    Args:
        start_ns: the start of the scan, nanoseconds since the epoch; by default now.
        site_of: returns the place where the buckets of a scheme are; ``None``: objects are not cached.
    """

    def __init__(self, start_ns: int | None = None, site_of: Callable[[str], str] | None = None) -> None:
        # A later time may stand for two states: a file that changes after it was read must not look unchanged.
        self.latest_ns = (time.time_ns() if start_ns is None else start_ns) - RACY_NS
        """Latest mtime and ctime of a file whose state proves anything, nanoseconds since the epoch."""
        self._table = read_mount_table()
        self._mounts: dict[int, bytes | None] = {}
        self._last: tuple[DirectoryRef, int] | None = None
        self._last_key: bytes | None = None
        self._site_of = site_of
        self._buckets: dict[BucketRef, bytes] = {}
        self.passed_over: set[str] = set()
        """Types of filesystems on which nothing was cached."""

    def directory_key(self, entry: Entry) -> bytes | None:
        """Returns the key of the entry's directory, or ``None`` if states on its filesystem prove nothing."""
        if entry.location.kind is not Kind.FILE:
            return self._bucket_key(entry.location.bucket)
        stat = entry.stat
        if entry.consistency is not Consistency.STABLE:
            self._mount_key(entry)
            return None
        directory = entry.location.directory
        last = (directory, stat.device)
        if self._last is None or last[0] is not self._last[0] or last[1] != self._last[1]:
            mount = self._mount_key(entry)
            self._last_key = mount and _digest(mount + directory.path)
            self._last = last
        return self._last_key

    def _bucket_key(self, bucket: BucketRef) -> bytes | None:
        if self._site_of is None:
            return None
        if bucket not in self._buckets:
            place = "\0".join((bucket.scheme, bucket.name, self._site_of(bucket.scheme)))
            # Another person than that of directories, so that neither can pass for the other.
            self._buckets[bucket] = hashlib.blake2b(
                place.encode(errors="surrogatepass"), digest_size=_KEY_BYTES, person=b"bucket"
            ).digest()
        return self._buckets[bucket]

    def _mount_key(self, entry: Entry) -> bytes | None:
        device = entry.stat.device
        if device not in self._mounts:
            self._mounts[device] = self._look_up(entry)
        return self._mounts[device]

    def _look_up(self, entry: Entry) -> bytes | None:
        device = entry.stat.device
        mount = self._table.of_device(device)
        if mount is None:
            self._table = read_mount_table()  # something may have been mounted since
            mount = self._table.of_device(device) or self._table.at(entry.path, device)
        trusted = mount is not None and mount.fs_type in TRUSTED_TYPES and entry.consistency is Consistency.STABLE
        if mount is None or not trusted:
            self.passed_over.add("unknown" if mount is None else mount.fs_type)
            return None
        return _source_key(mount)


def _source_key(mount: Mount) -> bytes:
    # Neither part contains NUL, so they cannot run into each other; the key of the mount has a fixed length.
    return _digest(mount.fs_type.encode() + b"\0" + mount.source)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_KEY_BYTES).digest()
