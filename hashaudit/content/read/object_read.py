"""Reading an object of an object store in the state that was listed, or saying that it is in another one.

A read is pinned: each request asks for one entity tag, and for one version where there is one, so that what arrives in
pieces and after retries is one state. An object that was overwritten since it was listed is examined as it is now, with
a fault that says so and both states.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

import msgspec

from hashaudit.content.read.feed import Sink
from hashaudit.content.read.stable_read import ReadOutcome
from hashaudit.content.read.throttled_reader import Throttle
from hashaudit.model.entry import ObjectState, pinned
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.objectstores.checksums import Comparison
from hashaudit.objectstores.interface import ByteRange, Checksum, Head, ObjectRef, OverwrittenError, Store, StoreError
from hashaudit.retry import Retry, RetryPolicy

S = TypeVar("S", bound=Sink)

PART_BYTES = 8 << 20
"""An object that is larger is read in spans of this size."""

PARTS_AHEAD = 4
"""Spans of one object in flight or waiting for their turn at most: 32 MiB."""

SLOW_BYTES_PER_S = 100e6
"""One connection to a store brings some 50 to 100 MB/s however fast the line is: where a span comes more slowly, more
are asked for at once. From a near server one connection brings more than can be hashed, and threads that fetch ahead
only take the processor from the one that hashes: 1.5 times slower on two processors."""

MAX_STATES = 3
"""States of one object that are read at most; each but the first after it was overwritten."""

POLICY = RetryPolicy(attempts=5, backoff_s=0.2, jitter=0.5, deadline_s=60.0, progress_bytes=1 << 20)
"""For one request. The deadline and the time that the last attempt may take together stay below the time after which
the parent ends a silent worker."""


class _FailedError(Exception):
    """An object could not be fetched. Never leaves this module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Piece(msgspec.Struct):
    """A span of an object, as far as it has come."""

    chunks: list[bytes]
    size: int
    state: ObjectState | None = None
    checksum: Checksum | None = None
    took_s: float = 0.0


class ObjectReader:
    """Reads objects of one store. May be used by several threads.

    Args:
        store: where.
        throttle: how fast may be read; used by all threads.
        parts: fetches the spans of large objects.
        policy: when to retry a request.
    """

    def __init__(self, store: Store, throttle: Throttle, parts: Executor, policy: RetryPolicy = POLICY) -> None:
        self._store = store
        self._throttle = throttle
        self._parts = parts
        self._policy = policy

    def read(self, entry: ObjectRef, make_sink: Callable[[], S]) -> ReadOutcome[S]:
        """Reads an object from its first byte to its last.

        Whatever the store refuses is a fault in the outcome. What ``make_sink`` and its sinks raise passes through.

        Args:
            entry: as listed.
            make_sink: makes a fresh sink for each state that is begun.
        """
        now = entry
        overwritten = 0
        fault = None
        while overwritten < MAX_STATES and fault is None:
            try:
                if overwritten:
                    now = self._as_it_is(now)
                return self._read(entry, now, make_sink(), overwritten)
            except OverwrittenError:
                overwritten += 1
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

    def _as_it_is(self, entry: ObjectRef) -> ObjectRef:
        """The object as it is now."""
        latest = msgspec.structs.replace(entry, state=msgspec.structs.replace(entry.state, version=None))
        return msgspec.structs.replace(entry, state=self._head(latest).state)

    def _read(self, listed: ObjectRef, now: ObjectRef, sink: S, overwritten: int) -> ReadOutcome[S]:
        state, mismatch = self._feed(now, sink)
        faults = []
        if overwritten:
            message = "overwritten after it was listed; what took its place was examined"
            faults.append(Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, message, overwritten + 1))
        if mismatch is not None:
            message = f"what was read has not the {mismatch} that the store tells of the object"
            faults.append(Fault(Stage.READ, FaultCode.CHECKSUM_MISMATCH, message))
        before = listed.state if overwritten else None
        return ReadOutcome(sink, state, state.size, pinned(state), tuple(faults), before, overwritten + 1)

    def _feed(self, entry: ObjectRef, sink: Sink) -> tuple[ObjectState, str | None]:
        """Feeds one state; gives it as the store tells it, and the checksum that does not agree, if one does not."""
        if entry.state.size <= PART_BYTES:
            piece = self._fetch(entry, None)
            state, checksum, pieces = piece.state or entry.state, piece.checksum, iter((piece,))
        else:
            # At once with the question what the store says of the whole: a far store answers late.
            first = self._parts.submit(self._fetch, entry, ByteRange(0, PART_BYTES - 1))
            head = self._head(entry)
            if head.state.etag != entry.state.etag:
                first.cancel()
                raise OverwrittenError
            state, checksum = head.state, head.checksum
            pieces = self._fetch_parts(msgspec.structs.replace(entry, state=state), first)
        comparison = Comparison(checksum)
        for piece in pieces:
            for chunk in piece.chunks:
                comparison.update(chunk)
                sink.update(memoryview(chunk))
        return state, comparison.mismatch()

    def _fetch_parts(self, entry: ObjectRef, first: Future[_Piece]) -> Iterator[_Piece]:
        size = entry.state.size
        spans = (ByteRange(start, min(start + PART_BYTES, size) - 1) for start in range(PART_BYTES, size, PART_BYTES))
        pieces = (self._parts.submit(self._fetch, entry, span) for span in spans)
        window = 1
        ahead = [first]
        try:
            while ahead:
                piece = ahead.pop(0).result()
                if piece.size < SLOW_BYTES_PER_S * piece.took_s:
                    window = min(window * 2, PARTS_AHEAD)
                yield piece
                ahead.extend(islice(pieces, window - len(ahead)))
        finally:
            for future in ahead:
                future.cancel()

    def _fetch(self, entry: ObjectRef, span: ByteRange | None) -> _Piece:
        """Fetches a whole object or a span of it, going on where a broken answer ended.

        Raises:
            OverwrittenError: another state took its place.
            _FailedError: no attempt succeeds.
        """
        piece = _Piece([], 0)
        attempts = Retry(self._policy)
        begun_s = time.monotonic()
        while True:
            try:
                self._resume(entry, span, piece)
            except StoreError as error:
                _wait(attempts, error, piece.size)
            else:
                piece.took_s = time.monotonic() - begun_s
                return piece

    def _resume(self, entry: ObjectRef, span: ByteRange | None, piece: _Piece) -> None:
        size = entry.state.size
        first, last = (0, size - 1) if span is None else (span.first, span.last)
        whole = span is None and not piece.size
        reply = self._store.get(entry, None if whole else ByteRange(first + piece.size, last))
        try:
            if reply.head.state.size != size:
                raise StoreError(FaultCode.IO_ERROR, f"listed with {size} bytes, sent with {reply.head.state.size}")
            if piece.state is None:
                piece.state, piece.checksum = reply.head.state, reply.head.checksum
            while data := reply.read(self._throttle.acquire()):
                piece.chunks.append(data)
                piece.size += len(data)
                self._throttle.consume(len(data))
        finally:
            reply.close()
        if piece.size != last + 1 - first:
            raise StoreError(FaultCode.IO_ERROR, "the store's answer ended early", transient=True)


def _wait(attempts: Retry, error: StoreError, position: int) -> None:
    """Waits before the next attempt.

    Raises:
        _FailedError: there is none.
    """
    if not attempts.wait(transient=error.transient, position=position):
        stage = Stage.READ if error.transient else Stage.OPEN
        raise _FailedError(Fault(stage, error.code, str(error), attempts.failures)) from error


def _unread(entry: ObjectRef, overwritten: int, fault: Fault | None) -> ReadOutcome[S]:
    if fault is None:
        message = "overwritten whenever it was read"
        fault = Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, message, overwritten)
    elif overwritten:
        fault = msgspec.structs.replace(fault, message=f"overwritten after it was listed; then {fault.message}")
    return ReadOutcome(None, None, 0, pinned(entry.state), (fault,), attempts=fault.attempts)
