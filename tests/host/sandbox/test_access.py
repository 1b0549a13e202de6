import os
import subprocess
import sys
from pathlib import Path

import pytest

from hashaudit.errors import HostError
from hashaudit.host.mount_table import Mount, MountTable, parse_mountinfo
from hashaudit.host.sandbox import access, landlock
from hashaudit.host.sandbox.access import Access

NOTHING = MountTable()


def tree(folder: Path, *names: str) -> bytes:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return os.fsencode(folder)


def test_what_hides_nothing_is_given_as_a_whole(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/key", "b/file")
    for hidden in ((), (root + b"/missing",), (root + b"/b/file",), (root + b"/ab",)):
        given = Access([root + b"/a"], hidden, NOTHING)
        assert (given.whole, given.beside) == ([root + b"/a"], [])


def test_everything_beside_a_hidden_file_is_given(tmp_path: Path) -> None:
    root = tree(tmp_path, "x/deep/key", "x/deep/other", "x/file", "y/z/file", "list")
    os.symlink("deep", tmp_path / "x" / "link")
    given = Access([root], (root + b"/x/deep/key", root + b"/list"), NOTHING)
    assert given.whole == []
    assert sorted(given.beside) == [root + b"/x/deep/other", root + b"/x/file", root + b"/y"]
    assert Access([root + b"/list"], (root + b"/list",), NOTHING).whole == []


def test_a_hidden_file_below_the_root_directory_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path, "key", "file")
    given = Access([b"/"], (root + b"/key",), NOTHING)
    assert root + b"/file" in given.beside
    assert not any(root.startswith(path + b"/") for path in given.beside + given.whole)


def test_names_that_come_later_are_known_as_new(tmp_path: Path) -> None:
    root = tree(tmp_path, "d/key", "d/old", "e/f", "replaced")
    given = Access([root], (root + b"/d/key",), NOTHING)
    tree(tmp_path, "d/new", "g/h/i", "e/later")
    os.replace(tmp_path / "g" / "h" / "i", tmp_path / "replaced")
    new = {
        name
        for name in ("d/new", "g/h", "replaced", "d/old", "e/f", "e/later", "d/key", "d/gone")
        if given.is_new(root + b"/" + name.encode())
    }
    assert new == {"d/new", "g/h", "replaced"}


def test_too_many_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_NAMES_BESIDE", 3)
    root = tree(tmp_path, "key", "1", "2", "3", "4")
    with pytest.raises(HostError, match="cannot hide"):
        Access([root], (root + b"/key",), NOTHING)
    assert len(Access([root], (root + b"/no",), NOTHING).whole) == 1


def test_bind_mounts_and_subvolumes_show_a_file_again() -> None:
    table = MountTable(
        parse_mountinfo(
            b"1 0 8:1 / / rw - ext4 /dev/a rw\n"
            b"2 1 8:2 / /home rw - ext4 /dev/b rw\n"
            b"3 1 8:2 /u/.config /mnt/config rw - ext4 /dev/b rw\n"
            b"4 1 8:2 /v /mnt/other rw - ext4 /dev/b rw\n"
            b"5 1 8:1 / /all rw - ext4 /dev/a rw\n"
            b"6 1 0:9 /@ /btrfs rw - btrfs /dev/c rw\n"
            b"7 1 0:9 / /top rw - btrfs /dev/c rw\n"
        )
    )
    assert set(table.aliases(b"/home/u/.config/key")) == {b"/mnt/config/key"}
    assert set(table.aliases(b"/mnt/config/key")) == {b"/home/u/.config/key"}
    assert set(table.aliases(b"/etc/key")) == {b"/all/etc/key"}
    assert set(table.aliases(b"/btrfs/key")) == {b"/top/@/key"}


def test_an_alias_of_another_file_is_not_hidden(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/key", "b/key")
    device = os.stat(tmp_path).st_dev

    def mount(point: bytes) -> Mount:
        return Mount(device, point, "ext4", b"/dev/x", "", "", b"/")

    table = MountTable([mount(root + b"/a"), mount(root + b"/b")])
    given = Access([root + b"/b"], (root + b"/a/key",), table)
    assert given.whole == [root + b"/b"]
    os.unlink(tmp_path / "b" / "key")
    os.link(tmp_path / "a" / "key", tmp_path / "b" / "key")
    assert Access([root + b"/b"], (root + b"/a/key",), table).whole == []


CODE = """
import os, sys
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.sandbox import Sandbox
root, *hidden = map(os.fsencode, sys.argv[1:])
process.forbid_new_privileges()
sandbox = Sandbox((root,), 1 << 30, hidden=tuple(hidden))
assert any(name.startswith("landlock") for name in sandbox.apply(AddressSpace()))
def outcome(path):
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read().decode()
    except PermissionError:
        return "no"
os.chdir(b"/")
print(*map(outcome, (b"d/key", b"link", b"up", b"d/../d/key", b"d/other", b"e/f", b"top", b"bound/key")))
"""


@pytest.mark.skipif(not landlock.abi(), reason="needs a kernel with landlock")
def test_a_hidden_file_cannot_be_read_by_any_path(tmp_path: Path) -> None:
    root = tree(tmp_path, "d/key", "d/other", "e/f", "top", "bound/empty")
    os.symlink("d/key", tmp_path / "link")
    os.symlink("../d", tmp_path / "e" / "to")
    os.symlink("e/to/key", tmp_path / "up")
    bind = ["mount", "--bind", str(tmp_path / "d"), str(tmp_path / "bound")]
    bound = os.geteuid() == 0 and subprocess.run(bind, check=False, capture_output=True).returncode == 0
    if not bound:
        (tmp_path / "bound" / "key").write_text("no")
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE, root, root + b"/d/key"], capture_output=True, text=True, check=True
        )
    finally:
        if bound:
            subprocess.run(["umount", tmp_path / "bound"], check=True)
    assert done.stdout.split() == ["no", "no", "no", "no", "d/other", "e/f", "top", "no"]
