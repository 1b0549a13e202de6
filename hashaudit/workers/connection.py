"""Connects a worker process to its parent: the socket and the shared progress memory.

Where descriptors can be inherited, both are: nothing has a name that another process could open. Elsewhere (Windows)
the worker connects to a port on loopback, proves its identity with a secret from its standard input, and maps the
progress memory by its file name.
"""

import contextlib
import mmap
import os
import socket
from typing import IO

import msgspec

from hashaudit.host.memory import memory_file

CAN_INHERIT_DESCRIPTORS = os.name == "posix"

LOOPBACK = "127.0.0.1"
SECRET_BYTES = 32
CONNECT_TIMEOUT_S = 30.0
"""A worker that has not connected by then did not start."""


class Address(msgspec.Struct, frozen=True):
    """The addresses that a worker reads from its standard input, as one line of JSON."""

    parent_pid: int
    socket_descriptor: int | None = None
    progress_descriptor: int | None = None
    port: int | None = None
    secret: str = ""
    progress_path: str = ""


class Connection:
    """The parent's end. It exists before the worker starts; :meth:`connect` completes it afterwards."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._theirs: socket.socket | None = None
        self._ours: socket.socket | None = None
        if CAN_INHERIT_DESCRIPTORS:
            self._ours, self._theirs = socket.socketpair()
            # Both are closed by connect().
            self._progress: IO[bytes] = memory_file("hashaudit-progress")
            self._progress.truncate(mmap.PAGESIZE)
            self.address = Address(os.getpid(), self._theirs.fileno(), self._progress.fileno())
            self.inherited: tuple[int, ...] = (self._theirs.fileno(), self._progress.fileno())
        else:
            import secrets  # noqa: PLC0415 # start-up: on Windows alone, as below
            import tempfile  # noqa: PLC0415 # as above

            self._listener = socket.create_server((LOOPBACK, 0), backlog=1)
            self._progress = tempfile.NamedTemporaryFile(prefix="hashaudit-progress-", delete=False)  # noqa: SIM115 # as above
            self._progress.truncate(mmap.PAGESIZE)
            port = self._listener.getsockname()[1]
            self.address = Address(
                os.getpid(), port=port, secret=secrets.token_hex(SECRET_BYTES), progress_path=self._progress.name
            )
            self.inherited = ()

    def connect(self) -> tuple[socket.socket, mmap.mmap]:
        """Returns the socket to the started worker and the mapped progress memory. Closes the worker's ends here.

        Raises:
            OSError: the worker does not connect.
        """
        with self._progress:
            progress = mmap.mmap(self._progress.fileno(), mmap.PAGESIZE)
        if self._ours is not None and self._theirs is not None:
            self._theirs.close()
            return self._ours, progress
        try:
            return self._accept(), progress
        except OSError:
            progress.close()
            raise
        finally:
            # The worker maps the progress memory before it connects. A system that keeps mapped files refuses; the file
            # has one page.
            with contextlib.suppress(OSError):
                os.unlink(self.address.progress_path)

    def _accept(self) -> socket.socket:
        if self._listener is None:
            raise OSError("the worker's socket is closed")
        import secrets  # noqa: PLC0415 # start-up, as above

        secret = self.address.secret.encode()
        with self._listener as listener:
            listener.settimeout(CONNECT_TIMEOUT_S)
            while True:
                stream, _ = listener.accept()
                stream.settimeout(CONNECT_TIMEOUT_S)
                with contextlib.suppress(OSError):
                    if secrets.compare_digest(stream.recv(len(secret), socket.MSG_WAITALL), secret):
                        return stream
                stream.close()


def open_connection(address: Address) -> tuple[socket.socket, mmap.mmap]:
    """Opens the worker's end of a :class:`Connection`."""
    if address.socket_descriptor is not None and address.progress_descriptor is not None:
        progress = mmap.mmap(address.progress_descriptor, mmap.PAGESIZE)
        os.close(address.progress_descriptor)
        return socket.socket(fileno=address.socket_descriptor), progress
    with open(address.progress_path, "r+b") as file:
        progress = mmap.mmap(file.fileno(), mmap.PAGESIZE)
    stream = socket.create_connection((LOOPBACK, address.port or 0), timeout=CONNECT_TIMEOUT_S)
    stream.settimeout(None)
    stream.sendall(address.secret.encode())
    return stream, progress
