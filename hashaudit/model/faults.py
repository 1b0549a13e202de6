"""Why an entry was not examined: faults, and skips by rule."""

from enum import StrEnum

import msgspec


class Stage(StrEnum):
    """Where a fault happened."""

    WALK = "walk"
    OPEN = "open"
    READ = "read"
    DECODE = "decode"
    HASH = "hash"
    MATCH = "match"


class FaultCode(StrEnum):
    """Why something was not examined: the closed set of docs/reference/findings-format.md."""

    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    FILE_REPLACED = "file_replaced"
    """The entry that was opened is not the one that the walk saw (type, device or inode differ)."""
    CHANGED_WHILE_READ = "changed_while_read"
    IO_ERROR = "io_error"
    STALE_HANDLE = "stale_handle"
    NOT_VISIBLE_ON_MOUNT = "not_visible_on_mount"
    """A key of the bucket that the mount does not show, so that nothing of it was examined."""
    LINK_LOOP = "link_loop"
    BROKEN_LINK = "broken_link"
    NAME_TOO_LONG = "name_too_long"
    TOO_MANY_OPEN_FILES = "too_many_open_files"
    TIMEOUT = "timeout"
    WORKER_CRASHED = "worker_crashed"
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
    ARCHIVED = "archived"
    """Archived: the store gives the object only after a restore, which is never asked for."""
    CHECKSUM_MISMATCH = "checksum_mismatch"
    """What was read is not what the store's own checksum of the object says."""
    CACHE_MISMATCH = "cache_mismatch"
    """The cache held other hashes of the very state that was read now."""
    INTERNAL_ERROR = "internal_error"


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
    ALREADY_VISITED = "already_visited"
    OWN_OUTPUT = "own_output"
    DELETE_MARKER = "delete_marker"


class Fault(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that was not examined, and why."""

    stage: Stage
    code: FaultCode
    message: str
    """For people; holds no list entry and no content."""
    attempts: int = 1
    signal: int | None = None


class PathFault(msgspec.Struct, frozen=True):
    """A fault of the walk: ``path`` could not be listed or examined, so it has no entry."""

    path: bytes
    fault: Fault
    directory: bool = False
    """The path is a directory, and some or all of its entries are unseen. Such faults are counted separately."""
    root: int = 0
    """Position of the scan's root that it belongs to, from 0."""


class Skipped(msgspec.Struct, frozen=True):
    """An entry that was counted and by intent not opened."""

    path: bytes
    reason: SkipReason
