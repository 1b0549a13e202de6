"""The table of mounts of this process.

Source: proc_pid_mountinfo(5). Other systems give an empty table: there the filesystem's type stays unknown.
"""

import os
import re
from collections.abc import Iterable, Iterator

import msgspec

MOUNTINFO = "/proc/self/mountinfo"

_OCTAL = re.compile(rb"\\([0-7]{3})")
_FIELDS_BEFORE_OPTIONAL = 6
_FIELDS_AFTER_OPTIONAL = 3


class Mount(msgspec.Struct, frozen=True):
    """One mount."""

    device: int
    """``st_dev`` of what is mounted; btrfs gives the files of a subvolume another one."""
    point: bytes
    fs_type: str
    source: bytes
    options: str
    """Of this mount, comma-separated."""
    super_options: str
    """Of the filesystem, comma-separated."""


def read_mount_table() -> "MountTable":
    """The mounts as they are now; empty where the system does not tell."""
    try:
        with open(MOUNTINFO, "rb") as file:
            text = file.read()
    except OSError:
        text = b""
    return MountTable(parse_mountinfo(text))


def parse_mountinfo(text: bytes) -> Iterator[Mount]:
    """Yields the mounts of a mountinfo file, in its order. Lines that are not of its form are passed over."""
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
        )


class MountTable:
    """The mounts in the order in which they were made, so that a later one hides an earlier one at the same place."""

    def __init__(self, mounts: Iterable[Mount] = ()) -> None:
        self._mounts = tuple(mounts)
        self._by_device = {mount.device: mount for mount in self._mounts}

    def of_device(self, device: int) -> Mount | None:
        """The latest mount of a device."""
        return self._by_device.get(device)

    def at(self, path: bytes, device: int) -> Mount | None:
        """The mount that an absolute path without links lies on; ``device`` decides where one mount hides another."""
        over = [mount for mount in self._mounts if _contains(mount.point, path)]
        candidates = [mount for mount in over if mount.device == device] or over
        longest = max((len(mount.point) for mount in candidates), default=0)
        return next((mount for mount in reversed(candidates) if len(mount.point) == longest), None)

    def below(self, path: bytes) -> tuple[Mount, ...]:
        """The mounts strictly below an absolute path."""
        return tuple(mount for mount in self._mounts if mount.point != path and _contains(path, mount.point))


def _contains(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(b"/") else folder + b"/")


def _unescape(field: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), field)


def _text(field: bytes) -> str:
    return _unescape(field).decode(errors="backslashreplace")
