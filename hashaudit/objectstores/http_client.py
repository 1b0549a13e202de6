"""Sends one HTTP request from any thread and waits for its response. Knows nothing of stores."""

import time
from collections.abc import Callable

import pycurl

from hashaudit.objectstores.http_transfers import Request, Transfer, Transfers

SLICE_S = 1.0
"""Longest wait for one event of the network."""


class HttpClient:
    """A client whose connections stay open between requests. May be used by several threads.

    Args:
        configure: sets the options that all requests share.
        wait_s: longest wait for a byte, in seconds.
    """

    def __init__(self, configure: Callable[[pycurl.Curl], None], wait_s: float) -> None:
        self._configure = configure
        self._wait_s = wait_s
        self._idle: list[Transfers] = []

    def open(self, request: Request, limit_bytes: int) -> "OpenResponse":
        """Sends a request and returns its response, of which the head has arrived, or nothing will.

        Args:
            request: what to send.
            limit_bytes: most bytes of the body; a longer body is cut.
        """
        try:
            transfers = self._idle.pop()
        except IndexError:
            transfers = Transfers(self._configure, 1)
        transfer = Transfer(limit_bytes, _ignore)
        transfers.start(transfer, request)
        response = OpenResponse(transfer, transfers, self._idle.append, self._wait_s)
        response.wait()
        return response


class OpenResponse:
    """A response whose body arrives only while it is read. Used by one thread.

    Args:
        transfer: the response.
        transfers: carries out this request only.
        give_back: takes the connection after the end.
        wait_s: longest wait for a byte, in seconds.
    """

    def __init__(
        self, transfer: Transfer, transfers: Transfers, give_back: Callable[[Transfers], None], wait_s: float
    ) -> None:
        self._transfer = transfer
        self._transfers: Transfers | None = transfers
        self._give_back = give_back
        self._wait_s = wait_s
        self._chunks: list[bytes] = []

    @property
    def status(self) -> int:
        """HTTP status; 0: there is no response."""
        return self._transfer.status

    @property
    def error(self) -> int | None:
        """Code of libcurl if the response is missing or broken off; ``None``: it has come so far as it was read."""
        return self._transfer.error

    @property
    def is_overlong(self) -> bool:
        """True if the body was cut because it is too long."""
        return self._transfer.is_overlong

    def headers(self) -> dict[str, str] | None:
        """See :meth:`hashaudit.objectstores.http_transfers.Transfer.headers`."""
        return self._transfer.headers()

    def read(self, limit: int) -> bytes:
        """Returns at most ``limit`` bytes; none at the end, with the reason in :attr:`error`."""
        if not self._chunks:
            self.wait()
            self._chunks = self._transfer.drain()
            self._chunks.reverse()
        if not self._chunks:
            return b""
        data = self._chunks.pop()
        if len(data) > limit:
            self._chunks.append(data[limit:])
            data = data[:limit]
        return data

    def wait(self) -> None:
        """Waits for bytes of the body, or the end."""
        transfers, transfer = self._transfers, self._transfer
        if transfers is None:
            return
        end_s = time.monotonic() + self._wait_s
        while not transfer.has_begun:
            if time.monotonic() > end_s:
                transfers.cancel(transfer)
                transfer.error = pycurl.E_OPERATION_TIMEDOUT
            else:
                transfers.run(SLICE_S)
        if transfer.handle is None:
            self._transfers = None
            self._give_back(transfers)

    def close(self) -> None:
        """Closes the connection, unless all was read and it is kept open for further requests."""
        if self._transfers is not None:
            self._transfers.cancel(self._transfer)
            self._give_back(self._transfers)
            self._transfers = None


def _ignore(_count: int) -> None:
    """Counts nothing: the reader counts what it takes."""
