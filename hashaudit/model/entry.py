"""An entry to examine: its location, its state as listed, and how far a read of it can be trusted."""

from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from hashaudit.model.location import Kind, Location
from hashaudit.model.times import TimeNs


class Consistency(StrEnum):
    """How sure it is that the content was in one state while it was read."""

    STABLE = "stable"
    ETAG_PINNED = "etag_pinned"
    VERSION_PINNED = "version_pinned"
    UNVERIFIED_MOUNT = "unverified_mount"
    CHANGED_WHILE_READ = "changed_while_read"
    APPENDED_WHILE_READ = "appended_while_read"
    """The file grew while it was read. The digests are of its content when the reading began, which stayed the same."""


NO_VERSION = "null"
"""The version id of objects that were written while a bucket kept no versions; it can be overwritten."""


class Stat(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """The fields of ``stat`` that describe a state of a file."""

    kind: ClassVar[Literal[Kind.FILE]] = Kind.FILE
    mode: int
    device: int
    inode: int
    links: int
    size: int
    """Bytes according to the filesystem: 0 for pseudo files of any content."""
    mtime_ns: TimeNs
    ctime_ns: TimeNs
    uid: int = 0
    gid: int = 0
    birth_ns: TimeNs | None = None
    """Creation time. Read for entries that get a record, where system and filesystem keep it; else ``None``."""

    def is_same_state(self, other: "Stat") -> bool:
        """Returns whether both are the same state of the same file."""
        return (
            self.inode == other.inode
            and self.size == other.size
            and self.mtime_ns == other.mtime_ns
            and self.ctime_ns == other.ctime_ns
        )


class ObjectState(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """One state of an object in an object store, as the store reports it."""

    kind: ClassVar[Literal[Kind.OBJECT]] = Kind.OBJECT
    size: int
    """Bytes."""
    etag: str
    """Without quotes. Pins reads to this state; says nothing about the content."""
    last_modified_ns: int
    version: str | None = None
    """The store's id of this version; ``None`` if it reports none, ``null`` if it keeps no versions."""
    storage_class: str | None = None
    """Storage class or access tier, as the store names it."""
    is_conclusive: bool = False
    """An object that is listed in an equal state later has the same content, so hashes of it still hold."""


State = Stat | ObjectState


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing to examine."""

    location: Location
    state: State
    """As listed: of the file or object, also for a member inside it."""
    consistency: Consistency = Consistency.STABLE
    """The best that a read can be: ``unverified_mount`` on FUSE and network mounts."""

    @property
    def path(self) -> bytes:
        """The path or URL of its location."""
        return self.location.path

    @property
    def stat(self) -> Stat:
        """The state of a file.

        Raises:
            TypeError: it is an object's.
        """
        if self.state.kind is not Kind.FILE:
            raise TypeError("an object has no stat")
        return self.state

    @property
    def object_state(self) -> ObjectState:
        """The state of an object.

        Raises:
            TypeError: it is a file's.
        """
        if self.state.kind is not Kind.OBJECT:
            raise TypeError("a file has no state in an object store")
        return self.state


def pinned(state: ObjectState) -> Consistency:
    """Returns what a read of an object's state is pinned to."""
    return Consistency.VERSION_PINNED if is_versioned(state.version) else Consistency.ETAG_PINNED


def is_versioned(version: str | None) -> bool:
    """Returns whether a version id is that of one version, and not of what was written last."""
    return version is not None and version != NO_VERSION


class NotReady(msgspec.Struct, frozen=True):
    """Yielded by a walk while it waits for a store: nothing was listed yet; ask again."""


NOT_READY = NotReady()
