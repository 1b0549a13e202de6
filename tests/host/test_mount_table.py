import os
from pathlib import Path

import pytest

from hashaudit.host import mount_table
from hashaudit.host.mount_table import Mount, MountTable, parse_mountinfo, read_mount_table

TABLE = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 0:50 / /mnt/a\040b\011c\012d\134e ro,nosuid - fuse.s3fs s3:bucket rw,user_id=0
41 27 8:17 /sub /mnt rw shared:3 - xfs /dev/s\303\251 rw
42 27 8:33 / /mnt rw - btrfs /dev/sdc1 rw,subvol=/x - y
43 27 8:34 / /mnt2 rw - tmpfs  rw
"""


def table(text: bytes = TABLE) -> MountTable:
    return MountTable(parse_mountinfo(text))


def test_fields_and_escapes() -> None:
    assert list(parse_mountinfo(TABLE))[2] == Mount(
        os.makedev(0, 50), b"/mnt/a b\tc\nd\\e", "fuse.s3fs", b"s3:bucket", "ro,nosuid", "rw,user_id=0"
    )
    assert list(parse_mountinfo(TABLE))[3].source == "/dev/s\u00e9".encode()
    assert list(parse_mountinfo(TABLE))[5].source == b""
    assert list(parse_mountinfo(TABLE))[4].super_options == "rw,subvol=/x - y"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"22 27 0:21 / /proc rw,relatime proc proc rw",
        b"22 27 0:21 / /proc - proc proc rw",
        b"22 27 0.21 / /proc rw - proc proc rw",
        b"22 27 0:x / /proc rw - proc proc rw",
        b"22 27 0:21 / /proc rw - proc proc",
    ],
)
def test_a_malformed_line_is_skipped(line: bytes) -> None:
    assert list(parse_mountinfo(line)) == []


@pytest.mark.parametrize(
    ("path", "device", "point", "fs_type"),
    [
        (b"/home/u", os.makedev(254, 0), b"/", "ext4"),
        (b"/", os.makedev(254, 0), b"/", "ext4"),
        (b"/proc", os.makedev(0, 21), b"/proc", "proc"),
        (b"/process", os.makedev(254, 0), b"/", "ext4"),
        (b"/mnt/x", os.makedev(8, 33), b"/mnt", "btrfs"),  # the later mount hides the earlier
        (b"/mnt/x", os.makedev(8, 17), b"/mnt", "xfs"),  # unless the device says otherwise
        (b"/mnt/x", os.makedev(0, 99), b"/mnt", "btrfs"),  # a subvolume's own device
        (b"/mnt/a b\tc\nd\\e/f", os.makedev(0, 50), b"/mnt/a b\tc\nd\\e", "fuse.s3fs"),
    ],
)
def test_the_innermost_mount_contains_a_path(path: bytes, device: int, point: bytes, fs_type: str) -> None:
    mount = table().at(path, device)
    assert mount is not None
    assert (mount.point, mount.fs_type) == (point, fs_type)


def test_mounts_below_a_directory() -> None:
    assert [mount.point for mount in table().below(b"/mnt")] == [b"/mnt/a b\tc\nd\\e"]
    assert len(table().below(b"/")) == 5
    assert table().below(b"/pro") == ()


def test_devices() -> None:
    found = table().of_device(os.makedev(0, 21))
    assert found is not None
    assert found.fs_type == "proc"
    assert table().of_device(os.makedev(0, 99)) is None


@pytest.mark.skipif(not Path(mount_table.MOUNTINFO).exists(), reason="this system has no mountinfo")
def test_this_machines_own_table() -> None:
    proc = read_mount_table().at(b"/proc/self", os.stat("/proc/self/").st_dev)
    assert proc is not None
    assert proc.fs_type == "proc"


def test_a_system_without_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mount_table, "MOUNTINFO", str(tmp_path / "missing"))
    empty = read_mount_table()
    assert empty.at(b"/", 1) is None
    assert empty.of_device(1) is None
    assert empty.below(b"/") == ()
