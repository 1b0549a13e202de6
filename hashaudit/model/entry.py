"""What a source gives to be examined: an entry, its location and its state."""

from enum import StrEnum

import msgspec


class Consistency(StrEnum):
    """What is known about the content's having been one state while it was read."""

    STABLE = "stable"
    ETAG_PINNED = "etag_pinned"
    VERSION_PINNED = "version_pinned"
    UNVERIFIED_MOUNT = "unverified_mount"
    CHANGED_WHILE_READ = "changed_while_read"


NO_VERSION = "null"
"""The version id of objects that were written while a bucket kept no versions; it can be overwritten."""


class Stat(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """The fields of ``stat`` that identify a state of a file."""

    mode: int
    device: int
    inode: int
    links: int
    size: int
    """Bytes; what the filesystem says, which for pseudo files is 0 whatever they hold."""
    mtime_ns: int
    ctime_ns: int


class ObjectState(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """One state of an object in an object store, as the store tells it."""

    size: int
    """Bytes."""
    etag: str
    """Without quotes. Pins reads to this state; says nothing of the content."""
    last_modified_ns: int
    version: str | None = None
    """The store's id of this version; ``None`` where it tells none, ``null`` where versions are not kept."""
    storage: str | None = None
    """Storage class or access tier, as the store names it."""


State = Stat | ObjectState


class DirectoryRef(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A folder as the walk saw it: a worker opens ``path`` and refuses it unless device and inode agree."""

    path: bytes
    """Absolute; may be longer than PATH_MAX."""
    device: int
    inode: int


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """One path to examine."""

    directory: DirectoryRef
    name: bytes
    stat: Stat
    followed: bool = False
    """The name is a symbolic link that is followed by request; ``stat`` is its target's."""
    consistency: Consistency = Consistency.STABLE
    """The best that can be said of a read here: ``unverified_mount`` on FUSE and network mounts."""

    @property
    def path(self) -> bytes:
        """Absolute path, exact bytes."""
        return join_path(self.directory.path, self.name)


class BucketRef(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bucket or container."""

    scheme: str
    """``s3`` or ``az``."""
    name: str

    @property
    def path(self) -> bytes:
        """Its URL, without a slash at its end."""
        return f"{self.scheme}://{self.name}".encode()


class ObjectEntry(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """One object, or one version of one, to examine."""

    bucket: BucketRef
    key: bytes
    """Any bytes: ``a//b``, ``../x`` and ``dir/`` are keys like any other."""
    state: ObjectState
    """As listed."""

    @property
    def path(self) -> bytes:
        """Its URL, with the exact bytes of the key and nothing escaped. Versions of one key share it."""
        return self.bucket.path + b"/" + self.key

    @property
    def consistency(self) -> Consistency:
        """What the store pins a read to."""
        return pinned(self.state)


Subject = Entry | ObjectEntry
"""What a source gives to be examined."""


def holder_of(subject: Subject) -> DirectoryRef | BucketRef:
    """The folder or bucket that it is in."""
    return subject.directory if isinstance(subject, Entry) else subject.bucket


def state_of(subject: Subject) -> State:
    """Its state as the walk saw it."""
    return subject.stat if isinstance(subject, Entry) else subject.state


def version_of(subject: Subject) -> str | None:
    """Which version of its object it is, where the store tells."""
    return subject.state.version if isinstance(subject, ObjectEntry) else None


def pinned(state: ObjectState) -> Consistency:
    """What a read of an object's state is pinned to."""
    versioned = state.version is not None and state.version != NO_VERSION
    return Consistency.VERSION_PINNED if versioned else Consistency.ETAG_PINNED


def join_path(directory: bytes, name: bytes) -> bytes:
    """Joins an absolute folder and a name without a doubled slash at the filesystem's root."""
    return directory + name if directory.endswith(b"/") else directory + b"/" + name


class NotReady(msgspec.Struct, frozen=True):
    """What a walk gives while it waits for a store: nothing was met; ask again."""


NOT_READY = NotReady()
