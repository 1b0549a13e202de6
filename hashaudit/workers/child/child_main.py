"""Entry point of a worker process. It imports nothing of the command line and never has the signing key."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial

import msgspec

from hashaudit.content.digests.selftest import self_test
from hashaudit.errors import HashauditError
from hashaudit.host.framing import frame, receive
from hashaudit.host.process import die_with_parent, forbid_core_dumps, forbid_new_privileges, raise_open_file_limit
from hashaudit.host.sandbox.sandbox import NO_CORE_DUMPS, NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.child.internal_errors import WorkerExhaustedError
from hashaudit.workers.child.preload import single_threaded
from hashaudit.workers.connection import Address, open_connection
from hashaudit.workers.protocol import (
    BATCH_DECODER,
    CONFIG_DECODER,
    ENCODER,
    PROGRESS_WORDS,
    Answer,
    Message,
    Ready,
    Rejected,
    WorkBatch,
)

PARENTS_SIGNALS = ("SIGINT", "SIGTSTP", "SIGUSR1", "SIGINFO")


def main() -> None:
    """Serves the parent named on standard input until it closes the connection."""
    _serve_parent(msgspec.json.decode(sys.stdin.buffer.read(), type=Address))


def main_forked(descriptors: list[int], argument: bytes) -> None:
    """Serves the parent in a process that a server has forked: with a socket, and the number of the parent."""
    connection, progress = descriptors
    _serve_parent(Address(int(argument), connection, progress))


def _serve_parent(address: Address) -> None:
    layers = enter_sandbox(address.parent_pid)
    stream, progress = open_connection(address)
    with stream:
        serve(stream, memoryview(progress).cast("q")[:PROGRESS_WORDS], layers)


def enter_sandbox(parent_pid: int) -> tuple[str, ...]:
    """Gives up rights that a worker never needs and returns the layers in force.

    :func:`serve` applies the other layers once everything is loaded.
    """
    # The parent decides when a worker ends or pauses. A signal sent to all processes by name is for the parent.
    for name in PARENTS_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    single_threaded()
    # A traceback could show content of a list or file. Failures are reported as data.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    raise_open_file_limit()
    layers = {
        PARENT_DEATH_SIGNAL: die_with_parent(parent_pid),
        NO_NEW_PRIVILEGES: forbid_new_privileges(),
        NO_CORE_DUMPS: forbid_core_dumps(),
    }
    return tuple(name for name, in_force in layers.items() if in_force)


def serve(stream: socket.socket, progress: memoryview, layers: tuple[str, ...]) -> None:
    """Reads the configuration, then one batch after another, until the parent closes the connection."""
    try:
        request = receive(stream)
        if request is None:
            return
        config = CONFIG_DECODER.decode(request)
        try:
            self_test(config.algorithms)
            examiner = Examiner(config, progress, partial(_send, stream))
        except HashauditError as error:
            _send(stream, Rejected(str(error), error.hint))
            return
        if config.stores is None:
            # The libraries of object stores load parts of themselves late, and the sandbox lets them read their code.
            examiner.imports.install()
        if config.sandbox is not None:
            try:
                examiner.access = config.sandbox.access()
            except HashauditError as error:
                _send(stream, Rejected(str(error), error.hint))
                return
            layers += config.sandbox.apply(examiner.space, examiner.access)
        _send(stream, Ready(layers))
        for batch in examiner.ahead(_batches(stream)):
            try:
                answer: Message = examiner.examine_batch(batch)
            except HashauditError as error:
                answer = Rejected(str(error), error.hint)
            _send(stream, answer)
            if isinstance(answer, Answer) and answer.needs_readers:
                return
    except ConnectionError:
        # The parent is gone, so there is nobody to report to.
        return
    except WorkerExhaustedError as error:
        # At once: an orderly end may need what is exhausted.
        os._exit(error.status)


def _batches(stream: socket.socket) -> Iterator[WorkBatch]:
    while (request := receive(stream)) is not None:
        yield BATCH_DECODER.decode(request)


def _send(stream: socket.socket, message: Message) -> None:
    stream.sendall(frame(ENCODER.encode(message)))
