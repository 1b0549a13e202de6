"""A process that starts others as copies of itself, so that what they need is imported once.

It starts before its parent has anything secret, and never gets anything secret. A started process is a child of the
parent, not of the server: exit status, parent-death signal and identity are those of any other child
(docs/adr/0092-fork-workers-from-a-server.md).
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hashaudit.host.fork_server_loop import REPLY_DECODER, Fork, Load, Reply, encoded, serve
from hashaudit.host.process import adopt_orphans, has_one_thread, is_adopting_orphans

if TYPE_CHECKING:
    import subprocess

MAX_MESSAGE_BYTES = 65_536

MAX_COPIED_DESCRIPTORS = 1 << 16
"""Numbers above that are not closed in a copy."""

_WAIT_STEP_S = 0.01
"""Interval of checks where the kernel cannot wait for a process (before Linux 5.3)."""

_SERVER_CODE = "from hashaudit.host.fork_server_loop import main; main()"


def is_available() -> bool:
    """Returns whether this system can start processes through a server: Linux alone adopts orphans."""
    return sys.platform == "linux" and hasattr(socket, "SOCK_SEQPACKET") and is_adopting_orphans() is not None


class ForkedProcess:
    """A process that a server has started or is about to start."""

    def __init__(self, server: "ForkServer") -> None:
        self._server = server
        self._reply: Reply | None = None
        self._status: int | None = None

    @property
    def is_started(self) -> bool:
        """True if the process is known to exist or to have existed. Does not wait."""
        self._server.take_replies(until=None)
        return self._reply is not None and self._reply.pid > 0

    @property
    def is_refused(self) -> bool:
        """True if the process will never exist. Does not wait."""
        return not self.is_started and (self._reply is not None or self._server.is_lost)

    @property
    def pid(self) -> int:
        """Number of the process; waits for it.

        Raises:
            ProcessLookupError: it could not be started.
        """
        if self._reply is None:
            self._server.take_replies(until=self)
        if self._reply is None or self._reply.pid <= 0:
            raise ProcessLookupError
        return self._reply.pid

    def kill(self) -> None:
        """Ends the process; one that has not started yet ends before it begins.

        Raises:
            ProcessLookupError: it has not started, or has ended.
        """
        if not self.is_started:
            # The server may be busy for long. Its end releases nobody: a new process waits for its word.
            self._server.abandon()
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int | None:
        """Waits for the end; returns the exit status as ``subprocess`` does (-N: signal N), ``None`` if it runs on."""
        if self._status is None:
            self._status = self._reap(timeout_s)
        return self._status

    def take(self, reply: Reply) -> None:
        """Takes the reply of the server."""
        self._reply = reply

    def _reap(self, timeout_s: float) -> int | None:
        end_s = time.monotonic() + timeout_s
        if not self.is_started:
            self._server.take_replies(until=self, timeout_s=timeout_s)
        if self._reply is None or self._reply.pid <= 0:
            return -signal.SIGKILL
        while True:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # the program ignores the end of its children, and the kernel reaped it
                return 0
            if pid:
                return os.waitstatus_to_exitcode(status)
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return None
            self._await_end(left_s)

    def _await_end(self, timeout_s: float) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (OSError, AttributeError):
            time.sleep(min(timeout_s, _WAIT_STEP_S))
            return
        try:
            _await_input(descriptor, timeout_s)
        finally:
            os.close(descriptor)


class _Adoption:
    """Adopts orphans while any server of this program exists: several scans may run at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers = 0
        self._was_active = False

    def begin(self) -> None:
        """Adds a server."""
        with self._lock:
            if not self._servers:
                self._was_active = bool(is_adopting_orphans())
                adopt_orphans(is_active=True)
            self._servers += 1

    def end(self) -> None:
        """Removes a server."""
        with self._lock:
            self._servers -= 1
            if not self._servers and not self._was_active:
                adopt_orphans(is_active=False)


_ADOPTION = _Adoption()


class ForkServer:
    """The server as its parent sees it. A context manager that ends it.

    Args:
        copies: start it as a copy of this process, which must hold nothing secret and have one thread. That takes a
            millisecond instead of the start of an interpreter.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, *, copies: bool) -> None:
        self._pending: list[ForkedProcess] = []
        self._lost = False
        self._adopts = False
        self._popen: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._stream, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                if copies and has_one_thread():
                    self._pid = _copy(theirs)
                else:
                    self._popen = _fresh(theirs)
            except OSError:
                self._stream.close()
                raise
        _ADOPTION.begin()
        self._adopts = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_lost(self) -> bool:
        """True if the server can start nothing any more."""
        return self._lost

    def load(self, function: str, argument: bytes = b"") -> None:
        """Makes the server call a function before it starts the next process. If that fails, the server ends.

        Args:
            function: ``module:function``; it must leave no thread behind.
            argument: for the function.
        """
        with contextlib.suppress(OSError):  # noticed when it is to start a process
            self._send(Load(function, argument), ())

    def fork(self, function: str, descriptors: Sequence[int], argument: bytes = b"") -> ForkedProcess:
        """Starts a copy of the server, which calls a function and ends. Does not wait for it.

        Args:
            function: ``module:function``, called with the list of its descriptors and the argument.
            descriptors: the process gets copies of them. It has no others but the three standard ones, on the null
                device.
            argument: for the function.

        Raises:
            OSError: the server has ended.
        """
        self._send(Fork(function, argument, os.getpid()), descriptors)
        process = ForkedProcess(self)
        self._pending.append(process)
        return process

    def take_replies(self, until: ForkedProcess | None, timeout_s: float | None = None) -> None:
        """Gives the replies that are here to their processes; waits for that of ``until``, at most ``timeout_s``."""
        while self._pending:
            if until in self._pending and not self._lost and not _await_input(self._stream.fileno(), timeout_s):
                return
            try:
                data = self._stream.recv(MAX_MESSAGE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost = True
                self._pending.clear()
                return
            reply = REPLY_DECODER.decode(data)
            self._pending.pop(0).take(reply)
            if reply.pid <= 0:
                # It would fail again.
                self._lost = True

    def abandon(self) -> None:
        """Ends the server. Processes that it has started live on; others never begin."""
        self._lost = True
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
        elif self._pid:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._popen, self._pid = None, 0
        # A process whose reply is still here may have begun.
        self.take_replies(until=None)

    def close(self) -> None:
        """Ends the server. The processes that it started are their owner's to end."""
        self.abandon()
        self._stream.close()
        if self._adopts:
            self._adopts = False
            _ADOPTION.end()

    def _send(self, message: Load | Fork, descriptors: Sequence[int]) -> None:
        if self._lost:
            raise BrokenPipeError
        try:
            socket.send_fds(self._stream, [encoded(message)], list(descriptors))
        except OSError:
            self._lost = True
            raise


def _await_input(descriptor: int, timeout_s: float | None) -> bool:
    """Returns whether a descriptor has input or has ended, after waiting for that."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


def _fresh(stream: socket.socket) -> "subprocess.Popen[bytes]":
    import subprocess  # noqa: PLC0415 # start-up: the command forks

    return subprocess.Popen(
        # -P: never import a hashaudit.py in the current directory.
        [sys.executable, "-P", "-c", _SERVER_CODE, str(stream.fileno()), str(os.getpid())],
        pass_fds=(stream.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _copy(stream: socket.socket) -> int:
    parent_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            kept = stream.fileno()
            os.closerange(3, kept)
            os.closerange(kept + 1, MAX_COPIED_DESCRIPTORS)
            serve(stream, parent_pid)
        finally:
            os._exit(0)
    return pid
