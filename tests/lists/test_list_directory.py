"""A directory of pages as one list."""

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
from hashaudit.lists import load
from hashaudit.lists.index import compile_lists
from hashaudit.lists.index.build import build_index
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.list_directory import ListDirectory
from hashaudit.lists.list_file import WORLD_READABLE
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
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For pages, beside an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pages").mkdir()
    return tmp_path / "pages"


def fill(directory: Path, pages: dict[str, bytes], mode: int = 0o600) -> ListSpec:
    for name, content in pages.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(mode)
    return ListSpec(str(directory), Role.DENY)


def held(spec: ListSpec) -> list[int]:
    with load_lists([spec]) as lists:
        return listed(lists.indexes)


def listed(indexes: Iterable[ListIndex]) -> list[int]:
    return [number for number in range(1, 10) if any(index.lookup(MD5, md5(number)) for index in indexes)]


def test_info_describes_the_directory(directory: Path) -> None:
    spec = fill(directory, {"b": page(gone(1)), "a": page(entry(1), entry(2))})
    os.utime(directory / "a", ns=(5, 7))
    os.utime(directory / "b", ns=(5, 6))
    with load_lists([msgspec.structs.replace(spec, path=f"{directory}/")]) as lists:
        (info,) = lists.infos
    assert (info.name, info.path, info.format, info.mtime_ns) == ("pages", f"{directory}/", "ncmec", 7)
    assert info.size == sum(path.stat().st_size for path in directory.iterdir())
    assert (info.read, info.kept, info.rejected) == (3, 1, {"duplicate": 1, "withdrawn": 1})
    assert info.warnings == ("directory of 2 pages; its sha256 is that of their sha256sum lines",)


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
def test_the_latest_state_counts_on_any_page(directory: Path, pages: list[bytes], numbers: list[int]) -> None:
    assert held(fill(directory, {str(number): content for number, content in enumerate(pages)})) == numbers


def test_pages_count_in_the_order_of_their_names(directory: Path) -> None:
    """Where the records give no time the later page counts, and ``page-10`` comes before ``page-9``."""

    def update(*, delete: bool) -> bytes:
        record: dict[str, Any] = {"id": "7", "indicator": md5(1).hex(), "type": "HASH_MD5", "should_delete": delete}
        record["descriptors"] = {"data": [{"status": "MALICIOUS"}]}
        other = record | {"id": "8", "indicator": md5(2).hex(), "should_delete": False}
        return json.dumps({"data": [record, other]}).encode()

    pages = {"page-9": update(delete=True), "page-10": update(delete=False), "Page-11": update(delete=True)}
    assert held(fill(directory, pages)) == [2]
    assert held(fill(directory, {"page-9": update(delete=False)})) == [1, 2]


def test_a_page_that_ends_in_a_record_of_another_is_not_joined_with_it(directory: Path) -> None:
    whole = page(entry(1), entry(2))
    spec = fill(directory, {"0": page(entry(3)), "a": whole[:-40], "b": whole[-40:]})
    with pytest.raises(ListError, match=r"pages'; page 'a': .*truncated"):
        load_lists([spec])


@pytest.mark.parametrize("cut", [1, 15, 30, 150])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_truncated_page_is_named(directory: Path, cut: int, position: int) -> None:
    pages = [page(entry(number), head="") for number in (1, 2, 3)]
    pages[position] = pages[position][:-cut]
    with pytest.raises(ListError, match=f"pages'; page 'page-{position}': .*damaged or truncated"):
        load_lists([fill(directory, {f"page-{number}": content for number, content in enumerate(pages)})])


BUNDLE = json.dumps({"type": "bundle", "objects": [{"type": "file", "hashes": {"MD5": md5(1).hex()}}]}).encode()


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ({}, "cannot read list: .*; the directory is empty"),
        ({"a": page(entry(1)), "b": BUNDLE}, "page 'b' has another format than the first page: stix, not ncmec"),
        ({"a": page(entry(1)), "b": gzip.compress(page(entry(2)))}, r"page 'b' .*: ncmec\+gzip, not ncmec"),
        ({"a": page(entry(1)), "b": b""}, "page 'b': the list is empty"),
        ({"a": page(entry(1)), ".DS_Store": b"\0\0\0\1Bud1"}, "page '.DS_Store': unrecognised list format"),
        ({"a": md5(1).hex().encode() + b"\n"}, "page 'a' has a format without pages: plain; pages exist for ncmec, "),
        ({"a": page(entry(1)), "b": md5(1).hex().encode() + b"\n"}, "page 'b' has a format without pages: plain"),
        ({"a": page(), "b": page()}, r"holds no entry that can be matched \(empty\)"),
        ({"a": b"SQLite format 3\0" + bytes(100)}, "page 'a': "),
    ],
)
def test_directories_that_are_not_a_list(directory: Path, pages: dict[str, bytes], message: str) -> None:
    with pytest.raises(ListError, match=message):
        load_lists([fill(directory, pages)])


@pytest.mark.parametrize("what", ["directory", "link", "fifo", "dangling"])
def test_an_entry_that_is_not_a_page_is_refused_by_name(directory: Path, tmp_path: Path, what: str) -> None:
    spec = fill(directory, {"a": page(entry(1))})
    assert held(spec) == [1]
    other = directory / "other"
    if what == "directory":
        other.mkdir()
    elif what == "fifo":
        os.mkfifo(other)
    elif what == "link":
        (tmp_path / "page").write_bytes(page(entry(2)))
        other.symlink_to(tmp_path / "page")
    else:
        other.symlink_to(tmp_path / "missing")
    with pytest.raises(ListError, match="'other' in it is not a regular file"):
        load_lists([spec])


def test_the_digest_is_that_of_the_lines_of_sha256sum(directory: Path) -> None:
    pages = {name: page(entry(1)) for name in ("b", "a", "Z", "é", "a\nb", "a\\b", "a\rb", "--help", "a b")}
    with load_lists([fill(directory, pages)]) as lists:
        sha256 = lists.infos[0].sha256
    assert ListDirectory(str(directory)).sha256() == sha256
    command = "LC_ALL=C; export LC_ALL; sha256sum -- * | sha256sum"
    printed = subprocess.run(["sh", "-c", command], cwd=directory, capture_output=True, check=True).stdout
    assert printed.split()[0].decode() == sha256


@pytest.mark.parametrize("mode", [0o600, 0o604])
def test_world_readable_pages_are_reported(directory: Path, mode: int) -> None:
    fill(directory, {"a": page(entry(1))})
    with load_lists([fill(directory, {"b": page(entry(2))}, mode)]) as lists:
        assert (WORLD_READABLE in lists.infos[0].warnings) == (mode == 0o604)


def test_a_page_that_is_another_only_while_it_is_read_is_refused(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = fill(directory, {"a": page(entry(1))})
    real = ListDirectory.open_page

    def swapped(self: ListDirectory, position: int) -> Any:
        (directory / "a").rename(tmp_path / "kept")
        try:
            fill(directory, {"a": page(entry(2))})
            return real(self, position)
        finally:
            (tmp_path / "kept").rename(directory / "a")

    monkeypatch.setattr(ListDirectory, "open_page", swapped)
    with pytest.raises(ListError, match="changed while"):
        load_lists([spec])


@pytest.mark.parametrize("change", ["content", "page", "gone"])
def test_directory_that_changes_while_it_is_read_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    spec = fill(directory, {"a": page(entry(1)), "b": page(entry(2))})
    real = ListDirectory.open_page

    def changing(self: ListDirectory, position: int) -> Any:
        if change == "content":
            (directory / "b").write_bytes(page(entry(3), entry(4)))
        elif change == "page":
            (directory / "c").write_bytes(page(entry(3)))
        elif position:
            (directory / "a").unlink(missing_ok=True)
        return real(self, position)

    monkeypatch.setattr(ListDirectory, "open_page", changing)
    with pytest.raises(ListError, match="changed while"):
        load_lists([spec])


def test_directories_are_compiled_like_files(directory: Path, tmp_path: Path) -> None:
    spec = fill(directory, {"a": page(entry(1), entry(2)), "b": page(gone(2))})
    path = str(tmp_path / "a.hai")
    (info,) = build_index([spec], path)
    assert (info.name, info.kept) == ("pages", 1)
    assert listed([ListIndex.open(path)]) == [1]


def test_large_directories_are_cached(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 0)
    spec = fill(directory, {"a": page(entry(1)), "b": page(entry(2))}, 0o644)
    infos = []
    for _ in range(2):
        with load_lists([spec]) as lists:
            assert listed(lists.indexes) == [1, 2]
            infos.append(lists.infos)
        monkeypatch.setattr(compile_lists, "ingest_list", None)
    assert infos[0] == infos[1]
    assert len(infos[0][0].warnings) == 2
    (directory / "b").rename(directory / "c")
    with pytest.raises(TypeError):
        load_lists([spec])


def test_a_file_of_the_lines_is_not_confused_with_the_directory(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 0)
    spec = fill(directory, {"a": page(entry(1))})
    lines = directory.parent / "SUMS"
    lines.write_bytes(subprocess.run(["sha256sum", "a"], cwd=directory, capture_output=True, check=True).stdout)
    with load_lists([ListSpec(str(lines), Role.DENY), spec]) as lists:
        assert lists.infos[0].sha256 == lists.infos[1].sha256
        assert [info.format for info in lists.infos] == ["coreutils", "ncmec"]
        assert [listed([index]) for index in lists.indexes] == [[], [1]]
