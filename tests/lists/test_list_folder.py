"""A folder of pages as one list."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashaudit.errors import ListError
from hashaudit.lists import compile_cache, load
from hashaudit.lists.index.build import build_index
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.list_file import READABLE
from hashaudit.lists.list_folder import ListFolder
from hashaudit.lists.load import load_lists
from hashaudit.model.results import AlgorithmName, Role

MD5 = AlgorithmName("md5")
EARLY, LATE = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


def md5(number: int) -> bytes:
    return bytes([number]) * 16


def entry(number: int, time: str = EARLY) -> str:
    prints = f"<fingerprints><md5>{md5(number).hex()}</md5></fingerprints>"
    return f"<image><member id='4'>M</member><timestamp>{time}</timestamp><id>{number}</id>{prints}</image>"


def gone(number: int, time: str = LATE) -> str:
    return f"<deletedImage><member id='4'>M</member><id>{number}</id><timestamp>{time}</timestamp></deletedImage>"


def page(*entries: str, head: str = '<?xml version="1.0"?>\n') -> bytes:
    return f"{head}<queryResult><images>{''.join(entries)}</images></queryResult>".encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For pages, beside an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pages").mkdir()
    return tmp_path / "pages"


def fill(folder: Path, pages: dict[str, bytes], mode: int = 0o600) -> ListSpec:
    for name, content in pages.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)
    return ListSpec(str(folder), Role.DENY)


def held(spec: ListSpec) -> list[int]:
    with load_lists([spec]) as lists:
        return listed(lists.indexes)


def listed(indexes: Iterable[ListIndex]) -> list[int]:
    return [number for number in range(1, 10) if any(index.lookup(MD5, md5(number)) for index in indexes)]


def test_info_says_what_the_folder_is(folder: Path) -> None:
    spec = fill(folder, {"b": page(gone(1)), "a": page(entry(1), entry(2))})
    os.utime(folder / "a", ns=(5, 7))
    os.utime(folder / "b", ns=(5, 6))
    with load_lists([msgspec.structs.replace(spec, path=f"{folder}/")]) as lists:
        (info,) = lists.infos
    assert (info.name, info.path, info.format, info.mtime_ns) == ("pages", f"{folder}/", "ncmec", 7)
    assert info.size == sum(path.stat().st_size for path in folder.iterdir())
    assert (info.read, info.kept, info.rejected) == (3, 1, {"duplicate": 1, "withdrawn": 1})
    assert info.warnings == ("a folder of 2 pages; its sha256 is that of their sha256sum lines",)


@pytest.mark.parametrize(
    ("pages", "numbers"),
    [
        ([page(entry(1), entry(2)), page(gone(1))], [2]),
        ([page(gone(1)), page(entry(1), entry(2))], [2]),
        ([page(gone(1, EARLY), entry(2)), page(entry(1, LATE))], [1, 2]),
        ([page(entry(1)), page(), page(entry(3))], [1, 3]),
        ([page(entry(1), head=""), page(entry(2)) + b"\n\n"], [1, 2]),
        ([gzip.compress(page(entry(1))), gzip.compress(page(entry(2)))], [1, 2]),
        ([page(entry(1)).decode().encode("utf-16"), page(entry(2))], [1, 2]),
    ],
)
def test_the_latest_state_holds_on_whatever_page_it_stands(
    folder: Path, pages: list[bytes], numbers: list[int]
) -> None:
    assert held(fill(folder, {str(number): content for number, content in enumerate(pages)})) == numbers


def test_pages_count_in_the_order_of_their_names(folder: Path) -> None:
    """Where the records give no time the later page counts, and ``page-10`` comes before ``page-9``."""

    def update(*, delete: bool) -> bytes:
        record: dict[str, Any] = {"id": "7", "indicator": md5(1).hex(), "type": "HASH_MD5", "should_delete": delete}
        record["descriptors"] = {"data": [{"status": "MALICIOUS"}]}
        other = record | {"id": "8", "indicator": md5(2).hex(), "should_delete": False}
        return json.dumps({"data": [record, other]}).encode()

    pages = {"page-9": update(delete=True), "page-10": update(delete=False), "Page-11": update(delete=True)}
    assert held(fill(folder, pages)) == [2]
    assert held(fill(folder, {"page-9": update(delete=False)})) == [1, 2]


def test_a_page_that_ends_in_a_record_of_another_is_not_joined_with_it(folder: Path) -> None:
    whole = page(entry(1), entry(2))
    spec = fill(folder, {"0": page(entry(3)), "a": whole[:-40], "b": whole[-40:]})
    with pytest.raises(ListError, match=r"pages: a: .*cut short"):
        load_lists([spec])


@pytest.mark.parametrize("cut", [1, 15, 30, 150])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_page_that_is_cut_short_is_named(folder: Path, cut: int, position: int) -> None:
    pages = [page(entry(number), head="") for number in (1, 2, 3)]
    pages[position] = pages[position][:-cut]
    with pytest.raises(ListError, match=f"pages: page-{position}: .*damaged or cut short"):
        load_lists([fill(folder, {f"page-{number}": content for number, content in enumerate(pages)})])


BUNDLE = json.dumps({"type": "bundle", "objects": [{"type": "file", "hashes": {"MD5": md5(1).hex()}}]}).encode()


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ({}, "cannot be read: the folder holds no pages"),
        ({"a": page(entry(1)), "b": BUNDLE}, "b: is stix, the first page is ncmec"),
        ({"a": page(entry(1)), "b": gzip.compress(page(entry(2)))}, r"b: is ncmec\+gzip, the first page is ncmec"),
        ({"a": page(entry(1)), "b": b""}, "b: the list is empty"),
        ({"a": page(entry(1)), ".DS_Store": b"\0\0\0\1Bud1"}, ".DS_Store: not a format"),
        ({"a": md5(1).hex().encode() + b"\n"}, "a: is plain, and a folder is one list only of ncmec, "),
        ({"a": page(entry(1)), "b": md5(1).hex().encode() + b"\n"}, "b: is plain, and a folder"),
        ({"a": page(), "b": page()}, r"holds no entry that can be matched \(empty\)"),
        ({"a": b"SQLite format 3\0" + bytes(100)}, "a: "),
    ],
)
def test_folders_that_are_no_list(folder: Path, pages: dict[str, bytes], message: str) -> None:
    with pytest.raises(ListError, match=message):
        load_lists([fill(folder, pages)])


@pytest.mark.parametrize("what", ["folder", "link", "fifo", "dangling"])
def test_what_is_no_page_is_refused_by_name(folder: Path, tmp_path: Path, what: str) -> None:
    spec = fill(folder, {"a": page(entry(1))})
    assert held(spec) == [1]
    other = folder / "other"
    if what == "folder":
        other.mkdir()
    elif what == "fifo":
        os.mkfifo(other)
    elif what == "link":
        (tmp_path / "page").write_bytes(page(entry(2)))
        other.symlink_to(tmp_path / "page")
    else:
        other.symlink_to(tmp_path / "missing")
    with pytest.raises(ListError, match="other in it is no regular file"):
        load_lists([spec])


def test_the_digest_is_that_of_the_lines_of_sha256sum(folder: Path) -> None:
    pages = {name: page(entry(1)) for name in ("b", "a", "Z", "é", "a\nb", "a\\b", "a\rb", "--help", "a b")}
    with load_lists([fill(folder, pages)]) as lists:
        sha256 = lists.infos[0].sha256
    assert ListFolder(str(folder)).sha256() == sha256
    command = "LC_ALL=C; export LC_ALL; sha256sum -- * | sha256sum"
    printed = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=True).stdout
    assert printed.split()[0].decode() == sha256


@pytest.mark.parametrize("mode", [0o600, 0o604])
def test_pages_that_everyone_can_read_are_told(folder: Path, mode: int) -> None:
    fill(folder, {"a": page(entry(1))})
    with load_lists([fill(folder, {"b": page(entry(2))}, mode)]) as lists:
        assert (READABLE in lists.infos[0].warnings) == (mode == 0o604)


def test_a_page_that_is_another_only_while_it_is_read_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = fill(folder, {"a": page(entry(1))})
    real = ListFolder.open_page

    def swapped(self: ListFolder, position: int) -> Any:
        (folder / "a").rename(tmp_path / "kept")
        try:
            fill(folder, {"a": page(entry(2))})
            return real(self, position)
        finally:
            (tmp_path / "kept").rename(folder / "a")

    monkeypatch.setattr(ListFolder, "open_page", swapped)
    with pytest.raises(ListError, match="changed while"):
        load_lists([spec])


@pytest.mark.parametrize("change", ["content", "page", "gone"])
def test_folder_that_changes_while_it_is_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    spec = fill(folder, {"a": page(entry(1)), "b": page(entry(2))})
    real = ListFolder.open_page

    def changing(self: ListFolder, position: int) -> Any:
        if change == "content":
            (folder / "b").write_bytes(page(entry(3), entry(4)))
        elif change == "page":
            (folder / "c").write_bytes(page(entry(3)))
        elif position:
            (folder / "a").unlink(missing_ok=True)
        return real(self, position)

    monkeypatch.setattr(ListFolder, "open_page", changing)
    with pytest.raises(ListError, match="changed while"):
        load_lists([spec])


def test_folders_are_compiled_like_files(folder: Path, tmp_path: Path) -> None:
    spec = fill(folder, {"a": page(entry(1), entry(2)), "b": page(gone(2))})
    path = str(tmp_path / "a.hai")
    (info,) = build_index([spec], path)
    assert (info.name, info.kept) == ("pages", 1)
    assert listed([ListIndex.open(path)]) == [1]


def test_large_folders_are_kept_compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 0)
    spec = fill(folder, {"a": page(entry(1)), "b": page(entry(2))}, 0o644)
    infos = []
    for _ in range(2):
        with load_lists([spec]) as lists:
            assert listed(lists.indexes) == [1, 2]
            infos.append(lists.infos)
        monkeypatch.setattr(compile_cache, "take_list", None)
    assert infos[0] == infos[1]
    assert len(infos[0][0].warnings) == 2
    (folder / "b").rename(folder / "c")
    with pytest.raises(TypeError):
        load_lists([spec])


def test_a_file_of_the_lines_is_not_taken_for_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 0)
    spec = fill(folder, {"a": page(entry(1))})
    lines = folder.parent / "SUMS"
    lines.write_bytes(subprocess.run(["sha256sum", "a"], cwd=folder, capture_output=True, check=True).stdout)
    with load_lists([ListSpec(str(lines), Role.DENY), spec]) as lists:
        assert lists.infos[0].sha256 == lists.infos[1].sha256
        assert [info.format for info in lists.infos] == ["coreutils", "ncmec"]
        assert [listed([index]) for index in lists.indexes] == [[], [1]]
