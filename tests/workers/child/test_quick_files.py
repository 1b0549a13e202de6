"""The short way through the worker says of no file what the long one does not say."""

import array
import hashlib
import os
import time
from pathlib import Path

import msgspec
import pytest

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import CachedGroup, Values
from hashaudit.host import page_cache
from hashaudit.host.files import stat_of
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.model.entry import Consistency
from hashaudit.model.file_pieces import PieceConfig
from hashaudit.model.location import DirectoryRef
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.workers.child import examiner as examiner_module
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    FED_BYTES,
    NOTHING_CACHED,
    PROGRESS_WORDS,
    Answer,
    Group,
    Item,
    WorkBatch,
)
from hashaudit.workers.protocol import WorkerConfig as Config

ALGORITHMS = tuple(map(AlgorithmName, ("md5", "sha1", "sha256")))


RECIPES = Fingerprints({name: number for number, name in enumerate(ALGORITHMS, 1)}, 4)
NOTHING = CachedGroup(b"key", (), "", 1 << 62)


def tree(folder: Path) -> dict[str, bytes]:
    """Files of every kind that the short way must leave, between ordinary ones; old enough to be read at once."""
    contents = {f"plain{number}": os.urandom(number * 97 + 1) for number in range(40)}
    contents |= {
        "empty": b"",
        "program": b"MZ" + bytes(3000),
        "zip": b"PK\x03\x04" + bytes(100),
        "mail": b"From: a\r\nTo: b\r\nDate: c\r\nSubject: d\r\n\r\ntext",
        "end": bytes(1000) + b"PK\x05\x06" + bytes(18),
        "large": os.urandom(300_000),
    }
    contents |= {"wanted": b"wanted" * 50, "common": b"common" * 50, "both": b"both" * 70}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(10**18, 10**18))
    return contents


def lists(folder: Path) -> tuple[list[ListSpec], set[str]]:
    deny, known = folder / "deny", folder / "known"
    deny.touch(0o600)
    deny.write_text(f"{hashlib.sha1(b'wanted' * 50).hexdigest()}\n{hashlib.sha1(b'both' * 70).hexdigest()}\n")
    known.touch(0o600)
    known.write_text(f"{hashlib.md5(b'common' * 50).hexdigest()}\n{hashlib.md5(b'both' * 70).hexdigest()}\n")
    return [ListSpec(str(deny)), ListSpec(str(known), role=Role.KNOWN)], {"wanted", "both"}


def answer(
    folder: Path,
    names: list[str],
    specs: list[ListSpec],
    *,
    quick: bool,
    report_all: bool = False,
    known: CachedGroup | None = None,
    pieces: PieceConfig | None = None,
) -> tuple[Answer, int]:
    words = array.array("q", [0] * PROGRESS_WORDS)
    progress = memoryview(words)
    progress[ALLOWED_BYTES] = 1 << 40
    with load_lists(specs) as loaded:
        examiner = Examiner(
            Config(ALGORITHMS, report_all, tuple(loaded.images), recipes=RECIPES, pieces=pieces), progress
        )
        if not quick:
            examiner._analyzer.quick_reader = lambda *_: None  # type: ignore[method-assign]
        status = os.stat(folder)
        items = tuple(
            Item(
                os.fsencode(name),
                stat_of(os.lstat(folder / name)),
                Consistency.STABLE,
                True,
                False,
                None,
                (),
                False,
            )
            for name in names
        )
        group = Group(DirectoryRef(os.fsencode(folder), status.st_dev, status.st_ino), 0, items, known)
        return examiner.examine_batch(WorkBatch(1, (group,))), words[FED_BYTES]


@pytest.fixture(autouse=True)
def some_time_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are old enough to be read at once; a batch with a finding does not end early on a slow machine."""
    later_ns = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    monkeypatch.setattr(examiner_module, "NEWS_NS", 1 << 62)


def test_both_ways_give_the_same_answer(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    contents = tree(tmp_path / "tree")
    specs, wanted = lists(tmp_path)
    names = sorted(contents)
    short, fed = answer(tmp_path / "tree", names, specs, quick=True)
    long, _ = answer(tmp_path / "tree", names, specs, quick=False)
    assert short == long
    assert short.bytes_read == sum(map(len, contents.values())) <= fed
    assert {names[result.item] for result in short.reported if result.matches} == wanted
    assert [names[number] for number in short.known] == ["common"]


def test_both_ways_report_all_files_alike(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    contents = tree(tmp_path / "tree")
    specs, _ = lists(tmp_path)
    names = sorted(contents)
    for chosen in (specs, specs[:1], []):
        short, _ = answer(tmp_path / "tree", names, chosen, quick=True, report_all=True)
        long, _ = answer(tmp_path / "tree", names, chosen, quick=False, report_all=True)
        assert short == long
        assert [result.item for result in short.reported] == list(range(len(names)))


def test_a_long_answer_of_plain_files_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    tree(tmp_path / "tree")
    monkeypatch.setattr(examiner_module, "FULL_ANSWER_BYTES", 3 * 4096)
    short, _ = answer(tmp_path / "tree", [f"plain{number}" for number in range(9)], [], quick=True, report_all=True)
    assert (len(short.reported), short.not_begun) == (4, 5)


def test_a_slow_batch_ends_at_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    tree(tmp_path / "tree")
    specs, _ = lists(tmp_path)
    monkeypatch.setattr(examiner_module, "NEWS_NS", -1)
    names = ["empty", "program", "common", "wanted", "zip", "mail"]
    ended, _ = answer(tmp_path / "tree", names, specs, quick=True)
    assert ended.not_begun == 2
    assert [result.item for result in ended.reported if result.matches] == [3]
    none, _ = answer(tmp_path / "tree", names[:3], specs, quick=True)
    assert none.not_begun == 0


def kept(answer: Answer) -> dict[int, Values]:
    """The values to cache by item, whichever way they were sent."""
    plain = answer.cache.plain
    values = {
        item: dict(zip(plain.numbers, values, strict=True))
        for item, values in zip(plain.items, plain.values, strict=True)
    }
    values |= {value.item: value.values for value in answer.cache.to_keep}
    return dict(sorted(values.items()))


@pytest.mark.parametrize("report_all", [False, True])
def test_both_ways_give_the_cache_the_same_values(
    report_all: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir()
    contents = tree(tmp_path / "tree")
    specs, _ = lists(tmp_path)
    monkeypatch.setattr(page_cache, "is_written", lambda _: True)
    names = sorted(contents)
    short, _ = answer(tmp_path / "tree", names, specs, quick=True, report_all=report_all, known=NOTHING)
    long, _ = answer(tmp_path / "tree", names, specs, quick=False, report_all=report_all, known=NOTHING)
    assert kept(short) == kept(long)
    assert list(kept(short)) == list(range(len(names)))
    assert msgspec.structs.replace(short, cache=NOTHING_CACHED) == msgspec.structs.replace(long, cache=NOTHING_CACHED)


def test_what_is_not_on_storage_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    tree(tmp_path / "tree")
    monkeypatch.setattr(page_cache, "is_written", lambda _: False)
    found, _ = answer(tmp_path / "tree", ["plain9"], [], quick=True, known=NOTHING)
    assert (found.bytes_read, found.cache, found.reported) == (9 * 97 + 1, NOTHING_CACHED, ())


def test_a_file_that_changed_after_it_was_listed_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    tree(tmp_path / "tree")
    monkeypatch.setattr(page_cache, "is_written", lambda _: True)
    before = os.lstat(tmp_path / "tree" / "plain9")
    os.utime(tmp_path / "tree" / "plain9", ns=(1, 2))
    monkeypatch.setattr(os, "lstat", lambda _: before)
    found, _ = answer(tmp_path / "tree", ["plain9"], [], quick=True, known=NOTHING)
    assert found.cache == NOTHING_CACHED


def test_pieces_are_left_to_the_long_way(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    tree(tmp_path / "tree")
    found, _ = answer(
        tmp_path / "tree", ["plain9", "plain8"], [], quick=True, report_all=True, pieces=PieceConfig(100, False)
    )
    assert [result.pieces for result in found.reported] == [9, 8]
