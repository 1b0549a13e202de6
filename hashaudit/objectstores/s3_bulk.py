"""Makes many requests to S3 at once, in the thread that uses the content.

The reasons are in docs/adr/0063-read-small-objects-with-libcurl.md.
"""

from collections.abc import Callable
from io import BytesIO

import msgspec
import pycurl

from hashaudit.model.faults import FaultCode
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.http_transfers import LargeTransfer, Request, Transfer, Transfers
from hashaudit.objectstores.interface import (
    Answer,
    BulkSettings,
    ByteRange,
    Head,
    ObjectRef,
    OverwrittenError,
    StoreError,
)
from hashaudit.objectstores.s3_access import S3Site
from hashaudit.objectstores.s3_requests import S3Requests

BUFFERS = 4
"""Most buffers of ranges that are kept for further ranges."""


class _Wanted(msgspec.Struct, frozen=True):
    """A request for an object or a range of it, without its signature, which is valid for some minutes."""

    entry: ObjectRef
    span: ByteRange | None
    site: S3Site

    @property
    def size_bytes(self) -> int:
        return self.entry.state.size if self.span is None else self.span.last + 1 - self.span.first


class S3Bulk:
    """Requests objects. Implements :class:`hashaudit.objectstores.interface.Bulk`.

    Args:
        settings: limits, and what to do with arrived bytes.
        requests: makes the requests.
        find_site: finds a bucket.
    """

    def __init__(self, settings: BulkSettings, requests: S3Requests, find_site: Callable[[str], S3Site]) -> None:
        self._settings = settings
        self._requests = requests
        self._find_site = find_site
        self._transfers = Transfers(requests.configure, settings.connections)
        self._wanted: dict[Transfer, _Wanted] = {}
        self._heads: dict[Transfer, Head] = {}
        self._large: set[LargeTransfer] = set()
        self._buffers: list[BytesIO] = []

    @property
    def active(self) -> int:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        return self._transfers.active

    def request(self, entry: ObjectRef, span: ByteRange | None) -> _Wanted | None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        try:
            site = self._find_site(entry.bucket.name)
        except Exception:  # noqa: BLE001 # the store meets the same error and names it
            return None
        return _Wanted(entry, span, site)

    def start(self, request: _Wanted) -> Transfer:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        signed: Request = self._requests.content(request.site, request.entry, request.span)
        limit_bytes = max(request.size_bytes, responses.ERROR_BYTES)
        if request.span is None:
            transfer = Transfer(limit_bytes, self._settings.on_bytes)
        else:
            # A buffer that was filled before has its memory, which the kernel would clear again.
            buffer = self._buffers.pop() if self._buffers else BytesIO()
            transfer = LargeTransfer(limit_bytes, self._settings.on_bytes, buffer)
            self._large.add(transfer)
        self._wanted[transfer] = request
        self._transfers.start(transfer, signed)
        return transfer

    def take(self, ticket: Transfer) -> Answer:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        head = self._heads.get(ticket)
        if not isinstance(ticket, LargeTransfer):
            return Answer(head, [], None)
        ticket.release()
        if not ticket.has_content:
            return Answer(head, [], None)
        if head is None:
            head = self._heads[ticket] = self._accepted(ticket, self._wanted[ticket])
        return Answer(head, [ticket.drain_piece()], None)

    def run(self, timeout_s: float) -> list[tuple[Transfer, Answer]]:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        ended = self._transfers.run(timeout_s)
        for transfer in self._large:
            transfer.count()
        return [(transfer, self._answer(transfer)) for transfer in ended]

    def cancel(self, ticket: Transfer) -> None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        self._wanted.pop(ticket, None)
        self._heads.pop(ticket, None)
        self._transfers.cancel(ticket)
        if isinstance(ticket, LargeTransfer):
            self._large.discard(ticket)
            ticket.release()
            if len(self._buffers) < BUFFERS:
                ticket.buffer.seek(0)
                self._buffers.append(ticket.buffer)
            ticket.buffer = BytesIO()

    def wake(self) -> None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        self._transfers.wake()

    def _answer(self, transfer: Transfer) -> Answer:
        wanted = self._wanted.pop(transfer)
        head = self._heads.pop(transfer, None)
        if isinstance(transfer, LargeTransfer):
            self._large.discard(transfer)
        if head is None:
            try:
                head = self._accepted(transfer, wanted)
            except (StoreError, OverwrittenError) as error:
                return Answer(None, [], error)
        if not isinstance(transfer, LargeTransfer):
            is_broken = transfer.error is not None and not transfer.is_overlong
            return Answer(head, transfer.chunks, responses.curl_failure(transfer.error) if is_broken else None)
        return Answer(head, [transfer.drain_piece()], _failure(transfer), *transfer.times())

    @staticmethod
    def _accepted(transfer: Transfer, wanted: _Wanted) -> Head:
        headers = transfer.headers()
        if headers is None:
            raise responses.curl_failure(transfer.error)
        return responses.accepted(transfer.status, headers, wanted.entry, wanted.span, transfer.beginning)


def _failure(transfer: LargeTransfer) -> StoreError | None:
    if transfer.error == pycurl.E_FILESIZE_EXCEEDED:
        return StoreError(FaultCode.IO_ERROR, "the store sent more of the object than requested")
    return None if transfer.error is None else responses.curl_failure(transfer.error)
