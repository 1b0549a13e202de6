"""Ranges of large objects that arrive in the thread that examines them, without a thread and a copy for each."""

from concurrent.futures import Future
from typing import Any

from hashaudit.objectstores.interface import Answer, ByteRange, ObjectRef
from hashaudit.workers.child.bulk_requests import BulkRequests


class ArrivingRanges:
    """Requests ranges of one store. Implements :class:`hashaudit.content.read.object_read.Ranges`.

    Args:
        requests: sends them.
    """

    def __init__(self, requests: BulkRequests) -> None:
        self._requests = requests

    def begin(self, entry: ObjectRef, span: ByteRange, *, ahead: bool) -> "ArrivingRange | None":
        """See :class:`hashaudit.content.read.object_read.Ranges`."""
        request = self._requests.prepare(entry, span)
        return None if request is None else ArrivingRange(self._requests, request, ahead=ahead)

    def wait(self, future: Future[Any]) -> None:
        """See :class:`hashaudit.content.read.object_read.Ranges`."""
        self._requests.wait(future)


class ArrivingRange:
    """One range. Implements :class:`hashaudit.content.read.object_read.RangeResponse`.

    Args:
        requests: sends the request.
        request: prepared.
        ahead: send it after those that wait already.
    """

    def __init__(self, requests: BulkRequests, request: Any, *, ahead: bool) -> None:
        self._requests = requests
        self._answer: Answer | None = None
        send = requests.add if ahead else requests.send
        self._queued = send(request, self._settle)

    def receive(self) -> Answer:
        """See :class:`hashaudit.content.read.object_read.RangeResponse`."""
        while self._answer is None:
            arrived = self._requests.take(self._queued)
            if arrived.chunks:
                return arrived
            self._requests.advance()
        answer, self._answer = self._answer, _ENDED
        return answer

    def cancel(self) -> None:
        """See :class:`hashaudit.content.read.object_read.RangeResponse`."""
        self._answer = self._answer or _ENDED
        self._requests.cancel(self._queued)

    def _settle(self, answer: Answer) -> None:
        self._answer = answer


_ENDED = Answer(None, [], None)
