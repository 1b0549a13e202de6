"""A worker process from start to end. Imports nothing of the command line and never sees the signing key."""

import os
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec

from hashaudit.content.digests.selftest import self_test
from hashaudit.errors import HashauditError
from hashaudit.host.process import die_with_parent, forbid_core_dumps, forbid_new_privileges, raise_open_file_limit
from hashaudit.host.sandbox.sandbox import NO_CORE_DUMPS, NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL
from hashaudit.workers.child.examiner import Examiner, WorkerExhaustedError
from hashaudit.workers.connection import Address, open_connection
from hashaudit.workers.framing import frame, receive
from hashaudit.workers.protocol import (
    BATCH_DECODER,
    CONFIG_DECODER,
    ENCODER,
    PROGRESS_WORDS,
    Message,
    Ready,
    Rejected,
    WorkBatch,
)

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by numpy's linear algebra library when it is loaded, which is later."""

PARENTS_SIGNALS = ("SIGINT", "SIGTSTP", "SIGUSR1", "SIGINFO")


def main() -> None:
    """Serves the parent that is named on standard input until it closes the link."""
    address = msgspec.json.decode(sys.stdin.buffer.read(), type=Address)
    layers = enter_sandbox(address.parent_pid)
    stream, progress = open_connection(address)
    with stream:
        serve(stream, memoryview(progress).cast("q")[:PROGRESS_WORDS], layers)


def enter_sandbox(parent_pid: int) -> tuple[str, ...]:
    """Gives up what a worker never needs; returns the names of the layers that are in force.

    The others follow when all is loaded, in :func:`serve`.
    """
    # The parent decides when a worker ends or pauses; what is sent to all processes by name is for the parent.
    for name in PARENTS_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # The workers are the parallelism: threads of numpy's library inside each would only take turns on the same cores.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    # From here on a traceback could name what a list or a file holds; failures are told as data.
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
    """Takes the plan, then unit after unit, until the parent closes."""
    try:
        request = receive(stream)
        if request is None:
            return
        config = CONFIG_DECODER.decode(request)
        try:
            self_test(config.algorithms)
            examiner = Examiner(config, progress)
        except HashauditError as error:
            _send(stream, Rejected(str(error)))
            return
        if config.stores is None:
            # The libraries of object stores load parts of themselves late, and the sandbox lets them read their code.
            examiner.imports.install()
        if config.sandbox is not None:
            layers += config.sandbox.apply(examiner.space)
        _send(stream, Ready(layers))
        for batch in examiner.ahead(_batches(stream)):
            try:
                answer: Message = examiner.examine_batch(batch)
            except HashauditError as error:
                answer = Rejected(str(error))
            _send(stream, answer)
    except ConnectionError:
        # The parent is gone, and with it whoever could be told.
        return
    except WorkerExhaustedError as error:
        # At once: what was taken may be what an orderly end needs.
        os._exit(error.status)


def _batches(stream: socket.socket) -> Iterator[WorkBatch]:
    while (request := receive(stream)) is not None:
        yield BATCH_DECODER.decode(request)


def _send(stream: socket.socket, message: Message) -> None:
    stream.sendall(frame(ENCODER.encode(message)))
