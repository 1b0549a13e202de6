import ctypes
import os
from pathlib import Path

import pytest

from hashaudit.host import hardware


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hardware, "SYSFS_BLOCK", str(tmp_path / "dev"))
    (tmp_path / "dev").mkdir()
    return tmp_path


def make_disk(sysfs: Path, device: str, number: str, rotational: str) -> None:
    disk = sysfs / device
    (disk / "queue").mkdir(parents=True)
    (disk / "queue" / "rotational").write_text(rotational)
    (sysfs / "dev" / number).symlink_to(disk)


@pytest.mark.parametrize(
    ("device", "content", "answer"),
    [
        ("pci/ata1/block/sda", "1\n", True),
        ("pci/nvme/nvme0n1", "0\n", False),
        ("pci/virtio1/block/vda", "1\n", None),  # a virtual disk's "1" is a default
        ("pci/virtio1/block/vda", "0\n", False),
    ],
)
def test_disks(sysfs: Path, device: str, content: str, answer: bool | None) -> None:
    make_disk(sysfs, device, "8:0", content)
    assert hardware.is_rotational(os.makedev(8, 0)) is answer


def test_a_partition_is_like_its_disk(sysfs: Path) -> None:
    make_disk(sysfs, "pci/sda", "8:0", "1\n")
    (sysfs / "pci/sda/sda1").mkdir()
    (sysfs / "dev/8:1").symlink_to(sysfs / "pci/sda/sda1")
    assert hardware.is_rotational(os.makedev(8, 1)) is True


def test_a_device_that_is_not_a_disk_is_unknown(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (sysfs / "dev").exists()
    assert hardware.is_rotational(os.makedev(0, 50)) is None
    monkeypatch.delattr(os, "major")
    assert hardware.is_rotational(2048) is None


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cgroup"
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "self").write_text("1:name=x:/other\n0::/a/b\n")
    monkeypatch.setattr(hardware, "CGROUP_ROOT", str(root))
    monkeypatch.setattr(hardware, "CGROUP_OF_SELF", str(tmp_path / "self"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    return root


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({}, 8),
        ({"a/b": "max 100000"}, 8),
        ({"a/b": "200000 100000"}, 2),
        ({"a/b": "1600000 100000"}, 8),
        ({"a/b": "250000 100000"}, 3),
        ({"a/b": "400000 100000", "a": "100000 100000"}, 1),
        ({"a/b": "1000 100000"}, 1),
        ({".": "300000 100000"}, 3),
        ({"a/b": "nonsense", "a": "1 0"}, 8),
    ],
)
def test_the_tightest_quota_counts(cgroup: Path, limits: dict[str, str], count: int) -> None:
    for group, limit in limits.items():
        (cgroup / group / "cpu.max").write_text(limit + "\n")
    assert hardware.cpu_count() == count


def test_without_affinity_all_processors_count(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cgroup.exists()
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    monkeypatch.setattr(hardware, "CGROUP_OF_SELF", "/nowhere/at/all")
    assert hardware.cpu_count() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert hardware.cpu_count() == 1


class Clock:
    def __init__(self, state: int) -> None:
        self.state = state

    def adjtimex(self, buffer: ctypes.Array[ctypes.c_char]) -> int:
        assert not any(buffer.raw), "anything but zeros would set the clock"
        return self.state


@pytest.mark.parametrize(("state", "answer"), [(0, True), (3, True), (5, False), (-1, None)])
def test_the_clock(monkeypatch: pytest.MonkeyPatch, state: int, answer: bool | None) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name, **_: Clock(state))
    assert hardware.clock_is_synchronised() is answer


def test_a_system_that_does_not_report_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name, **_: object())
    assert hardware.clock_is_synchronised() is None
