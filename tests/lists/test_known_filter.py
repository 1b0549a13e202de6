"""A Bloom filter as one of a run's lists."""

import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from hashaudit.errors import ListError
from hashaudit.lists.index.build import build_index
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.known_filter import FilterHandle
from hashaudit.lists.list_file import WORLD_READABLE
from hashaudit.lists.load import load_lists
from hashaudit.lists.selection import Selection
from hashaudit.model.results import AlgorithmName, Role

HELD = hashlib.sha1(b"hello\n").digest()


@pytest.fixture
def spec(samples: Path, tmp_path: Path) -> ListSpec:
    path = tmp_path / "known.bloom"
    shutil.copyfile(samples / "hashlookup_synthetic.bloom", path)
    path.chmod(0o600)
    return ListSpec(str(path), Role.KNOWN)


def test_info_says_what_the_filter_says_of_itself(spec: ListSpec) -> None:
    content = Path(spec.path).read_bytes()
    with load_lists([spec]) as lists:
        assert lists.infos == (
            ListInfo(
                name="known.bloom",
                path=spec.path,
                role=Role.KNOWN,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                mtime_ns=os.stat(spec.path).st_mtime_ns,
                format="bloom",
                algorithms=(AlgorithmName("sha1"),),
                read=3,
                kept=3,
                warnings=("filter for 1,000 digests; when full, its false-positive rate is 0.0001",),
            ),
        )
        assert (lists.indexes, lists.images) == ((), ())
    os.chmod(spec.path, 0o604)
    with load_lists([spec]) as lists:
        # Nobody can read entries out of it, and the one that is in use is public.
        assert WORLD_READABLE not in lists.infos[0].warnings


def test_filters_are_numbered_among_the_lists(spec: ListSpec, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a1" * 16 + "\n")
    plain = ListSpec(str(tmp_path / "a"), Role.DENY)
    with load_lists([plain, spec, plain]) as lists:
        assert [info.format for info in lists.infos] == ["plain", "bloom", "plain"]
        assert [image.list_numbers for image in lists.images] == [(1, 3)]
        assert [image.list_number for image in lists.filters] == [2]


def test_another_process_opens_the_same_filter(spec: ListSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with load_lists([msgspec.structs.replace(spec, path="known.bloom")]) as lists:
        encoded = msgspec.msgpack.encode(lists.filters)
    monkeypatch.chdir("/")
    [image] = msgspec.msgpack.decode(encoded, type=tuple[FilterHandle, ...])
    with image.open() as known:
        assert known.may_hold(HELD)


@pytest.mark.parametrize("change", ["content", "replaced", "touched", "gone"])
def test_a_filter_that_is_not_the_one_that_was_hashed_is_refused(spec: ListSpec, change: str) -> None:
    with load_lists([spec]) as lists:
        [image] = lists.filters
    if change == "content":
        with Path(spec.path).open("ab") as file:
            file.write(b"more")
    elif change == "replaced":
        os.rename(spec.path, spec.path + ".old")
        shutil.copy2(spec.path + ".old", spec.path)
    elif change == "touched":
        os.utime(spec.path, ns=(1, 1))
    else:
        os.unlink(spec.path)
    with pytest.raises(ListError, match="cannot read" if change == "gone" else "replaced while it was in use"):
        image.open()


def test_a_filter_cannot_be_searched_for(spec: ListSpec, tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"known\.bloom'; .*false positives by design") as raised:
        load_lists([msgspec.structs.replace(spec, role=Role.DENY)])
    assert raised.value.hint == "use it with --known"
    with pytest.raises(ListError, match=r"known\.bloom'; .*false positives by design") as raised:
        build_index([spec], str(tmp_path / "a.hai"))
    assert raised.value.hint == "use it with --known"
    assert not (tmp_path / "a.hai").exists()


def test_a_filter_is_of_sha1(spec: ListSpec) -> None:
    load_lists([msgspec.structs.replace(spec, algorithm=AlgorithmName("sha1"))]).close()
    with pytest.raises(ListError, match="holds sha1 digests"):
        load_lists([msgspec.structs.replace(spec, algorithm=AlgorithmName("md5"))])


def test_a_filter_has_no_entries_to_select(spec: ListSpec) -> None:
    with pytest.raises(ListError, match="no entries to select from"):
        load_lists([spec], selection=Selection(("1",), None))


def test_a_damaged_filter_is_refused(spec: ListSpec) -> None:
    content = Path(spec.path).read_bytes()
    Path(spec.path).write_bytes(content[:1000])
    with pytest.raises(ListError, match="truncated"):
        load_lists([spec])
