"""How many ranges of a large object are requested at once, and that what was begun early is still the listed state."""

import hashlib
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hashaudit.content.read import object_read
from hashaudit.content.read.object_read import PARTS_AHEAD, ObjectReader, _Part
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import ByteRange, Head, ObjectRef, OverwrittenError, StoreError
from hashaudit.retry import RetryPolicy

CONTENT = bytes(range(256)) * 40
PART = 1000


class Everything:
    """A throttle that grants all."""

    def acquire(self) -> int:
        return 1 << 30

    def consume(self, count: int) -> None:
        pass


class Sink:
    """Collects the content."""

    def __init__(self) -> None:
        self.content = b""

    def update(self, data: memoryview) -> None:
        self.content += data


class Sent:
    """A response of the fake store."""

    def __init__(self, head: Head, data: bytes) -> None:
        self.head = head
        self._data = data

    def read(self, _limit: int) -> bytes:
        data, self._data = self._data, b""
        return data

    def close(self) -> None:
        pass


class FakeStore:
    """One object, whose state tests change."""

    def __init__(self) -> None:
        self.state = ObjectState(len(CONTENT), "old", 0)
        self.content = CONTENT
        self.spans: list[int] = []
        self.lock = threading.Lock()
        self.refuses = False

    def head(self, _entry: ObjectRef) -> Head:
        if self.refuses:
            raise StoreError(FaultCode.PERMISSION_DENIED, "refused")
        return Head(self.state, None)

    def get(self, entry: ObjectRef, span: ByteRange | None) -> Sent:
        if entry.state.etag != self.state.etag:
            raise OverwrittenError
        assert span is not None
        with self.lock:
            self.spans.append(span.first // PART)
        return Sent(Head(self.state, None), self.content[span.first : span.last + 1])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    monkeypatch.setattr(object_read, "PART_BYTES", PART)
    return FakeStore()


@pytest.fixture
def reader(store: FakeStore) -> Generator[ObjectReader]:
    with ThreadPoolExecutor(3 * PARTS_AHEAD) as parts:
        yield ObjectReader(store, Everything(), parts, RetryPolicy(attempts=1, backoff_s=0))  # type: ignore[arg-type]


def entry(etag: str = "old") -> ObjectRef:
    return ObjectRef(BucketRef("s3", "bucket"), b"key", ObjectState(len(CONTENT), etag, 0))


@pytest.mark.parametrize(
    ("waited_s", "took_s", "window", "after"),
    [
        (0.001, 0.05, 1, 1),  # near and fast
        (0.001, 0.05, 4, 2),
        (0.001, 0.2, 1, 2),  # near, through a slow line
        (0.001, 0.2, 4, 4),
        (0.05, 0.058, 1, PARTS_AHEAD),  # distant, through a fast line
        (0.05, 0.058, 4, PARTS_AHEAD),
        (0.004, 0.012, 1, 1),  # near: a wait of milliseconds is not worth more requests
    ],
)
def test_the_number_of_requests_follows_latency_and_rate(
    waited_s: float, took_s: float, window: int, after: int
) -> None:
    part = _Part([], 8 << 20, waited_s=waited_s, took_s=took_s)
    assert part.next_window(window) == after


@pytest.mark.parametrize("window", [1, 2, PARTS_AHEAD, 100])
@pytest.mark.parametrize("begins", [False, True])
def test_each_range_is_requested_once_and_fed_in_order(
    store: FakeStore, reader: ObjectReader, window: int, begins: bool
) -> None:
    reader._window = window
    begun = reader.begin(entry()) if begins else None
    outcome = reader.read(entry(), Sink, begun)
    assert outcome.sink is not None
    assert outcome.sink.content == CONTENT
    assert (outcome.faults, outcome.bytes_read) == ((), len(CONTENT))
    assert sorted(store.spans) == list(range(len(CONTENT) // PART + 1))


def test_what_was_begun_before_the_object_was_overwritten_is_not_used(store: FakeStore, reader: ObjectReader) -> None:
    reader._window = PARTS_AHEAD
    begun = reader.begin(entry())
    assert len([part.future.result() for part in begun.parts if part.future is not None]) == PARTS_AHEAD
    assert begun.head.result().state.etag == "old"
    store.state, store.content = ObjectState(len(CONTENT), "new", 0), CONTENT[::-1]
    outcome = reader.read(entry(), Sink, begun)
    assert outcome.sink is not None
    assert hashlib.sha256(outcome.sink.content).digest() == hashlib.sha256(CONTENT[::-1]).digest()
    assert [fault.code for fault in outcome.faults] == [FaultCode.CHANGED_WHILE_READ]
    assert outcome.stat == store.state


def test_a_refused_object_that_was_begun_is_a_fault(store: FakeStore, reader: ObjectReader) -> None:
    store.refuses = True
    outcome = reader.read(entry(), Sink, reader.begin(entry()))
    assert outcome.sink is None
    assert [fault.code for fault in outcome.faults] == [FaultCode.PERMISSION_DENIED]
