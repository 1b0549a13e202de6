"""Reads an object of an object store in its listed state, or reports that it has another one.

A read is pinned: each request asks for one entity tag, and for one version if the bucket has versions. So ranges and
retries deliver one state. An object that was overwritten after it was listed is examined in its current state, with a
fault that gives both states.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Any, Protocol, TypeVar

import msgspec

from hashaudit.content.read.feed import Sink
from hashaudit.content.read.stable_read import ReadOutcome
from hashaudit.content.read.throttled_reader import Throttle
from hashaudit.model.entry import ObjectState, pinned
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.objectstores.checksums import Comparison
from hashaudit.objectstores.interface import (
    Answer,
    ByteRange,
    Checksum,
    Head,
    ObjectRef,
    OverwrittenError,
    Store,
    StoreError,
)
from hashaudit.retry import Retry, RetryPolicy

S = TypeVar("S", bound=Sink)

PART_BYTES = 8 << 20
"""A larger object is read in ranges of this size."""

PARTS_AHEAD = 4
"""Most ranges of one object that are in flight or waiting: 32 MiB."""

SLOW_BYTES_PER_S = 100e6
"""Below this rate of one range, more ranges are requested at once. One connection to a store transfers 50 to 100 MB/s,
regardless of the network. A nearby server sends more than can be hashed; there, threads that fetch ahead only take the
processor from the hashing thread: 1.5 times slower on two processors."""

LATENCY_S = 0.01
LATENCY_SHARE = 0.25
"""Longest wait for the beginning of a range, in seconds and as a share of the time of the whole range. A longer wait is
that of a distant server, which further requests at once hide."""

MAX_STATES = 3
"""Most states of one object that are read; each but the first after it was overwritten."""

POLICY = RetryPolicy(attempts=5, backoff_s=0.2, jitter=0.5, deadline_s=60.0, progress_bytes=1 << 20)
"""The policy for one request. The deadline and the time of the last attempt together stay below the time after which
the parent ends a silent worker."""


class _FailedError(Exception):
    """An object could not be fetched. Never leaves this module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class RangeResponse(Protocol):
    """A response that arrives while the thread that reads it waits for it."""

    def receive(self) -> Answer:
        """Waits for more content and returns what has arrived since the last call; no content: it has ended.

        Raises:
            OverwrittenError: the object has another state.
            StoreError: the response is not one with this content.
        """
        ...

    def cancel(self) -> None:
        """Gives up the request, and the content that was received."""
        ...


class Ranges(Protocol):
    """Requests ranges of objects, which arrive in the thread that reads."""

    def begin(self, entry: ObjectRef, span: ByteRange, *, ahead: bool) -> RangeResponse | None:
        """Requests a range.

        Args:
            entry: the object.
            span: the range.
            ahead: it is not the turn of the object yet. Any thread may ask for such a range.

        Returns:
            Its response; ``None``: only :meth:`hashaudit.objectstores.interface.Store.get` can request it.
        """
        ...

    def wait(self, future: Future[Any]) -> None:
        """Waits for another thread, while the ranges arrive."""
        ...


class _Part(msgspec.Struct):
    """The received bytes of a range of an object."""

    chunks: list[bytes]
    size: int
    state: ObjectState | None = None
    checksum: Checksum | None = None
    waited_s: float = 0.0
    """Time until the first response began."""
    took_s: float = 0.0

    def next_window(self, window: int) -> int:
        """Returns how many ranges are requested at once after this one, which was one of ``window``."""
        if self.waited_s > max(LATENCY_S, LATENCY_SHARE * self.took_s):
            return PARTS_AHEAD
        if self.size < SLOW_BYTES_PER_S * self.took_s:
            return min(window * 2, PARTS_AHEAD)
        return max(window // 2, 1)


class _Range(msgspec.Struct, frozen=True):
    """A range that was requested: it arrives in this thread, or another one fetches it."""

    span: ByteRange
    response: RangeResponse | None
    future: Future[_Part] | None

    def cancel(self) -> None:
        """Gives up the request."""
        if self.response is not None:
            self.response.cancel()
        if self.future is not None:
            self.future.cancel()


class BegunRead(msgspec.Struct, frozen=True):
    """The first requests for a large object, under way."""

    parts: list[_Range]
    """The first ranges."""
    head: Future[Head]

    def cancel(self) -> None:
        """Gives up the requests."""
        for part in self.parts:
            part.cancel()
        self.head.cancel()


class ObjectReader:
    """Reads objects of one store. May be used by several threads.

    Args:
        store: the store of the objects.
        throttle: limits the rate of all threads together.
        parts: fetches the ranges of large objects.
        policy: retry policy for one request.
        ranges: requests the ranges of large objects; ``None``: the threads of ``parts`` do. Only one thread may then
            call :meth:`read`.
    """

    def __init__(
        self,
        store: Store,
        throttle: Throttle,
        parts: Executor,
        policy: RetryPolicy = POLICY,
        ranges: Ranges | None = None,
    ) -> None:
        self._store = store
        self._ranges = ranges
        self._throttle = throttle
        self._parts = parts
        self._policy = policy
        self._window = 1

    @property
    def is_slow(self) -> bool:
        """True if the last large object has arrived so slowly that the next one is better begun before its turn."""
        return self._window > 1

    def begin(self, entry: ObjectRef) -> BegunRead:
        """Sends the first requests for an object of more than :data:`PART_BYTES`, before its turn."""
        return self._begin(entry, ahead=True)

    def _begin(self, entry: ObjectRef, *, ahead: bool) -> BegunRead:
        # All at once, because a distant store has a high latency.
        parts = list(islice(self._requests(entry, 0, ahead=ahead), self._window))
        return BegunRead(parts, self._parts.submit(self._head, entry))

    def read(self, entry: ObjectRef, make_sink: Callable[[], S], begun: BegunRead | None = None) -> ReadOutcome[S]:
        """Reads an object from its first byte to its last.

        Errors of the store become faults in the outcome. Errors of ``make_sink`` and its sinks propagate.

        Args:
            entry: the object as listed.
            make_sink: makes a new sink for each state.
            begun: of :meth:`begin`; ``None``: nothing was requested.
        """
        now = entry
        overwritten = 0
        fault = None
        while overwritten < MAX_STATES and fault is None:
            try:
                if overwritten:
                    now = self._current(now)
                return self._read(entry, now, make_sink(), overwritten, begun)
            except OverwrittenError:
                overwritten += 1
                begun = None
            except _FailedError as failure:
                fault = failure.fault
        return _unread(entry, overwritten, fault)

    def _head(self, entry: ObjectRef) -> Head:
        attempts = Retry(self._policy)
        while True:
            try:
                return self._store.head(entry)
            except StoreError as error:
                _wait(attempts, error, 0)

    def _current(self, entry: ObjectRef) -> ObjectRef:
        """Returns the object in its current state."""
        latest = msgspec.structs.replace(entry, state=msgspec.structs.replace(entry.state, version=None))
        return msgspec.structs.replace(entry, state=self._head(latest).state)

    def _read(
        self, listed: ObjectRef, now: ObjectRef, sink: S, overwritten: int, begun: BegunRead | None
    ) -> ReadOutcome[S]:
        state, mismatch = self._feed(now, sink, begun)
        return _outcome(listed, sink, state, mismatch, overwritten)

    def _feed(self, entry: ObjectRef, sink: Sink, begun: BegunRead | None) -> tuple[ObjectState, str | None]:
        """Feeds one state. Returns it as the store reports it, and the name of a checksum that differs, or ``None``."""
        if entry.state.size <= PART_BYTES:
            part = self._fetch(entry, None)
            state, checksum = part.state or entry.state, part.checksum
            received: Iterator[bytes | memoryview] = iter(part.chunks)
        else:
            begun = begun or self._begin(entry, ahead=False)
            if self._ranges is not None:
                self._ranges.wait(begun.head)
            try:
                head = begun.head.result()
            except _FailedError:
                begun.cancel()
                raise
            if head.state.etag != entry.state.etag:
                begun.cancel()
                raise OverwrittenError
            state, checksum = head.state, head.checksum
            received = self._fetch_parts(msgspec.structs.replace(entry, state=state), begun.parts)
        comparison = Comparison(checksum)
        for chunk in received:
            comparison.update(chunk)
            sink.update(memoryview(chunk))
        return state, comparison.mismatch()

    def _requests(self, entry: ObjectRef, first: int, *, ahead: bool) -> Iterator[_Range]:
        """Requests one range of a large object after another, from the number ``first`` on."""
        size = entry.state.size
        for start in range(first * PART_BYTES, size, PART_BYTES):
            span = ByteRange(start, min(start + PART_BYTES, size) - 1)
            response = None if self._ranges is None else self._ranges.begin(entry, span, ahead=ahead)
            yield _Range(span, response, self._parts.submit(self._fetch, entry, span) if response is None else None)

    def _fetch_parts(self, entry: ObjectRef, begun: list[_Range]) -> Iterator[bytes | memoryview]:
        """Yields the content of a large object."""
        requests = self._requests(entry, len(begun), ahead=False)
        ahead = list(begun)
        ahead.extend(islice(requests, max(self._window - len(ahead), 0)))
        try:
            while ahead:
                now = ahead[0]
                part = _Part([], 0)
                yield from self._arriving(entry, now, part)
                del ahead[0]
                self._window = part.next_window(self._window)
                ahead.extend(islice(requests, max(self._window - len(ahead), 0)))
        finally:
            for one in ahead:
                one.cancel()

    def _arriving(self, entry: ObjectRef, requested: _Range, part: _Part) -> Iterator[bytes | memoryview]:
        """Yields a range while it arrives, and fills in the rest of ``part``."""
        future = requested.future
        if requested.response is not None:
            try:
                yield from self._receive(entry, requested.span, requested.response, part)
            except StoreError as error:
                future = self._parts.submit(self._fetch, entry, requested.span, part, error)
            finally:
                requested.response.cancel()
        if future is not None:
            if self._ranges is not None:
                self._ranges.wait(future)
            fetched = future.result()
            part.size, part.waited_s, part.took_s = fetched.size, fetched.waited_s, fetched.took_s
            yield from fetched.chunks

    def _receive(
        self, entry: ObjectRef, span: ByteRange, response: RangeResponse, part: _Part
    ) -> Iterator[bytes | memoryview]:
        expected = span.last + 1 - span.first
        has_ended = False
        while not has_ended:
            answer = response.receive()
            if answer.head is not None and answer.head.state.size != entry.state.size:
                raise _wrong_size(entry, answer.head)
            for chunk in answer.chunks:
                part.size += len(chunk)
                if part.size > expected:
                    raise StoreError(FaultCode.IO_ERROR, "the store sent more of the object than requested")
                yield chunk
            if answer.took_s:
                part.waited_s, part.took_s = answer.waited_s, answer.took_s
            has_ended = part.size == expected
            if not has_ended:
                if answer.error is not None:
                    raise answer.error
                if not answer.chunks:
                    raise _ended_early()

    def _fetch(
        self, entry: ObjectRef, span: ByteRange | None, part: _Part | None = None, failure: StoreError | None = None
    ) -> _Part:
        """Fetches a whole object or a range of it, and resumes where a broken response ended.

        Args:
            entry: the object.
            span: the range; ``None``: the whole object.
            part: what has arrived already.
            failure: why not all of it has.

        Raises:
            OverwrittenError: the object has another state.
            _FailedError: no attempt succeeds.
        """
        part = part or _Part([], 0)
        attempts = Retry(self._policy)
        begun_s = time.monotonic()
        while True:
            try:
                if failure is not None:
                    raise failure
                self._resume(entry, span, part, begun_s)
            except StoreError as error:
                failure = None
                _wait(attempts, error, part.size)
            else:
                part.took_s = time.monotonic() - begun_s
                return part

    def _resume(self, entry: ObjectRef, span: ByteRange | None, part: _Part, begun_s: float) -> None:
        size = entry.state.size
        first, last = (0, size - 1) if span is None else (span.first, span.last)
        whole = span is None and not part.size
        response = self._store.get(entry, None if whole else ByteRange(first + part.size, last))
        try:
            head = response.head
            if head.state.size != size:
                raise _wrong_size(entry, head)
            if part.state is None:
                part.waited_s = time.monotonic() - begun_s
                part.state, part.checksum = head.state, head.checksum
            while data := response.read(self._throttle.acquire()):
                part.chunks.append(data)
                part.size += len(data)
                self._throttle.consume(len(data))
        finally:
            response.close()
        if part.size != last + 1 - first:
            raise _ended_early()


def _wrong_size(entry: ObjectRef, head: Head) -> StoreError:
    return StoreError(FaultCode.IO_ERROR, f"listed with {entry.state.size} bytes, sent with {head.state.size}")


def _ended_early() -> StoreError:
    return StoreError(FaultCode.IO_ERROR, "the store's response ended early", transient=True)


def read_answer(entry: ObjectRef, answer: Answer, sink: S) -> ReadOutcome[S] | None:
    """Returns the outcome of reading an object whose content has arrived; ``None``: it has not, or not as listed."""
    head = answer.head
    if head is None or head.state.size != entry.state.size or not answer.is_whole(entry.state.size):
        return None
    comparison = Comparison(head.checksum)
    for chunk in answer.chunks:
        comparison.update(chunk)
        sink.update(memoryview(chunk))
    return _outcome(entry, sink, head.state, comparison.mismatch(), 0)


def _outcome(listed: ObjectRef, sink: S, state: ObjectState, mismatch: str | None, overwritten: int) -> ReadOutcome[S]:
    faults = []
    if overwritten:
        message = "overwritten after it was listed; the current state was examined"
        faults.append(Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, message, overwritten + 1))
    if mismatch is not None:
        message = f"the content does not have the {mismatch} checksum that the store reports"
        faults.append(Fault(Stage.READ, FaultCode.CHECKSUM_MISMATCH, message))
    before = listed.state if overwritten else None
    return ReadOutcome(sink, state, state.size, pinned(state), tuple(faults), before, overwritten + 1)


def _wait(attempts: Retry, error: StoreError, position: int) -> None:
    """Waits before the next attempt.

    Raises:
        _FailedError: no attempt is left.
    """
    if not attempts.wait(transient=error.transient, position=position):
        stage = Stage.READ if error.transient else Stage.OPEN
        raise _FailedError(Fault(stage, error.code, str(error), attempts.failures)) from error


def _unread(entry: ObjectRef, overwritten: int, fault: Fault | None) -> ReadOutcome[S]:
    if fault is None:
        message = "overwritten during every read"
        fault = Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, message, overwritten)
    elif overwritten:
        fault = msgspec.structs.replace(fault, message=f"overwritten after it was listed; then {fault.message}")
    return ReadOutcome(None, None, 0, pinned(entry.state), (fault,), attempts=fault.attempts)
