"""What a run needs of whatever examines its entries: worker processes of this machine, or a cluster."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from hashaudit.workers.protocol import WorkerConfig
from hashaudit.workers.tasks import ContextT, Event, InProgress, Task


class Executor(Protocol[ContextT]):
    """Takes units of jobs and gives back what became of each job, exactly once.

    A context manager: what it starts on entering is gone after leaving.
    """

    def begin(self, config: WorkerConfig) -> None:
        """Says what is to be done with every job."""
        ...

    def wait_ready(self) -> tuple[str, ...]:
        """Waits until it can examine; gives the sandbox layers that are in force wherever it does.

        Raises:
            HostError: it cannot.
        """
        ...

    def submit(self, tasks: Sequence[Task[ContextT]], *, urgent: bool = False) -> None:
        """Queues a unit; urgent ones go before the others."""
        ...

    def collect(self, timeout_s: float) -> list[Event[ContextT]]:
        """What has happened since the last call; waits so long for something.

        Raises:
            HostError: it cannot go on.
        """
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Lets nothing be read."""
        ...

    def in_progress(self) -> Iterator[InProgress[ContextT]]:
        """The job that each busy process is on."""
        ...

    def bytes_read(self) -> int:
        """Bytes read so far, those in the middle of a file included."""
        ...

    @property
    def queued(self) -> int:
        """Units that nobody works on yet."""
        ...

    @property
    def idle(self) -> bool:
        """Nothing is queued, in work or waiting to be collected."""
        ...

    @property
    def workers(self) -> int:
        """Processes that examine, busy or not."""
        ...

    @property
    def restarts(self) -> int:
        """Processes that had to be replaced."""
        ...
