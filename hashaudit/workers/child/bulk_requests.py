"""The requests of a worker to one store, which the thread that examines objects also advances.

Handing each object from one thread to another would cost more than the request.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from hashaudit.content.read import Throttle
from hashaudit.objectstores.interface import Answer, Bulk, ByteRange, ObjectRef, StoreError

IN_FLIGHT = 32
"""Parallel requests. At a latency of 30 ms, some 1,000 objects a second."""

WAIT_S = 1.0
"""Longest wait for an event of the network. Other threads end it."""


_NOTHING = Answer(None, [], None)


class Queued(msgspec.Struct, eq=False):
    """A request from its preparation to its answer."""

    request: Any
    settle: Callable[[Answer], None]
    """Called with the answer, in the thread that advances the requests."""
    ticket: Any = None
    is_over: bool = False


class BulkRequests:
    """Sends requests in order, as many at once as a distant store needs.

    Any thread may call :meth:`add` and :meth:`wake`, one thread everything else.

    Args:
        bulk: makes the requests.
        throttle: limits reading.
    """

    def __init__(self, bulk: Bulk, throttle: Throttle) -> None:
        self._bulk = bulk
        self._throttle = throttle
        self._waiting: deque[Queued] = deque()
        self._sent: dict[Any, Queued] = {}

    def prepare(self, entry: ObjectRef, span: ByteRange | None) -> Any | None:
        """See :meth:`hashaudit.objectstores.interface.Bulk.request`."""
        return self._bulk.request(entry, span)

    def add(self, request: Any, settle: Callable[[Answer], None]) -> Queued:
        """Sends a prepared request after those added before."""
        queued = Queued(request, settle)
        self._waiting.append(queued)
        self._bulk.wake()
        return queued

    def send(self, request: Any, settle: Callable[[Answer], None]) -> Queued:
        """Sends a prepared request at once: its answer is the next to be used."""
        queued = Queued(request, settle)
        self._start(queued)
        return queued

    def advance(self) -> None:
        """Waits for an event of the network."""
        self._fill()
        self._throttle.acquire()
        for ticket, answer in self._bulk.run(WAIT_S):
            self._settle(self._sent.pop(ticket), answer)
        # At once, so that the network is busy while the objects that have come are examined.
        self._fill()

    def wait(self, future: Future[Any]) -> None:
        """Advances the requests until another thread is done."""
        future.add_done_callback(lambda _: self._bulk.wake())
        while not future.done():
            self.advance()

    def take(self, queued: Queued) -> Answer:
        """Returns what has arrived; see :meth:`hashaudit.objectstores.interface.Bulk.take`.

        Raises:
            OverwrittenError: as there.
            StoreError: as there.
        """
        return _NOTHING if queued.ticket is None else self._bulk.take(queued.ticket)

    def cancel(self, queued: Queued) -> None:
        """Gives up a request, or the content of its answer."""
        queued.is_over = True
        if queued.ticket is not None:
            self._sent.pop(queued.ticket, None)
            self._bulk.cancel(queued.ticket)
            queued.ticket = None

    def wake(self) -> None:
        """Ends the wait in :meth:`advance`."""
        self._bulk.wake()

    def _fill(self) -> None:
        while self._waiting:
            queued = self._waiting[0]
            if not queued.is_over:
                if self._bulk.active >= IN_FLIGHT:
                    return
                self._start(queued)
            self._waiting.popleft()

    def _start(self, queued: Queued) -> None:
        try:
            queued.ticket = self._bulk.start(queued.request)
        except StoreError as error:
            self._settle(queued, Answer(None, [], error))
        else:
            self._sent[queued.ticket] = queued

    @staticmethod
    def _settle(queued: Queued, answer: Answer) -> None:
        queued.is_over = True
        queued.settle(answer)
