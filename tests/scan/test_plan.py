"""The number of workers of a scan, by device class and by the limit of open files."""

import os
from pathlib import Path

import pytest

from hashaudit.errors import HostError
from hashaudit.scan import plan
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.plan import DeviceClass, device_class, worker_count, workers_with_descriptors
from hashaudit.sources.interface import RootDescription


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "cpu_count", lambda: 4)
    for kind in (DeviceClass.SOLID, DeviceClass.UNKNOWN):
        monkeypatch.setitem(plan.READERS, kind, lambda: 4)


def root(path: Path, fs_type: str | None = "ext4", source: bytes | None = None) -> RootDescription:
    raw = os.fsencode(path)
    return RootDescription(raw, raw, fs_type, source)


def config(path: Path, count: int | None = None) -> ScanConfig:
    return ScanConfig(roots=(os.fsencode(path),), workers=count)


@pytest.mark.parametrize(
    ("rotational", "expected", "count"),
    [(True, DeviceClass.SPINNING, 1), (False, DeviceClass.SOLID, 4), (None, DeviceClass.UNKNOWN, 4)],
)
def test_the_device_decides(
    rotational: bool | None, expected: DeviceClass, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "is_rotational", lambda _device: rotational)
    assert device_class(root(tmp_path)) is expected
    assert worker_count(config(tmp_path), [root(tmp_path)]) == count
    assert worker_count(config(tmp_path, 7), [root(tmp_path)]) == 7, "--jobs overrides"


def test_reading_over_a_network_is_mostly_waiting(tmp_path: Path) -> None:
    for fs_type in ("nfs4", "cifs", "fuse.sshfs"):
        assert device_class(root(tmp_path, fs_type)) is DeviceClass.NETWORK
        assert worker_count(config(tmp_path), [root(tmp_path, fs_type)]) == 16


def test_the_slowest_root_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "is_rotational", lambda _device: True)
    assert worker_count(config(tmp_path), [root(tmp_path, "nfs4"), root(tmp_path)]) == 1


def test_a_subvolume_is_asked_for_by_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.stat("/dev/null").st_rdev
    monkeypatch.setattr(plan, "is_rotational", lambda device: True if device == disk else None)
    assert device_class(root(tmp_path, "btrfs", b"/dev/null")) is DeviceClass.SPINNING
    assert device_class(root(tmp_path / "gone", "btrfs", b"/dev/null")) is DeviceClass.UNKNOWN


@pytest.mark.parametrize(
    ("limit", "lists", "room"),
    [(None, 3, 1024), (1024, 0, 482), (64, 0, 2), (64, 5, 1), (24, 0, 1), (23, 0, 0), (64, 40, 0)],
)
def test_no_more_than_may_be_open(limit: int | None, lists: int, room: int) -> None:
    assert workers_with_descriptors(limit, lists) == room


def test_a_limit_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "raise_open_file_limit", lambda: 10)
    with pytest.raises(HostError, match="limit of open files") as refused:
        worker_count(config(tmp_path), [])
    assert "ulimit -n" in str(refused.value.hint)
