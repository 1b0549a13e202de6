"""Which values are cached, which are trusted, and which files are read again."""

import io
import itertools
import os
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageOps

from cache_blocks import change_files, damage_block, files_in
from cache_lab import picture, scan
from hashaudit.cache import blocks, values
from hashaudit.cache.blocks import KnownFile
from hashaudit.cache.database import Store
from hashaudit.cache.eligibility import TRUSTED_TYPES, Eligibility
from hashaudit.cache.fingerprints import Fingerprints, PictureSpec, numbered, wanted
from hashaudit.cache.hash_cache import Cache
from hashaudit.cache.maintenance import prune, stats
from hashaudit.cache.values import CachedGroup, CachedValue
from hashaudit.content.containers.sniff import SNIFF_REVISION
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.perceptual import hash_versions
from hashaudit.content.perceptual.hash_image import HashOptions, hash_image
from hashaudit.content.perceptual.interface import Needs
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, algorithm_named
from hashaudit.content.read import ReadOutcome
from hashaudit.errors import CacheError
from hashaudit.host import page_cache
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, ImageHashes, PerceptualHash
from hashaudit.workers.child.cache_values import UNKNOWN, CacheReader, KnownGroup
from hashaudit.workers.child.sink import Content
from hashaudit.workers.protocol import PROGRESS_WORDS

RUN = "01890a5d-ac96-774b-bcce-b302099a8057"
SHA256, PDQ = AlgorithmName("sha256"), AlgorithmName("pdq")


def sql(cache: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(cache) as connection:
        connection.execute(statement, values)
    connection.close()


def entry(**changes: int) -> Entry:
    fields = {"mode": 0o100644, "device": 1, "inode": 7, "links": 1, "size": 5, "mtime_ns": 100, "ctime_ns": 200}
    return Entry(Location(DirectoryRef(b"/srv", 1, 2), b"name"), Stat(**{**fields, **changes}))


@pytest.fixture
def three(tree: Path) -> Path:
    (tree / "text").write_bytes(b"text")
    (tree / "picture.png").write_bytes(picture(1))
    (tree / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    return tree


def test_what_changed_a_moment_ago_is_not_kept(three: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert scan(three, tmp_path / "c.db", racy=True).recalled == 0
    assert scan(three, tmp_path / "c.db").recalled == 0
    assert scan(three, tmp_path / "c.db").recalled == 3


def test_a_file_with_unwritten_pages_is_not_kept(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(page_cache, "is_written", lambda _descriptor: False)
        for _ in range(2):
            assert scan(three, tmp_path / "c.db").recalled == 0
    assert scan(three, tmp_path / "c.db").recalled == 0
    assert scan(three, tmp_path / "c.db").recalled == 3


def test_a_cached_state_is_not_trusted_while_it_is_recent(three: Path, tmp_path: Path) -> None:
    scan(three, tmp_path / "c.db")
    assert scan(three, tmp_path / "c.db", racy=True).recalled == 0


def known(stat: Stat | None = None, **changes: object) -> KnownFile:
    stat = stat or entry().stat
    file = KnownFile((stat.inode, stat.size, stat.mtime_ns, stat.ctime_ns), RUN, 5, {1: b"digest", 300: b""})
    return msgspec.structs.replace(file, **changes)


def opened(files: dict[bytes, KnownFile], **changes: object) -> KnownGroup:
    """Returns the cached values of these files as a worker receives them."""
    sealed = tuple(blocks.seal_block(b"key", block) for _, block in blocks.blocks_of(files))
    group = CachedGroup(b"key", sealed, "", 1 << 62)
    return KnownGroup(msgspec.structs.replace(group, **changes), Fingerprints({SHA256: 1}, 300))


@pytest.mark.parametrize("field", ["inode", "size", "mtime_ns", "ctime_ns"])
def test_every_field_of_the_state_counts(field: str) -> None:
    group = opened({b"name": known()})
    other = entry(**{field: 999}).stat
    assert group.unread()(b"name", entry().stat) == {SHA256: b"digest"}
    assert group.unread()(b"name", other) is None
    assert group.unread()(b"other", entry().stat) is None
    assert group.file(b"name", other) == group.file(b"other", entry().stat) == UNKNOWN
    found = group.file(b"name", entry().stat)
    assert found is not None
    assert (found.values, found.reread, found.run_id) == ({1: b"digest", 300: b""}, False, RUN)
    assert not entry().stat.is_same_state(other)


@pytest.mark.parametrize("field", ["mtime_ns", "ctime_ns"])
def test_a_state_that_may_still_change_unseen_proves_nothing(field: str) -> None:
    late = entry(**{field: 999}).stat
    group = opened({b"name": known(late)}, latest_ns=998)
    assert group.unread()(b"name", late) is None
    assert group.file(b"name", late) is None
    assert opened({b"name": known(late)}, latest_ns=999).unread()(b"name", late) is not None


def test_what_is_not_plain_or_not_all_is_left_to_the_long_way() -> None:
    stat = entry().stat
    for file in (
        known(values={1: b"digest", 300: b"zip"}),
        known(values={1: b"digest"}),
        known(values={300: b"", 7: b"digest"}),
    ):
        assert opened({b"name": file}).unread()(b"name", stat) is None
    assert opened({b"name": known()}, run_id=RUN).unread()(b"name", stat) is None, "it counts as read"
    assert opened({b"name": known()}, compared=frozenset([b"name"])).unread()(b"name", stat) is None
    sealed = blocks.seal_block(b"key", next(blocks.blocks_of({b"name": known()}))[1])
    with_pictures = Fingerprints({SHA256: 1}, 300, {}, 0, 2)
    assert KnownGroup(CachedGroup(b"key", (sealed,), "", 1 << 62), with_pictures).unread()(b"name", stat) is None


def test_a_block_of_another_directory_does_not_open() -> None:
    [(_, block)] = blocks.blocks_of({b"name": known()})
    sealed = blocks.seal_block(b"key", block)
    assert blocks.open_block(b"key", sealed) == block
    assert blocks.open_block(b"kez", sealed) is None
    assert opened({b"name": known()}, directory=b"kez").unread()(b"name", entry().stat) is None


def test_no_changed_byte_opens() -> None:
    [(_, block)] = blocks.blocks_of({b"name": known()})
    sealed = blocks.seal_block(b"key", block)
    for at in range(len(sealed)):
        assert blocks.open_block(b"key", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) is None
        assert blocks.open_block(b"key", sealed[:at]) is None


def test_a_block_that_holds_nonsense_under_its_seal_does_not_open() -> None:
    [(_, block)] = blocks.blocks_of({b"name": known()})
    for name, number in (("recipes", 1), ("run", -1), ("run", 9), ("values", ())):
        broken = msgspec.structs.replace(block.entries[b"name"], **{name: number})
        nonsense = msgspec.structs.replace(block, entries={b"name": broken})
        assert blocks.open_block(b"key", blocks.seal_block(b"key", nonsense)) is None


def test_blocks_have_all_files_in_order() -> None:
    files = {b"%05d" % number: known(values={1: b"x" * (number % 700)}) for number in range(1000)}
    files[b"00500"] = known(values={1: b"x" * blocks.BLOCK_BYTES * 2})
    parts = list(blocks.blocks_of(files))
    assert [name for _, block in parts for name in block.entries] == sorted(files)
    assert all(first == min(block.entries) for first, block in parts)
    assert max(len(block.entries) for _, block in parts) <= blocks.BLOCK_ENTRIES
    together = [blocks.files_of(block) for _, block in parts]
    assert {name: file for part in together for name, file in part.items()} == files
    whole = {name: msgspec.structs.replace(file, values={1: name, 300: b""}) for name, file in files.items()}
    unread = opened(whole).unread()
    for name in (b"00999", b"00000", b"00500", b"00501"):
        assert unread(name, entry().stat) == {SHA256: name}


def test_files_between_whole_blocks_count_as_damaged() -> None:
    files = {b"%05d" % number: known() for number in range(3 * blocks.BLOCK_ENTRIES)}
    sealed = [blocks.seal_block(b"key", block) for _, block in blocks.blocks_of(files)]
    for damaged in range(3):
        group = opened({}, blocks=tuple(b"damaged" if at == damaged else one for at, one in enumerate(sealed)))
        found = [group.file(name, entry().stat) for name in sorted(files)]
        assert [file is not None and file.values is None for file in found] == [
            number // blocks.BLOCK_ENTRIES == damaged for number in range(len(files))
        ]


def test_a_failing_decoder_is_asked_again_and_a_verdict_on_the_picture_is_kept(three: Path, tmp_path: Path) -> None:
    (three / "document").write_bytes(b"v/1\x01\x02\0\0\0 of a kind that is not decoded")
    (three / "cut.png").write_bytes(picture(2)[:-300])
    first = scan(three, tmp_path / "c.db", perceptual=["pdq"])
    second = scan(three, tmp_path / "c.db", perceptual=["pdq"])
    assert first.codes() == {"broken.jpg": ["decode_error"], "document": ["unsupported_image"]}
    assert second.found == first.found
    assert second.recalled == 3


@pytest.mark.parametrize("code", FaultCode)
def test_only_verdicts_on_the_file_last(code: FaultCode) -> None:
    numbers = {PDQ: 5}
    packed = values.pack_picture(ImageHashes(faults=(Fault(Stage.DECODE, code, "said"),)), numbers, 6)
    lasting = {"unsupported_image", "too_many_bytes", "too_many_pixels", "too_many_frames"}
    assert set(packed) == ({5, 6} if code.value in lasting else set())


def test_hashes_of_what_was_filled_in_are_not_kept() -> None:
    whole = PerceptualHash(PDQ, "ab" * 32, 90)
    assert values.pack_picture(ImageHashes((whole,)), {PDQ: 5}, 6)
    assert not values.pack_picture(ImageHashes((whole, msgspec.structs.replace(whole, truncated=True))), {PDQ: 5}, 6)


def test_a_new_version_of_an_algorithm_costs_its_own_values_alone(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache, digests=["sha256", "md5"])
    monkeypatch.setitem(
        DIGESTS, AlgorithmName("md5"), msgspec.structs.replace(DIGESTS[AlgorithmName("md5")], revision=2)
    )
    assert scan(three, cache, digests=["sha256"]).recalled == 3
    assert scan(three, cache, digests=["sha256", "md5"]).recalled == 0
    assert scan(three, cache, digests=["sha256", "md5"]).recalled == 3
    assert stats(str(cache)).recipes == {f"container/{SNIFF_REVISION}": 3, "md5/2": 3, "sha256/1": 3}


def test_a_new_version_of_a_perceptual_hash_costs_pictures_alone(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache, perceptual=["pdq", "dhash"])
    monkeypatch.setitem(hash_versions.REVISIONS, "dhash", 2)
    assert scan(three, cache, perceptual=["pdq"]).recalled == 2
    assert scan(three, cache, perceptual=["dhash"]).recalled == 1
    assert scan(three, cache, perceptual=["dhash"]).recalled == 2


def test_what_is_missing_is_read_and_what_was_there_stays(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache, digests=["md5"])
    assert scan(three, cache, digests=["sha1"]).recalled == 0
    assert scan(three, cache, digests=["md5", "sha1"]).recalled == 3


def test_a_damaged_block_is_read_again(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    first = scan(three, cache)
    assert damage_block(cache, b"text") == 3
    second = scan(three, cache)
    assert (second.found, second.recalled, second.damaged) == (first.found, 0, 3)
    assert scan(three, cache).recalled == 3


def test_a_block_of_another_type_is_no_block(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    first = scan(three, cache)
    damage_block(cache, b"text", to_text=True)
    second = scan(three, cache)
    assert (second.found, second.recalled, second.warnings) == (first.found, 0, [])
    assert scan(three, cache).recalled == 3


def test_a_forged_value_is_found_out_when_its_file_is_read_again(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache)
    path = three / "text"

    def forged(name: bytes, file: KnownFile) -> KnownFile:
        values = {number: b"\0" * 32 if value else value for number, value in file.values.items()}
        return msgspec.structs.replace(file, values=values) if name == b"text" else file

    change_files(cache, forged)
    believed = scan(three, cache).found[os.fsencode(path)]
    assert believed.digests == {"sha256": "00" * 32}, "a cache is believed: that is what its file's mode is for"
    compared = scan(three, cache, verify_percent=100)
    assert compared.codes() == {"text": ["cache_mismatch"]}
    assert compared.found[os.fsencode(path)].digests == scan(three, None).found[os.fsencode(path)].digests
    assert scan(three, cache, verify_percent=100).codes() == {}, "the entry was replaced"


def test_values_of_other_algorithms_go_with_a_wrong_one(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache, digests=["sha256", "md5"])
    change_files(cache, lambda _, file: msgspec.structs.replace(file, values=dict.fromkeys(file.values, b"wrong")))
    assert len(scan(three, cache, digests=["md5"], verify_percent=100).codes()) == 3
    assert scan(three, cache, digests=["sha256"]).recalled == 0


def test_a_large_directory_is_kept_in_blocks_that_grow_and_change(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    for number in range(0, 600, 2):
        (tree / f"{number:04}").write_bytes(b"%d" % number)
    scan(tree, cache)
    assert scan(tree, cache).recalled == 300
    for number in range(1, 600, 2):
        (tree / f"{number:04}").write_bytes(b"%d" % number)
    (tree / "0300").write_bytes(b"other")
    (tree / "0000a").write_bytes(b"before all but one")
    changed = scan(tree, cache)
    assert changed.recalled == 299
    again = scan(tree, cache)
    assert (again.recalled, again.found) == (601, scan(tree, None).found)
    assert scan(tree, cache, unreported=True).recalled == 601
    with Store(os.fsencode(cache), create=False) as store:
        rows = list(store.blocks())
        assert sum(len(files_in(row)) for row in rows) == 601
        assert all(row.first <= min(files_in(row)) for row in rows)
        assert all(max(files_in(one)) < other.first for one, other in itertools.pairwise(rows))


def test_a_share_is_compared(tree: Path, tmp_path: Path) -> None:
    for number in range(200):
        (tree / str(number)).write_bytes(b"%d" % number)
    scan(tree, tmp_path / "c.db")
    assert 100 < scan(tree, tmp_path / "c.db", verify_percent=25).recalled < 200


def test_only_filesystems_whose_times_tell_are_trusted(tree: Path) -> None:
    (tree / "file").write_bytes(b"x")
    status = (tree / "file").stat()
    stat = Stat(0, status.st_dev, status.st_ino, 1, 1, status.st_mtime_ns, status.st_ctime_ns)
    here = Entry(Location(DirectoryRef(os.fsencode(tree), 0, 0), b"file"), stat)
    places = Eligibility(time.time_ns() + 10 * 10**9)
    assert places.directory_key(here) is not None
    assert places.directory_key(msgspec.structs.replace(here, consistency=Consistency.UNVERIFIED_MOUNT)) is None
    proc = os.stat("/proc/self/status")
    of_proc = Stat(0, proc.st_dev, proc.st_ino, 1, 0, 0, 0)
    assert places.directory_key(Entry(Location(DirectoryRef(b"/proc/self", 0, 0), b"status"), of_proc)) is None
    assert places.passed_over == {"proc"}
    assert not TRUSTED_TYPES & {"tmpfs", "ramfs", "vfat", "exfat", "ntfs3", "squashfs", "iso9660", "nfs4", "fuse.s3fs"}


def test_the_same_folder_on_two_mounts_has_two_keys(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "file").write_bytes(b"x")
    status = (tree / "file").stat()
    here = Entry(
        Location(DirectoryRef(os.fsencode(tree), 0, 0), b"file"), Stat(0, status.st_dev, status.st_ino, 1, 1, 0, 0)
    )
    first = Eligibility().directory_key(here)
    real = Eligibility()._table.at(os.fsencode(tree), status.st_dev)
    assert real is not None
    other = Eligibility()
    moved = msgspec.structs.replace(real, source=b"/dev/other")
    monkeypatch.setattr(other._table, "_by_device", {status.st_dev: moved})
    assert first is not None
    assert other.directory_key(here) not in {None, first}


def test_the_light_table_knows_who_looks_at_colours() -> None:
    names = [*ALGORITHMS, AlgorithmName("colorhash-4"), AlgorithmName("phash-16")]
    for name in names:
        row = algorithm_named(name)
        assert row is not None
        assert hash_versions.needs_colour(name) is (row.needs is Needs.COLOUR)


def test_a_plugged_hash_is_computed_each_time() -> None:
    recipes = wanted([SHA256], PictureSpec((AlgorithmName("own"),), "all", 33, plugged=True))
    now = numbered(recipes, {text: number for number, text in enumerate(recipes.texts(), 1)})
    assert now.answer({1, 2, 3}), "a file that is no picture"
    assert not now.answer({1, 2, 4, 5})
    assert not Fingerprints({SHA256: 1}, 3, {}, 0, 2).answer({1, 0, 3})
    assert not Fingerprints({SHA256: 1}, 3).answer({1}), "a file of which no scan has said whether it is a container"


def test_two_caches_open_at_once_share_what_they_keep(three: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "c.db")
    warnings: list[str] = []
    with Cache(path, warn=warnings.append) as one, Cache(path, warn=warnings.append) as other:
        for cache in (one, other):
            cache.prepare(wanted([SHA256], None))
        scan(three, tmp_path / "c.db")
        assert scan(three, tmp_path / "c.db").recalled == 3
    assert warnings == []


def age(cache: Path, days: dict[bytes, int]) -> None:
    """Makes files seen so many days earlier, and all blocks noted long ago."""
    change_files(cache, lambda name, file: msgspec.structs.replace(file, seen=file.seen - days.get(name, 0)))
    sql(cache, "UPDATE block SET noted = noted - 100")


def test_files_that_no_scan_has_seen_for_long_are_pruned(three: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.db"
    scan(three, cache)
    earlier = {b"text": 100, b"picture.png": 35}
    age(cache, earlier)
    assert (prune(str(cache), 30).forgotten, stats(str(cache)).files) == (1, 2), "the note may be a week old"
    assert prune(str(cache), 28).forgotten == 1
    age(cache, {b"broken.jpg": 100})
    assert scan(three, cache).recalled == 1
    assert prune(str(cache), 30).forgotten == 0, "a run that meets a file notes it"
    assert (stats(str(cache)).files, stats(str(cache)).runs) == (3, 2)
    assert damage_block(cache, b"text") == 3
    assert (prune(str(cache), 30).kept, stats(str(cache)).files) == (0, 0), "what is damaged gets no new seal"
    with pytest.raises(CacheError, match="the cache does not exist"):
        stats(str(tmp_path / "other.db"))


def test_a_busy_cache_keeps_what_waits(three: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    scan(three, path)
    warnings: list[str] = []
    with Cache(str(path), warn=warnings.append, places=Eligibility(time.time_ns() + 10**11)) as cache:
        cache.prepare(wanted([SHA256], None))
        cache.begin("01890a5d-ac96-774b-bcce-b302099a8057")
        status = (three / "text").stat()
        at = Entry(
            Location(DirectoryRef(os.fsencode(three), 0, 0), b"new"),
            Stat(0, status.st_dev, 1, 1, 1, 1, 1),
        )
        with sqlite3.connect(path, isolation_level=None) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            cache.keep(at, CachedValue(0, {1: b"digest"}))
            cache._flush()
            blocker.execute("ROLLBACK")
        blocker.close()
    assert warnings == []
    assert stats(str(path)).files == 4


def test_only_values_that_this_scan_computes_are_kept(three: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with Cache(str(path), warn=print, places=Eligibility(time.time_ns() + 10**11)) as cache:
        cache.prepare(wanted([SHA256], None))
        cache.begin(RUN)
        status = (three / "text").stat()
        at = Entry(Location(DirectoryRef(os.fsencode(three), 0, 0), b"new"), Stat(0, status.st_dev, 1, 1, 1, 1, 1))
        cache.keep(at, CachedValue(0, {1: b"digest", 99: b"of another scan"}))
        cache.keep(at, CachedValue(0, {1: b"x" * (1 << 20)}))
    assert stats(str(path)).files == 0


def test_hashes_come_back_in_the_order_in_which_they_were_found() -> None:
    algorithms = [row for row in map(algorithm_named, ["dhash", "pdq", "colorhash"]) if row is not None]
    framed = ImageOps.expand(Image.open(io.BytesIO(picture(1))), 12, "white")
    file = io.BytesIO()
    framed.save(file, "GIF", save_all=True, append_images=[ImageOps.mirror(framed), framed.convert("L")])
    found = hash_image(file.getvalue(), algorithms, HashOptions())
    assert {(one.frame, one.trimmed) for one in found.hashes} == {
        (n, trimmed) for n in range(3) for trimmed in (False, True)
    }
    numbers = {row.name: number for number, row in enumerate(algorithms, 1)}
    packed = values.pack_picture(found, numbers, 9)
    assert values.unpack_picture(packed, numbers, 9) == found


def outcome(progress: memoryview, **changes: object) -> ReadOutcome[Content]:
    content = Content((SHA256,), progress, None)
    whole: ReadOutcome[Content] = ReadOutcome(content, entry().stat, 5, Consistency.STABLE)
    return msgspec.structs.replace(whole, **changes)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"sink": None}, False),
        ({"stat": None}, False),
        ({"stat": entry(ctime_ns=201).stat}, False),
        ({"bytes_read": 4}, False),
        ({"consistency": Consistency.CHANGED_WHILE_READ}, False),
        ({"consistency": Consistency.UNVERIFIED_MOUNT}, False),
        ({"faults": (Fault(Stage.READ, FaultCode.IO_ERROR, "said"),)}, False),
    ],
)
def test_only_a_complete_read_of_the_expected_state_is_cached(changes: dict[str, object], kept: bool) -> None:
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    assert (
        bool(CacheReader(Fingerprints({SHA256: 1}, 2)).values_of(outcome(progress, **changes), entry(), None)) is kept
    )
