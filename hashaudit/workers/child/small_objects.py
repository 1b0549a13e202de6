"""Fetches small objects ahead of their examination, as many at once as a distant store needs.

What does not come whole and as listed is read again, in threads, by the reader that can wait,
retry and resume; its first answer is the one that has come.
"""

from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import partial

import msgspec

from hashaudit.content.read import ReadOutcome, Throttle
from hashaudit.content.read.object_read import PART_BYTES, ObjectReader, read_answer
from hashaudit.objectstores.answered_store import AnsweredStore
from hashaudit.objectstores.interface import Answer, ObjectRef, Store
from hashaudit.workers.child.bulk_requests import IN_FLIGHT, BulkRequests, Queued


class TooLargeError(Exception):
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
            TooLargeError: they exceed the size of a small object.
        """
        self._size += len(data)
        if self._size > PART_BYTES:
            raise TooLargeError
        whole = data.obj
        self._chunks.append(whole if isinstance(whole, bytes) and len(whole) == len(data) else bytes(data))

    def content(self) -> bytes:
        """Returns the whole content."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


class _Slot(msgspec.Struct, eq=False):
    """One object from its request to its examination."""

    ref: ObjectRef
    bulk: BulkRequests | None
    queued: Queued | None = None
    outcome: ReadOutcome[BufferedObject] | None = None
    future: Future[ReadOutcome[BufferedObject]] | None = None


class _CountedThrottle:
    """A throttle for bytes of which the first have been counted when they arrived."""

    def __init__(self, throttle: Throttle, counted_bytes: int) -> None:
        self._throttle = throttle
        self._counted_bytes = counted_bytes

    def acquire(self) -> int:
        """Implements :class:`hashaudit.content.read.Throttle`."""
        return self._counted_bytes if self._counted_bytes > 0 else self._throttle.acquire()

    def consume(self, count: int) -> None:
        """Implements :class:`hashaudit.content.read.Throttle`."""
        counted = min(count, self._counted_bytes)
        self._counted_bytes -= counted
        if count > counted:
            self._throttle.consume(count - counted)


class SmallObjects:
    """The small objects of a worker, by the numbers of their batch and of themselves in the batch.

    One thread calls :meth:`add`, another one everything else.

    Args:
        stores: by scheme.
        bulks: what sends many requests to the stores that have it.
        throttle: limits reading; bytes count on arrival. Used by several threads.
        parts: for the readers.
    """

    def __init__(
        self, stores: Mapping[str, Store], bulks: Mapping[str, BulkRequests], throttle: Throttle, parts: Executor
    ) -> None:
        self._stores = stores
        self._bulks = bulks
        self._throttle = throttle
        self._parts = parts
        self._threads = ThreadPoolExecutor(IN_FLIGHT, "hashaudit-fetch")
        self._slots: dict[tuple[int, int], _Slot] = {}

    def add(self, position: tuple[int, int], ref: ObjectRef) -> None:
        """Asks for an object."""
        bulk = self._bulks.get(ref.bucket.scheme)
        slot = _Slot(ref, bulk)
        request = None if bulk is None else bulk.prepare(ref, None)
        if bulk is None or request is None:
            self._read_in_thread(slot, ObjectReader(self._stores[ref.bucket.scheme], self._throttle, self._parts))
        else:
            slot.queued = bulk.add(request, partial(self._settle, slot))
        self._slots[position] = slot

    def peek(self, position: tuple[int, int]) -> ReadOutcome[BufferedObject] | None:
        """Returns the outcome of reading an object and keeps it; ``None``: it was not asked for.

        Raises:
            TooLargeError: it has another state, which is large.
        """
        slot = self._slots.get(position)
        if slot is None:
            return None
        while slot.outcome is None:
            if slot.bulk is not None and (slot.future is None or not slot.future.done()):
                slot.bulk.advance()
            elif slot.future is not None:
                slot.outcome = slot.future.result()
        return slot.outcome

    def drop(self, position: tuple[int, int]) -> bool:
        """Forgets an object, or gives it up. Returns whether it was asked for."""
        slot = self._slots.pop(position, None)
        if slot is None:
            return False
        if slot.future is not None and not slot.future.cancel():
            wait((slot.future,))
        if slot.queued is not None and slot.bulk is not None and not slot.queued.is_over:
            slot.bulk.cancel(slot.queued)
        return True

    def _settle(self, slot: _Slot, answer: Answer) -> None:
        ref = slot.ref
        slot.outcome = read_answer(ref, answer, BufferedObject())
        if slot.outcome is None:
            store = AnsweredStore(self._stores[ref.bucket.scheme], answer)
            throttle = _CountedThrottle(self._throttle, sum(map(len, answer.chunks)))
            self._read_in_thread(slot, ObjectReader(store, throttle, self._parts))

    def _read_in_thread(self, slot: _Slot, reader: ObjectReader) -> None:
        slot.future = self._threads.submit(reader.read, slot.ref, BufferedObject)
        if slot.bulk is not None:
            bulk = slot.bulk
            slot.future.add_done_callback(lambda _: bulk.wake())
