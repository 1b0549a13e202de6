"""One worker of a pool: its process, the batches that it has, and what it may have been doing when it ends."""

from typing import Generic

import msgspec

from hashaudit.workers.local.watchdog import ProgressMark, Watch
from hashaudit.workers.local.worker_process import ProtocolError, WorkerProcess
from hashaudit.workers.member_spool import MemberSpool
from hashaudit.workers.tasks import ContextT, Task, TaskBatch

CREDIBLE_READS = 4
"""Times that a worker may read its batches while it waits for a grant: three attempts, and one of the parent's."""

CREDIBLE_BYTES = 16 << 20
"""Bytes beyond that, because files grow and sizes of pseudo files are 0."""

MAX_THREADS = 1024
"""More than the fetching of objects and any decoder start: dav1d starts at most 256."""

CENSUS_S = 0.5
"""Interval of the checks of the number of threads."""


class Batch(msgspec.Struct, Generic[ContextT], frozen=True):
    """Tasks that a worker gets at once."""

    tasks: TaskBatch[ContextT]
    urgent: bool
    losses: int = 0
    """Number of workers that ended while they held it."""

    def without(self, first: int, end: int) -> "Batch[ContextT]":
        """Returns the batch without the tasks from ``first`` to before ``end``."""
        return msgspec.structs.replace(self, tasks=self.tasks[:first] + self.tasks[end:])

    def halves(self) -> "tuple[Batch[ContextT], Batch[ContextT]]":
        """Returns both halves. The second is empty for a single task."""
        middle = -(-len(self.tasks) // 2)
        return self.without(middle, len(self.tasks)), self.without(0, middle)


class PooledWorker(Generic[ContextT]):
    """A process, its batches, and its watchdog."""

    def __init__(self, process: WorkerProcess, watch: Watch, number: int) -> None:
        self.process = process
        self.number = number
        """In the order in which workers start, from 1."""
        self.watch = watch
        self.batches: dict[int, Batch[ContextT]] = {}
        self.spools: dict[int, MemberSpool] = {}
        """Results of members of its first batch, by item."""
        self.ready = False
        self.is_deferred = False
        """True if it has not loaded the readers of containers."""
        self.used = False
        """True if it has received a batch."""
        self.position = (0, 0)
        """The last credible position."""
        self.last_number = 0
        """Number of the last batch that it received."""
        self.counted_s = 0.0
        """Time of the last count of its threads."""
        self.taken_before = 0
        """Bytes that it had read when its current item or batch began."""

    @property
    def has_urgent(self) -> bool:
        """True if it has a large file or a task that is tried alone."""
        return any(batch.urgent for batch in self.batches.values())

    def observe(self, now_s: float) -> None:
        """Notes the worker's progress.

        Raises:
            ProtocolError: its position goes back, or is one that it does not have; or it has too many threads.
        """
        process = self.process
        if now_s - self.counted_s > CENSUS_S:
            # No limit of the kernel's would do: it counts the threads of all processes of the user together.
            self.counted_s = now_s
            if process.threads() > MAX_THREADS:
                raise ProtocolError("too many threads")
        position = number, item = process.position()
        batch = self.batches.get(number)
        if batch is not None and item < len(batch.tasks) and position >= self.position:
            if position != self.position:
                self.position = position
                self.taken_before = process.bytes_taken()
        elif position < self.position or batch is not None or number > self.last_number:
            raise ProtocolError("an impossible position")
        # Otherwise the position is still in a batch that was answered.
        progress_bytes = process.bytes_read() + process.bytes_taken() + process.bytes_unpacked()
        mark = ProgressMark(*self.position, progress_bytes, process.is_decoding(), process.member())
        self.watch.observe(mark, now_s)

    def restart(self, now_s: float) -> None:
        """Restarts all time limits, for something that is not the worker's doing."""
        self.watch.restart(now_s)
        self.taken_before = self.process.bytes_taken()

    def is_held_back(self) -> bool:
        """Returns whether the worker credibly waits for a grant: it has not been granted all that it can need."""
        if not self.process.waiting:
            return False
        sizes = sum(batch.tasks.sizes for batch in self.batches.values())
        taken = self.process.bytes_taken() - self.taken_before
        return taken <= CREDIBLE_READS * sizes + CREDIBLE_BYTES

    def blamed(self) -> int | None:
        """Returns the item of the first batch that the worker was on; ``None`` if it had not begun one."""
        first = min(self.batches)
        number, item = self.process.position()
        if number == first and (number, item) >= self.position and item < len(self.batches[first].tasks):
            return item
        return self.position[1] if self.position[0] == first else None

    def task(self) -> Task[ContextT] | None:
        """Returns the task in progress, or ``None`` before the first item of its batches."""
        number, item = self.position
        batch = self.batches.get(number)
        return batch.tasks[item] if batch is not None and item < len(batch.tasks) else None
