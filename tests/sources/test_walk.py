"""Order, depth and what is met on a quiet tree."""

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.host import files
from hashaudit.model.entry import NOT_READY, Consistency, Entry
from hashaudit.model.faults import FaultCode, PathFault
from hashaudit.sources import directory_stack, sort_names
from hashaudit.sources import walk as walk_module
from hashaudit.sources.directory import DirectoryByDescriptor, NameNotes
from hashaudit.sources.local import LocalSource
from hashaudit.sources.sort_names import ExternalSort
from walk_items import items_of

Walk = Callable[..., list[str]]
NAME = st.binary(min_size=1, max_size=6).map(lambda raw: raw.replace(b"\0", b"\n").replace(b"/", b"\\"))
NAME = NAME.filter(lambda name: name not in {b".", b".."})
Tree = dict[bytes, "Tree | None"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAME, st.none(), max_size=4),
    lambda below: st.dictionaries(NAME, st.one_of(st.none(), below), max_size=4),
    max_leaves=25,
)


def make(path: bytes, tree: Tree) -> None:
    for name, below in tree.items():
        if below is None:
            Path(os.fsdecode(path + b"/" + name)).touch()
        else:
            os.mkdir(path + b"/" + name)
            make(path + b"/" + name, below)


def expected(path: bytes, tree: Tree) -> list[bytes]:
    """The order of the walk in its simplest form."""
    paths = [path + b"/" + name for name in sorted(tree) if tree[name] is None]
    for name in sorted(tree):
        below = tree[name]
        if below is not None:
            paths += expected(path + b"/" + name, below)
    return paths


@settings(max_examples=60)
@given(tree=TREES, descriptors=st.booleans(), open_folders=st.integers(1, 3), held=st.integers(1, 5))
def test_every_file_comes_once_in_order(tree: Tree, descriptors: bool, open_folders: int, held: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = os.path.realpath(os.fsencode(folder))
        make(root, tree)
        patch.setattr(files, "HAS_DIR_FD", descriptors)
        patch.setattr(directory_stack, "MAX_OPEN_DIRECTORIES", open_folders)
        patch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
        patch.setattr(walk_module, "ExternalSort", partial(ExternalSort, held))
        assert [item.path for item in items_of(LocalSource([root]))] == expected(root, tree)


@pytest.mark.usefixtures("either_way")
def test_names_that_mislead_are_names_like_others(root: bytes) -> None:
    names = [b"-rf", b"[x]", b"a b", b"back\\slash", b"caf\xe9", b"new\nline", b"\x1b[31m", b"\xff\xfe", b"..."]
    for name in names:
        Path(os.fsdecode(root + b"/" + name)).touch()
        os.mkdir(root + b"/folder " + name)
        Path(os.fsdecode(root + b"/folder " + name + b"/" + name)).touch()
    paths = [item.path for item in items_of(LocalSource([root]))]
    assert paths == [root + b"/" + name for name in sorted(names)] + [
        root + b"/folder " + name + b"/" + name for name in sorted(names)
    ]


@pytest.mark.usefixtures("either_way")
def test_an_entry_says_where_it_is_and_what_was_seen(root: bytes) -> None:
    os.mkdir(root + b"/sub")
    path = root + b"/sub/file"
    Path(os.fsdecode(path)).write_bytes(b"12345")
    os.link(path, root + b"/sub/link")
    first, second = items_of(LocalSource([root]))
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    status, folder = os.stat(path), os.stat(root + b"/sub")
    assert (first.location.directory.path, first.location.name) == (root + b"/sub", b"file")
    assert (first.location.directory.device, first.location.directory.inode) == (folder.st_dev, folder.st_ino)
    assert (first.stat.mode, first.stat.device, first.stat.inode) == (status.st_mode, status.st_dev, status.st_ino)
    assert (first.stat.links, first.stat.size) == (2, 5)
    assert (first.stat.mtime_ns, first.stat.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
    assert (first.stat.uid, first.stat.gid) == (status.st_uid, status.st_gid)
    assert (first.location.via_symlink, first.consistency) == (False, Consistency.STABLE)
    assert second.stat == first.stat
    assert second.location.directory is first.location.directory


@pytest.mark.usefixtures("either_way")
def test_what_is_no_file_is_counted_and_not_opened(root: bytes, walk: Walk) -> None:
    os.mkfifo(root + b"/fifo")
    os.symlink(b"fifo", root + b"/link")
    os.symlink(b"/", root + b"/link to a folder")
    short_of_108_bytes = os.path.relpath(root) + b"/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(min(root + b"/socket", short_of_108_bytes, key=len))
        assert walk() == [
            "skipped fifo fifo",
            "skipped symbolic_link link",
            "skipped symbolic_link link to a folder",
            "skipped socket socket",
        ]
    assert walk(b"/dev/null") == ["skipped device " + os.path.relpath("/dev/null", os.fsdecode(root))]


@pytest.mark.parametrize("in_memory", [1, 1 << 16])
def test_a_name_that_is_listed_several_times_is_walked_once(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """As on FUSE and NFS, where a directory changes between two parts of its listing."""
    monkeypatch.setattr(walk_module, "ExternalSort", partial(ExternalSort, in_memory))
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
    for name in (b"a", b"b", b"d"):
        os.mkdir(root + b"/dir-" + name)
        for file in (root + b"/" + name, root + b"/dir-" + name + b"/x"):
            Path(os.fsdecode(file)).touch()
    once = walk()
    listed = DirectoryByDescriptor.items

    def several_times(self: DirectoryByDescriptor, *, follow: bool, note: NameNotes | None = None) -> Iterator[bytes]:
        items = list(listed(self, follow=follow, note=note))
        yield from items + items[:1] + items + items[-1:]

    monkeypatch.setattr(DirectoryByDescriptor, "items", several_times)
    assert walk() == once
    assert len(once) == 6


def test_paths_may_be_far_longer_than_the_system_takes(
    root: bytes, balanced_descriptors: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_stack, "MAX_OPEN_DIRECTORIES", 8)
    levels, name = 300, b"n" * 200
    descriptor = os.open(root, files.LIST_FLAGS)
    for level in range(levels):
        for made in (b"a", b"z"):
            os.mkdir(made + name, dir_fd=descriptor)
            os.close(os.open(made, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        deeper = os.open(b"a" + name, files.LIST_FLAGS, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
        assert level < levels
    os.close(descriptor)
    source = LocalSource([root])
    before, most, paths = balanced_descriptors(), 0, []
    for item in items_of(source):
        assert isinstance(item, Entry)
        paths.append(item.path)
        most = max(most, balanced_descriptors() - before)
        assert source._walker is not None
        assert all(frame.ref is None for frame in source._walker._stack._frames[:-1]), "long paths would be kept"
    assert len(paths) == levels * 2
    assert paths[-1] == root + (b"/a" + name) * (levels - 1) + b"/z"
    assert len(paths[-1]) > 60_000
    assert source.directories_listed == 2 * levels + 1
    assert most <= 8 + 1  # one reports changes of the mount table


def test_a_folder_of_many_names_is_sorted_through_temporary_space(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        Path(os.fsdecode(root), f"{number:02}").touch()
        Path(os.fsdecode(root), f"folder {number:02}").mkdir()
        Path(os.fsdecode(root), f"folder {number:02}", "file").touch()
    plain = walk()
    spilled: list[int] = []
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 4)
    monkeypatch.setattr(walk_module, "ExternalSort", partial(ExternalSort, 8))
    original = ExternalSort._write

    def write(sorter: ExternalSort, run: list[bytes]) -> tuple[int, int]:
        spilled.append(len(run))
        return original(sorter, run)

    monkeypatch.setattr(ExternalSort, "_write", write)
    assert walk() == plain
    assert spilled == [8] * 12 + [4]


def test_an_abandoned_walk_leaves_nothing_open(
    root: bytes, monkeypatch: pytest.MonkeyPatch, balanced_descriptors: Callable[[], int]
) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
    monkeypatch.setattr(walk_module, "ExternalSort", partial(ExternalSort, 1))
    for name in (b"a", b"b", b"c"):
        os.makedirs(root + b"/" + name + b"/" + name)
        Path(os.fsdecode(root + b"/" + name + b"/" + name + b"/file")).touch()
    before = balanced_descriptors()
    walked = items_of(LocalSource([root]))
    assert len(list(islice(walked, 2))) == 2
    assert balanced_descriptors() > before
    walked.close()  # type: ignore[attr-defined] # it is a generator, which its type does not promise


def test_a_path_beyond_the_limit_is_a_fault_and_the_rest_is_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "long" / "deeper").mkdir(parents=True)
    (tmp_path / "long" / "file").touch()
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "file").touch()
    monkeypatch.setattr(walk_module, "MAX_PATH_BYTES", len(bytes(tmp_path / "long")))
    items = list(items_of(LocalSource([bytes(tmp_path)])))
    assert [item.path for item in items if isinstance(item, Entry)] == [
        bytes(tmp_path / "long" / "file"),
        bytes(tmp_path / "next" / "file"),
    ]
    [fault] = [item for item in items if isinstance(item, PathFault)]
    assert (fault.path, fault.fault.code, fault.directory) == (
        bytes(tmp_path / "long" / "deeper"),
        FaultCode.NAME_TOO_LONG,
        True,
    )


def test_control_is_given_back_where_nothing_is_found(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        os.makedirs(root + b"/%d/empty" % number)
    monkeypatch.setattr(walk_module, "CONTROL_S", -1.0)
    assert list(LocalSource([root]).walk()).count(NOT_READY) >= 100
