"""The walk of buckets over a list of keys that is made up."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import UsageError
from hashaudit.model.entry import Entry, NotReady, ObjectState
from hashaudit.model.faults import FaultCode, PathFault, Skipped, SkipReason
from hashaudit.objectstores.interface import ListedObject, StoreError
from hashaudit.objectstores.url import BucketRoot, parse_root
from hashaudit.sources.buckets import BucketSource
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Position
from hashaudit.sources.key_filters import KeyFilters
from hashaudit.sources.prefetch import Prefetcher


class Keys:
    """Lists keys as a store does, and fails behind one."""

    in_order = True

    def __init__(self, *keys: bytes, fails_after: bytes | None = None) -> None:
        self.keys = sorted(keys)
        self.fails_after = fails_after

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        for key in self.keys:
            if key.startswith(root.prefix) and (after is None or key > after):
                yield [ListedObject(key, ObjectState(0, "tag", 0))]
            if key == self.fails_after:
                raise StoreError(FaultCode.TIMEOUT, "it is slow")


def root(url: bytes) -> BucketRoot:
    found = parse_root(url)
    assert found is not None
    return found


def walked(source: BucketSource, start: Position | None = None) -> list[object]:
    return [item for item in source.walk(start) if not isinstance(item, NotReady)]


def paths(items: list[object]) -> list[bytes]:
    return [item.path for item in items if isinstance(item, Entry)]


def test_keys_that_are_no_utf_8_are_entries() -> None:
    source = BucketSource([root(b"s3://bucket")], Keys(b"\xff\n", b"a"))
    assert paths(walked(source)) == [b"s3://bucket/a", b"s3://bucket/\xff\n"]
    assert source.directories_listed == 1


@given(st.sets(st.binary(min_size=1, max_size=4), min_size=1), st.sampled_from([b"", b"a", b"\xff"]), st.data())
def test_a_walk_that_goes_on_gives_what_is_left(keys: set[bytes], prefix: bytes, data: st.DataObject) -> None:
    roots = [root(b"s3://bucket/b"), root(b"s3://bucket/" + prefix), root(b"s3://other/")]
    source = BucketSource(roots, Keys(*keys))
    whole, places = [], []
    for item in source.walk():
        if isinstance(item, Entry):
            whole.append(item.path)
            places.append(source.position)
    assert len(set(whole)) == len(whole)
    assert None not in places
    assert places == sorted(places, key=lambda place: place or Position(0))
    if whole:
        at = data.draw(st.integers(0, len(whole) - 1))
        assert paths(walked(source, places[at])) == whole[at:]


def test_what_is_unseen_behind_a_failure_is_told() -> None:
    source = BucketSource([root(b"s3://bucket/p"), root(b"s3://two/")], Keys(b"p1", b"p2", b"q", fails_after=b"p1"))
    first, fault, *rest = walked(source)
    assert paths([first]) == [b"s3://bucket/p1"]
    assert isinstance(fault, PathFault)
    assert (fault.path, fault.directory, fault.fault.code) == (b"s3://bucket/p", True, FaultCode.TIMEOUT)
    assert "what comes after p1 is unseen" in fault.fault.message
    assert len(rest) == 2


def test_a_key_that_was_not_asked_for_is_a_fault() -> None:
    class Wrong(Keys):
        def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
            yield from super().pages(msgspec.structs.replace(root, prefix=b""), after)

    (fault,) = walked(BucketSource([root(b"s3://bucket/p")], Wrong(b"q")))
    assert isinstance(fault, PathFault)
    assert (fault.path, fault.directory) == (b"s3://bucket/q", False)


def test_one_root_given_twice_is_walked_once() -> None:
    items = walked(BucketSource([root(b"s3://bucket"), root(b"s3://bucket/")], Keys(b"a")))
    assert paths(items) == [b"s3://bucket/a"]
    assert items[1:] == [Skipped(b"s3://bucket/", SkipReason.OTHER_ROOT)]


def test_whoever_walks_gets_a_turn_while_a_store_is_slow() -> None:
    class Slow(Keys):
        def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
            time.sleep(0.1)
            yield from super().pages(root, after)

    items = list(BucketSource([root(b"s3://bucket")], Slow(b"a")).walk())
    assert isinstance(items[0], NotReady)
    assert paths([items[-1]]) == [b"s3://bucket/a"]


def test_a_background_that_is_left_asks_for_no_more() -> None:
    asked = []

    def pages() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    for page in Prefetcher(pages()):
        if page == 2:
            break
    time.sleep(0.05)
    assert len(asked) < 20


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (b"s3://bucket", ("s3", "bucket", b"")),
        (b"s3://bucket/", ("s3", "bucket", b"")),
        (b"s3://bucket//a", ("s3", "bucket", b"/a")),
        (b"s3://bucket/../x\n\xff", ("s3", "bucket", b"../x\n\xff")),
        (b"az://$web/index", ("az", "$web", b"index")),
        (b"s3:/bucket", None),
        (b"./s3://bucket", None),
        (b"S3://bucket", None),
    ],
)
def test_urls(url: bytes, expected: tuple[str, str, bytes] | None) -> None:
    found = parse_root(url)
    assert (found and (found.bucket.scheme, found.bucket.name, found.prefix)) == expected


@pytest.mark.parametrize(
    "url", [b"s3://", b"s3:///a", b"s3://a b/", b"s3://-a", b"az://UPPER", b"s3://b\xff/", b"s3://x"]
)
def test_urls_without_a_bucket(url: bytes) -> None:
    with pytest.raises(UsageError):
        parse_root(url)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"a/tmp/b", SkipReason.EXCLUDED),
        (b"a/b/tmp", SkipReason.EXCLUDED),
        (b"a/tmp2/b", None),
        (b"tmp/x", None),  # above the root's last slash
        (b"a/deep/er/x", SkipReason.EXCLUDED),
        (b"a/deep", None),
    ],
)
def test_patterns(key: bytes, reason: SkipReason | None) -> None:
    rules = KeyFilters(WalkOptions(exclude=(b"tmp", b"deep/er")))
    prefix = b"tmp/" if key.startswith(b"tmp") else b"a/"
    assert rules.skip_reason(key, prefix) is reason


def test_a_walk_of_keys_in_no_order_can_begin_only_where_a_root_does() -> None:
    class Unordered(Keys):
        in_order = False

    source = BucketSource([root(b"s3://bucket"), root(b"s3://two/")], Unordered(b"a", b"b"))
    places = [source.position for item in source.walk() if isinstance(item, Entry)]
    assert places == [Position(0), None, Position(1), None]


def test_behind_a_key_that_is_out_of_order_there_is_no_place_to_go_on_at() -> None:
    keys = Keys()
    keys.keys = [b"a", b"c/x", b"c-y", b"d"]
    source = BucketSource([root(b"s3://bucket"), root(b"s3://two")], keys)
    places = {item.path: source.position for item in source.walk() if isinstance(item, Entry)}
    assert places == {
        b"s3://bucket/a": Position(0),
        b"s3://bucket/c/x": Position(0, (b"a",)),
        b"s3://bucket/c-y": None,
        b"s3://bucket/d": None,
        b"s3://two/a": Position(1),
        b"s3://two/c/x": Position(1, (b"a",)),
        b"s3://two/c-y": None,
        b"s3://two/d": None,
    }
