"""One worker process as seen by the parent: start, non-blocking messages, end."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from hashaudit.host.fork_server import ForkedProcess, ForkServer
from hashaudit.host.framing import HEADER, frame
from hashaudit.workers.connection import Connection
from hashaudit.workers.message_size import MAX_MESSAGE_BYTES, check_objects
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    BEGUN_BYTES,
    BEGUN_NS,
    DECODING,
    FED_BYTES,
    MEMBER,
    MESSAGE_DECODER,
    POSITION,
    PROGRESS_WORDS,
    READ_BYTES,
    STATUS_CODES,
    UNPACKED_BYTES,
    WAITING,
    Message,
    parse_position,
)

if TYPE_CHECKING:
    import subprocess

WORKER_CODE = "from hashaudit.workers.child.child_main import main; main()"

WORKER_FUNCTION = "hashaudit.workers.child.child_main:main_forked"

RECEIVE_BYTES = 1 << 18

RECEIVED_AT_ONCE_BYTES = 16 << 20
"""A worker that sends without end does not keep the parent from the others."""

OVERDRAFT_BYTES = 16 * 1024
"""The worker's least read size, which may exceed a grant (hashaudit/workers/child/throttle.py)."""

REAP_TIMEOUT_S = 1.0
"""Longer than the kernel takes to free a worker's memory. A process stuck in the kernel (a dead network mount) survives
SIGKILL and is left behind."""


class ProtocolError(Exception):
    """A worker violated the protocol.

    Args:
        message: the violation, without any text of the worker.
        item: position of the item that the invalid answer is about; ``None``: unknown.
    """

    def __init__(self, message: str, item: int | None = None) -> None:
        super().__init__(message)
        self.item = item


class WorkerProcess:
    """A child that runs :mod:`hashaudit.workers.child.child_main`, its socket and its shared progress memory.

    It is forked from a server that never had the signing key, or a fresh interpreter; a fork of this process would hold
    a copy of the key. It leaves the terminal's process group, so that Ctrl-C reaches only the parent, which ends the
    scan in order.

    A compromised worker can write any number into the progress memory, so every method bounds what it returns.
    """

    _allowed = 0
    """The last grant. The worker can change the copy in the progress memory."""
    _taken = 0
    """The highest credible value of :meth:`bytes_taken`."""

    def __init__(self, code: str = WORKER_CODE, server: ForkServer | None = None) -> None:
        """Starts the child.

        Args:
            code: of a fresh interpreter; tests run other code.
            server: starts the child, unless it has ended.
        """
        link = Connection()
        self.process: ForkedProcess | subprocess.Popen[bytes] = _forked(server, link) or _fresh(code, link)
        self.socket, self._progress_map = link.connect()
        self.socket.setblocking(False)  # noqa: FBT003 # the socket's own signature
        self._progress = memoryview(self._progress_map).cast("q")[:PROGRESS_WORDS]
        self._inbound = bytearray()
        self._outbound = bytearray()

    @property
    def is_refused(self) -> bool:
        """True if the server that was to start the worker has not, and never will."""
        return isinstance(self.process, ForkedProcess) and self.process.is_refused

    def position(self) -> tuple[int, int]:
        """Returns the batch and item in progress; batch 0 before the first."""
        return parse_position(self._progress[POSITION])

    def bytes_read(self) -> int:
        """Returns the bytes of content that the worker has processed since it started, including holes."""
        return max(0, self._progress[FED_BYTES])

    def offset(self) -> int:
        """Returns the position in the current file, bytes."""
        return max(0, self._progress[FED_BYTES] - self._progress[BEGUN_BYTES])

    def begun_s(self) -> float:
        """Returns the start time of the current item on the monotonic clock, which all processes share."""
        return self._progress[BEGUN_NS] / 1e9

    def bytes_taken(self) -> int:
        """Returns the bytes that the worker has read from storage since it started, at most those granted."""
        credible = min(self._progress[READ_BYTES], self._allowed + OVERDRAFT_BYTES)
        self._taken = max(self._taken, credible)
        return self._taken

    def threads(self) -> int:
        """Returns the number of the worker's threads; 1 if the system does not report it."""
        if isinstance(self.process, ForkedProcess) and not self.process.is_started:
            return 1
        try:
            # The kernel adds the threads to the links of this directory (proc_task_getattr in fs/proc/base.c).
            return os.stat(f"/proc/{self.process.pid}/task").st_nlink - 2
        except OSError:
            return 1

    @property
    def waiting(self) -> bool:
        """True if the worker waits for a grant and really has none left."""
        return bool(self._progress[WAITING]) and self._progress[READ_BYTES] >= self._allowed

    def allow(self, taken: int) -> None:
        """Allows reading until the worker has read ``taken`` bytes since it started."""
        self._allowed = taken
        self._progress[ALLOWED_BYTES] = taken

    def member(self) -> int:
        """Returns the number of the member in progress inside the current item, from 1; 0: the item itself."""
        return max(0, self._progress[MEMBER])

    def bytes_unpacked(self) -> int:
        """Returns the bytes of content of members that the worker has unpacked since it started."""
        return max(0, self._progress[UNPACKED_BYTES])

    def is_decoding(self) -> bool:
        """Returns whether the worker decodes an image that it has read."""
        return self._progress[DECODING] != 0

    @property
    def wants_to_send(self) -> bool:
        """True if the socket has not taken everything yet."""
        return bool(self._outbound)

    def send(self, payload: bytes) -> None:
        """Queues a frame and sends as much as the socket takes at once."""
        self._outbound += frame(payload)
        self.flush()

    def flush(self) -> None:
        """Sends as much as the socket takes. A dead worker is detected on receiving, not here."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._outbound:
                sent = self.socket.send(memoryview(self._outbound)[:RECEIVE_BYTES])
                del self._outbound[:sent]

    def receive(self) -> tuple[Iterator[Message], bool]:
        """Returns all complete messages, and whether the worker is alive.

        The iterator raises :class:`ProtocolError` where the data is not a message. What came before it counts, so that
        no answered item is blamed.
        """
        alive = True
        try:
            for _ in range(RECEIVED_AT_ONCE_BYTES // RECEIVE_BYTES):
                data = self.socket.recv(RECEIVE_BYTES)
                if not data:
                    alive = False
                    break
                self._inbound += data
                if self._expected() > MAX_MESSAGE_BYTES:
                    break
        except BlockingIOError:
            pass
        except ConnectionResetError:
            alive = False
        return self._messages(), alive

    def _expected(self) -> int:
        """Returns the length of the message that arrives, once its header is here."""
        return int(HEADER.unpack_from(self._inbound)[0]) if len(self._inbound) >= HEADER.size else 0

    def _messages(self) -> Iterator[Message]:
        while len(self._inbound) >= HEADER.size:
            if self._expected() > MAX_MESSAGE_BYTES:
                raise ProtocolError("a message that is too long")
            end = HEADER.size + self._expected()
            if len(self._inbound) < end:
                return
            # Without a copy, because a message may be long.
            with memoryview(self._inbound) as buffer, buffer[HEADER.size : end] as payload:
                message = _decoded(payload)
            del self._inbound[:end]
            yield message

    def end(self) -> None:
        """Ends the worker at once, without waiting for it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def kill(self) -> int:
        """Ends and reaps the worker; returns its exit status as ``subprocess`` does (-N: signal N)."""
        self.end()
        return self.reap(REAP_TIMEOUT_S)

    def reap(self, timeout_s: float) -> int:
        """Waits up to ``timeout_s`` for the end of a worker and frees its resources."""
        status = _status(self.process, timeout_s)
        self.socket.close()
        self._progress.release()
        with contextlib.suppress(BufferError):
            self._progress_map.close()
        return status


def _forked(server: ForkServer | None, link: Connection) -> ForkedProcess | None:
    if server is None or server.is_lost:
        return None
    try:
        return server.fork(WORKER_FUNCTION, link.inherited, str(os.getpid()).encode())
    except OSError:
        return None


def _status(process: "ForkedProcess | subprocess.Popen[bytes]", timeout_s: float) -> int:
    """Waits for the end of a process; returns how it ended, or is about to."""
    if isinstance(process, ForkedProcess):
        status = process.wait(timeout_s)
        return -signal.SIGKILL if status is None else status
    import subprocess  # noqa: PLC0415 # as in _fresh

    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def _fresh(code: str, link: Connection) -> "subprocess.Popen[bytes]":
    import subprocess  # noqa: PLC0415 # start-up: a scan of the command forks

    process = subprocess.Popen(
        # -P: never import a hashaudit.py in the current directory.
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=link.inherited,
        process_group=0 if os.name == "posix" else None,
    )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(msgspec.json.encode(link.address))
    return process


def _decoded(payload: memoryview) -> Message:
    """Decodes a message.

    Raises:
        ProtocolError: it is not one.
    """
    try:
        check_objects(payload)
        return MESSAGE_DECODER.decode(payload)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        # Not only DecodeError: text that is not UTF-8 raises UnicodeDecodeError, for example. The error itself is not
        # kept, because its message may repeat what the worker sent.
        raise ProtocolError(f"an invalid message: {type(error).__name__}") from None


def describe_end(status: int) -> tuple[str, int | None]:
    """Returns a description of how a worker ended, and the signal that ended it."""
    code = STATUS_CODES.get(status)
    if code is not None:
        return f"the worker process ended: {code.replace('_', ' ')}", None
    if status >= 0:
        return f"the worker process ended with status {status}", None
    number = -status
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"the worker process was ended by {name}", number
