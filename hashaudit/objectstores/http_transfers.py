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

import pycurl

_POLL_EVENTS = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}


class Transfer:
    """One request and what has arrived of its response.

    Args:
        limit_bytes: most bytes of the body that are kept; a longer body ends the request.
        on_bytes: called with the number of bytes of the body that have arrived.
    """

    __slots__ = ("_lines", "_on_bytes", "_room_bytes", "chunks", "error", "handle", "is_overlong", "status")

    def __init__(self, limit_bytes: int, on_bytes: Callable[[int], None]) -> None:
        self.chunks: list[bytes] = []
        self.status = 0
        """HTTP status; 0: no response has begun."""
        self.error: int | None = None
        """libcurl's code if the response is missing or broken off; ``None``: it is whole."""
        self.is_overlong = False
        self.handle: pycurl.Curl | None = None
        self._lines: list[bytes] = []
        self._room_bytes = limit_bytes
        self._on_bytes = on_bytes

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

    def headers(self) -> dict[str, str] | None:
        """Returns the headers; ``None``: the head has not come to its end.

        Names are in lower case. Of several with one name, the values are joined by commas.
        """
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
        self._options: dict[pycurl.Curl, tuple[tuple[int, str], ...]] = {}
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

    def start(self, transfer: Transfer, url: str, headers: Sequence[str], options: tuple[tuple[int, str], ...]) -> None:
        """Sends a GET request.

        Args:
            transfer: takes the response.
            url: the exact URL, in ASCII. Its path has neither ``.`` nor ``..`` between slashes.
            headers: lines of the head, without line ends.
            options: libcurl's further options. The same ones in each call cost nothing.
        """
        handle = self._free.pop() if self._free else self._new_handle()
        try:
            handle.setopt(pycurl.URL, url)
            handle.setopt(pycurl.HTTPHEADER, list(headers))
            handle.setopt(pycurl.HEADERFUNCTION, transfer.take_header)
            handle.setopt(pycurl.WRITEFUNCTION, transfer.take)
            if self._options.get(handle) is not options:
                for option, value in options:
                    handle.setopt(option, value)
                self._options[handle] = options
            self._multi.add_handle(handle)
        except pycurl.error as error:
            self._options.pop(handle, None)
            handle.close()
            transfer.error = error.args[0]
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

    def _new_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        self._configure(handle)
        return handle

    def _end(self, handle: pycurl.Curl, error: int | None) -> Transfer:
        transfer = self._active.pop(handle)
        transfer.status = handle.getinfo(pycurl.RESPONSE_CODE)
        transfer.error = error
        transfer.handle = None
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
