"""What counts as the same folder on another machine."""

from pathlib import Path

import msgspec
import pytest

from hashaudit.errors import HostError
from hashaudit.host.mount_table import MountTable
from hashaudit.model.entry import Entry, ObjectState, Stat
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.workers.dask.mount_check import Devices, compare, root_directories
from hashaudit.workers.dask.protocol import RootDirectory

NFS = RootDirectory(b"/data", 41, 128, "nfs4", b"server:/export")


def sees(directory: RootDirectory | None) -> dict[str, object]:
    def look(_path: bytes, _table: MountTable) -> RootDirectory | None:
        return directory

    return {"look": look}


def test_the_same_machine_sees_what_it_walks(tmp_path: Path) -> None:
    found = root_directories([bytes(tmp_path)])
    assert found[0].path == bytes(tmp_path)
    assert compare(found, same_machine=True) == Devices({})


def test_a_root_that_is_missing_is_left_to_the_walk(tmp_path: Path) -> None:
    assert root_directories([bytes(tmp_path / "missing")]) == ()


@pytest.mark.parametrize(
    "there",
    [NFS, msgspec.structs.replace(NFS, device=7), msgspec.structs.replace(NFS, device=7, fs_type="nfs")],
)
def test_an_export_is_the_same_whatever_its_device_number(there: RootDirectory) -> None:
    devices = compare([NFS], same_machine=False, look=sees(there)["look"])  # type: ignore[arg-type] # a plain dict
    assert devices.here == {41: there.device}


@pytest.mark.parametrize(
    ("wanted", "there", "why"),
    [
        (NFS, None, "cannot access '/data'"),
        (NFS, msgspec.structs.replace(NFS, inode=129), "inode 129"),
        (NFS, msgspec.structs.replace(NFS, source=b"other:/export"), "other:/export"),
        (NFS, msgspec.structs.replace(NFS, fs_type="ext4", source=b"/dev/sda1"), "ext4"),
        # Equal in everything, as on machines made from one image, and still two disks.
        (
            RootDirectory(b"/data", 41, 2, "ext4", b"/dev/sda1"),
            RootDirectory(b"/data", 41, 2, "ext4", b"/dev/sda1"),
            "ext4 of another machine",
        ),
        (
            RootDirectory(b"/data", 41, 1, "fuse.s3fs", b"s3fs"),
            RootDirectory(b"/data", 41, 1, "fuse.s3fs", b"s3fs"),
            "fuse.s3fs of another machine",
        ),
        (RootDirectory(b"/data", 41, 2, None, None), RootDirectory(b"/data", 41, 2, None, None), "of unknown type"),
    ],
)
def test_anything_else_is_refused(wanted: RootDirectory, there: RootDirectory | None, why: str) -> None:
    with pytest.raises(HostError, match=why):
        compare([wanted], same_machine=False, look=sees(there)["look"])  # type: ignore[arg-type] # a plain dict


@pytest.mark.parametrize("there", [msgspec.structs.replace(NFS, device=42), msgspec.structs.replace(NFS, inode=3)])
def test_on_one_machine_device_and_inode_decide(there: RootDirectory) -> None:
    with pytest.raises(HostError, match="another directory"):
        compare([NFS], same_machine=True, look=sees(there)["look"])  # type: ignore[arg-type] # a plain dict


def test_device_numbers_are_those_of_the_machine_that_walks() -> None:
    devices = Devices({41: 7})
    stat = Stat(0o100644, 41, 5, 1, 10, 0, 0)
    entry = Entry(Location(DirectoryRef(b"/data", 41, 128), b"name"), stat)
    here = devices.entry(entry)
    assert isinstance(here, Entry)
    assert (here.location.directory.device, here.stat.device) == (7, 7)
    assert devices.state(here.stat, entry) == stat
    assert devices.state(msgspec.structs.replace(stat, device=9), entry) == msgspec.structs.replace(stat, device=9)
    assert devices.state(None, entry) is None
    state = ObjectState(1, "etag", 0)
    assert devices.state(state, entry) is state
