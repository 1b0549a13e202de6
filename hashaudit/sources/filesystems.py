"""What kind of filesystem a device is, as far as the walk and the worth of a stability check depend on it."""

from collections.abc import Callable

import msgspec

from hashaudit.host.mount_table import read_mount_table
from hashaudit.model.entry import Consistency

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
        "fuse.lxcfs",
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
"""Show the kernel's or a daemon's state as files; nobody's content is kept there. Source: the kernel's documentation.

tmpfs, ramfs and devtmpfs are not among them: they hold whatever was put there.
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
"""Opening a folder there may mount another filesystem over it, so that it is rightly not the folder that was seen."""


class Filesystem(msgspec.Struct, frozen=True):
    """What a device holds."""

    fs_type: str | None
    """``None`` where the system does not tell."""

    @property
    def is_pseudo(self) -> bool:
        """Nobody's content is kept there."""
        return self.fs_type in PSEUDO_TYPES

    @property
    def may_automount(self) -> bool:
        """Opening a folder may change its device and inode."""
        return self.fs_type in _AUTOMOUNTING_TYPES

    @property
    def consistency(self) -> Consistency:
        """What an unchanged stat is worth.

        A FUSE daemon or a server may give the content of another state without any change in what stat says.
        """
        fs_type = self.fs_type or ""
        unpinned = fs_type in _NETWORK_TYPES or fs_type in {"fuse", "fuseblk"} or fs_type.startswith("fuse.")
        return Consistency.UNVERIFIED_MOUNT if unpinned else Consistency.STABLE


class Filesystems:
    """Knows the kind of each device, by the table of mounts."""

    def __init__(self) -> None:
        self._table = read_mount_table()
        self._known: dict[int, Filesystem] = {}

    def of(self, device: int, path: Callable[[], bytes]) -> Filesystem:
        """The kind of a device.

        Args:
            device: ``st_dev``.
            path: gives an absolute path on it, for devices that the table does not name (subvolumes of btrfs).
        """
        known = self._known.get(device)
        if known is None:
            known = self._known[device] = self._look_up(device, path())
        return known

    def _look_up(self, device: int, path: bytes) -> Filesystem:
        mount = self._table.of_device(device)
        if mount is None:
            self._table = read_mount_table()  # something may have been mounted since
            mount = self._table.of_device(device) or self._table.at(path, device)
        return Filesystem(mount.fs_type if mount is not None else None)
