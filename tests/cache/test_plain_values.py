"""The values of plain files, which are stored together, are found as if each had been stored by itself."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cache_blocks import damage_block, files_in
from hashaudit.cache.blocks import BLOCK_ENTRIES, KnownFile, PlainEntry, blocks_of, open_block, seal_plain
from hashaudit.cache.database import Store
from hashaudit.cache.eligibility import Eligibility
from hashaudit.cache.fingerprints import HashSpec
from hashaudit.cache.hash_cache import Cache
from hashaudit.cache.values import CachedValue
from hashaudit.model.entry import Consistency, Entry, ObjectState, Stat
from hashaudit.model.location import BucketRef, DirectoryRef, Location
from hashaudit.model.results import AlgorithmName

RUN = "01890a5d-ac96-774b-bcce-b302099a8057"
KEY = b"k" * 16
SPEC = HashSpec({AlgorithmName("sha256"): "sha256/1", AlgorithmName("md5"): "md5/1"}, "container/1")
LATEST_NS = 1000


def plain(number: int, values: tuple[bytes, ...]) -> PlainEntry:
    return (number, 5, 6, 7, 0, 0, 8, values)


@pytest.mark.parametrize("count", [1, BLOCK_ENTRIES, 2 * BLOCK_ENTRIES + 1])
def test_blocks_are_those_of_single_files(count: int) -> None:
    files = {b"%04d" % number: plain(number, (b"digest", b"")) for number in range(count)}
    sealed = seal_plain(KEY, RUN, (3, 1), files)
    assert sealed is not None
    singly = {name: KnownFile((*entry[:4],), RUN, 8, {3: b"digest", 1: b""}) for name, entry in files.items()}
    assert [(name, open_block(KEY, block)) for name, block in sealed] == list(blocks_of(singly))


def test_blocks_that_were_too_long_are_made_of_single_files() -> None:
    files = {b"%0200d" % number: plain(number, (b"d" * 64, b"")) for number in range(BLOCK_ENTRIES)}
    assert seal_plain(KEY, RUN, (3, 1), files) is None


class Lab:
    """A cache of one directory that every filesystem is good enough for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places = Eligibility(LATEST_NS + 2 * 10**9)
        self.places.directory_key = lambda _: KEY  # type: ignore[method-assign, assignment] # of a directory that does not exist

    def cache(self) -> Cache:
        cache = Cache(str(self.path), warn=pytest.fail, places=self.places)
        fingerprints = cache.prepare(SPEC)
        assert fingerprints is not None
        self.numbers = (*fingerprints.digests.values(), fingerprints.container)
        cache.begin(RUN)
        return cache

    def keep(self, *groups: Sequence[int], size: int = 5) -> None:
        """Keeps the values of files by their numbers, each group in a scan of its own."""
        for group in groups:
            with self.cache() as cache:
                places = [(b"%04d" % number, stat(number, size)) for number in group]
                values = [(b"%d" % number, b"", b"") for number in group]
                cache.keep_plain(entry(), places, self.numbers, values)

    def stored(self) -> dict[bytes, KnownFile]:
        files: dict[bytes, KnownFile] = {}
        with Store(os.fsencode(self.path), create=False) as store:
            rows = list(store.blocks())
        for row, after in itertools.zip_longest(rows, rows[1:]):
            found = files_in(row)
            assert min(found) >= row.first
            assert after is None or max(found) < after.first
            files |= found
        return files


def stat(number: int, size: int = 5, time_ns: int = 1) -> Stat:
    return Stat(0o100644, 1, number, 1, size, time_ns, time_ns)


def entry(number: int = 0) -> Entry:
    return Entry(Location(DirectoryRef(b"/srv", 1, 2), b"%04d" % number), stat(number))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "cache.db")


@pytest.mark.parametrize(
    "groups",
    [
        [range(300)],
        [range(300), range(300, 400)],
        [range(300, 400), range(300)],
        [range(0, 300, 2), range(1, 300, 2)],
        [range(100), range(200, 300), range(100, 200)],
        [range(100), range(50, 150)],
        [range(300), range(300)],
    ],
    ids=["new", "behind", "before", "between", "in a gap", "over the end", "again"],
)
def test_files_are_found_in_any_order_that_they_come(lab: Lab, groups: list[Sequence[int]]) -> None:
    lab.keep(*groups)
    stored = lab.stored()
    numbers = {number for group in groups for number in group}
    assert stored.keys() == {b"%04d" % number for number in numbers}
    assert all(file.stat == (int(name), 5, 1, 1) for name, file in stored.items())
    assert all(file.values[lab.numbers[0]] == b"%d" % int(name) for name, file in stored.items())


def test_a_new_state_replaces_the_old_one(lab: Lab) -> None:
    lab.keep(range(10))
    lab.keep(range(5, 15), size=6)
    assert {int(name): file.stat[1] for name, file in lab.stored().items()} == {
        number: 5 if number < 5 else 6 for number in range(15)
    }


def test_files_behind_a_damaged_block_replace_it(lab: Lab) -> None:
    lab.keep(range(10))
    damage_block(lab.path, b"0000")
    lab.keep(range(10, 20))
    assert lab.stored().keys() == {b"%04d" % number for number in range(10, 20)}


def test_plain_and_other_files_of_a_directory_are_stored_together(lab: Lab) -> None:
    with lab.cache() as cache:
        digest, other, container = lab.numbers
        cache.keep_plain(entry(), [(b"0000", stat(0))], lab.numbers, [(b"a", b"b", b"")])
        cache.keep_plain(entry(), [(b"0002", stat(2))], (digest, container), [(b"c", b"")])
        cache.keep(entry(1), CachedValue(0, {digest: b"d", container: b"zip"}))
    assert {name: file.values for name, file in lab.stored().items()} == {
        b"0000": {digest: b"a", other: b"b", container: b""},
        b"0001": {digest: b"d", container: b"zip"},
        b"0002": {digest: b"c", container: b""},
    }


def test_what_proves_nothing_is_not_kept(lab: Lab) -> None:
    in_bucket = Location(BucketRef("s3", "bucket"), b"key")
    with lab.cache() as cache:
        values = [(b"a", b"b", b"")]
        cache.keep_plain(entry(), [(b"0000", stat(0, time_ns=LATEST_NS + 1))], lab.numbers, values)
        cache.keep_plain(entry(), [(b"0001", stat(1))], (99, 98, 97), values)
        open_object = Entry(in_bucket, ObjectState(5, "tag", 1), Consistency.ETAG_PINNED)
        cache.keep_plain(open_object, [(b"0002", stat(2))], lab.numbers, values)
        proven = Entry(in_bucket, ObjectState(5, "tag", 1, is_conclusive=True), Consistency.ETAG_PINNED)
        cache.keep_plain(proven, [(b"0003", stat(3, time_ns=LATEST_NS + 1))], lab.numbers, values)
    assert lab.stored().keys() == {b"0003"}
