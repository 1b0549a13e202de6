"""Computes the digests of one large file at the same time, each in a thread of its own.

The functions of OpenSSL release Python's lock while they compute, so threads use several cores.
"""

import threading
from collections.abc import Sequence
from queue import SimpleQueue

from hashaudit.content.digests.digest_registry import DIGESTS, Digest
from hashaudit.model.results import AlgorithmName

BLOCKS_AHEAD = 32
"""Blocks that wait for the slowest digest: 8 MiB in blocks of one read."""

_Job = tuple["Running", bytes]


class Running:
    """One running digest, whose blocks a thread adds in their order."""

    __slots__ = ("digest", "failure", "room")

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.failure: BaseException | None = None
        self.room = threading.Semaphore(BLOCKS_AHEAD)

    def add(self, block: bytes) -> None:
        """Adds a block. Keeps a failure for :meth:`result`."""
        try:
            if self.failure is None:
                self.digest.update(block)
        except BaseException as error:  # noqa: BLE001 # raised again in the thread that needs the digest
            self.failure = error
        finally:
            self.room.release()

    def result(self) -> bytes:
        """Waits for all blocks and returns the digest."""
        for _ in range(BLOCKS_AHEAD):
            self.room.acquire()
        for _ in range(BLOCKS_AHEAD):
            self.room.release()
        if self.failure is not None:
            raise self.failure
        return self.digest.digest()


class DigestThreads:
    """Threads of one process, one for each algorithm. They wait for the next file after each."""

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._queues: dict[AlgorithmName, SimpleQueue[_Job]] = {name: SimpleQueue() for name in algorithms}
        self._are_running = False

    def start(self) -> bool:
        """Starts the threads unless they run; returns whether they do."""
        if not self._are_running and len(self._queues) > 1:
            try:
                for number, waiting in enumerate(self._queues.values()):
                    threading.Thread(
                        target=_serve, args=(waiting,), name=f"hashaudit-digest-{number}", daemon=True
                    ).start()
            except (RuntimeError, MemoryError):  # no room for their stacks; those that run wait for nothing
                return False
            self._are_running = True
        return self._are_running

    def digest(self) -> "ParallelDigest":
        """Returns running digests of a new file. The threads run."""
        return ParallelDigest(self._queues)


class ParallelDigest:
    """Running digests of one file in threads."""

    __slots__ = ("_running",)

    def __init__(self, queues: "dict[AlgorithmName, SimpleQueue[_Job]]") -> None:
        self._running = [(name, waiting, Running(DIGESTS[name].new())) for name, waiting in queues.items()]

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes; waits while too many wait for the slowest digest."""
        block = bytes(data)  # the buffer is overwritten by the next read
        for _, waiting, running in self._running:
            running.room.acquire()
            waiting.put((running, block))

    def digests(self) -> dict[AlgorithmName, bytes]:
        """Returns the digests of all bytes so far, by algorithm."""
        return {name: running.result() for name, _, running in self._running}


def _serve(waiting: "SimpleQueue[_Job]") -> None:
    while True:
        running, block = waiting.get()
        running.add(block)
        del running, block
