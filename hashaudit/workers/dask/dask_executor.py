"""The executor on a Dask cluster: batches in, events out, without long blocking calls."""

import asyncio
import contextlib
import queue
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Generic, Self

from hashaudit.errors import HostError
from hashaudit.workers.dask.assignment import Assignment
from hashaudit.workers.dask.cluster_settings import ClusterSettings, Failure, Notice, Ready
from hashaudit.workers.dask.coordinator import END_TIMEOUT_S, Coordinator, Message
from hashaudit.workers.local.pool import POLL_S
from hashaudit.workers.protocol import WorkerConfig
from hashaudit.workers.tasks import Completed, ContextT, Event, InProgress, Task

HOLD_TIMEOUT_S = 5.0
"""Time for all workers to confirm a pause. One that does not answer continues with its batches."""

LEAVE_TIMEOUT_S = END_TIMEOUT_S + 20.0
"""Time for the coordinator to leave, each step of which has its own limit."""


class DaskExecutor(Generic[ContextT]):
    """Examines on a Dask cluster. Implements :class:`hashaudit.workers.executor.Executor`.

    Args:
        settings: of the cluster.
        report: receives lines for the user; called only from within other calls.
    """

    def __init__(self, settings: ClusterSettings, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._report = report
        self._lock = threading.Lock()
        self._assignment: Assignment[ContextT] = Assignment()
        self._inbox: queue.SimpleQueue[Message[ContextT]] = queue.SimpleQueue()
        self._pending = 0
        self._sandbox: tuple[str, ...] | None = None
        self._loop = asyncio.new_event_loop()
        self._config: asyncio.Future[WorkerConfig] = self._loop.create_future()
        self._coordinator: Coordinator[ContextT] = Coordinator(
            settings, secrets.token_hex(16), self._assignment, self._lock, self._inbox.put
        )
        self._thread = threading.Thread(target=self._serve, name="hashaudit-dask", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._coordinator.end)
        self._thread.join(LEAVE_TIMEOUT_S)

    def begin(self, config: WorkerConfig) -> None:
        """Sets what to do with every task."""
        with self._lock:
            self._assignment.decodes = config.perceptual is not None
        self._call(lambda: self._config.set_result(config))

    def poll_ready(self) -> tuple[str, ...] | None:
        """Waits a moment for a decision on every present worker; then returns the layers in force in all of them.

        Raises:
            HostError: the scheduler cannot be reached, or no worker can be used.
        """
        if self._sandbox is None:
            self._receive(POLL_S)
        return self._sandbox

    def submit(self, tasks: Sequence[Task[ContextT]], *, urgent: bool = False) -> None:
        """Queues a batch. Urgent batches go before the others."""
        self._pending += len(tasks)
        with self._lock:
            self._assignment.add(tasks, urgent=urgent)
        self._call(self._coordinator.hand_out)

    def collect(self, timeout_s: float) -> list[Event[ContextT]]:
        """Returns the events since the last call; waits up to ``timeout_s`` for one.

        Raises:
            HostError: there has been no worker for too long.
        """
        events = self._receive(timeout_s)
        while not self._inbox.empty():
            events += self._receive(0)
        self._pending -= sum(len(event.tasks) if isinstance(event, Completed) else 1 for event in events)
        return events

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops all reading while inside the context. A worker that joins meanwhile is assigned nothing."""
        self._wait(self._coordinator.control("pause"))
        try:
            yield
        finally:
            self._wait(self._coordinator.control("resume"))

    def in_progress(self) -> Iterator[InProgress[ContextT]]:
        """Returns the task of each busy process as of its last report, about a second ago."""
        for member in list(self._coordinator.members.by_address.values()):
            for busy in member.busy:
                with self._lock:
                    task = self._assignment.task(member.address, busy.batch, busy.item)
                if task is not None:
                    yield InProgress(task, busy.pid, busy.offset, member.seen_s - busy.elapsed_s, member.address)

    def bytes_read(self) -> int:
        """Returns the bytes read so far, as far as workers have reported."""
        return self._coordinator.members.bytes_read

    @property
    def queued(self) -> int:
        """Number of batches that no worker has."""
        with self._lock:
            return self._assignment.queued

    @property
    def idle(self) -> bool:
        """True if nothing is queued, in progress or waiting to be collected."""
        return self._pending == 0

    @property
    def workers(self) -> int:
        """Number of processes that examine, on all Dask workers together."""
        return self._coordinator.members.processes

    @property
    def restarts(self) -> int:
        """Number of worker processes that had to be replaced."""
        return self._coordinator.members.restarts

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        # The coordinator handles the errors of what it awaits. Dask leaves other failures, of lost workers, which would
        # only be written to standard error.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        try:
            self._loop.run_until_complete(self._coordinator.serve(self._config))
        finally:
            self._loop.close()

    def _receive(self, timeout_s: float) -> list[Event[ContextT]]:
        try:
            word = self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            if not self._thread.is_alive():
                raise HostError("lost the connection to the Dask cluster") from None
            return []
        match word:
            case Notice(text=text):
                self._report(text)
            case Ready(sandbox=sandbox):
                self._sandbox = sandbox
            case Failure(error=error):
                raise error
            case list():
                return word
        return []

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended and reported why
            self._loop.call_soon_threadsafe(function)

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(TimeoutError, OSError):
            asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(HOLD_TIMEOUT_S)
