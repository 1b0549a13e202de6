"""ISO images with one, two and three trees, made by genisoimage and compared with what is in them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read
from reader_lab import damaged

pytestmark = pytest.mark.skipif(not shutil.which("genisoimage"), reason="needs genisoimage (Debian)")

LONG = "a name that is longer than the sixty-four characters that Joliet has for a name.txt"
CONTENT = {"a.txt": b"first" * 999, "sub/b.bin": os.urandom(9000), f"sub/deep/{LONG}": b"long", "empty": b""}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in CONTENT.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "in"


def made(tree: Path, *options: str) -> Path:
    path = tree.parent / "a.iso"
    subprocess.run(["genisoimage", "-quiet", *options, "-o", path, tree], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("options", [(), ("-J",), ("-R",), ("-R", "-J"), ("-J", "-joliet-long")])
def test_every_file_once_with_its_best_name(tree: Path, options: tuple[str, ...]) -> None:
    found = examine(made(tree, *options))
    assert found.codes == []
    assert len(found.members) == len(CONTENT)
    assert set(found.digests.values()) == {sha256(data) for data in CONTENT.values()}
    if "-R" in options:
        assert found.digests == {(name.encode(),): sha256(data) for name, data in CONTENT.items()}


@pytest.mark.parametrize("hidden", ["-hide", "-hide-joliet"])
def test_a_file_of_one_tree_alone_is_found(tree: Path, hidden: str) -> None:
    found = examine(made(tree, "-R", "-J", hidden, "b.bin"))
    assert found.codes == []
    assert sha256(CONTENT["sub/b.bin"]) in found.whole()


def test_a_boot_image_without_a_name_and_data_behind_the_image(tree: Path) -> None:
    boot, behind = os.urandom(4 * 2048), os.urandom(3000)
    (tree / "boot").write_bytes(boot)
    path = made(tree, "-R", "-b", "boot", "-no-emul-boot", "-hide", "boot")
    with path.open("ab") as file:
        file.write(behind)
    found = examine(path)
    assert found.codes == []
    assert (found.digests[b"[BOOT]/1",], found.digests[b"",]) == (sha256(boot), sha256(behind))


def test_what_is_not_read_is_a_fault(tree: Path) -> None:
    whole = made(tree, "-R").read_bytes()
    all_of_them = {sha256(data) for data in CONTENT.values()}
    for cut in (32_900, 33_000, 36_000, 40_000, *range(50_000, len(whole) - 310_000, 3000)):
        good, codes = read(ContainerKind.ISO, whole[:cut])
        assert codes or set(good.values()) == all_of_them, cut
        assert set(good.values()) <= all_of_them


def test_directories_that_hold_each_other_end(tree: Path) -> None:
    whole = bytearray(made(tree, "-R").read_bytes())
    sub = whole.index(b"\x03SUB") - 32
    whole[sub + 2 : sub + 10] = whole[16 * 2048 + 158 : 16 * 2048 + 166]  # the root's extent
    good, _ = read(ContainerKind.ISO, bytes(whole))
    assert set(good) == {b"a.txt", b"empty"}


def test_udf_is_one_more_tree(tree: Path) -> None:
    expected = {sha256(data) for data in CONTENT.values()}
    beside = examine(made(tree, "-R", "-J", "-udf"))
    assert (len(beside.members), beside.whole(), beside.codes) == (len(CONTENT), expected, [])
    hidden = examine(made(tree, "-R", "-udf", "-hide", "b.bin"))
    assert (hidden.whole(), hidden.codes) == (expected, [])
    # Without the other trees.
    path = made(tree, "-R", "-udf")
    whole = bytearray(path.read_bytes())
    at = whole.index(b"\0BEA01")
    whole[16 * 2048 : 17 * 2048] = whole[at : at + 2048]
    path.write_bytes(whole)
    alone = examine(path)
    assert alone.file.container is not None
    assert (alone.file.container.kind, alone.codes) == (ContainerKind.UDF, [])
    assert alone.digests == {(name.encode(),): sha256(data) for name, data in CONTENT.items()}
    for cut in (40_000, 300 * 2048, 520_000):
        good, codes = read(ContainerKind.UDF, bytes(whole[:cut]))
        assert codes or set(good.values()) == expected, cut
    for mutant in damaged(bytes(whole[: 600 << 10]), 60):
        read(ContainerKind.UDF, mutant)


def test_directories_of_udf_that_hold_each_other_end(tree: Path) -> None:
    whole = bytearray(made(tree, "-R", "-udf").read_bytes())
    # The entry of a directory leads to the directory that it is in.
    at = next(at for at in range(0, len(whole), 4) if whole[at : at + 2] == b"\x01\x01" and whole[at + 18] == 2)
    parent = next(at for at in range(0, len(whole), 4) if whole[at : at + 2] == b"\x01\x01" and whole[at + 18] & 8)
    whole[at + 20 : at + 36] = whole[parent + 20 : parent + 36]
    assert "damaged" in read(ContainerKind.UDF, bytes(whole)).codes


def test_the_files_of_all_sessions_of_a_disc(tree: Path) -> None:
    whole = made(tree, "-R", "-J").read_bytes()
    later = tree.parent / "later"
    later.mkdir()
    (later / "new.txt").write_bytes(b"second session")
    start = (len(whole) // 2048 + 150) // 16 * 16
    options = ("-R", "-J", "-C", f"16,{start}", "-M", tree.parent / "a.iso", "-o", tree.parent / "b.iso", later)
    subprocess.run(["genisoimage", "-quiet", *options], check=True, capture_output=True)
    session = (tree.parent / "b.iso").read_bytes()
    expected = {name.encode(): sha256(data) for name, data in CONTENT.items()}
    for between in (start * 2048, len(whole) // 2048 * 2048):  # the second is a session with wrong positions
        disc = whole[:between].ljust(between, b"\0") + session
        good, codes = read(ContainerKind.ISO, disc)
        assert expected.items() <= good.items()
        if between == start * 2048:
            assert codes == []
            assert good == expected | {b"new.txt": sha256(b"second session")}


def test_an_image_on_a_disc_is_no_session(tree: Path) -> None:
    inner = made(tree, "-R").read_bytes()
    (tree.parent / "a.iso").unlink()
    outer = tree.parent / "outer"
    outer.mkdir()
    (outer / "in.iso").write_bytes(inner)
    good, codes = read(ContainerKind.ISO, made(outer, "-R").read_bytes())
    assert (good, codes) == ({b"in.iso": sha256(inner)}, [])
