"""Whether another machine sees the same files at the same paths, and what their device numbers are there.

On one machine device and inode say which folder it is. Between machines device numbers are chance, and inodes alone
prove little: the root folder of any ext4 is inode 2, and machines made from one image agree in thousands. So a root on
another machine has to be of the same server's export or share: a network filesystem of the same type and source.
"""

import os
from collections.abc import Callable, Iterable

import msgspec

from hashaudit.errors import HostError
from hashaudit.host.mount_table import MountTable, read_mount_table
from hashaudit.model.entry import DirectoryRef, Entry, Stat, State, Subject
from hashaudit.model.paths import to_text
from hashaudit.sources.filesystems import Filesystem
from hashaudit.workers.dask.protocol import RootDirectory

SHARED_TYPES = frozenset({"beegfs", "ceph", "cifs", "fuse.glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"})
"""Their server gives the inode numbers, so that all its clients see the same."""

MAX_DIRECTORIES = 4096
"""Mounts below a root that are compared."""

_NFS = {"nfs": "nfs4"}
"""One export may be mounted by either version of the protocol."""


def root_directories(roots: Iterable[bytes]) -> tuple[RootDirectory, ...]:
    """The roots and what is mounted below them. What cannot be examined is left for the walk to tell of.

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
    """Device numbers of the machine that walks, and what they are on this one; empty where they are the same."""

    here: dict[int, int] = {}

    def entry(self, entry: Subject) -> Subject:
        """An entry as this machine sees it."""
        if not self.here or not isinstance(entry, Entry):
            return entry
        ref = entry.directory
        directory = DirectoryRef(ref.path, self.here.get(ref.device, ref.device), ref.inode)
        return msgspec.structs.replace(entry, directory=directory, stat=_moved(entry.stat, self.here))

    def state(self, state: State | None, entry: Subject) -> State | None:
        """A state of an entry's file as the machine that walks sees it.

        Args:
            state: as read here.
            entry: as that machine gave it.
        """
        if not self.here or not isinstance(state, Stat) or not isinstance(entry, Entry):
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
    """Compares what this machine sees with what the walk sees.

    Args:
        wanted: as the walk sees it.
        same_machine: both run on one kernel, so that device numbers mean the same.
        look: gives a place of this machine; tests replace it.

    Raises:
        HostError: it is not the same; the message says what.
    """
    table = read_mount_table()
    here: dict[int, int] = {}
    for directory in wanted:
        name = to_text(directory.path)[0]
        seen = look(directory.path, table)
        if seen is None:
            raise HostError(f"it does not see {name}")
        if same_machine:
            if (seen.device, seen.inode) != (directory.device, directory.inode):
                raise HostError(f"it sees another folder at {name}")
            continue
        if directory.fs_type not in SHARED_TYPES:
            raise HostError(f"{name} lies on {directory.fs_type or 'a filesystem of unknown type'} of another machine")
        if (_NFS.get(seen.fs_type or "", seen.fs_type), seen.source, seen.inode) != (
            _NFS.get(directory.fs_type, directory.fs_type),
            directory.source,
            directory.inode,
        ):
            raise HostError(f"it sees {_described(seen)} at {name}, and the machine that walks {_described(directory)}")
        here[directory.device] = seen.device
    return Devices(here)


def _described(directory: RootDirectory) -> str:
    return f"{directory.fs_type} from {to_text(directory.source or b'?')[0]}, inode {directory.inode},"
