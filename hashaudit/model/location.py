"""The location of an entry: its root, its path or key, its version, and the members on the way into containers.

A location is the identity of an entry. Resume keys, cache keys, shards, the order of a scan and records are all made
from it, so a member of an archive in a disk image needs no other form than a file.
"""

from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

import msgspec

from hashaudit.lazy import lazy

_FILES_FIRST = b"0"
_DIRECTORIES_LAST = b"1"
"""Prefixes of a file's and a directory's name in a sort key: the walk yields a directory's files before it descends."""


class Kind(StrEnum):
    """The kind of storage that holds a location."""

    FILE = "file"
    OBJECT = "object"


class DirectoryRef(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """A directory as the walk saw it. A worker opens ``path`` and rejects it unless device and inode agree."""

    kind: ClassVar[Literal[Kind.FILE]] = Kind.FILE
    path: bytes
    """Absolute; may be longer than PATH_MAX."""
    device: int
    inode: int


class BucketRef(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A bucket or container of an object store."""

    kind: ClassVar[Literal[Kind.OBJECT]] = Kind.OBJECT
    scheme: str
    """``s3`` or ``az``."""
    name: str

    @property
    def path(self) -> bytes:
        """Its URL without a final slash."""
        return f"{self.scheme}://{self.name}".encode()


class Member(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step into a container. The ordinal is part of the identity, because names in a container may repeat."""

    format: str
    """The container's format: ``zip``, ``tar``, ``ntfs``."""
    name: bytes
    """Exact bytes: may contain ``/``, ``..``, NUL and line ends."""
    ordinal: int
    """Position in the container's own order, from 0."""
    deleted: bool = False
    """The container says that it was deleted."""


class ResumeKey(NamedTuple):
    """The identity of an entry across processes. Device and inode numbers are not part of it."""

    path: bytes
    version: str | None = None
    within: tuple[Member, ...] = ()


class Location(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The place of one entry, with what a worker needs to open it."""

    container: DirectoryRef | BucketRef
    name: bytes
    """The name in the directory, or the whole key in the bucket: ``a//b``, ``../x`` and ``dir/`` are valid keys."""
    version: str | None = None
    """The version id of an object, if the store listed one."""
    within: tuple[Member, ...] = ()
    """The members from the file or object inwards; empty for the file or object itself."""
    root: int = 0
    """Position of the scan's root that it belongs to, from 0."""
    via_symlink: bool = False
    """``name`` is a symbolic link that is followed by request; the entry is its target."""

    @property
    def kind(self) -> Kind:
        """The kind of storage."""
        return self.container.kind

    @property
    def path(self) -> bytes:
        """Absolute path or URL of the file or object, exact bytes. Versions of one key and all members share it."""
        return join_path(self.container.path, self.name)

    @property
    def directory(self) -> DirectoryRef:
        """The directory of a file.

        Raises:
            TypeError: it is an object.
        """
        if self.container.kind is not Kind.FILE:
            raise TypeError("an object is not in a directory")
        return self.container

    @property
    def bucket(self) -> BucketRef:
        """The bucket of an object.

        Raises:
            TypeError: it is a file.
        """
        if self.container.kind is not Kind.OBJECT:
            raise TypeError("a file is not in a bucket")
        return self.container

    @property
    def resume_key(self) -> ResumeKey:
        """The key by which a resumed scan finds it again."""
        return ResumeKey(self.path, self.version, self.within)

    @property
    def cache_name(self) -> bytes:
        """The name in a cache, unique in its container; for an ordinary file it is ``name``."""
        if self.version is None and not self.within and not self.name.startswith(b"\0"):
            return self.name
        # No file name contains NUL, so this form never equals a plain name.
        return b"\0" + _ENCODER.encode((self.name, self.version, self.within))

    @property
    def sort_key(self) -> tuple[int, Kind, tuple[bytes, ...], tuple[tuple[str, int], ...]]:
        """Compares as a walk goes: root, files before objects, path, then members by format and ordinal.

        Members compare by format and ordinal. Versions of one key compare equal; a walk keeps the order of the store.
        """
        if self.container.kind is Kind.OBJECT:
            steps: tuple[bytes, ...] = (self.name,)
        else:
            above = filter(None, self.container.path.split(b"/"))
            steps = (*(_DIRECTORIES_LAST + part for part in above), _FILES_FIRST + self.name)
        return self.root, self.container.kind, steps, tuple((member.format, member.ordinal) for member in self.within)


_ENCODER = msgspec.msgpack.Encoder()
_CACHE_NAME = lazy(lambda: msgspec.msgpack.Decoder(tuple[bytes, str | None, tuple[Member, ...]]))


def parse_cache_name(name: bytes) -> tuple[bytes, str | None, tuple[Member, ...]]:
    """Returns name, version and members from a :attr:`Location.cache_name`.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    return _CACHE_NAME.decode(name[1:]) if name.startswith(b"\0") else (name, None, ())


def join_path(directory: bytes, name: bytes) -> bytes:
    """Joins an absolute directory and a name, without a double slash at the filesystem's root."""
    return directory + name if directory.endswith(b"/") else directory + b"/" + name


def is_below(path: bytes, directory: bytes) -> bool:
    """Returns whether an absolute path is a directory or below it."""
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")
