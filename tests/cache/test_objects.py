"""Tests the places and states of objects in a cache: what differs must never have the same ones."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hashaudit.cache.blocks import KnownFile as BlockFile
from hashaudit.cache.blocks import blocks_of, open_block, seal_block
from hashaudit.cache.eligibility import Eligibility
from hashaudit.cache.object_places import name_of_object, place_of, stat_of_object
from hashaudit.content.read import ReadOutcome
from hashaudit.model.entry import Consistency, Entry, ObjectState, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import BucketRef, Location
from hashaudit.workers.child.cache_values import proves_content

STATE = ObjectState(5, "tag", 7 * 10**9, is_conclusive=True)
BUCKET = BucketRef("s3", "bucket")


def entry(state: ObjectState = STATE, bucket: BucketRef = BUCKET, version: str | None = None) -> Entry:
    return Entry(Location(bucket, b"key", version), state, Consistency.ETAG_PINNED)


def test_names_are_in_the_order_of_the_keys_and_differ_by_version() -> None:
    keys = [b"a", b"a/b", b"a0", b"b" * 1000, b"c"]
    names = [name_of_object(key, version) for key in keys for version in (None, "v1", "v2")]
    assert len(set(names)) == len(names)
    assert names == sorted(names)


@pytest.mark.parametrize(
    "other",
    [
        entry(msgspec.structs.replace(STATE, etag="tag2")),
        entry(msgspec.structs.replace(STATE, size=6)),
        entry(msgspec.structs.replace(STATE, last_modified_ns=STATE.last_modified_ns + 10**9)),
        entry(msgspec.structs.replace(STATE, version="v1"), version="v1"),
        entry(msgspec.structs.replace(STATE, version="null"), version="null"),
    ],
)
def test_each_field_of_a_state_counts(other: Entry) -> None:
    (name, state), (other_name, other_state) = place_of(entry()), place_of(other)
    assert not (name == other_name and state.is_same_state(other_state))


def test_a_key_with_nul_is_not_the_version_of_another() -> None:
    assert name_of_object(b"a\0v1", None) == name_of_object(b"a", "v1")
    assert not stat_of_object(b"a\0v1", STATE).is_same_state(
        stat_of_object(b"a", msgspec.structs.replace(STATE, version="v1"))
    )


def test_what_says_nothing_of_the_content_does_not_count() -> None:
    archived = msgspec.structs.replace(STATE, storage_class="GLACIER", is_conclusive=False)
    assert place_of(entry(archived)) == place_of(entry())


def test_buckets_of_one_name_at_other_places_have_other_keys() -> None:
    def key(site: str, bucket: BucketRef = BUCKET) -> bytes | None:
        return Eligibility(site_of=lambda _: site).directory_key(entry(bucket=bucket))

    keys = [
        key("http://127.0.0.1:9000"),
        key("http://127.0.0.1:9001"),
        key("aws"),
        key("aws", BucketRef("s3", "bucket2")),
        key("aws", BucketRef("az", "bucket")),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key("aws") == keys[2]
    assert Eligibility().directory_key(entry()) is None


def test_a_block_of_one_bucket_does_not_open_in_another() -> None:
    first, second = (
        Eligibility(site_of=lambda _, site=site: site).directory_key(entry()) or b""  # type: ignore[misc] # a default
        for site in ("http://a", "http://b")
    )
    [(_, block)] = blocks_of({b"key": BlockFile((1, 2, 3, 4), "run", 5, {1: b"value"})})
    sealed = seal_block(first, block)
    assert open_block(first, sealed) == block
    assert open_block(second, sealed) is None


def outcome(**fields: object) -> ReadOutcome[Any]:
    common: dict[str, object] = {"stat": STATE, "bytes_read": 5, "consistency": Consistency.ETAG_PINNED}
    return ReadOutcome(None, **{**common, **fields})  # type: ignore[arg-type] # forwards keywords


def read(**fields: object) -> ReadOutcome[Any]:
    return outcome(stat=msgspec.structs.replace(STATE, **fields))


FAULT = Fault(Stage.READ, FaultCode.CHECKSUM_MISMATCH, "")


@pytest.mark.parametrize(
    ("make", "proves"),
    [
        (outcome, True),
        # The bucket keeps versions that its ordinary listing does not name.
        (
            lambda: outcome(stat=msgspec.structs.replace(STATE, version="v1"), consistency=Consistency.VERSION_PINNED),
            True,
        ),
        (lambda: read(last_modified_ns=STATE.last_modified_ns + 5 * 10**8), True),
        (lambda: read(last_modified_ns=STATE.last_modified_ns + 10**9), False),
        (lambda: read(etag="other"), False),
        (lambda: read(size=6), False),
        (lambda: read(is_conclusive=False), False),
        (lambda: outcome(bytes_read=4), False),
        (lambda: outcome(faults=(FAULT,)), False),
        (lambda: outcome(consistency=Consistency.CHANGED_WHILE_READ), False),
        (lambda: outcome(stat=None, bytes_read=0), False),
        (lambda: outcome(stat=Stat(0, 0, 0, 1, 5, 7, 7)), False),
    ],
)
def test_only_what_was_read_as_listed_is_kept(make: Callable[[], ReadOutcome[Any]], proves: bool) -> None:
    assert proves_content(make(), entry()) is proves
    assert not proves_content(make(), entry(msgspec.structs.replace(STATE, is_conclusive=False)))


def test_a_listed_version_is_the_one_that_was_read() -> None:
    listed = entry(msgspec.structs.replace(STATE, version="v1"), version="v1")
    assert proves_content(read(version="v1"), listed)
    assert not proves_content(read(version="v2"), listed)
    assert not proves_content(read(), listed)
