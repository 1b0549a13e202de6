"""Fetches objects ahead of their examination, to hide the latency of the network.

Objects are fetched in the order of their batches, and memory is reserved in the same order, so the next object to
examine is always among those being fetched. The progress memory notes an object when it is examined, not when it is
fetched, so that a crash is attributed to the right one.
"""

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from hashaudit.content.read import ReadOutcome, Sink, Throttle
from hashaudit.content.read.object_read import PART_BYTES, PARTS_AHEAD, BegunRead, ObjectReader
from hashaudit.model.entry import Entry
from hashaudit.model.location import Kind
from hashaudit.objectstores.interface import BulkSettings, ObjectRef, StoreError, StoreOptions
from hashaudit.objectstores.store_registry import Stores
from hashaudit.workers.child.arriving_ranges import ArrivingRanges
from hashaudit.workers.child.bulk_requests import IN_FLIGHT, BulkRequests
from hashaudit.workers.child.small_objects import BufferedObject, SmallObjects, TooLargeError
from hashaudit.workers.protocol import WorkBatch

S = TypeVar("S", bound=Sink)
T = TypeVar("T")

HELD_BYTES = 64 << 20
"""Memory for objects in flight or waiting; with the spans of a large object 96 MiB."""


BEGUN_BYTES = PARTS_AHEAD * PART_BYTES
"""Memory for a large object that is begun before its turn."""


class Budget:
    """A memory budget that several threads reserve and release."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._changed = threading.Condition()
        self._is_awaited = False

    def take(self, size: int) -> None:
        """Waits until ``size`` bytes are free, and reserves them."""
        with self._changed:
            while self._left < size:
                self._is_awaited = True
                self._changed.wait()
            self._left -= size

    def give_back(self, size: int) -> None:
        """Releases ``size`` bytes."""
        with self._changed:
            self._left += size
            if self._is_awaited:
                self._is_awaited = False
                self._changed.notify_all()


class LockedThrottle:
    """A throttle for several threads. While one waits, the others have to wait too."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._lock = threading.Lock()

    def acquire(self) -> int:
        """Implements :class:`hashaudit.content.read.Throttle`."""
        with self._lock:
            return self._throttle.acquire()

    def consume(self, count: int) -> None:
        """Implements :class:`hashaudit.content.read.Throttle`."""
        with self._lock:
            self._throttle.consume(count)


class Objects:
    """Fetches the objects of a worker.

    Args:
        options: settings of the stores.
        schemes: stores to open at once.
        throttle: limits reading; bytes count on arrival.

    Raises:
        HostError: a store cannot be used.
    """

    def __init__(self, options: StoreOptions, schemes: Iterable[str], throttle: Throttle) -> None:
        stores = Stores(options)
        self._stores = {scheme: stores.of(scheme) for scheme in schemes}
        self._throttle = LockedThrottle(throttle)
        self._parts = ThreadPoolExecutor(3 * PARTS_AHEAD, "hashaudit-part")
        self._budget = Budget(HELD_BYTES)
        self._bulks = self._open_bulks()
        self._readers = {scheme: self._reader(scheme) for scheme in self._stores}
        self._begun: dict[tuple[int, int], BegunRead] = {}
        self._small = SmallObjects(self._stores, self._bulks, self._throttle, self._parts)

    def fetch(self, batch: WorkBatch, unread: Collection[int] = ()) -> WorkBatch:
        """Starts to fetch the objects of a batch. Waits for memory.

        A large object is begun only if the last one has arrived slowly. From a nearby store two at once take longer.

        Args:
            batch: the batch.
            unread: numbers of the items that need not be read.
        """
        for number, (entry, _) in enumerate(batch.entries()):
            if entry.location.kind is not Kind.OBJECT or number in unread:
                continue
            position, size_bytes, ref = (batch.number, number), entry.state.size, object_ref(entry)
            if size_bytes <= PART_BYTES:
                self._budget.take(size_bytes)
                self._small.add(position, ref)
            elif (reader := self._readers[ref.bucket.scheme]).is_slow:
                self._budget.take(BEGUN_BYTES)
                self._begun[position] = reader.begin(ref)
        return batch

    def forget(self, batch: WorkBatch, first: int) -> None:
        """Gives up what was fetched for the items of a batch from ``first`` on."""
        for number, (_, item) in enumerate(batch.items()):
            if number >= first:
                self.drop((batch.number, number), item.state.size)

    def drop(self, position: tuple[int, int], size_bytes: int) -> None:
        """Forgets the object of an item, if it was fetched ahead."""
        if self._small.drop(position):
            self._budget.give_back(size_bytes)
        elif (begun := self._begun.pop(position, None)) is not None:
            begun.cancel()
            self._budget.give_back(BEGUN_BYTES)

    def small(self, position: tuple[int, int]) -> ReadOutcome[BufferedObject] | None:
        """Returns the outcome of reading an object that was fetched ahead, and keeps it for :meth:`read`.

        Returns:
            The outcome; ``None``: only :meth:`read` can read the object.
        """
        try:
            return self._small.peek(position)
        except TooLargeError:
            return None

    def may_be_replaced(self, entry: Entry) -> bool:
        """Returns whether another content may still get the state in which an object was read.

        The answer holds only if the object was read before.
        """
        try:
            return self._stores[entry.location.bucket.scheme].has_open_upload(object_ref(entry))
        except StoreError:
            return True

    def read(self, entry: Entry, position: tuple[int, int], make_sink: Callable[[], S]) -> ReadOutcome[S]:
        """Returns the outcome of reading an object, prefetched or not.

        Args:
            entry: as listed.
            position: numbers of the batch and the item.
            make_sink: creates a fresh sink.
        """
        begun = self._begun.pop(position, None)
        try:
            outcome = self.small(position)
            if outcome is not None:
                sink = None
                if outcome.sink is not None:
                    sink = make_sink()
                    if content := outcome.sink.content():
                        sink.update(memoryview(content))
                return ReadOutcome(sink, **{name: getattr(outcome, name) for name in _OTHER_FIELDS})
            ref = object_ref(entry)
            return self._readers[ref.bucket.scheme].read(ref, make_sink, begun)
        finally:
            self.drop(position, entry.state.size)
            if begun is not None:
                self._budget.give_back(BEGUN_BYTES)

    def _open_bulks(self) -> dict[str, BulkRequests]:
        settings = BulkSettings(self._throttle.consume, connections=IN_FLIGHT)
        bulks = {scheme: store.bulk(settings) for scheme, store in self._stores.items()}
        return {scheme: BulkRequests(bulk, self._throttle) for scheme, bulk in bulks.items() if bulk is not None}

    def _reader(self, scheme: str) -> ObjectReader:
        bulk = self._bulks.get(scheme)
        ranges = None if bulk is None else ArrivingRanges(bulk)
        return ObjectReader(self._stores[scheme], self._throttle, self._parts, ranges=ranges)


def object_ref(entry: Entry) -> ObjectRef:
    """Returns the object that holds an entry, in the state that was listed.

    Raises:
        TypeError: the entry is a file.
    """
    return ObjectRef(entry.location.bucket, entry.location.name, entry.object_state)


_OTHER_FIELDS = tuple(field.name for field in msgspec.structs.fields(ReadOutcome) if field.name != "sink")


def in_background(items: Iterator[T]) -> Iterator[T]:
    """Yields the same items, which a thread takes as soon as they arrive. Raises what the iterator raises."""
    taken: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def take() -> None:
        try:
            for item in items:
                taken.put((item, None))
        except BaseException as error:  # noqa: BLE001 # raised again where the items are used
            taken.put((None, error))
        else:
            taken.put((None, StopIteration()))

    threading.Thread(target=take, name="hashaudit-units", daemon=True).start()
    while True:
        item, error = taken.get()
        if item is not None:
            yield item
        elif isinstance(error, StopIteration):
            return
        elif error is not None:
            raise error
