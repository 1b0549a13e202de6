"""Checks whether another machine has the same files at the same paths, and maps its device numbers.

On one machine device and inode identify a directory. Between machines device numbers are arbitrary, and inodes alone
prove little: the root directory of any ext4 is inode 2, and machines made from one image agree in thousands. So a root
on another machine must be on the same export or share of a server: a network filesystem of the same type and source.
"""

import os
from collections.abc import Callable, Iterable

import msgspec

from hashaudit.errors import HostError
from hashaudit.host.mount_table import MountTable, read_mount_table
from hashaudit.model.entry import Entry, Stat, State
from hashaudit.model.location import DirectoryRef, Kind
from hashaudit.model.paths import to_text
from hashaudit.sources.filesystems import SHARED_TYPES, Filesystem, family_of
from hashaudit.workers.dask.protocol import RootDirectory

MAX_DIRECTORIES = 4096
"""Largest number of mounts below the roots that are compared."""


def root_directories(roots: Iterable[bytes]) -> tuple[RootDirectory, ...]:
    """Returns the roots and the mounts below them. The walk reports those that cannot be examined.

    Args:
        roots: absolute paths without links.
    """
    table = read_mount_table()
    found: dict[bytes, RootDirectory] = {}
    for root in roots:
        below = (mount.point for mount in table.below(root) if not Filesystem(mount.fs_type).is_pseudo)
        for path in (root, *below):
            directory = _directory_at(path, table)
            if directory is not None and len(found) < MAX_DIRECTORIES:
                found[path] = directory
    return tuple(found.values())


def _directory_at(path: bytes, table: MountTable) -> RootDirectory | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    mount = table.of_device(status.st_dev) or table.at(path, status.st_dev)
    fs_type, source = (None, None) if mount is None else (mount.fs_type, mount.source)
    return RootDirectory(path, status.st_dev, status.st_ino, fs_type, source)


class Devices(msgspec.Struct, frozen=True):
    """Maps device numbers of the machine that walks to those of this one; empty if they are the same."""

    here: dict[int, int] = {}

    def entry(self, entry: Entry) -> Entry:
        """Returns an entry with the device numbers of this machine."""
        location = entry.location
        container = location.container
        if not self.here or container.kind is not Kind.FILE:
            return entry
        directory = DirectoryRef(container.path, self.here.get(container.device, container.device), container.inode)
        location = msgspec.structs.replace(location, container=directory)
        return msgspec.structs.replace(entry, location=location, state=_moved(entry.stat, self.here))

    def state(self, state: State | None, entry: Entry) -> State | None:
        """Returns a file state with the device numbers of the machine that walks.

        Args:
            state: as read here.
            entry: as that machine listed it.
        """
        if not self.here or state is None or state.kind is not Kind.FILE:
            return state
        if state.device != self.here.get(entry.stat.device):
            return state
        return msgspec.structs.replace(state, device=entry.stat.device)


def _moved(stat: Stat, devices: dict[int, int]) -> Stat:
    device = devices.get(stat.device, stat.device)
    return stat if device == stat.device else msgspec.structs.replace(stat, device=device)


def compare(
    wanted: Iterable[RootDirectory],
    *,
    same_machine: bool,
    look: Callable[[bytes, MountTable], RootDirectory | None] = _directory_at,
) -> Devices:
    """Compares the directories on this machine with those of the walk.

    Args:
        wanted: as the walk sees them.
        same_machine: both use one kernel, so that device numbers are comparable.
        look: returns a directory of this machine; tests replace it.

    Raises:
        HostError: a directory differs; the message says how.
    """
    table = read_mount_table()
    here: dict[int, int] = {}
    for directory in wanted:
        name = to_text(directory.path)[0]
        seen = look(directory.path, table)
        if seen is None:
            raise HostError(f"it cannot access '{name}'")
        if same_machine:
            if (seen.device, seen.inode) != (directory.device, directory.inode):
                raise HostError(f"it sees another directory at '{name}'")
            continue
        if directory.fs_type not in SHARED_TYPES:
            raise HostError(f"'{name}' is on {directory.fs_type or 'a filesystem of unknown type'} of another machine")
        if (family_of(seen.fs_type), seen.source, seen.inode) != (
            family_of(directory.fs_type),
            directory.source,
            directory.inode,
        ):
            raise HostError(f"at '{name}' it sees {_described(seen)} and the scanning host {_described(directory)}")
        here[directory.device] = seen.device
    return Devices(here)


def _described(directory: RootDirectory) -> str:
    return f"{directory.fs_type} from {to_text(directory.source or b'?')[0]}, inode {directory.inode},"
