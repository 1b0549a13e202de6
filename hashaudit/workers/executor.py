"""The interface of an executor, which examines entries in local worker processes or on a Dask cluster."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from hashaudit.workers.protocol import WorkerConfig
from hashaudit.workers.tasks import ContextT, Event, InProgress, Task


class Executor(Protocol[ContextT]):
    """Examines batches of tasks and returns the outcome of each task exactly once.

    A context manager. It stops everything it started when it exits.
    """

    def begin(self, config: WorkerConfig) -> None:
        """Sets what to do with every task."""
        ...

    def poll_ready(self) -> tuple[str, ...] | None:
        """Waits a moment for the workers; returns the sandbox layers in force in all of them once they are ready.

        Raises:
            HostError: they cannot become ready.
        """
        ...

    def submit(self, tasks: Sequence[Task[ContextT]], *, urgent: bool = False) -> None:
        """Queues a batch. Urgent batches go before the others."""
        ...

    def collect(self, timeout_s: float) -> list[Event[ContextT]]:
        """Returns the events since the last call; waits up to ``timeout_s`` for one.

        Raises:
            HostError: the executor cannot continue.
        """
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Stops all reading while inside the context."""
        ...

    def in_progress(self) -> Iterator[InProgress[ContextT]]:
        """Returns the task that each busy process examines."""
        ...

    def bytes_read(self) -> int:
        """Returns the bytes read so far, including those of files in progress."""
        ...

    @property
    def queued(self) -> int:
        """Number of batches that no worker has."""
        ...

    @property
    def idle(self) -> bool:
        """True if nothing is queued, in progress or waiting to be collected."""
        ...

    @property
    def workers(self) -> int:
        """Number of processes that examine, busy or not."""
        ...

    @property
    def restarts(self) -> int:
        """Number of processes that had to be replaced."""
        ...
