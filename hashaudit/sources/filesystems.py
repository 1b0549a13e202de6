"""Filesystem types: which are pseudo, which are shared between hosts, and where an unchanged stat proves nothing."""

from collections.abc import Callable

import msgspec

from hashaudit.host.mount_table import MountWatch, read_mount_table
from hashaudit.model.entry import Consistency

SHARED_TYPES = frozenset({"beegfs", "ceph", "cifs", "fuse.glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"})
"""Their server assigns the inode numbers, so that all its clients see the same."""

_FAMILIES = {"nfs": "nfs4"}
"""One export may be mounted by either version of the protocol."""

PSEUDO_TYPES = frozenset(
    {
        "apparmorfs",
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "cpuset",
        "debugfs",
        "devpts",
        "dlmfs",
        "efivarfs",
        "functionfs",
        "fusectl",
        "gadgetfs",
        "hugetlbfs",
        "mqueue",
        "nfsd",
        "nsfs",
        "ocfs2_dlmfs",
        "openpromfs",
        "oprofilefs",
        "proc",
        "pstore",
        "resctrl",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "smackfs",
        "spufs",
        "sysfs",
        "tracefs",
        "usbfs",
        "xenfs",
    }
)
"""Filesystems of the kernel that show its state as files and store no user data. Source: kernel documentation.

Excludes tmpfs, ramfs and devtmpfs, which store user data. Never contains a type ``fuse.NAME``, lxcfs included: any user
who mounts a FUSE filesystem chooses the NAME.
"""

_NETWORK_TYPES = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "smb3",
        "smbfs",
        "virtiofs",
    }
)

_AUTOMOUNTING_TYPES = frozenset({"afs", "autofs", "cifs", "nfs", "nfs4", "smb3"})
"""Opening a directory there may mount another filesystem over it, which is then rightly not the directory that was
seen."""


def family_of(fs_type: str | None) -> str | None:
    """Returns the type by which two mounts of one file system are compared."""
    return _FAMILIES.get(fs_type or "", fs_type)


class Filesystem(msgspec.Struct, frozen=True):
    """The filesystem of a device."""

    fs_type: str | None
    """``None`` if the system does not report it."""

    @property
    def is_pseudo(self) -> bool:
        """True if it stores no user data."""
        return self.fs_type in PSEUDO_TYPES

    @property
    def may_automount(self) -> bool:
        """True if opening a directory may change its device and inode."""
        return self.fs_type in _AUTOMOUNTING_TYPES

    @property
    def is_stable(self) -> bool:
        """True if inode numbers and times can be trusted."""
        return self.consistency is Consistency.STABLE

    @property
    def consistency(self) -> Consistency:
        """Consistency that an unchanged stat proves.

        A FUSE daemon or a server may provide other content without any change in stat.
        """
        fs_type = self.fs_type or ""
        unpinned = fs_type in _NETWORK_TYPES or fs_type.partition(".")[0] in {"fuse", "fuseblk"}
        return Consistency.UNVERIFIED_MOUNT if unpinned else Consistency.STABLE


class Filesystems:
    """Looks up the filesystem of each device in the mount table."""

    def __init__(self) -> None:
        self._watch = MountWatch()
        self._table = read_mount_table()
        self._known: dict[int, Filesystem] = {}

    def of(self, device: int, path: Callable[[], bytes], *, entered: bool = False) -> Filesystem:
        """Returns the filesystem of a device.

        Args:
            device: ``st_dev``. After an unmount, the kernel gives the number to the next mount.
            path: returns an absolute path on it, for devices that the table does not name (subvolumes of
                btrfs).
            entered: the walk comes from another device. The table is then read again in any case, because not all
                systems report that it has changed.
        """
        if self._watch.changed() or entered:
            self._table = read_mount_table()
            self._known.clear()
        known = self._known.get(device)
        if known is None:
            known = self._known[device] = self._look_up(device, path())
        return known

    def close(self) -> None:
        """Frees the descriptor that reports changes; the object stays usable."""
        self._watch.close()

    def _look_up(self, device: int, path: bytes) -> Filesystem:
        mount = self._table.of_device(device)
        if mount is None:
            self._table = read_mount_table()  # something may have been mounted since
            mount = self._table.of_device(device) or self._table.at(path, device)
        return Filesystem(mount.fs_type if mount is not None else None)
