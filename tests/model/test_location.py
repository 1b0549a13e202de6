"""A location keeps its identity in every form that it takes: journal, cache, shard, worker, record and order."""

import random
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import START_NS, stat
from hashaudit.model.entry import Consistency, Entry, ObjectState
from hashaudit.model.location import (
    BucketRef,
    DirectoryRef,
    Kind,
    Location,
    Member,
    ResumeKey,
    join_path,
    parse_cache_name,
)
from hashaudit.model.results import EntryResult
from hashaudit.record import convert
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.schema import FileRecord
from hashaudit.scan.resume.journal import FRAME_DECODER, Done
from hashaudit.sources.shard import Shard
from hashaudit.workers.protocol import BATCH_DECODER, ENCODER, WorkBatch
from hashaudit.workers.tasks import Task, grouped

NAMES = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"x").replace(b"/", b"y"))
PATHS = st.lists(NAMES, max_size=4).map(lambda parts: b"/" + b"/".join(parts))
KEYS = st.binary(min_size=1, max_size=20)
MEMBERS = st.lists(
    st.builds(Member, st.sampled_from(["zip", "tar", "ntfs"]), st.binary(max_size=12), st.integers(0, 2**53)),
    max_size=5,
).map(tuple)
FILES = st.builds(
    Location,
    st.builds(DirectoryRef, PATHS, st.integers(0, 2**63), st.integers(0, 2**63)),
    NAMES,
    st.none(),
    MEMBERS,
    st.integers(0, 9),
    st.booleans(),
)
OBJECTS = st.builds(
    Location,
    st.builds(BucketRef, st.sampled_from(["s3", "az"]), st.sampled_from(["one", "two"])),
    KEYS,
    st.none() | st.text(max_size=9),
    MEMBERS,
    st.integers(0, 9),
)
LOCATIONS = FILES | OBJECTS


def entry_at(location: Location) -> Entry:
    if location.kind is Kind.FILE:
        return Entry(location, stat(), Consistency.UNVERIFIED_MOUNT)
    return Entry(location, ObjectState(5, "etag", 7, location.version), Consistency.ETAG_PINNED)


@given(LOCATIONS)
def test_a_journal_gives_it_back(location: Location) -> None:
    done = Done((entry_at(location),), (), (), 5)
    assert FRAME_DECODER.decode(msgspec.msgpack.encode(done)) == done


@given(st.lists(LOCATIONS, max_size=6))
def test_a_worker_receives_it(locations: list[Location]) -> None:
    tasks = [Task(None, entry_at(location), report=False) for location in locations]
    batch = BATCH_DECODER.decode(ENCODER.encode(WorkBatch(1, grouped(tasks))))
    assert [entry for entry, _ in batch.entries()] == [task.entry for task in tasks]


@given(LOCATIONS)
def test_a_cache_name_gives_back_name_version_and_members(location: Location) -> None:
    assert parse_cache_name(location.cache_name) == (location.name, location.version, location.within)
    if location.kind is Kind.FILE and not location.within:
        assert location.cache_name == location.name


@given(LOCATIONS, LOCATIONS)
def test_a_resume_key_is_the_identity_without_numbers_of_this_machine(one: Location, other: Location) -> None:
    assert one.resume_key == ResumeKey(one.path, one.version, one.within)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one.resume_key), type=ResumeKey) == one.resume_key
    if one.kind is Kind.FILE:
        container = msgspec.structs.replace(one.directory, device=1, inode=1)
        assert msgspec.structs.replace(one, container=container).resume_key == one.resume_key
    if one.resume_key == other.resume_key:
        assert (one.path, one.version, one.within) == (other.path, other.version, other.within)


@given(LOCATIONS)
def test_a_record_gives_back_its_identity(location: Location) -> None:
    entry = entry_at(location)
    result = EntryResult(0, entry.state, 5, entry.consistency, {"md5": "00" * 16})
    record = convert.of_result(entry, result, START_NS, {}, record_all=True)
    assert record is not None
    line = decode_line(encode_line(msgspec.structs.replace(record, seq=1))[:-1])
    assert isinstance(line, FileRecord)
    assert line.entry.resume_key == location.resume_key
    assert (line.entry.root, line.entry.via_symlink) == (location.root, location.via_symlink)


@given(LOCATIONS, st.integers(1, 50))
def test_all_members_and_versions_belong_to_the_shard_of_their_file(location: Location, count: int) -> None:
    outer = msgspec.structs.replace(location, within=(), version=None)
    holding = [number for number in range(1, count + 1) if Shard(number, count).holds(location.path)]
    assert len(holding) == 1
    assert Shard(holding[0], count).holds(outer.path)


def walked(names: Iterable[tuple[bytes, ...]], directory: tuple[bytes, ...] = ()) -> list[tuple[bytes, ...]]:
    """Paths in the order of a walk, by its definition: files of a directory in order, then each directory in order."""
    depth = len(directory)
    here = {name for name in names if name[:depth] == directory}
    files = sorted(name for name in here if len(name) == depth + 1)
    below = sorted({name[: depth + 1] for name in here if len(name) > depth + 1})
    return files + [path for inner in below for path in walked(here, inner)]


@given(
    st.sets(
        st.lists(st.binary(min_size=1, max_size=2).map(lambda b: b.hex().encode()), min_size=1, max_size=4).map(tuple),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_order_by_location_is_the_order_of_a_walk(names: set[tuple[bytes, ...]], shuffler: random.Random) -> None:
    # A name is a file or a directory, not both.
    tree = {name for name in names if not any(other != name and other[: len(name)] == name for other in names)}
    order = walked(tree)
    locations = [Location(DirectoryRef(b"/" + b"/".join(name[:-1]), 1, 2), name[-1]) for name in order]
    shuffled = locations.copy()
    shuffler.shuffle(shuffled)
    assert sorted(shuffled, key=lambda location: location.sort_key) == locations


def test_members_follow_their_container_in_its_order() -> None:
    directory = DirectoryRef(b"/srv", 1, 2)

    def at(name: bytes, *ordinals: int, root: int = 0) -> Location:
        members = tuple(Member("zip", b"same", ordinal) for ordinal in ordinals)
        return Location(directory, name, within=members, root=root)

    below = Location(DirectoryRef(b"/srv/a", 1, 3), b"file")
    ordered = [at(b"a.zip"), at(b"a.zip", 0), at(b"a.zip", 0, 5), at(b"a.zip", 1), at(b"a.zip", 10), at(b"b"), below]
    ordered += [Location(BucketRef("s3", "bucket"), b"a"), at(b"a.zip", root=1)]
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda location: location.sort_key) == ordered


@given(st.lists(KEYS, unique=True, max_size=9))
def test_objects_are_in_the_order_of_their_keys(keys: list[bytes]) -> None:
    locations = [Location(BucketRef("s3", "bucket"), key) for key in sorted(keys)]
    backwards = locations[::-1]
    assert sorted(backwards, key=lambda location: location.sort_key) == locations


def test_versions_of_a_key_stay_in_the_order_of_the_store() -> None:
    versions = [Location(BucketRef("s3", "bucket"), b"key", version) for version in ("new", "middle", "a")]
    assert sorted(versions, key=lambda location: location.sort_key) == versions


@given(LOCATIONS)
def test_only_its_own_kind_of_container_and_state_is_given(location: Location) -> None:
    entry = entry_at(location)
    assert entry.path == location.path == join_path(location.container.path, location.name)
    if location.kind is Kind.FILE:
        assert (location.directory, entry.stat) == (location.container, entry.state)
        with pytest.raises(TypeError):
            _ = location.bucket
        with pytest.raises(TypeError):
            _ = entry.object_state
    else:
        assert (location.bucket, entry.object_state) == (location.container, entry.state)
        with pytest.raises(TypeError):
            _ = location.directory
        with pytest.raises(TypeError):
            _ = entry.stat
