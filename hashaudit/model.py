"""The values that pass between the layers: frozen, slotted, without I/O.

They are msgspec structs, not dataclasses, because a worker's answers cross the process boundary as data with a fixed
schema and are never unpickled (docs/adr/0003-worker-answers-are-data.md). ``array_like`` keeps them small on the wire.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

import msgspec

AlgorithmName = NewType("AlgorithmName", str)
"""Lower-case name of a digest or perceptual hash as it stands in the findings file: ``sha256``, ``blake3``, ``pdq``."""

ListNumber = NewType("ListNumber", int)
"""Position of a list in the run header, from 1."""


class Stage(StrEnum):
    """Where a fault happened."""

    WALK = "walk"
    OPEN = "open"
    READ = "read"
    DECODE = "decode"
    HASH = "hash"
    MATCH = "match"


class FaultCode(StrEnum):
    """Why something was not examined: the closed set of docs/findings-format.md."""

    PERMISSION_DENIED = "permission_denied"
    VANISHED = "vanished"
    REPLACED = "replaced"
    """The entry that was opened is not the one that the walk saw (type, device or inode differ)."""
    CHANGED_WHILE_READ = "changed_while_read"
    IO_ERROR = "io_error"
    STALE_HANDLE = "stale_handle"
    HIDDEN_BY_MOUNT = "hidden_by_mount"
    """A key of the bucket that the mount does not show, so that nothing of it was examined."""
    LINK_LOOP = "link_loop"
    BROKEN_LINK = "broken_link"
    NAME_TOO_LONG = "name_too_long"
    TOO_MANY_OPEN_FILES = "too_many_open_files"
    TIMEOUT = "timeout"
    WORKER_DIED = "worker_died"
    OUT_OF_MEMORY = "out_of_memory"
    DECODE_ERROR = "decode_error"
    """The decoder of the picture's format refuses it, also when told to accept a truncated file."""
    DECODE_TIMEOUT = "decode_timeout"
    UNSUPPORTED_IMAGE = "unsupported_image"
    """Known to be a picture, of a kind that is not decoded."""
    TOO_MANY_BYTES = "too_many_bytes"
    """The encoded picture is larger than what is handed to a decoder."""
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    """Frames beyond the number that is gone through were not looked at."""
    NOT_RETRIEVABLE = "not_retrievable"
    """Archived: the store gives the object only after a restore, which is never asked for."""
    CHECKSUM_MISMATCH = "checksum_mismatch"
    """What was read is not what the store's own checksum of the object says."""
    CACHE_MISMATCH = "cache_mismatch"
    """The cache held other hashes of the very state that was read now."""
    INTERNAL_ERROR = "internal_error"


class Consistency(StrEnum):
    """What is known about the content's having been one state while it was read."""

    STABLE = "stable"
    ETAG_PINNED = "etag_pinned"
    VERSION_PINNED = "version_pinned"
    MOUNT_UNPINNED = "mount_unpinned"
    CHANGED_WHILE_READ = "changed_while_read"


class Role(StrEnum):
    """What a hit on a list means."""

    DENY = "deny"
    KNOWN = "known"


class MatchType(StrEnum):
    """How a hash agreed with a list entry."""

    EXACT = "exact"
    NEAR = "near"


class Confirmation(StrEnum):
    """Why a finding should not be acted on alone."""

    MD5_ONLY = "md5_only"
    SHA1_ONLY = "sha1_only"
    PERCEPTUAL_ONLY = "perceptual_only"
    LOW_QUALITY = "low_quality"
    CONFLICTING_DIGESTS = "conflicting_digests"
    CHANGED_WHILE_READ = "changed_while_read"


NO_VERSION = "null"
"""The version id of objects that were written while a bucket kept no versions; it can be overwritten."""


class SkipReason(StrEnum):
    """Why an entry was counted and by intent not opened. None of these makes a run incomplete."""

    EXCLUDED = "excluded"
    NOT_INCLUDED = "not_included"
    SYMBOLIC_LINK = "symbolic_link"
    FIFO = "fifo"
    SOCKET = "socket"
    DEVICE = "device"
    PSEUDO_FILESYSTEM = "pseudo_filesystem"
    OTHER_FILESYSTEM = "other_filesystem"
    OTHER_ROOT = "other_root"
    ALREADY_WALKED = "already_walked"
    OWN_OUTPUT = "own_output"
    DELETE_MARKER = "delete_marker"


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
    """The best that can be said of a read here: ``mount_unpinned`` on FUSE and network mounts."""

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


class Fault(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that was not examined, and why."""

    stage: Stage
    code: FaultCode
    message: str
    """For people; holds no list entry and no content."""
    attempts: int = 1
    signal: int | None = None


class PathFault(msgspec.Struct, frozen=True):
    """A fault of the walk: ``path`` could not be listed or examined, so it has no :class:`Entry`."""

    path: bytes
    fault: Fault
    directory: bool = False
    """The path is a folder whose entries, or some of them, are therefore unseen. Such faults are counted apart."""


class Skipped(msgspec.Struct, frozen=True):
    """An entry that was counted and by intent not opened."""

    path: bytes
    reason: SkipReason


class Waiting(msgspec.Struct, frozen=True):
    """What a walk gives while it waits for a store: nothing was met; ask again."""


WAITING = Waiting()


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One agreement between a file's hash and a list entry."""

    list_number: int
    entry: str
    """The list's own id of the entry, or ``line N``."""
    algorithm: AlgorithmName
    type: MatchType
    role: Role
    labels: dict[str, str]
    distance: int | None = None
    threshold: int | None = None


def any_looked_for(matches: Iterable[Match]) -> bool:
    """Tells if a match is with something that is looked for, which makes a finding; known files make none."""
    return any(match.role is Role.DENY for match in matches)


class PerceptualHash(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One perceptual hash of one frame in one variant."""

    algorithm: AlgorithmName
    value: str
    """Lower-case hex."""
    quality: int | None = None
    frame: int = 0
    variant: str = "original"
    trimmed: bool = False
    truncated: bool = False


class Examination(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that a worker learned about one entry."""

    item: int
    """Position of the entry in its work unit."""
    stat: State | None
    """Of the state that was hashed; ``None`` when nothing could be opened."""
    bytes_read: int
    consistency: Consistency
    digests: dict[str, str]
    """Algorithm -> lower-case hex; empty when nothing was read to its end."""
    matches: tuple[Match, ...] = ()
    needs_confirmation: tuple[Confirmation, ...] = ()
    faults: tuple[Fault, ...] = ()
    changed_from: State | None = None
    """With ``changed_while_read``: the state before the last read, or as listed; ``stat`` is the state after it."""
    perceptual: tuple[PerceptualHash, ...] = ()
    matches_omitted: int = 0
    """Matches beyond those that a record holds."""
    from_run: str | None = None
    """The run that read the content, where it was an earlier one and this one took its hashes from the cache."""
