"""The server's side of :mod:`hashaudit.host.fork_server`.

Each process is started by a short-lived process between it and the server. The parent adopts orphans, so the new
process becomes the parent's child when the one between them ends. It begins only at the server's word, after that.
"""

import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hashaudit.host.process import die_with_parent, has_one_thread, name_process

MAX_REQUEST_BYTES = 65_536
MAX_DESCRIPTORS = 8

SERVER_NAME = "ha-starter"
PROCESS_NAME = "ha-worker"
"""Names for ps(1), not that of the command: a signal to all processes of its name is for the parent."""

_BEGIN = b"b"
_ADOPTED = b"a"
_STRANGER = b"s"


class Load(msgspec.Struct, frozen=True, tag="load", array_like=True):
    """A request to call a function. It has no reply."""

    function: str
    argument: bytes


class Fork(msgspec.Struct, frozen=True, tag="fork", array_like=True):
    """A request to start a process, which comes with its descriptors."""

    function: str
    argument: bytes
    parent_pid: int


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The number of a new process; 0: it could not be started."""

    pid: int


_ENCODER = msgspec.msgpack.Encoder()
_REQUEST_DECODER: msgspec.msgpack.Decoder[Load | Fork] = msgspec.msgpack.Decoder(Load | Fork)
REPLY_DECODER = msgspec.msgpack.Decoder(Reply)


def encoded(message: Load | Fork | Reply) -> bytes:
    """Returns the bytes of a message."""
    return _ENCODER.encode(message)


def main() -> None:
    """Serves the process that started this one, which names the descriptor of its socket and itself as arguments."""
    descriptor, parent_pid = map(int, sys.argv[1:3])
    serve(socket.socket(fileno=descriptor), parent_pid)


def serve(stream: socket.socket, parent_pid: int) -> None:
    """Starts processes until the parent closes the connection. No other descriptor above 2 may be open."""
    _leave_parent()
    die_with_parent(parent_pid)
    name_process(SERVER_NAME)
    while True:
        data, descriptors, _, _ = socket.recv_fds(stream, MAX_REQUEST_BYTES, MAX_DESCRIPTORS)
        if not data:
            return
        request = _REQUEST_DECODER.decode(data)
        if isinstance(request, Load):
            _function(request.function)(request.argument)
            if not has_one_thread():
                return  # a copy would lack the other threads, and have their locks
            # Otherwise each collection in a new process would copy all pages of the objects that are here. What is
            # garbage among them is little, and to find it takes longer than to load some modules.
            gc.freeze()
        else:
            _start(stream, request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)


def _leave_parent() -> None:
    """Gives up what a copy of the parent shares with it: terminal, signals, standard streams."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)


def _start(stream: socket.socket, request: Fork, descriptors: Sequence[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            between = os.fork()
            if between == 0:
                _start_between(stream, ours, theirs, request, descriptors)
        # Only now is the new process a child of the parent.
        os.waitpid(between, 0)
        pid = int.from_bytes(ours.recv(8), "little")
        if pid:
            ours.send(_BEGIN)
            if ours.recv(1) != _ADOPTED:
                pid = 0
        stream.send(encoded(Reply(pid)))
        if pid:
            ours.send(_BEGIN)


def _start_between(
    stream: socket.socket, ours: socket.socket, theirs: socket.socket, request: Fork, descriptors: Sequence[int]
) -> None:
    """Starts the process and ends this one."""
    try:
        pid = os.fork()
        if pid == 0:
            _run(stream, ours, theirs, request, descriptors)
        theirs.send(pid.to_bytes(8, "little"))
    finally:
        os._exit(0)


def _run(
    stream: socket.socket, ours: socket.socket, theirs: socket.socket, request: Fork, descriptors: Sequence[int]
) -> None:
    """Runs the function of the request and ends this process."""
    status = 1
    try:
        stream.close()
        ours.close()
        os.setpgid(0, 0)
        name_process(PROCESS_NAME)
        if theirs.recv(1) == _BEGIN:
            is_adopted = os.getppid() == request.parent_pid
            theirs.send(_ADOPTED if is_adopted else _STRANGER)
            if is_adopted and theirs.recv(1) == _BEGIN:
                theirs.close()
                _function(request.function)(list(descriptors), request.argument)
                status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(status)


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
