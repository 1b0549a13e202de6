import subprocess
import sys
import tempfile

import pytest

from hashaudit.host.mount_table import MountTable, MountWatch, parse_mountinfo
from hashaudit.model.entry import Consistency
from hashaudit.sources import filesystems
from hashaudit.sources.filesystems import PSEUDO_TYPES, Filesystem, Filesystems


@pytest.mark.parametrize(
    ("fs_type", "pseudo", "consistency"),
    [
        ("ext4", False, Consistency.STABLE),
        ("tmpfs", False, Consistency.STABLE),
        ("devtmpfs", False, Consistency.STABLE),
        ("overlay", False, Consistency.STABLE),
        (None, False, Consistency.STABLE),
        ("proc", True, Consistency.STABLE),
        ("cgroup2", True, Consistency.STABLE),
        ("fuse.lxcfs", False, Consistency.UNVERIFIED_MOUNT),
        ("fuse", False, Consistency.UNVERIFIED_MOUNT),
        ("fuseblk", False, Consistency.UNVERIFIED_MOUNT),
        ("fuseblk.proc", False, Consistency.UNVERIFIED_MOUNT),
        *((f"fuse.{name}", False, Consistency.UNVERIFIED_MOUNT) for name in (*sorted(PSEUDO_TYPES), "fuse.proc", "")),
        ("fuse.s3fs", False, Consistency.UNVERIFIED_MOUNT),
        ("nfs4", False, Consistency.UNVERIFIED_MOUNT),
        ("cifs", False, Consistency.UNVERIFIED_MOUNT),
        ("fusectl", True, Consistency.STABLE),
    ],
)
def test_kinds(fs_type: str | None, pseudo: bool, consistency: Consistency) -> None:
    kind = Filesystem(fs_type)
    assert (kind.is_pseudo, kind.consistency) == (pseudo, consistency)


def test_a_device_is_looked_up_once_and_late_mounts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [
        MountTable(parse_mountinfo(b"1 1 0:5 / / rw - btrfs /dev/sda rw\n")),
        MountTable(parse_mountinfo(b"1 1 0:5 / / rw - btrfs /dev/sda rw\n2 1 0:6 / /m rw - nfs s:/ rw\n")),
        MountTable(()),
    ]
    monkeypatch.setattr(filesystems, "read_mount_table", lambda: tables.pop(0))
    kinds = Filesystems()
    for _ in range(3):
        assert kinds.of(5, lambda: b"/x").fs_type == "btrfs"
        assert kinds.of(6, lambda: b"/m").fs_type == "nfs"
    assert len(tables) == 1
    for _ in range(3):
        assert kinds.of(7, lambda: b"/m/x").fs_type is None
    assert tables == []


def test_a_device_without_a_mount_is_of_its_paths_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    table = MountTable(parse_mountinfo(b"1 1 0:5 / / rw - ext4 /dev/sda rw\n2 1 0:6 / /m rw - btrfs /dev/sdb rw\n"))
    monkeypatch.setattr(filesystems, "read_mount_table", lambda: table)
    assert Filesystems().of(99, lambda: b"/m/subvolume").fs_type == "btrfs"
    monkeypatch.setattr(filesystems, "read_mount_table", MountTable)
    assert Filesystems().of(99, lambda: b"/m/subvolume").fs_type is None


def test_a_device_number_is_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"pseudo": b"1 1 0:5 / /a rw - devpts d rw\n", "data": b"1 1 0:5 / /z rw - tmpfs t rw\n"}
    table = MountTable(parse_mountinfo(lines["pseudo"]))
    monkeypatch.setattr(filesystems, "read_mount_table", lambda: table)
    kinds = Filesystems()
    assert kinds.of(5, lambda: b"/a").is_pseudo
    table = MountTable(parse_mountinfo(lines["data"]))
    assert kinds.of(5, lambda: b"/z").is_pseudo  # nothing was reported and no other device entered
    assert not kinds.of(5, lambda: b"/z", entered=True).is_pseudo
    table = MountTable(parse_mountinfo(lines["pseudo"]))
    monkeypatch.setattr(kinds, "_watch", Changed())
    assert kinds.of(5, lambda: b"/a").is_pseudo


class Changed(MountWatch):
    def changed(self) -> bool:
        return True


def test_a_mount_is_reported() -> None:
    code = """
import subprocess, sys
from hashaudit.host.mount_table import MountWatch
watch = MountWatch()
seen = [watch.changed()]
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[1]], check=True)
seen += [watch.changed(), watch.changed()]
subprocess.run(["umount", sys.argv[1]], check=True)
print([*seen, watch.changed(), watch.changed()])
"""
    with tempfile.TemporaryDirectory() as folder:
        words = ["unshare", "-m", sys.executable, "-c", code, folder]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs the right to mount, as for /dev/fuse")
    assert done.stdout == "[False, True, False, True, False]\n"
