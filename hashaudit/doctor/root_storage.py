"""Checks of the roots: access, filesystem, access times, and mounts below them."""

import errno
import os
from collections.abc import Iterator

from hashaudit.doctor.check import Check, State
from hashaudit.errors import HashauditError
from hashaudit.host import files
from hashaudit.host.mount_table import Mount, read_mount_table
from hashaudit.model.counted import counted
from hashaudit.model.entry import Consistency
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.objectstores.store_registry import open_store
from hashaudit.objectstores.url import parse_root
from hashaudit.scan.plan import READERS, device_class
from hashaudit.sources.filesystems import Filesystem
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.open_source import open_source

MOUNTS_NAMED = 5
"""Mounts that are listed by name below one root; more are counted."""

QUIET_OPTIONS = frozenset({"noatime", "ro"})
"""Mount options with which reading does not set access times. Source: mount(8)."""

ADVICE_ON_UNVERIFIED = (
    "scan the underlying storage directly, or a snapshot; otherwise records are marked unverified_mount"
)


def root(given: bytes) -> Iterator[Check]:
    """Makes all checks of one root."""
    try:
        (description,) = open_source((given,)).describe_roots()
    except HashauditError as error:
        yield Check(
            "root.access", State.PROBLEM, str(error), error.hint or "name a directory, a file or a bucket", given
        )
        return
    if description.is_bucket:
        yield _bucket(given)
    else:
        access = _access(given, description)
        yield access
        if access.state is not State.PROBLEM:
            yield _filesystem(given, description)
            yield _access_time(given, description)
            yield from _mounts_below(given, description)
    kind = device_class(description)
    readers = READERS[kind]()
    found = f"{kind} device: {readers} {'reader' if readers == 1 else 'readers'} (override with -j)"
    yield Check("root.device", State.OK, found, None, given)


def _bucket(given: bytes) -> Check:
    bucket = parse_root(given)
    try:
        open_store(bucket.bucket.scheme if bucket is not None else "", StoreOptions())
    except HashauditError as error:
        return Check(
            "root.access",
            State.PROBLEM,
            str(error),
            error.hint or "fix the error above; a scan would fail with it",
            given,
        )
    return Check("root.access", State.OK, "an object store; the connection was not tried", None, given)


def _access(given: bytes, description: RootDescription) -> Check:
    try:
        status = os.stat(description.path)
        flags = files.LIST_FLAGS if os.path.isdir(description.path) else files.READ_FLAGS
        os.close(os.open(description.path, flags))
    except FileNotFoundError:
        return Check("root.access", State.PROBLEM, "does not exist", "check the name, or mount it", given)
    except OSError as error:
        advice = "scan as a user who may read it"
        return Check("root.access", State.PROBLEM, f"cannot be read: {error.strerror}", advice, given)
    what = "directory" if os.path.isdir(description.path) else f"file of {counted(status.st_size, 'byte')}"
    return Check("root.access", State.OK, f"a readable {what}", None, given)


def _filesystem(given: bytes, description: RootDescription) -> Check:
    kind = Filesystem(description.fs_type)
    found = f"{description.fs_type or 'unknown'}, reads are {kind.consistency}"
    if kind.is_pseudo:
        advice = "it contains no user data; choose another root"
        return Check("root.filesystem", State.WARNING, f"{found}; a pseudo filesystem", advice, given)
    if kind.consistency is Consistency.UNVERIFIED_MOUNT:
        return Check("root.filesystem", State.WARNING, found, ADVICE_ON_UNVERIFIED, given)
    if description.fs_type is None:
        advice = "make sure that it is not a network mount"
        return Check("root.filesystem", State.WARNING, "filesystem type unknown", advice, given)
    return Check("root.filesystem", State.OK, found, None, given)


def _access_time(given: bytes, description: RootDescription) -> Check:
    options = frozenset((description.options or "").split(","))
    quiet = sorted(options & QUIET_OPTIONS)
    if quiet:
        return Check("root.access_time", State.OK, f"mounted {', '.join(quiet)}; access times preserved", None, given)
    if _may_open_noatime(description.path):
        found = "access times preserved (O_NOATIME is allowed for the root itself)"
        return Check("root.access_time", State.OK, found, None, given)
    kept = "relatime" if "relatime" in options else "strictatime"
    advice = "mount it read-only or noatime, or scan as its owner or as root"
    found = f"reading changes access times ({kept}, and O_NOATIME is not allowed)"
    return Check("root.access_time", State.WARNING, found, advice, given)


def _may_open_noatime(path: bytes) -> bool:
    if not files.NOATIME:
        return False
    try:
        os.close(os.open(path, os.O_RDONLY | files.NOATIME | getattr(os, "O_NONBLOCK", 0)))
    except OSError as error:
        if error.errno in {*files.NOATIME_REFUSALS, errno.EROFS}:
            return False
        raise
    return True


def _mounts_below(given: bytes, description: RootDescription) -> Iterator[Check]:
    below = read_mount_table().below(description.path)
    if not below:
        return
    unverified = [mount for mount in below if Filesystem(mount.fs_type).consistency is Consistency.UNVERIFIED_MOUNT]
    pseudo = [mount for mount in below if Filesystem(mount.fs_type).is_pseudo]
    of_them = counted(len(pseudo), "of them a pseudo filesystem, which is", "of them pseudo filesystems, which are")
    found = f"{counted(len(below), 'mount')} below it, {of_them} skipped"
    if unverified:
        found += f"; network or FUSE mounts: {_named(unverified)}"
        advice = f"skip them with --one-file-system; or {ADVICE_ON_UNVERIFIED}"
        yield Check("root.mounts_below", State.WARNING, found, advice, given)
    else:
        yield Check("root.mounts_below", State.OK, found, None, given)


def _named(mounts: list[Mount]) -> str:
    named = [f"{os.fsdecode(mount.point)} ({mount.fs_type})" for mount in mounts[:MOUNTS_NAMED]]
    more = len(mounts) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
