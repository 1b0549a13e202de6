"""The mount table of this process.

Source: proc_pid_mountinfo(5). Other systems have an empty table, so filesystem types stay unknown there.
"""

import os
import select
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from hashaudit.lazy import lazy_pattern
from hashaudit.model.location import is_below

MOUNTINFO = "/proc/self/mountinfo"

_OCTAL = lazy_pattern(rb"\\([0-7]{3})")
_FIELDS_BEFORE_OPTIONAL = 6
_FIELDS_AFTER_OPTIONAL = 3


class Mount(msgspec.Struct, frozen=True):
    """One mount."""

    device: int
    """``st_dev`` of the mounted filesystem. Files of a btrfs subvolume have a different one."""
    point: bytes
    fs_type: str
    source: bytes
    options: str
    """Options of this mount, comma-separated."""
    super_options: str
    """Options of the filesystem, comma-separated."""
    root: bytes = b"/"
    """Path within the filesystem that is visible at ``point``: another than ``/`` for a bind mount or subvolume."""


def read_mount_table() -> "MountTable":
    """Returns the current mounts; an empty table if the system has no mountinfo."""
    try:
        with open(MOUNTINFO, "rb") as file:
            text = file.read()
    except OSError:
        text = b""
    return MountTable(parse_mountinfo(text))


class MountWatch:
    """Reports whether anything was mounted or unmounted. Source: proc_pid_mounts(5), the last paragraph."""

    def __init__(self) -> None:
        self._poll: Any = None
        self._close: Callable[[], object] | None = None
        if not hasattr(select, "poll"):
            return
        try:
            descriptor = os.open(MOUNTINFO, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return
        self._close = weakref.finalize(self, os.close, descriptor)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLPRI)

    def changed(self) -> bool:
        """Returns whether there was a change since the last call. False if the system does not report it."""
        return self._poll is not None and bool(self._poll.poll(0))

    def close(self) -> None:
        """Frees the descriptor; may be called again. No change is reported afterwards."""
        self._poll = None
        if self._close is not None:
            self._close()


def parse_mountinfo(text: bytes) -> Iterator[Mount]:
    """Yields the mounts of a mountinfo file, in its order. Malformed lines are skipped."""
    for line in text.split(b"\n"):
        before, found, after = line.partition(b" - ")
        left = before.split(b" ")
        right = after.split(b" ", _FIELDS_AFTER_OPTIONAL - 1)
        major, _, minor = left[2].partition(b":") if len(left) >= _FIELDS_BEFORE_OPTIONAL else (b"", b"", b"")
        if not found or len(right) < _FIELDS_AFTER_OPTIONAL or not (major.isdigit() and minor.isdigit()):
            continue
        yield Mount(
            device=os.makedev(int(major), int(minor)),
            point=_unescape(left[4]),
            fs_type=_text(right[0]),
            source=_unescape(right[1]),
            options=_text(left[5]),
            super_options=_text(right[2]),
            root=_unescape(left[3]),
        )


class MountTable:
    """The mounts in creation order: a later one hides an earlier one at the same mount point."""

    def __init__(self, mounts: Iterable[Mount] = ()) -> None:
        self._mounts = tuple(mounts)
        self._by_device = {mount.device: mount for mount in self._mounts}
        self.points = frozenset(mount.point for mount in self._mounts)
        """The mount points."""

    def of_device(self, device: int) -> Mount | None:
        """Returns the latest mount of a device."""
        return self._by_device.get(device)

    def at(self, path: bytes, device: int) -> Mount | None:
        """Returns the mount that contains an absolute path without links.

        ``device`` decides where one mount hides another.
        """
        containing = [mount for mount in self._mounts if is_below(path, mount.point)]
        candidates = [mount for mount in containing if mount.device == device] or containing
        longest = max((len(mount.point) for mount in candidates), default=0)
        return next((mount for mount in reversed(candidates) if len(mount.point) == longest), None)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """All mounts, in creation order."""
        return self._mounts

    def aliases(self, path: bytes) -> Iterator[bytes]:
        """Yields other paths at which mounts show the file at an absolute path without links.

        A later mount may hide the file there.
        """
        containing = [mount for mount in self._mounts if is_below(path, mount.point)]
        longest = max((len(mount.point) for mount in containing), default=0)
        for mount in (one for one in containing if len(one.point) == longest):
            inside = _joined(mount.root, path[len(mount.point.rstrip(b"/")) :])
            for other in self._mounts:
                if other.device == mount.device and is_below(inside, other.root):
                    alias = _joined(other.point, inside[len(other.root.rstrip(b"/")) :])
                    if alias != path:
                        yield alias

    def below(self, path: bytes) -> tuple[Mount, ...]:
        """Returns the mounts strictly below an absolute path."""
        return tuple(mount for mount in self._mounts if mount.point != path and is_below(mount.point, path))


def _joined(directory: bytes, below: bytes) -> bytes:
    """Joins a path and the rest of another, which is empty or begins with a slash."""
    return directory.rstrip(b"/") + below or b"/"


def _unescape(field: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), field)


def _text(field: bytes) -> str:
    return _unescape(field).decode(errors="backslashreplace")
