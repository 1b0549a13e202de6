import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import UsageError
from hashaudit.model.entry import Entry, ObjectState
from hashaudit.model.faults import FaultCode, PathFault
from hashaudit.model.location import BucketRef, Kind
from hashaudit.objectstores.interface import ListedObject
from hashaudit.objectstores.url import BucketRoot
from hashaudit.sources.bucket_options import BucketOptions
from hashaudit.sources.buckets import BucketSource
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.local import LocalSource
from hashaudit.sources.open_source import open_source
from hashaudit.sources.reconcile import ReconciledSource, SeenKeys


@given(st.sets(st.binary(max_size=30), max_size=30), st.binary(max_size=30))
def test_exactly_what_was_seen_is_held(keys: set[bytes], other: bytes) -> None:
    seen = SeenKeys()
    for key in keys:
        seen.add(key)
    seen.close()
    assert all(seen.holds(key) for key in keys)
    assert seen.holds(other) is (other in keys)


class Keys:
    in_order = True

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        assert after is None
        yield [ListedObject(root.prefix + key, ObjectState(1, "etag", 0)) for key in self._keys]


@pytest.fixture
def mount(tmp_path: Path) -> bytes:
    root = tmp_path / "mount"
    for name in ("a/1", "a/2", "b"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return os.fsencode(root.resolve())


def source(mount: bytes, *keys: bytes, examine: bool = False) -> ReconciledSource:
    root = BucketRoot(b"s3://bucket/in/", BucketRef("s3", "bucket"), b"in/")
    return ReconciledSource(LocalSource([mount]), BucketSource([root], Keys(*keys)), root.path, examine=examine)


def test_each_key_that_the_mount_does_not_show_is_a_fault(mount: bytes) -> None:
    items = list(source(mount, b"a/1", b"a//1", b"a/2", b"b", b"b/c").walk())
    hidden = [item for item in items if isinstance(item, PathFault)]
    assert [item.path for item in hidden] == [b"s3://bucket/in/a//1", b"s3://bucket/in/b/c"]
    assert {item.fault.code for item in hidden} == {FaultCode.NOT_VISIBLE_ON_MOUNT}


@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "socket", "device", "directory"])
def test_a_key_that_the_mount_shows_as_something_else_is_hidden(
    kind: str, mount: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mount + b"/odd"
    match kind:
        case "link":
            os.symlink(b"b", path)
        case "dangling link":
            os.symlink(b"nowhere", path)
        case "fifo":
            os.mkfifo(path)
        case "socket":
            monkeypatch.chdir(os.fsdecode(mount))  # a socket's path is short
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("odd")
        case "device":
            os.symlink(b"/dev/null", path)
            monkeypatch.setattr("hashaudit.sources.walk.is_link", lambda _status: False)
        case _:
            os.mkdir(path)
    shown = (b"a/1", b"a/2", b"b")
    hidden = [item for item in source(mount, *shown, b"odd").walk() if isinstance(item, PathFault)]
    assert [(item.path, item.fault.code) for item in hidden] == [
        (b"s3://bucket/in/odd", FaultCode.NOT_VISIBLE_ON_MOUNT)
    ]
    items = list(source(mount, *shown, b"odd", examine=True).walk())
    assert b"s3://bucket/in/odd" in [item.path for item in items if isinstance(item, Entry)]


def test_a_key_behind_a_followed_link_is_hidden(mount: bytes) -> None:
    os.symlink(b"b", mount + b"/odd")
    root = BucketRoot(b"s3://bucket/in/", BucketRef("s3", "bucket"), b"in/")
    followed = LocalSource([mount], WalkOptions(follow_links=True))
    keys = BucketSource([root], Keys(b"a/1", b"a/2", b"b", b"odd"))
    items = list(ReconciledSource(followed, keys, root.path, examine=False).walk())
    assert [item.path for item in items if isinstance(item, PathFault)] == [b"s3://bucket/in/odd"]
    options = BucketOptions(reconcile=b"s3://bucket/in/")
    with pytest.raises(UsageError, match="conflicts with --follow-links"):
        open_source([mount], WalkOptions(follow_links=True), options)


def test_what_a_pattern_skips_on_the_mount_is_not_hidden(mount: bytes) -> None:
    options = WalkOptions(exclude=(b"b",), include=(b"1",))
    root = BucketRoot(b"s3://bucket/in/", BucketRef("s3", "bucket"), b"in/")
    keys = BucketSource([root], Keys(b"a/1", b"a/2", b"b"), options)
    items = list(ReconciledSource(LocalSource([mount], options), keys, root.path, examine=True).walk())
    assert [item.path for item in items if isinstance(item, Entry)] == [mount + b"/a/1"]


def test_or_is_examined_through_the_store(mount: bytes) -> None:
    items = list(source(mount, b"a/1", b"a//1", b"a/2", b"b", examine=True).walk())
    through_store = [item for item in items if isinstance(item, Entry) and item.location.kind is Kind.OBJECT]
    assert [item.path for item in through_store] == [b"s3://bucket/in/a//1"]


def test_a_walk_that_goes_on_knows_what_came_before(mount: bytes) -> None:
    whole = source(mount, b"a/1", b"hidden")
    places = []
    items = []
    for item in whole.walk():
        places.append(whole.position)
        items.append(item)
    assert places[-1] is None
    for number, place in enumerate(places[:-1]):
        rest = source(mount, b"a/1", b"hidden")
        assert list(rest.walk(place)) == items[number:]
        before = source(mount, b"a/1", b"hidden")
        for _ in zip(range(number + 1), before.walk(), strict=False):
            pass
        assert before.directories_listed + rest.directories_listed == whole.directories_listed
