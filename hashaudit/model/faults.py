"""Why an entry was not examined: faults, and skips by rule."""

from enum import StrEnum

import msgspec


class Stage(StrEnum):
    """The stage of examination in which a fault happened."""

    WALK = "walk"
    OPEN = "open"
    READ = "read"
    DECODE = "decode"
    UNPACK = "unpack"
    """Reading the members of a container."""
    HASH = "hash"
    MATCH = "match"


class FaultCode(StrEnum):
    """Reasons why something was not examined: the closed set of docs/reference/codes.md."""

    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    FILE_REPLACED = "file_replaced"
    """The opened entry is not the one that the walk saw: type, device or inode differ."""
    CHANGED_WHILE_READ = "changed_while_read"
    IO_ERROR = "io_error"
    STALE_HANDLE = "stale_handle"
    NOT_VISIBLE_ON_MOUNT = "not_visible_on_mount"
    """The mount does not show this key of the bucket, so it was not examined."""
    ROOT_EMPTY = "root_empty"
    LIST_TOO_SMALL = "list_too_small"
    LIST_TOO_OLD = "list_too_old"
    CHANGED_WHILE_WALKED = "changed_while_walked"
    LINK_LOOP = "link_loop"
    BROKEN_LINK = "broken_link"
    NAME_TOO_LONG = "name_too_long"
    TOO_MANY_OPEN_FILES = "too_many_open_files"
    TIMEOUT = "timeout"
    WORKER_CRASHED = "worker_crashed"
    OUT_OF_MEMORY = "out_of_memory"
    DECODE_ERROR = "decode_error"
    """The decoder of the image's format refuses it, even in the mode that accepts truncated files."""
    DECODE_TIMEOUT = "decode_timeout"
    UNSUPPORTED_IMAGE = "unsupported_image"
    """An image of a format that is not decoded."""
    TOO_MANY_BYTES = "too_many_bytes"
    """The encoded image is larger than the limit for decoders."""
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    """Frames beyond the limit were not examined."""
    ARCHIVED = "archived"
    """The store returns the object only after a restore, which hashaudit never requests."""
    CHECKSUM_MISMATCH = "checksum_mismatch"
    """The content read does not have the store's own checksum of the object."""
    CACHE_MISMATCH = "cache_mismatch"
    """The cache has other hashes for the same state of the file."""
    ENCRYPTED = "encrypted"
    """A member, or the directory of a container, needs a password."""
    UNSUPPORTED = "unsupported"
    """A form of a container that is detected and not read."""
    DAMAGED = "damaged"
    """A checksum, the structure or the end of a container is wrong."""
    LIMIT_REACHED = "limit_reached"
    """A limit on what is examined inside one file."""
    INCOMPLETE = "incomplete"
    """A part of a split container is missing."""
    TRAILING_DATA = "trailing_data"
    """Other data behind the end of a container."""
    READER_MISSING = "reader_missing"
    """A container of a kind that the user wants opened, and that has no reader here."""
    INTERNAL_ERROR = "internal_error"


GUARD_CODES = frozenset({FaultCode.ROOT_EMPTY, FaultCode.LIST_TOO_SMALL, FaultCode.LIST_TOO_OLD})
"""Codes of guards against an empty result. Their records are of a directory or a list, and nothing in it was missed."""


GUARD_CODES = frozenset({FaultCode.ROOT_EMPTY, FaultCode.LIST_TOO_SMALL, FaultCode.LIST_TOO_OLD})
"""Faults of the scan as a whole, which guards against an empty "clean" report."""


class SkipReason(StrEnum):
    """Rules by which an entry is skipped: counted and not opened. A skip does not make a scan incomplete."""

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
    """One reason why an entry was not fully examined."""

    stage: Stage
    code: FaultCode
    message: str
    """Text for people, without list entries and content."""
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
    """An entry that was skipped by rule: counted and not opened."""

    path: bytes
    reason: SkipReason
