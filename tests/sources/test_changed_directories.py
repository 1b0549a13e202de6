"""Directories that change between the moment they are listed and the end of the walk."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from hashaudit.model import times
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.sources import visited_directories
from hashaudit.sources.directory import open_directory
from hashaudit.sources.filters import DirectoryRoot, WalkOptions
from hashaudit.sources.local import LocalSource
from hashaudit.sources.visited_directories import Visited, VisitedDirectories
from hashaudit.sources.walk import MAX_ROUNDS, Walker

pytestmark = [pytest.mark.usefixtures("balanced_descriptors"), pytest.mark.usefixtures("either_way")]


Acts = MutableMapping[str, Callable[[], object]]


def make(root: bytes, *paths: bytes) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(root + b"/" + path), exist_ok=True)
        Path(os.fsdecode(root + b"/" + path)).touch()


def text(item: Entry | PathFault | Skipped, root: bytes) -> str:
    path = os.fsdecode(os.path.relpath(item.path, root))
    if isinstance(item, Entry):
        return path
    return f"{path}: {item.reason if isinstance(item, Skipped) else item.fault.code}"


def met(root: bytes, acts: Acts, source: LocalSource | None = None) -> list[str]:
    """Walks, and does something when an item is met for the first time."""
    seen = []
    for item in (source or LocalSource([root])).walk():
        if not isinstance(item, NotReady):
            seen.append(text(item, root))
            acts.pop(seen[-1], int)()
    assert not acts
    return seen


def move(root: bytes, old: bytes, new: bytes) -> Callable[[], None]:
    return lambda: os.rename(root + b"/" + old, root + b"/" + new)


@pytest.fixture
def tree(root: bytes) -> bytes:
    make(root, b"a/1", b"m/2", b"m/n/3", b"z/4")
    return root


WHOLE = ["a/1", "m/2", "m/n/3", "z/4"]


def test_a_tree_at_rest_is_walked_once(tree: bytes) -> None:
    assert met(tree, {}) == WHOLE


@pytest.mark.parametrize("new", [b"a/4", b"4", b"m/n/4", b"m/0"])
def test_a_file_that_moves_to_a_directory_that_was_listed_is_found(tree: bytes, new: bytes) -> None:
    assert met(tree, {"m/n/3": move(tree, b"z/4", new)}) == [*WHOLE[:3], os.fsdecode(new)]


def test_a_directory_that_moves_is_walked_where_it_is(tree: bytes) -> None:
    make(tree, b"z/deep/er/5", b"z/deep/6")
    assert met(tree, {"m/2": move(tree, b"z/deep", b"a/deep")}) == [
        *WHOLE,
        "a/deep/6",
        "a/deep/er/5",
    ]


def test_a_file_that_takes_a_name_that_was_listed_is_found(tree: bytes) -> None:
    assert met(tree, {"m/2": move(tree, b"z/4", b"a/1")}) == [*WHOLE[:3], "a/1"]


def test_a_directory_that_takes_the_place_of_another_is_walked(tree: bytes) -> None:
    def swap() -> None:
        os.rename(tree + b"/a", tree + b"/../old")
        os.rename(tree + b"/z", tree + b"/a")

    assert met(tree, {"m/2": swap}) == ["a/1", "m/2", "m/n/3", "z: not_found", "a/4"]


def test_files_that_move_ahead_of_the_checks_are_found(tree: bytes) -> None:
    acts: Acts = {
        "m/n/3": move(tree, b"z/4", b"a/4"),
        "a/4": lambda: make(tree, b"m/n/5"),
        "m/n/5": lambda: make(tree, b"6"),
    }
    assert met(tree, acts) == [*WHOLE[:3], "a/4", "m/n/5", "6"]


def test_files_that_are_gone_again_and_own_files_are_not_reported(tree: bytes) -> None:
    own: set[tuple[int, int]] = set()

    def act() -> None:
        make(tree, b"a/own", b"a/new")
        status = os.stat(tree + b"/a/own")
        own.add((status.st_dev, status.st_ino))

    source = LocalSource([tree], WalkOptions(own_files=own))
    assert met(tree, {"m/2": act}, source) == [*WHOLE, "a/new"]


def test_removals_are_no_reason_to_report_anything(tree: bytes) -> None:
    assert met(tree, {"m/n/3": lambda: os.remove(tree + b"/a/1")}) == WHOLE


def test_patterns_links_and_roots_are_what_they_were(root: bytes) -> None:
    make(root, b"one/a/1", b"two/b/2", b"target/t", b"two/z/9")
    os.symlink(b"../target", root + b"/one/link")
    options = WalkOptions(follow_links=True, exclude=(b"*.skip", b"a/no"))
    source = LocalSource([root + b"/one", root + b"/two"], options)

    def act() -> None:
        make(root, b"one/a/3", b"one/a/x.skip", b"one/a/no", b"target/u", b"two/b/4", b"target/no")

    assert met(root, {"two/z/9": act}, source) == [
        "one/a/1",
        "one/link/t",
        "two/b/2",
        "two/z/9",
        "one/a/3",
        "one/a/no: excluded",
        "one/a/x.skip: excluded",
        "one/link/no",
        "one/link/u",
        "two/b/4",
    ]


def test_entries_that_were_added_name_their_directory(tree: bytes) -> None:
    entries = []
    for item in LocalSource([tree], first_root=3).walk():
        if isinstance(item, Entry):
            entries.append(item)
            if len(entries) == len(WHOLE):
                make(tree, b"m/n/5")
    status = os.stat(tree + b"/m/n")
    reference = entries[-1].location.directory
    assert (reference.path, reference.device, reference.inode) == (tree + b"/m/n", status.st_dev, status.st_ino)
    assert entries[-1].location.root == 3


def test_a_directory_that_never_rests_is_a_fault(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Walker._list_again
    names = iter(range(100))

    def busy(self: Walker, root: DirectoryRoot, visited: Visited) -> Any:
        found = listed(self, root, visited)
        if visited.steps == ((b"a", None),):
            make(tree, b"a/busy-%d" % next(names))
        return found

    monkeypatch.setattr(times, "TICK_NS", 0)
    monkeypatch.setattr(Walker, "_list_again", busy)
    seen = met(tree, {"m/2": lambda: make(tree, b"a/first")})
    assert seen[-1] == "a: changed_while_walked"
    assert set(seen[:-1]) == {*WHOLE, "a/first", *(f"a/busy-{number}" for number in range(MAX_ROUNDS - 2))}


def test_no_position_is_given_while_directories_are_listed_again(tree: bytes) -> None:
    source = LocalSource([tree])
    positions = []
    for item in source.walk():
        positions.append(source.position)
        if text(item, tree) == "z/4":  # type: ignore[arg-type]
            make(tree, b"a/5")
    assert [position is None for position in positions] == [False] * 4 + [True]
    assert len(set(positions)) == len(positions)


def test_a_resumed_walk_finds_what_is_added_behind_its_start(tree: bytes) -> None:
    source = LocalSource([tree])
    place = next(source.position for item in source.walk() if text(item, tree) == "m/n/3")  # type: ignore[arg-type]
    make(tree, b"m/0")  # before the start, as a walk that has passed it
    seen = []
    for item in source.walk(place):
        seen.append(text(item, tree))  # type: ignore[arg-type]
        if seen[-1] == "z/4":
            make(tree, b"m/1", b"z/5")
    assert seen == ["m/n/3", "z/4", "m/1", "z/5"]


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES])
def test_a_directory_that_cannot_be_examined_again_is_a_fault(
    tree: bytes, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    original = os.stat

    def status(path: bytes, **options: Any) -> os.stat_result:
        if path == tree + b"/m/n":
            raise OSError(error, os.strerror(error))
        return original(path, **options)

    code = {errno.EIO: "io_error", errno.EACCES: "permission_denied"}[error]
    acts: Acts = {"z/4": lambda: monkeypatch.setattr(os, "stat", status)}
    assert met(tree, acts) == [*WHOLE, f"m/n: {code}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("mounted_before", [True, False])
def test_a_mount_that_comes_or_goes_is_a_fault(tree: bytes, mounted_before: bool) -> None:  # a parameter
    place = os.fsdecode(tree + b"/a")

    def mount() -> None:
        if subprocess.run(["mount", "-t", "tmpfs", "none", place], check=False, capture_output=True).returncode:
            pytest.skip("mounting is not allowed")

    def unmount() -> None:
        subprocess.run(["umount", "-l", place], check=True)

    if mounted_before:
        mount()
        make(tree, b"a/1")
    try:
        assert met(tree, {"m/2": unmount if mounted_before else mount}) == [*WHOLE, "a: changed_while_walked"]
    finally:
        if not mounted_before:
            unmount()


def test_a_full_temporary_directory_is_a_fault_and_ends_nothing(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", full)
    assert met(tree, {}) == [*WHOLE, ".: changed_while_walked"]


def test_too_many_changed_names_are_a_fault(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visited_directories, "MAX_CHANGED_NAMES", 3)
    monkeypatch.setattr(times, "TICK_NS", 0)
    seen = met(tree, {"m/2": lambda: make(tree, b"a/5", b"a/6", b"a/7")})
    assert seen[:5] == [*WHOLE, "a: changed_while_walked"]
    assert seen[5:8] == ["a/5", "a/6", "a/7"]


def test_deep_trees_are_remembered(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visited_directories, "MAX_IN_MEMORY_BYTES", 64)
    deep = b"/".join([b"d"] * 100)
    make(root, deep + b"/x", b"z/1")
    seen = met(root, {os.fsdecode(deep) + "/x": lambda: make(root, deep + b"/y", b"d/d/e/f/g", b"d/d/e/h")})
    assert seen == [f"{os.fsdecode(deep)}/x", "z/1", "d/d/e/h", "d/d/e/f/g", f"{os.fsdecode(deep)}/y"]


def test_times_that_prove_nothing_are_unknown(tmp_path: Path) -> None:
    status = os.stat(tmp_path)
    latest = max(status.st_mtime_ns, status.st_ctime_ns)
    assert visited_directories.state_of(status, latest + 10**6) == 0
    assert visited_directories.state_of(status, latest + 10**9) == visited_directories.times_of(status) != 0


def test_nothing_is_noted_in_an_empty_memory() -> None:
    visited = VisitedDirectories()
    assert list(visited) == []
    visited.close()


def test_a_directory_that_cannot_be_listed_again_is_one_fault(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = open_directory
    closed: list[bytes] = []

    def opened(path: bytes, *rest: Any) -> Any:
        if path in closed:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr("hashaudit.sources.walk.open_directory", opened)

    def close() -> None:
        make(tree, b"a/new")
        closed.append(tree + b"/a")

    seen = met(tree, {"z/4": close})
    assert seen.count("a: permission_denied") == 1
    assert "a/new" not in seen
