"""Line 1 of a findings file: who ran what, on what, with which lists."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from hashaudit.lists.interface import RejectReason
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.record.fields import (
    MAX_SAFE_INTEGER,
    Decimal,
    FileTime,
    Natural,
    RunId,
    Setting,
    Sha256,
    Size,
    Time,
    Value,
    check_path,
)

FORMAT_VERSION = 1
"""``v`` of the header and of every checkpoint."""


class ClockSync(StrEnum):
    """True if the host's clock was kept by a time service when the run began."""

    SYNCHRONISED = "synchronised"
    UNSYNCHRONISED = "unsynchronised"
    UNKNOWN = "unknown"


class ConfigSource(StrEnum):
    """The place that a setting comes from."""

    COMMAND_LINE = "command_line"
    ENVIRONMENT = "environment"
    FILE = "file"


class RootType(StrEnum):
    """The kind of a root."""

    DIRECTORY = "directory"
    FILE = "file"
    BUCKET = "bucket"
    """In an object store; ``path`` is its URL."""


class Tool(Value, frozen=True, kw_only=True):
    """The program that wrote the file."""

    name: str
    version: str


class System(Value, frozen=True, kw_only=True):
    """The operating system, as ``uname`` names it."""

    name: str
    release: str
    version: str
    machine: str


class Root(Value, frozen=True, kw_only=True):
    """One root as the user named it and where it lies."""

    path: str
    path_uri: str | None = None
    type: RootType
    filesystem: str | None = None
    """Type as the mount table names it: ``ext4``, ``fuse.s3fs``; absent where the host does not know it."""
    mount_source: str | None = None
    mount_point: str | None = None
    mount_options: tuple[str, ...] = ()
    device: Decimal | None = None
    inode: Decimal | None = None
    """``None``, like the device, for a bucket and for a root that could not be examined."""

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)


class HashList(Value, frozen=True, kw_only=True):
    """One hash list. Never an entry of it."""

    number: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
    name: str
    path: str
    path_uri: str | None = None
    role: Role
    size: Size
    sha256: Sha256
    mtime: FileTime
    format: str
    version: str | None = None
    date: str | None = None
    algorithms: tuple[AlgorithmName, ...]
    read: Natural
    kept: Natural
    rejected: dict[RejectReason, Natural]
    all_sized: bool
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)


class ManifestSource(Value, frozen=True, kw_only=True):
    """A manifest that the tree is compared with."""

    path: str
    path_uri: str | None = None
    format: str
    size: Size
    sha256: Sha256
    entries: Natural
    run_id: RunId | None = None
    """The scan that wrote it, if it is a findings file."""
    signed_by: str | None = None
    """Fingerprint of the key that signed it, if the signature is valid and the signer is trusted."""
    base: str
    """Directory that relative paths of the manifest are below, on this machine."""
    base_uri: str | None = None
    removed_prefix: str | None = None
    """Directory that absolute paths of the manifest begin with, and that :attr:`base` replaces."""
    outside: Natural = 0
    """Entries outside of every root. They are not compared."""

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)
        check_path(self.base, self.base_uri)


class AcceptanceFile(Value, frozen=True, kw_only=True):
    """A file of accepted findings."""

    path: str
    path_uri: str | None = None
    size: Size
    sha256: Sha256
    entries: Natural
    """Acceptances in it, expired ones included."""
    signed_by: str | None = None
    """Fingerprint of the key that signed it; the signature is valid and the signer is trusted."""

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)


class RunHeader(Value, frozen=True, kw_only=True, tag_field="kind", tag="run"):
    """Line 1."""

    seq: Natural = 0
    v: int
    run_id: RunId
    start: Time
    tool: Tool
    versions: dict[str, str]
    """Python and each library that computes or decides something."""
    argv: tuple[str, ...]
    """As called, secrets masked."""
    config: dict[str, Setting]
    """The settings in force, defaults included."""
    config_sources: dict[str, ConfigSource] = msgspec.field(default_factory=dict)
    """Setting, or header field -> the place that its value comes from. Defaults are omitted."""
    config_file: str | None = None
    """Path of the configuration file that was read."""
    host: str
    os: System
    uid: Natural | None
    """Effective user id; null where the system has none."""
    clock_sync: ClockSync
    case: str | None = None
    exhibit: str | None = None
    examiner: str | None = None
    note: str | None = None
    roots: tuple[Root, ...]
    inclusions: tuple[str, ...]
    exclusions: tuple[str, ...]
    lists: tuple[HashList, ...]
    against: tuple[ManifestSource, ...] = ()
    """The manifests of an audit."""
    acceptances: tuple[AcceptanceFile, ...] = ()
    """The files of accepted findings."""
    key_fingerprint: str | None
    """As ``ssh-keygen -l`` prints it; null when the run is unsigned."""
    sandbox: tuple[str, ...]
    """Layers in force in the processes that touch content."""
