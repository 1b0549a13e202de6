"""What goes wrong while a tree is walked: each an item of the walk, and the rest goes on."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from hashaudit.host import files
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import FaultCode, PathFault, SkipReason, Stage
from hashaudit.sources import directory_stack, filesystems
from hashaudit.sources.directory import Directory, DirectoryByDescriptor, DirectoryByPath, NameNotes
from hashaudit.sources.filesystems import Filesystem
from hashaudit.sources.filters import Filters, WalkOptions
from hashaudit.sources.local import LocalSource
from walk_items import items_of

Walk = Callable[..., list[str]]

pytestmark = pytest.mark.usefixtures("balanced_descriptors")


def make(root: bytes, *paths: bytes) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(root + b"/" + path), exist_ok=True)
        Path(os.fsdecode(root + b"/" + path)).touch()


def on_enter(monkeypatch: pytest.MonkeyPatch, wanted: bytes, act: Callable[[], object]) -> None:
    """Lets something happen once between the moment a folder is seen and the moment it is opened."""
    acts = [act]
    for kind in (DirectoryByDescriptor, DirectoryByPath):
        original = kind.enter

        def enter(
            folder: Directory, name: bytes, *, follow: bool, original: Callable[..., Directory] = original
        ) -> Directory:
            if name == wanted and acts:
                acts.pop()()
            return original(folder, name, follow=follow)

        monkeypatch.setattr(kind, "enter", enter)


def failing(number: int) -> Callable[..., object]:
    def fail(*_arguments: object, **_options: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.usefixtures("either_way")
def test_a_folder_that_another_took_the_place_of_is_not_walked(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"a/file", b"b/file", b"c/file")

    def swap() -> None:
        os.rename(root + b"/b", root + b"/../elsewhere")
        os.mkdir(root + b"/b")

    on_enter(monkeypatch, b"b", swap)
    assert walk() == ["entry a/file", "fault file_replaced b and below", "entry c/file"]


@pytest.mark.parametrize("kind", ["link", "link to the folder itself", "file", "fifo"])
@pytest.mark.usefixtures("either_way")
def test_what_took_a_folders_place_is_not_opened(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make(root, b"a/file", b"b/file", b"c/file")

    def swap() -> None:
        os.rename(root + b"/b", root + b"/../elsewhere")
        if kind == "link":
            os.symlink(b"a", root + b"/b")
        elif kind == "link to the folder itself":
            os.symlink(b"../elsewhere", root + b"/b")
        elif kind == "file":
            make(root, b"b")
        else:
            os.mkfifo(root + b"/b")

    on_enter(monkeypatch, b"b", swap)
    *before, last = walk()
    assert before == ["entry a/file", "fault file_replaced b and below", "entry c/file"]
    # The directory above has changed, and is listed again.
    assert last == {"file": "entry b", "fifo": "skipped fifo b"}.get(kind, "skipped symbolic_link b")


@pytest.mark.usefixtures("either_way")
def test_a_folder_that_vanishes_before_it_is_opened(root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, b"a/file")
    os.mkdir(root + b"/b")
    on_enter(monkeypatch, b"b", lambda: os.rmdir(root + b"/b"))
    assert walk() == ["entry a/file", "fault not_found b and below"]


@pytest.mark.usefixtures("either_way")
def test_a_file_that_vanishes_after_it_was_listed(root: bytes) -> None:
    make(root, b"a", b"b", b"c")
    walked = items_of(LocalSource([root]))
    assert next(walked).path == root + b"/a"
    os.remove(root + b"/b")
    fault = next(walked)
    assert isinstance(fault, PathFault)
    assert (fault.path, fault.directory) == (root + b"/b", False)
    assert (fault.fault.stage, fault.fault.code) == (Stage.WALK, FaultCode.NOT_FOUND)
    assert fault.fault.message == "cannot examine the entry: No such file or directory"
    assert [item.path for item in walked] == [root + b"/c"]


@pytest.mark.usefixtures("either_way")
def test_a_name_is_what_it_is_when_it_is_visited(root: bytes) -> None:
    make(root, b"a", b"b", b"c/file")
    walked = items_of(LocalSource([root]))
    next(walked)
    # What is moved keeps its inode number, so that nothing new can get it.
    os.rename(root + b"/b", root + b"/../b elsewhere")
    make(root, b"b/new")
    os.rename(root + b"/c", root + b"/../c elsewhere")
    make(root, b"c")
    # The second time, both are found as new: when they were listed, their names were those of others.
    assert [item.path for item in walked] == [root + b"/b/new", root + b"/c", root + b"/c", root + b"/b/new"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EACCES, "permission_denied"), (errno.EIO, "io_error"), (errno.EMFILE, "too_many_open_files")],
)
def test_a_folder_that_cannot_be_opened(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    make(root, b"a/file", b"b/file", b"c/file")
    on_enter(monkeypatch, b"b", failing(number))
    assert walk() == ["entry a/file", f"fault {code} b and below", "entry c/file"]


def test_a_folder_that_can_be_opened_and_not_examined(root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, b"a/file")
    walked = items_of(LocalSource([root]))
    monkeypatch.setattr(DirectoryByDescriptor, "status", failing(errno.ESTALE))
    assert [item.path for item in walked] == [root]
    assert walk() == ["fault stale_handle ."]


def test_a_folder_whose_listing_breaks_off_gives_what_it_gave(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"a/1", b"a/2", b"b/file")
    original = DirectoryByDescriptor.items

    def items(folder: DirectoryByDescriptor, *, follow: bool, note: NameNotes | None = None) -> Iterator[bytes]:
        names = sorted(original(folder, follow=follow, note=note))
        yield from names[:1]
        if names == [b"01", b"02"]:
            failing(errno.EIO)()
        yield from names[1:]

    monkeypatch.setattr(DirectoryByDescriptor, "items", items)
    assert walk() == ["fault io_error a and below", "entry a/1", "entry b/file"]


@pytest.fixture
def public() -> Iterator[bytes]:
    """A folder that every user can reach, which those of pytest are not."""
    with TemporaryDirectory(dir="/tmp") as path:
        os.chmod(path, 0o755)  # noqa: S103 # another user has to get in
        yield os.path.realpath(os.fsencode(path))


def test_permissions_as_an_ordinary_user_meets_them(public: bytes) -> None:
    make(public, b"closed/file", b"listed only/file", b"open/file", b"no file")
    os.chmod(public + b"/closed", 0)
    os.chmod(public + b"/listed only", 0o644)
    os.chmod(public + b"/no file", 0)
    assert as_ordinary_user(lambda: relative(items_of(LocalSource([public])), public)) == [
        "entry no file",  # that it cannot be read is for the reader to say
        "permission_denied closed True",
        "permission_denied listed only/file False",
        "entry open/file",
    ]
    os.chmod(public + b"/closed", 0o700)
    os.chmod(public + b"/listed only", 0o755)  # noqa: S103 # so that it can be removed


def test_a_root_below_a_folder_that_may_only_be_passed(public: bytes) -> None:
    root = public + b"/above/root"
    make(root, b"file")
    os.chmod(public + b"/above", 0o711)  # noqa: S103 # what the test is about
    assert as_ordinary_user(lambda: relative(items_of(LocalSource([root])), root)) == ["entry file"]
    assert as_ordinary_user(lambda: relative(items_of(LocalSource([root + b"/file"])), root)) == ["entry file"]


def item_text(item: object, root: bytes) -> str:
    if isinstance(item, PathFault):
        return f"{item.fault.code} {os.fsdecode(os.path.relpath(item.path, root))} {item.directory}"
    assert isinstance(item, Entry)
    return f"entry {os.fsdecode(os.path.relpath(item.path, root))}"


def as_ordinary_user(act: Callable[[], list[str]]) -> list[str]:
    """Does something in a child that gave up root's privileges, if it had any."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(writing, "\n".join(act()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as pipe:
        text = pipe.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    return text.split("\n")


@pytest.fixture
def long_trail(root: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A tree of which the walk holds two folders open while it is five deep."""
    monkeypatch.setattr(directory_stack, "MAX_OPEN_DIRECTORIES", 2)
    for path in (b"a", b"a/b", b"a/b/c", b"a/b/c/d"):
        make(root, path + b"/file", path + b"/z/file")
    make(root, b"z/file")
    return root


WHOLE = [
    "entry a/file",
    "entry a/b/file",
    "entry a/b/c/file",
    "entry a/b/c/d/file",
    "entry a/b/c/d/z/file",
    "entry a/b/c/z/file",
    "entry a/b/z/file",
    "entry a/z/file",
    "entry z/file",
]


def relative(items: Iterator[object], root: bytes) -> list[str]:
    return [item_text(item, root) for item in items]


def test_folders_up_the_trail_are_found_again(long_trail: bytes) -> None:
    assert relative(items_of(LocalSource([long_trail])), long_trail) == WHOLE


def test_a_folder_moved_under_the_walk_ends_only_its_own_walk(long_trail: bytes) -> None:
    walked = items_of(LocalSource([long_trail]))
    before = [item_text(next(walked), long_trail) for _ in range(4)]
    os.rename(long_trail + b"/a/b", long_trail + b"/../b elsewhere")
    os.rename(long_trail + b"/../b elsewhere/c", long_trail + b"/../c elsewhere")
    assert (
        before + relative(walked, long_trail)
        == [
            *WHOLE[:6],
            "file_replaced a/b True",  # neither above c nor at its path any more
            *WHOLE[7:],
        ]
    )


def test_a_moved_folder_is_found_by_its_path_if_not_from_below(long_trail: bytes) -> None:
    walked = items_of(LocalSource([long_trail]))
    before = [item_text(next(walked), long_trail) for _ in range(4)]
    os.rename(long_trail + b"/a/b/c", long_trail + b"/../c elsewhere")
    assert before + relative(walked, long_trail) == WHOLE


def test_another_folder_at_the_path_is_not_taken_for_the_one_that_was_left(long_trail: bytes) -> None:
    walked = items_of(LocalSource([long_trail]))
    before = [item_text(next(walked), long_trail) for _ in range(4)]
    os.rename(long_trail + b"/a/b/c", long_trail + b"/../c elsewhere")
    os.rename(long_trail + b"/a/b", long_trail + b"/../b elsewhere")
    make(long_trail, b"a/b/z/decoy")
    assert before + relative(walked, long_trail) == [
        *WHOLE[:6],
        "file_replaced a/b True",
        *WHOLE[7:],
        "entry a/b/z/decoy",
    ]


def test_a_folder_that_mounts_itself_when_opened_is_walked(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"b/before")
    make(root, b"../mounted/after")

    def mount() -> None:
        os.rename(root + b"/b", root + b"/../trigger")
        os.rename(root + b"/../mounted", root + b"/b")

    on_enter(monkeypatch, b"b", mount)
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments: Filesystem("autofs"))
    # Unlike a real mount, this one changes the directory above, which is therefore listed again.
    assert walk() == ["entry b/after"] * 2


def test_a_root_that_mounts_itself_when_opened_is_walked(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"file")
    before = os.stat(os.path.dirname(root))
    original = DirectoryByDescriptor.stat

    def stat(folder: DirectoryByDescriptor, name: bytes, *, follow: bool = False) -> os.stat_result:
        return before if name == os.path.basename(root) else original(folder, name, follow=follow)

    monkeypatch.setattr(DirectoryByDescriptor, "stat", stat)
    assert walk() == ["entry file"]


def test_a_file_on_another_device_is_of_that_devices_kind(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    os.symlink(b"/proc/version", root + b"/link")
    here = os.stat(root).st_dev
    monkeypatch.setattr(
        filesystems.Filesystems, "of", lambda _kinds, device, _path: Filesystem("ext4" if device == here else "nfs")
    )
    (entry,) = items_of(LocalSource([root], WalkOptions(follow_links=True)))
    assert isinstance(entry, Entry)
    assert entry.consistency is Consistency.UNVERIFIED_MOUNT


def test_what_mounts_itself_is_still_subject_to_the_rules(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"b/before", b"other/file")

    def mount() -> None:
        os.rename(root + b"/b", root + b"/../trigger")
        os.rename(root + b"/other", root + b"/b")

    inode = os.stat(root + b"/other").st_ino
    original = Filters.directory_skip_reason

    def reason(filters: Filters, status: os.stat_result, *rest: Any) -> SkipReason | None:
        return SkipReason.PSEUDO_FILESYSTEM if status.st_ino == inode else original(filters, status, *rest)

    monkeypatch.setattr(Filters, "directory_skip_reason", reason)
    on_enter(monkeypatch, b"b", mount)
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments, **_options: Filesystem("nfs4"))
    assert walk() == ["skipped pseudo_filesystem b", "fault not_found other"]


def test_another_root_that_appears_under_another_path_is_walked(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"b/before", b"other/file")

    def mount() -> None:
        os.rename(root + b"/b", root + b"/../trigger")
        os.rename(root + b"/other", root + b"/b")

    on_enter(monkeypatch, b"b", mount)
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments, **_options: Filesystem("nfs4"))
    assert walk(root, root + b"/other") == [
        "entry b/file",
        "fault not_found other",
        "fault not_found other and below",
    ]


def test_entries_on_a_mount_that_a_daemon_serves_say_so(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, b"a/file")
    monkeypatch.setattr(filesystems.Filesystems, "of", lambda *_arguments: Filesystem("fuse.s3fs"))
    for given in (root, root + b"/a/file"):
        (entry,) = items_of(LocalSource([given], WalkOptions()))
        assert isinstance(entry, Entry)
        assert entry.consistency is Consistency.UNVERIFIED_MOUNT


def test_a_system_without_noatime_or_with_a_refusal_lists_all_the_same(
    root: bytes, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(root, b"a/file")
    monkeypatch.setattr(files, "NOATIME", 0)
    assert walk() == ["entry a/file"]
    monkeypatch.undo()
    refused: list[object] = []
    original = os.open

    def refuse(path: bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & files.NOATIME:
            refused.append(path)
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return original(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert walk() == ["entry a/file"]
    assert refused
