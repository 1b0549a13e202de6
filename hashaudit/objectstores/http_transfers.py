"""Runs many HTTP requests at once in one thread, through libcurl. Knows nothing of stores.

Source: libcurl's "multi interface", curl_multi_socket_action(3), curl_easy_setopt(3).
"""

import math
import os
import select
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO

import msgspec
import pycurl

_POLL_EVENTS = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}


class Request(msgspec.Struct, frozen=True):
    """A request without a body."""

    url: str
    """The exact URL, in ASCII."""
    headers: Sequence[str]
    """Lines of the head, without line ends."""
    options: Sequence[tuple[int, str | int]]
    """libcurl's further options. If the same object is in each request, it costs nothing."""
    is_head: bool = False
    """HEAD instead of GET."""


class Transfer:
    """One request and what has arrived of its response.

    Args:
        limit_bytes: most bytes of the body that are kept; a longer body ends the request.
        on_bytes: called with the number of bytes of the body that have arrived.
    """

    __slots__ = (
        "_lines",
        "_on_bytes",
        "_room_bytes",
        "_status",
        "chunks",
        "error",
        "handle",
        "is_overlong",
        "longest_bytes",
    )

    def __init__(self, limit_bytes: int, on_bytes: Callable[[int], None]) -> None:
        self.chunks: list[bytes] = []
        """Bytes of the body that have arrived and have not been drained."""
        self._status = 0
        self.error: int | None = None
        """libcurl's code if the response is missing or broken off; ``None``: it is whole."""
        self.is_overlong = False
        self.longest_bytes = 0
        """Longest body that libcurl takes; 0: any."""
        self.handle: pycurl.Curl | None = None
        self._lines: list[bytes] = []
        self._room_bytes = limit_bytes
        self._on_bytes = on_bytes

    @property
    def status(self) -> int:
        """HTTP status; 0: no response has begun."""
        return self._status if self.handle is None else int(self.handle.getinfo(pycurl.RESPONSE_CODE))

    @property
    def has_begun(self) -> bool:
        """True if the head of the final response is complete: its body has begun, or all has ended."""
        return self.handle is None or bool(self.chunks)

    def end(self, error: int | None) -> None:
        """Notes that the request is over. Called by what runs it."""
        if self.handle is not None:
            self._status = self.status
        self.error = error
        self.handle = None

    def beginning(self) -> bytes:
        """Returns the beginning of the body that has not been drained, such as that of a refusal."""
        return b"".join(self.chunks)

    def drain(self) -> list[bytes]:
        """Returns what has arrived of the body since the last call."""
        chunks, self.chunks = self.chunks, []
        return chunks

    @property
    def take_header(self) -> Callable[[bytes], None]:
        """Takes one line of the head, which libcurl limits. It calls it also for earlier heads and trailers."""
        return self._lines.append

    def take(self, data: bytes) -> int | None:
        """Takes bytes of the body. libcurl calls it."""
        self._on_bytes(len(data))
        if len(data) > self._room_bytes:
            self.is_overlong = True
            data = data[: self._room_bytes]
        self._room_bytes -= len(data)
        if data:
            self.chunks.append(data)
        return -1 if self.is_overlong else None

    @property
    def take_body(self) -> Callable[[bytes], int | None]:
        """Takes bytes of the body."""
        return self.take

    def headers(self) -> dict[str, str] | None:
        """Returns the headers; ``None``: the head of the server, not only that of a proxy, has not come to its end.

        Names are in lower case. Of several with one name, the values are joined by commas.
        """
        if not self.status:
            return None
        headers: dict[str, str] = {}
        has_ended = False
        for line in self._lines:
            text = line.decode("latin-1")
            name, _, value = text.partition(":")
            name = name.lower()
            if text.startswith("HTTP/"):
                headers.clear()
                has_ended = False
            elif not text.strip():
                has_ended = True
            elif not has_ended:
                value = value.strip()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers if has_ended else None


class LargeTransfer(Transfer):
    """A request whose response is used in large pieces. libcurl passes on 16 KiB at a time, without Python's help here.

    Args:
        limit_bytes: most bytes of the body; a longer body ends the request with :data:`pycurl.E_FILESIZE_EXCEEDED`.
        on_bytes: called by :meth:`count`.
        buffer: takes the body; empty, perhaps with memory of an earlier body.
    """

    __slots__ = ("_counted_bytes", "_pieces", "_times", "buffer")

    def __init__(self, limit_bytes: int, on_bytes: Callable[[int], None], buffer: BytesIO) -> None:
        super().__init__(0, on_bytes)
        self.longest_bytes = limit_bytes
        self.buffer = buffer
        self._counted_bytes = 0
        self._pieces: list[memoryview] = []
        self._times = (0.0, 0.0)

    @property
    def has_content(self) -> bool:
        """True if bytes have arrived that were not drained."""
        return bool(self.buffer.tell())

    @property
    def take_body(self) -> Callable[[bytes], int | None]:
        """Takes bytes of the body."""
        return self.buffer.write

    def beginning(self) -> bytes:
        """Returns what has arrived of the body and has not been drained."""
        return self.buffer.getvalue()[: self.buffer.tell()]

    def times(self) -> tuple[float, float]:
        """Returns the seconds from the request to the first and to the last byte of a response that has ended."""
        return self._times

    def end(self, error: int | None) -> None:
        """Notes that the request is over."""
        if self.handle is not None:
            self._times = self.handle.getinfo(pycurl.STARTTRANSFER_TIME), self.handle.getinfo(pycurl.TOTAL_TIME)
        super().end(error)

    def count(self) -> None:
        """Counts the bytes that have arrived since the last call."""
        new_bytes = self.buffer.tell() - self._counted_bytes
        if new_bytes:
            self._counted_bytes += new_bytes
            self._on_bytes(new_bytes)

    def release(self) -> None:
        """Lets further bytes take the place of those drained last."""
        for piece in self._pieces:
            piece.release()
        self._pieces.clear()

    def drain_piece(self) -> memoryview:
        """Returns what has arrived since the last call. It is valid until :meth:`release`; nothing arrives before."""
        self.release()
        size = self.buffer.tell()
        whole = self.buffer.getbuffer()
        self._pieces = [whole[:size], whole]
        self.buffer.seek(0)
        self._counted_bytes = 0
        return self._pieces[0]


class Transfers:
    """The requests of one thread. Only :meth:`wake` may be called by others.

    Args:
        configure: sets the options that all requests share.
        connections: most connections kept open.
    """

    def __init__(self, configure: Callable[[pycurl.Curl], None], connections: int) -> None:
        self._configure = configure
        self._connections = connections
        self._free: list[pycurl.Curl] = []
        self._options: dict[pycurl.Curl, Sequence[tuple[int, str | int]]] = {}
        self._active: dict[pycurl.Curl, Transfer] = {}
        self._failed: deque[Transfer] = deque()
        self._timer_s: float | None = None
        # Not epoll: libcurl adds and removes its connection at each request, which costs a system call each there.
        self._poll = select.poll()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        for descriptor in (self._wake_read, self._wake_write):
            weakref.finalize(self, os.close, descriptor)
        self._poll.register(self._wake_read, select.POLLIN)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)

    @property
    def active(self) -> int:
        """Number of requests that are under way."""
        return len(self._active) + len(self._failed)

    def start(self, transfer: Transfer, request: Request) -> None:
        """Sends a request. The transfer takes the response."""
        handle = self._free.pop() if self._free else pycurl.Curl()
        options = request.options
        try:
            if self._options.get(handle) is not options:
                self._set_options(handle, options)
            handle.setopt(pycurl.URL, request.url)
            handle.setopt(pycurl.HTTPHEADER, list(request.headers))
            handle.setopt(pycurl.NOBODY, request.is_head)
            handle.setopt(pycurl.HEADERFUNCTION, transfer.take_header)
            handle.setopt(pycurl.WRITEFUNCTION, transfer.take_body)
            handle.setopt(pycurl.MAXFILESIZE_LARGE, transfer.longest_bytes)
            self._multi.add_handle(handle)
        except pycurl.error as error:
            self._options.pop(handle, None)
            handle.close()
            transfer.end(error.args[0])
            self._failed.append(transfer)
            return
        transfer.handle = handle
        self._active[handle] = transfer

    def run(self, timeout_s: float) -> list[Transfer]:
        """Advances all requests and returns those that ended.

        Args:
            timeout_s: longest wait for an event, in seconds.
        """
        finished = list(self._failed)
        self._failed.clear()
        if finished:
            return finished
        if self._timer_s is not None:
            timeout_s = min(timeout_s, max(0.0, self._timer_s - time.monotonic()))
        for descriptor, events in self._poll.poll(math.ceil(timeout_s * 1000)):
            if descriptor == self._wake_read:
                os.read(self._wake_read, 4096)
            else:
                self._multi.socket_action(descriptor, _action(events))
        if self._timer_s is not None and self._timer_s <= time.monotonic():
            self._timer_s = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        more = 1
        while more:
            more, succeeded, failed = self._multi.info_read()
            finished += [self._end(handle, None) for handle in succeeded]
            finished += [self._end(handle, code) for handle, code, _ in failed]
        return finished

    def cancel(self, transfer: Transfer) -> None:
        """Gives up a request and closes its connection."""
        if transfer.handle is not None:
            self._end(transfer.handle, pycurl.E_ABORTED_BY_CALLBACK)

    def wake(self) -> None:
        """Ends the wait in :meth:`run`. Any thread may call it."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # the pipe is full of such bytes

    def _set_options(self, handle: pycurl.Curl, options: Sequence[tuple[int, str | int]]) -> None:
        handle.reset()  # what other requests have set must not stay
        handle.setopt(pycurl.NOSIGNAL, 1)
        self._configure(handle)
        for option, value in options:
            handle.setopt(option, value)
        self._options[handle] = options

    def _end(self, handle: pycurl.Curl, error: int | None) -> Transfer:
        transfer = self._active.pop(handle)
        transfer.end(error)
        self._multi.remove_handle(handle)
        self._free.append(handle)
        return transfer

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what != pycurl.POLL_REMOVE:
            self._poll.register(descriptor, _POLL_EVENTS[what])
        else:
            with suppress(KeyError):
                self._poll.unregister(descriptor)

    def _set_timer(self, timeout_ms: int) -> None:
        self._timer_s = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000


def _action(events: int) -> int:
    """Returns libcurl's name for the events of a connection."""
    if events == select.POLLIN:
        return int(pycurl.CSELECT_IN)
    action: int = pycurl.CSELECT_IN if events & select.POLLIN else 0
    if events & select.POLLOUT:
        action |= pycurl.CSELECT_OUT
    if events & ~(select.POLLIN | select.POLLOUT):
        action |= int(pycurl.CSELECT_ERR)
    return action
