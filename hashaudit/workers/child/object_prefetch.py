"""Fetches objects ahead of their examination, to hide the latency of the network.

Objects are fetched in the order of their batches, and memory is reserved in the same order, so the next object to
examine is always among those being fetched. The progress memory notes an object when it is examined, not when it is
fetched, so that a crash is attributed to the right one.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import msgspec

from hashaudit.content.read import ReadOutcome, Sink, Throttle
from hashaudit.content.read.object_read import PART_BYTES, PARTS_AHEAD, ObjectReader
from hashaudit.model.entry import Entry
from hashaudit.model.location import Kind
from hashaudit.objectstores.interface import ObjectRef, StoreOptions
from hashaudit.objectstores.store_registry import Stores
from hashaudit.workers.protocol import WorkBatch

S = TypeVar("S", bound=Sink)
T = TypeVar("T")

IN_FLIGHT = 32
"""Parallel requests. At a latency of 30 ms, some 1,000 objects a second, as many as a worker can examine."""

HELD_BYTES = 64 << 20
"""Memory for objects in flight or waiting; with the spans of a large object 96 MiB."""


class _TooLargeError(Exception):
    """An object that was listed as small was overwritten by a large one."""


class BufferedObject:
    """A sink that buffers the content of a small object."""

    __slots__ = ("_chunks", "_size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def update(self, data: memoryview, /) -> None:
        """Adds bytes.

        Raises:
            _TooLargeError: they exceed the size of a small object.
        """
        self._size += len(data)
        if self._size > PART_BYTES:
            raise _TooLargeError
        self._chunks.append(bytes(data))

    def replay(self, sink: Sink) -> None:
        """Feeds the content to another sink."""
        for chunk in self._chunks:
            sink.update(memoryview(chunk))


class Budget:
    """A memory budget that several threads reserve and release."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Waits until ``size`` bytes are free, and reserves them."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= size)
            self._left -= size

    def give_back(self, size: int) -> None:
        """Releases ``size`` bytes."""
        with self._changed:
            self._left += size
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
        self._stores = Stores(options)
        for scheme in schemes:
            self._stores.of(scheme)
        self._throttle = LockedThrottle(throttle)
        self._whole = ThreadPoolExecutor(IN_FLIGHT, "hashaudit-fetch")
        self._parts = ThreadPoolExecutor(PARTS_AHEAD, "hashaudit-part")
        self._budget = Budget(HELD_BYTES)
        self._ahead: dict[tuple[int, int], Future[ReadOutcome[BufferedObject]]] = {}

    def fetch(self, batch: WorkBatch) -> WorkBatch:
        """Starts to fetch the small objects of a batch. Waits for memory."""
        for number, (entry, _) in enumerate(batch.entries()):
            if entry.location.kind is Kind.OBJECT and entry.state.size <= PART_BYTES:
                self._budget.take(entry.state.size)
                ref = object_ref(entry)
                self._ahead[batch.number, number] = self._whole.submit(self._reader(ref).read, ref, BufferedObject)
        return batch

    def forget(self, batch: WorkBatch, first: int) -> None:
        """Gives up what was fetched for the items of a batch from ``first`` on."""
        for number, (entry, _) in enumerate(batch.entries()):
            future = self._ahead.pop((batch.number, number), None) if number >= first else None
            if future is not None and (future.cancel() or wait((future,))):
                self._budget.give_back(entry.state.size)

    def read(self, entry: Entry, position: tuple[int, int], make_sink: Callable[[], S]) -> ReadOutcome[S]:
        """Returns the outcome of reading an object, prefetched or not.

        Args:
            entry: as listed.
            position: numbers of the batch and the item.
            make_sink: creates a fresh sink.
        """
        ref = object_ref(entry)
        future = self._ahead.pop(position, None)
        if future is None:
            return self._reader(ref).read(ref, make_sink)
        try:
            try:
                outcome = future.result()
            except _TooLargeError:
                return self._reader(ref).read(ref, make_sink)
            sink = None
            if outcome.sink is not None:
                sink = make_sink()
                outcome.sink.replay(sink)
        finally:
            self._budget.give_back(entry.state.size)
        return ReadOutcome(sink, **{name: getattr(outcome, name) for name in _OTHER_FIELDS})

    def _reader(self, ref: ObjectRef) -> ObjectReader:
        return ObjectReader(self._stores.of(ref.bucket.scheme), self._throttle, self._parts)


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
