"""Roots, options and what is left out by intent."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import UsageError
from hashaudit.host import mount_table
from hashaudit.host.mount_table import MountTable, parse_mountinfo
from hashaudit.model.entry import Entry
from hashaudit.model.faults import FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.sources import filesystems, local
from hashaudit.sources.directory import DirectoryByDescriptor
from hashaudit.sources.filesystems import Filesystem
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import RootDescription, Source
from hashaudit.sources.local import LocalSource
from walk_items import items_of

Walk = Callable[..., list[str]]

pytestmark = pytest.mark.usefixtures("balanced_descriptors")


def make(root: bytes, *paths: bytes) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(root + b"/" + path), exist_ok=True)
        Path(os.fsdecode(root + b"/" + path)).touch()


def identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def test_it_is_a_source(root: bytes) -> None:
    source: Source = LocalSource([root])
    assert source.directories_listed == 0
    assert list(items_of(source)) == []
    assert source.directories_listed == 1


@pytest.mark.parametrize("roots", [[], [b""], [b"/a\0b"], [b"ok", b""]])
def test_what_can_be_no_root_is_refused(roots: list[bytes]) -> None:
    with pytest.raises(UsageError, match="ROOT"):
        LocalSource(roots)


def test_patterns_are_checked_before_anything_is_touched() -> None:
    with pytest.raises(UsageError, match="pattern"):
        LocalSource([b"/nowhere"], WalkOptions(include=(b"/x",)))


@pytest.mark.usefixtures("either_way")
def test_roots_are_walked_in_the_order_given_and_a_missing_one_ends_nothing(root: bytes, walk: Walk) -> None:
    make(root, b"a/file", b"b/file", b"file")
    given = [root + b"/" + name for name in (b"file", b"b", b"missing", b"missing/too", b"a")]
    assert walk(*given) == [
        "entry file",
        "entry b/file",
        "fault not_found missing",
        "fault not_found missing/too",
        "entry a/file",
    ]
    fault = next(iter(items_of(LocalSource([root + b"/missing"]))))
    assert isinstance(fault, PathFault)
    assert (fault.fault.stage, fault.fault.code) == (Stage.WALK, FaultCode.NOT_FOUND)


@pytest.mark.usefixtures("either_way")
def test_a_root_may_be_relative_and_a_link(root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, b"real/file", b"real/sub/other")
    os.symlink(b"real", root + b"/link")
    os.symlink(b"real/file", root + b"/link to a file")
    os.symlink(b"nowhere", root + b"/dangling")
    os.symlink(b"loop", root + b"/loop")
    monkeypatch.chdir(os.fsdecode(root))
    assert walk(b"link") == ["entry real/file", "entry real/sub/other"]
    assert walk(b"link/sub/../file") == ["entry real/file"]
    assert walk(b"link to a file") == ["entry real/file"]
    assert walk(b".", b"loop")[-1] == "fault link_loop loop"
    (fault,) = items_of(LocalSource([b"dangling"]))
    assert isinstance(fault, PathFault)
    assert (fault.path, fault.fault.code) == (root + b"/dangling", FaultCode.BROKEN_LINK)


def test_the_systems_own_root_can_be_one() -> None:
    walked = items_of(LocalSource([b"/"], WalkOptions(exclude=(b"*",))))
    paths = [item.path for item in walked]
    assert b"/proc" in paths
    assert all(path.count(b"/") == 1 for path in paths)


@pytest.mark.usefixtures("either_way")
def test_overlapping_roots_are_each_walked_as_themselves(root: bytes, walk: Walk) -> None:
    make(root, b"a/file", b"a/b/file", b"a/b/other", b"c")
    assert walk(root, root + b"/a/b", root, root + b"/a/b/file", root + b"/a/b/file", root + b"/a/b") == [
        "entry c",
        "entry a/file",
        "skipped other_root a/b",
        "skipped other_root a/b/file",
        "entry a/b/other",
        "skipped other_root .",
        "entry a/b/file",
        "skipped other_root a/b/file",
        "skipped other_root a/b",
    ]


def test_a_pseudo_filesystem_is_left_out_when_met_and_walked_when_named() -> None:
    met = list(items_of(LocalSource([b"/"], WalkOptions(exclude=(b"[!ps]*", b"p[!r]*", b"s[!y]*")))))
    left_out = {item.path for item in met if isinstance(item, Skipped) and item.reason is SkipReason.PSEUDO_FILESYSTEM}
    assert b"/proc" in left_out
    assert not any(isinstance(item, Entry) and item.path.startswith(b"/proc/") for item in met)
    named = list(items_of(LocalSource([b"/proc/sys/kernel"])))
    assert b"/proc/sys/kernel/random/uuid" in [item.path for item in named if isinstance(item, Entry)]


def fake_mounts(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    table = MountTable(parse_mountinfo(text))
    monkeypatch.setattr(mount_table, "read_mount_table", lambda: table)
    monkeypatch.setattr(local, "read_mount_table", lambda: table)


def test_other_filesystems_are_left_out_on_request() -> None:
    def below_dev(*, one_file_system: bool) -> dict[bytes, SkipReason | None]:
        walked = items_of(LocalSource([b"/dev"], WalkOptions(one_file_system=one_file_system)))
        return {item.path: item.reason if isinstance(item, Skipped) else None for item in walked}

    here = os.stat("/dev").st_dev
    others = [path for path in (b"/dev/shm", b"/dev/mqueue", b"/dev/pts") if os.path.ismount(path)]
    assert any(os.stat(path).st_dev != here for path in others), "a Linux system has at least one of them"
    ordinary, restricted = below_dev(one_file_system=False), below_dev(one_file_system=True)
    for path in others:
        pseudo = path != b"/dev/shm"
        assert ordinary.get(path) == (SkipReason.PSEUDO_FILESYSTEM if pseudo else None)
        assert restricted[path] == (SkipReason.PSEUDO_FILESYSTEM if pseudo else SkipReason.OTHER_FILESYSTEM)


def test_the_runs_own_files_are_left_out(root: bytes, walk: Walk) -> None:
    make(root, b"findings", b"findings.sig", b"other")
    os.link(root + b"/findings", root + b"/same findings")
    own = frozenset({identity(root + b"/findings"), identity(root + b"/findings.sig")})
    options = WalkOptions(own_files=own)
    assert walk(options=options) == [
        "skipped own_output findings",
        "skipped own_output findings.sig",
        "entry other",
        "skipped own_output same findings",
    ]
    assert walk(root + b"/findings", options=options) == ["skipped own_output findings"]


def test_equal_numbers_hide_no_file_on_a_mount_that_gives_any(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hard links stand for the files of a FUSE filesystem that gives all of them one inode number."""
    make(root, b"d/findings")
    for name in (b"d/evil", b"other"):
        os.link(root + b"/d/findings", root + b"/" + name)
    os.symlink(b"d/findings", root + b"/link")
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments, **_options: Filesystem("fuse.mergerfs"))
    own = frozenset({identity(root + b"/other")})
    options = WalkOptions(own_files=own, own_paths={root + b"/d/findings"}, follow_links=True)
    assert walk(options=options) == [
        "skipped own_output link",
        "entry other",
        "entry d/evil",
        "skipped own_output d/findings",
    ]
    assert walk(root + b"/other", root + b"/d/findings", options=options) == [
        "entry other",
        "skipped own_output d/findings",
    ]


@pytest.mark.parametrize(
    ("include", "exclude", "seen"),
    [
        ((), (b"sub",), ["entry a.jpg", "entry b.txt", "skipped fifo fifo", "skipped excluded sub"]),
        (
            (b"*.jpg",),
            (),
            [
                "entry a.jpg",
                "skipped not_included b.txt",
                "skipped fifo fifo",
                "entry sub/c.jpg",
                "skipped not_included sub/deep/d.txt",
            ],
        ),
        (
            (b"sub/*.txt", b"b*"),
            (),
            [
                "skipped not_included a.jpg",
                "entry b.txt",
                "skipped fifo fifo",
                "skipped not_included sub/c.jpg",
                "entry sub/deep/d.txt",
            ],
        ),
        (
            (b"*.jpg",),
            (b"sub/c*", b"b.txt", b"fifo"),
            [
                "entry a.jpg",
                "skipped excluded b.txt",
                "skipped excluded fifo",
                "skipped excluded sub/c.jpg",
                "skipped not_included sub/deep/d.txt",
            ],
        ),
        (
            (),
            (b"sub/deep", b"*.jpg"),
            [
                "skipped excluded a.jpg",
                "entry b.txt",
                "skipped fifo fifo",
                "skipped excluded sub/c.jpg",
                "skipped excluded sub/deep",
            ],
        ),
    ],
)
def test_patterns(
    root: bytes, walk: Walk, include: tuple[bytes, ...], exclude: tuple[bytes, ...], seen: list[str]
) -> None:
    make(root, b"a.jpg", b"b.txt", b"sub/c.jpg", b"sub/deep/d.txt")
    os.mkfifo(root + b"/fifo")
    assert walk(options=WalkOptions(include=include, exclude=exclude)) == seen


def test_a_root_is_walked_whatever_the_patterns_say(root: bytes, walk: Walk) -> None:
    make(root, b"file")
    options = WalkOptions(include=(b"nothing",), exclude=(b"root", b"file"))
    assert walk(root, options=options) == ["skipped excluded file"]
    assert walk(root + b"/file", options=options) == ["entry file"]


@pytest.mark.usefixtures("either_way")
def test_links_are_followed_on_request_and_no_folder_is_walked_twice(root: bytes, walk: Walk) -> None:
    make(root, b"a/file", b"z/file", b"../outside/file", b"../outside/sub/file")
    for name, target in {
        b"a/back": b"..",
        b"a/loop": b"loop",
        b"a/nowhere": b"missing",
        b"b to file": b"a/file",
        b"c to folder": b"../outside",
        b"d to folder too": b"../outside/sub/..",
        b"e to null": b"/dev/null",
        b"f to z": b"z",
        b"g to mounts": b"/proc/self/mounts",
    }.items():
        os.symlink(target, root + b"/" + name)
    assert walk(options=WalkOptions(follow_links=True)) == [
        "entry b to file",
        "skipped device e to null",
        "skipped pseudo_filesystem g to mounts",
        "entry a/file",
        "fault link_loop a/loop",
        "fault broken_link a/nowhere",
        "skipped already_visited a/back",
        "entry c to folder/file",
        "entry c to folder/sub/file",
        "skipped already_visited d to folder too",
        "entry f to z/file",
        "skipped already_visited z",
    ]
    entries = {
        item.location.name: item
        for item in items_of(LocalSource([root], WalkOptions(follow_links=True)))
        if isinstance(item, Entry)
    }
    assert entries[b"b to file"].location.via_symlink
    assert entries[b"b to file"].stat.inode == os.stat(root + b"/a/file").st_ino
    assert not entries[b"file"].location.via_symlink


def test_a_followed_link_into_another_root_is_left_to_that_root(root: bytes, walk: Walk) -> None:
    make(root, b"one/file", b"two/file")
    os.symlink(b"../two", root + b"/one/link")
    options = WalkOptions(follow_links=True)
    assert walk(root + b"/one", root + b"/two", options=options) == [
        "entry one/file",
        "skipped other_root one/link",
        "entry two/file",
    ]


def test_deep_trees_through_links_find_their_way_back(root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashaudit.sources.directory_stack.MAX_OPEN_DIRECTORIES", 1)
    make(root, b"../outside/sub/file", b"../outside/z/file", b"z/file")
    os.symlink(b"../outside", root + b"/link")
    assert walk(options=WalkOptions(follow_links=True)) == [
        "entry link/sub/file",
        "entry link/z/file",
        "entry z/file",
    ]


MOUNTS = b"""1 1 %s / / rw,relatime - ext4 /dev/sda rw,errors=continue
2 1 0:900 / %s/z rw - proc proc rw
3 1 0:901 / %s/m rw - tmpfs tmpfs rw
4 1 0:902 / %s/a rw - sysfs sysfs rw
5 1 0:902 / %s/a rw - sysfs sysfs rw
6 1 0:903 / /elsewhere rw - proc proc rw
"""


def test_roots_are_described(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    device = os.stat(root).st_dev
    number = b"%d:%d" % (os.major(device), os.minor(device))
    fake_mounts(monkeypatch, MOUNTS % (number, root, root, root, root))
    os.symlink(root, root + b"/../link")
    monkeypatch.chdir(os.fsdecode(os.path.dirname(root)))
    source = LocalSource([b"link", b"missing"])
    assert source.describe_roots() == (
        RootDescription(
            b"link",
            root,
            "ext4",
            b"/dev/sda",
            "rw,relatime,errors=continue",
            (root + b"/a", root + b"/z"),
            b"/",
            device,
            os.stat(root).st_ino,
        ),
        RootDescription(b"missing", os.path.dirname(root) + b"/missing"),
    )


def test_a_root_inside_a_pseudo_filesystem_leaves_out_only_others(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    device = os.stat(root).st_dev
    number = b"%d:%d" % (os.major(device), os.minor(device))
    text = (
        b"1 1 %s / / rw - proc proc rw\n2 1 %s / %s/same rw - proc proc rw\n3 1 0:903 / %s/other rw - sysfs sysfs rw\n"
    )
    fake_mounts(monkeypatch, text % (number, number, root, root))
    assert LocalSource([root]).describe_roots()[0].left_out == (root + b"/other",)


def test_nothing_is_kept_of_folders_unless_links_are_followed(root: bytes) -> None:
    make(root, b"a/b/file", b"c/file")
    source = LocalSource([root])
    list(items_of(source))
    assert source._walker is not None
    assert source._walker._filters._begun == {root}
    assert source._walker._filters._visited == set()


def test_roots_are_described_where_the_system_does_not_tell(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_mounts(monkeypatch, b"")
    assert LocalSource([root]).describe_roots() == (
        RootDescription(root, root, device=os.stat(root).st_dev, inode=os.stat(root).st_ino),
    )


def fuse_of_two(monkeypatch: pytest.MonkeyPatch, *folders: bytes) -> None:
    """Gives some directories the numbers of the first, as a FUSE filesystem or a bind mount may."""
    inodes = {os.stat(folder).st_ino for folder in folders}
    first = os.stat(folders[0])

    def same(status: os.stat_result) -> os.stat_result:
        if status.st_ino not in inodes:
            return status
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        return os.stat_result((status.st_mode, first.st_ino, *tuple(status)[2:]), fields | {"st_ino": first.st_ino})

    for name in ("stat", "status"):
        method = getattr(DirectoryByDescriptor, name)

        def changed(self: DirectoryByDescriptor, *args: Any, _method: Any = method, **more: Any) -> os.stat_result:
            return same(_method(self, *args, **more))

        monkeypatch.setattr(DirectoryByDescriptor, name, changed)


@pytest.mark.parametrize("kind", ["ext4", "fuse.mergerfs"])
@pytest.mark.parametrize("follow", [False, True])
def test_directories_of_equal_numbers_are_all_walked(
    kind: str, follow: bool, root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"d1/a", b"d2/evil", b"d3/b")
    fuse_of_two(monkeypatch, root + b"/d1", root + b"/d2")
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments, **_options: Filesystem(kind))
    options = WalkOptions(follow_links=follow)
    everything = ["entry d1/a", "entry d2/evil", "entry d3/b"]
    assert walk(options=options) == everything
    assert walk(root + b"/d1", root + b"/d2", options=options) == everything[:2]
    assert sorted(walk(root, root + b"/d1", options=options)) == [*everything, "skipped other_root d1"]
    assert sorted(walk(root, root + b"/d1/a", options=options)) == [*everything, "skipped other_root d1/a"]


@pytest.mark.parametrize("kind", ["ext4", "fuse.s3fs"])
def test_links_in_a_circle_end_on_any_filesystem(
    kind: str, root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"a/b/file", b"c/file")
    links = {b"a/b/up": b"..", b"a/b/self": b".", b"a/c": b"../c", b"c/a": b"../a", b"root": b"."}
    for link, target in links.items():
        os.symlink(target, root + b"/" + link)
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments, **_options: Filesystem(kind))
    seen = walk(options=WalkOptions(follow_links=True))
    assert [item for item in seen if "entry" in item] == ["entry a/b/file", "entry a/c/file"]
    assert sorted(item for item in seen if "entry" not in item) == [
        "skipped already_visited a/b/self",
        "skipped already_visited a/b/up",
        "skipped already_visited a/c/a",
        "skipped already_visited c",
        "skipped already_visited root",
    ]


def test_a_pattern_with_a_slash_finds_a_directory_by_each_path(root: bytes, walk: Walk) -> None:
    make(root, b"adir/evil", b"adir/sub/x")
    os.symlink(b"adir", root + b"/zlink")

    def entries(*roots: bytes, include: tuple[bytes, ...] = (), exclude: tuple[bytes, ...] = ()) -> list[str]:
        options = WalkOptions(follow_links=True, include=include, exclude=exclude)
        return [item for item in walk(*roots, options=options) if not item.startswith("skipped")]

    assert entries(include=(b"zlink/*",)) == ["entry zlink/evil", "entry zlink/sub/x"]
    assert entries(include=(b"adir/*",)) == ["entry adir/evil", "entry adir/sub/x"]
    assert entries(exclude=(b"adir/evil*",)) == ["entry adir/sub/x", "entry zlink/evil", "entry zlink/sub/x"]
    assert entries(exclude=(b"evil",)) == ["entry adir/sub/x"]
    # Below a root of its own, the paths are others.
    assert entries(root, root + b"/adir", include=(b"adir/*",)) == ["entry adir/evil", "entry adir/sub/x"]
    os.symlink(b"..", root + b"/adir/up")
    assert entries(include=(b"zlink/up/*",)) == [
        "fault link_loop adir/up and below",
        "fault link_loop zlink/up and below",
    ]


def test_a_circle_of_links_below_a_path_that_cannot_be_resolved_is_a_fault(root: bytes, walk: Walk) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(b"n" * 250, dir_fd=descriptor)
        deeper = os.open(b"n" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    os.symlink(b".", b"again", dir_fd=descriptor)
    os.close(descriptor)
    [fault] = walk(options=WalkOptions(follow_links=True))
    assert fault.startswith("fault link_loop")
    assert fault.endswith("again and below")


def test_locations_name_their_roots_and_compare_as_the_walk_goes(root: bytes) -> None:
    for name in (b"one/b/file", b"one/b.txt", b"one/a/z/deep", b"one/\xff", b"one/a.d/x", b"two/file", b"three"):
        os.makedirs(os.path.dirname(root + b"/" + name), exist_ok=True)
        with open(root + b"/" + name, "wb"):
            pass
    source = LocalSource([root + b"/two", root + b"/three", root + b"/missing", root + b"/one"], first_root=5)
    walked = list(items_of(source))
    entries = [item.location for item in walked if isinstance(item, Entry)]
    assert [location.root for location in entries] == [5, 6, 8, 8, 8, 8, 8]
    assert [item.root for item in walked if isinstance(item, PathFault)] == [7]
    backwards = entries[::-1]
    assert sorted(backwards, key=lambda location: location.sort_key) == entries
