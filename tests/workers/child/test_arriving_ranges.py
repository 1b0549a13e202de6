"""Ranges of a large object that arrive while they are used: whatever becomes of one, no wrong byte is examined."""

import hashlib
import re
from collections.abc import Callable, Generator

import pytest

from hashaudit.content.read.object_read import PART_BYTES, PARTS_AHEAD
from hashaudit.model.entry import Consistency, Entry, ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef, Location
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.workers.child.object_prefetch import Objects
from object_store import CREDENTIALS, Answer, Asked, Proxy, proxied

OLD = bytes(range(256)) * (2 * PART_BYTES // 256) + b"end"
NEW = OLD[::-1]
POSITION = (1, 0)
SECOND = PART_BYTES


class Counter:
    """A throttle that grants all and counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def acquire(self) -> int:
        return 1 << 30

    def consume(self, count: int) -> None:
        self.bytes += count


class Sink:
    """Computes a digest."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def update(self, data: memoryview) -> None:
        self.sha256.update(data)


def served(asked: Asked, content: bytes = OLD, etag: str = "old", cut: int | None = None) -> Answer:
    """The answer of a store."""
    headers = {"etag": f'"{etag}"', "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    if asked.headers.get("if-match", f'"{etag}"') != f'"{etag}"':
        return Answer(412)
    wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
    if wanted is None:
        return Answer(200, b"", None, {**headers, "content-length": str(len(content))})
    first, last = int(wanted[1]), int(wanted[2])
    headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(206, content[first : last + 1], cut, headers)


def firsts(proxy: Proxy) -> list[int]:
    return [int(asked.headers["range"][6:].split("-")[0]) for asked in proxy.of("/bucket/key")]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Objects, Proxy, Counter]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with proxied("http://127.0.0.1:1") as (url, proxy):
        counter = Counter()
        yield Objects(StoreOptions(url), ("s3",), counter), proxy, counter


def read(objects: Objects, window: int = 1) -> tuple[str | None, list[FaultCode]]:
    """Returns which content was read, and the faults."""
    objects._readers["s3"]._window = window
    location = Location(BucketRef("s3", "bucket"), b"key", None, root=0)
    entry = Entry(location, ObjectState(len(OLD), "old", 0), Consistency.ETAG_PINNED)
    outcome = objects.read(entry, POSITION, Sink)
    names = {hashlib.sha256(content).digest(): name for content, name in ((OLD, "old"), (NEW, "new"))}
    found = None if outcome.sink is None else names[outcome.sink.sha256.digest()]
    return found, [fault.code for fault in outcome.faults]


@pytest.mark.parametrize("window", [1, PARTS_AHEAD])
def test_each_range_is_requested_once(store: tuple[Objects, Proxy, Counter], window: int) -> None:
    objects, proxy, counter = store
    proxy.behave = served
    assert read(objects, window) == ("old", [])
    assert sorted(firsts(proxy)) == [0, SECOND, 2 * SECOND]
    assert counter.bytes == len(OLD)


@pytest.mark.parametrize("cut", [0, 1, 1_000_000, PART_BYTES - 1])
def test_a_broken_range_continues_at_the_byte_that_it_reached(store: tuple[Objects, Proxy, Counter], cut: int) -> None:
    objects, proxy, counter = store
    is_broken: list[bool] = []

    def behave(asked: Asked) -> Answer:
        is_second = asked.headers.get("range", "").startswith(f"bytes={SECOND}-") and not is_broken
        if is_second:
            is_broken.append(True)
        return served(asked, cut=cut if is_second else None)

    proxy.behave = behave
    assert read(objects) == ("old", [])
    assert sorted(firsts(proxy)) == sorted([0, SECOND, SECOND + cut, 2 * SECOND])
    assert counter.bytes == len(OLD)


def changed(answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """A store whose answers to the second range and to all later requests are others."""
    has_changed: list[bool] = []

    def behave(asked: Asked) -> Answer:
        if has_changed or asked.headers.get("range", "").startswith(f"bytes={SECOND}-"):
            has_changed.append(True)
            return answer(asked)
        return served(asked)

    return behave


def of_all(status: int, body: bytes = b"", **headers: str) -> Callable[[Asked], Answer]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _asked: Answer(status, body, None, named)


RANGE = f"bytes {SECOND}-{2 * SECOND - 1}/{len(OLD)}"


@pytest.mark.parametrize(
    ("answer", "found", "faults"),
    [
        (lambda asked: served(asked, NEW, "new"), "new", [FaultCode.CHANGED_WHILE_READ]),
        (of_all(206, NEW[:PART_BYTES], etag='"other"', content_range=RANGE), None, [FaultCode.IO_ERROR]),
        (
            of_all(206, OLD[:PART_BYTES], etag='"old"', content_range=f"bytes 0-1/{len(OLD)}"),
            None,
            [FaultCode.IO_ERROR],
        ),
        (of_all(206, bytes(PART_BYTES + 1), etag='"old"', content_range=RANGE), None, [FaultCode.IO_ERROR]),
        (of_all(206, bytes(PART_BYTES), etag='"old"', content_range=RANGE + "0"), None, [FaultCode.IO_ERROR]),
        (of_all(200, OLD, etag='"old"'), None, [FaultCode.IO_ERROR]),
        (of_all(403, b"<Code>InvalidObjectState</Code>"), None, [FaultCode.ARCHIVED]),
        (of_all(307, location="http://127.0.0.1:1/"), None, [FaultCode.IO_ERROR]),
        (of_all(404), None, [FaultCode.NOT_FOUND]),
    ],
)
def test_what_is_not_the_range_is_never_examined(
    store: tuple[Objects, Proxy, Counter],
    answer: Callable[[Asked], Answer],
    found: str | None,
    faults: list[FaultCode],
) -> None:
    objects, proxy, _ = store
    proxy.behave = changed(answer)
    assert read(objects) == (found, faults)
