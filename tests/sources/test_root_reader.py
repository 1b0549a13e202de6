"""Many roots of one directory are read as each of them alone, and look their directory up once."""

import os
from pathlib import Path

import pytest

from hashaudit.host.mount_table import Mount, MountTable, read_mount_table
from hashaudit.model.entry import Entry
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.scan import plan
from hashaudit.scan.config import ScanConfig
from hashaudit.sources import roots
from hashaudit.sources.directory import Directory, open_for_lookup
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import DirectoryRoot
from hashaudit.sources.roots import MAX_OPEN_PARENTS, RootReader

pytestmark = pytest.mark.usefixtures("balanced_descriptors", "either_way")

NAMES = (
    *(b"d/a", b"d/b", b"d//a", b"./d/a", b"d/../d/a", b"d/./b", b"d/sub", b"d/sub/", b"d/sub/c", b"d/.", b"d/..", b"d"),
    *(b"link/a", b"link/../d/a", b"link/sub/../a", b"d/to-a", b"d/to-sub", b"d/to-sub/c", b"d/nowhere", b"d/loop"),
    *(b"d/absent", b"absent/a", b"d/a/b", b"d/fifo", b"d/\xff\n", b"link", b"link/", b"/", b"/etc", b"/etc/passwd"),
)


@pytest.fixture
def tree(root: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.chdir(os.fsdecode(root))
    os.makedirs("d/sub")
    for name in (b"d/a", b"d/b", b"d/sub/c", b"d/\xff\n"):
        Path(os.fsdecode(name)).write_bytes(name)
    for link, target in (("link", "d"), ("d/to-a", "a"), ("d/to-sub", "sub"), ("d/nowhere", "x"), ("d/loop", "loop")):
        os.symlink(target, link)
    os.mkfifo("d/fifo")
    return root


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("prefix", [b"", b"root"])
def test_a_root_is_the_same_among_others_as_alone(root: bytes, prefix: bytes) -> None:
    names = [name if name.startswith(b"/") else (root + b"/" + name if prefix else name) for name in NAMES]
    filesystems, table = Filesystems(), read_mount_table()
    with RootReader() as shared:
        for name in (*names, *reversed(names)):
            with RootReader() as alone:
                expected = alone.resolve(name, filesystems, 7)
                assert shared.resolve(name, filesystems, 7) == expected
                described = alone.describe(name, table, takes_any=True)
                assert shared.describe(name, table, takes_any=True) == described
                assert shared.real_path(name) == os.path.realpath(name)
            if not isinstance(expected, PathFault):
                assert expected.path == described.path == os.path.realpath(name)
            if isinstance(expected, Entry | DirectoryRoot):
                status = os.stat(name)
                numbers = (status.st_dev, status.st_ino)
                assert (described.device, described.inode) == numbers
                found = expected.identity if isinstance(expected, DirectoryRoot) else expected.stat
                assert numbers == (found if isinstance(found, tuple) else (found.device, found.inode))
            assert isinstance(expected, Skipped) == name.endswith(b"fifo")
    filesystems.close()


def test_names_of_one_directory_look_it_up_once(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [tree + b"/d/%03d" % number for number in range(100)]
    for name in names:
        Path(os.fsdecode(name)).touch()
    looked_up: list[bytes] = []

    def look_up(path: bytes) -> Directory:
        looked_up.append(path)
        return open_for_lookup(path)

    monkeypatch.setattr(roots, "open_for_lookup", look_up)
    filesystems = Filesystems()
    with RootReader() as reader:
        entries = [reader.resolve(name, filesystems) for name in names]
        table = MountTable([Mount(os.stat(tree).st_dev, b"/", "ext4", b"/dev/x", "rw", "rw,x")])
        described = [reader.describe(name, table) for name in names]
    filesystems.close()
    assert looked_up == [tree + b"/d"]
    assert len({id(entry.location.container) for entry in entries if isinstance(entry, Entry)}) == 1
    assert {(one.fs_type, one.options, one.mount_point) for one in described} == {("ext4", "rw,x", b"/")}


def test_a_file_that_is_a_mount_point_is_of_its_own_mount(tree: bytes) -> None:
    device = os.stat(tree).st_dev
    mounts = [Mount(device, b"/", "ext4", b"/dev/x", "rw", ""), Mount(device, tree + b"/d/b", "xfs", b"/y", "ro", "")]
    with RootReader() as reader:
        types = [reader.describe(tree + b"/d/" + name, MountTable(mounts)).fs_type for name in (b"a", b"b", b"\xff\n")]
    assert types == ["ext4", "xfs", "ext4"]


def test_few_directories_stay_open(tree: bytes) -> None:
    filesystems = Filesystems()
    before = len(os.listdir("/proc/self/fd"))
    with RootReader() as reader:
        for number in range(3 * MAX_OPEN_PARENTS):
            os.mkdir(tree + b"/%d" % number)
            Path(os.fsdecode(tree + b"/%d/f" % number)).touch()
            assert isinstance(reader.resolve(tree + b"/%d/f" % number, filesystems), Entry)
            assert len(os.listdir("/proc/self/fd")) <= before + MAX_OPEN_PARENTS
    filesystems.close()


def test_a_directory_that_is_replaced_is_the_old_one_for_a_worker_to_reject(tree: bytes) -> None:
    filesystems = Filesystems()
    with RootReader() as reader:
        first = reader.resolve(tree + b"/d/a", filesystems)
        os.rename(tree + b"/d", tree + b"/moved")
        os.mkdir(tree + b"/d")
        Path(os.fsdecode(tree + b"/d/b")).touch()
        second = reader.resolve(tree + b"/d/b", filesystems)
    filesystems.close()
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    replaced = os.stat(tree + b"/d").st_ino
    # Without descriptors of directories the new file is found, whose directory a worker rejects all the same.
    assert second.location.directory.inode == first.location.directory.inode != replaced


def test_the_disk_of_many_roots_is_asked_about_once(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(plan, "is_rotational", asked.append)
    with RootReader() as reader:
        table = MountTable([Mount(os.stat(tree).st_dev, b"/", "ext4", b"x", "rw", "")])
        described = [reader.describe(tree + b"/d/a", table) for _ in range(50)]
    plan.worker_count(ScanConfig(roots=(b"/",)), described)
    assert asked == [os.stat(tree).st_dev]
