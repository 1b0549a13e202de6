"""The parent alone: walk, distribution and counting, with workers that answer at once.

python benchmarks/dispatch.py [--files N] [--workers N]...

Prints the processor time of the parent for each file, and the files a second that one parent can distribute.
"""

import argparse
import contextlib
import cProfile
import os
import pstats
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hashaudit.record.schema import EndReason
from hashaudit.record.totals import TotalsCounter
from hashaudit.scan.check_config import checked
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.dispatcher import TaskContext
from hashaudit.scan.main_loop import MainLoop
from hashaudit.sources.local import LocalSource
from hashaudit.workers.executor import Executor
from hashaudit.workers.local.pooled_worker import Batch
from hashaudit.workers.protocol import ENCODER, MESSAGE_DECODER, Answer, WorkBatch, WorkerConfig
from hashaudit.workers.tasks import Completed, Event, InProgress, Task, TaskBatch, accounted_for, grouped

FILES_PER_DIRECTORY = 250


class AtOnce:
    """An executor whose workers need no time. It encodes, decodes and checks messages as the real one does."""

    restarts = 0

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._events: deque[Event[TaskContext]] = deque()
        self._queue: deque[Batch[TaskContext]] = deque()
        self._number = 0

    @property
    def queued(self) -> int:
        """Batches beyond those that the workers hold."""
        return max(0, len(self._queue) - 2 * self.workers)

    @property
    def idle(self) -> bool:
        """Nothing is left."""
        return not (self._queue or self._events)

    def submit(self, tasks: Sequence[Task[TaskContext]], *, urgent: bool = False) -> None:
        """Queues a batch."""
        self._queue.append(Batch(TaskBatch.of(tasks), urgent))

    def collect(self, timeout_s: float = 0.0) -> list[Event[TaskContext]]:
        """Answers one batch for each worker."""
        assert timeout_s >= 0
        found: list[Event[TaskContext]] = []
        for _ in range(min(self.workers, len(self._queue))):
            tasks = self._queue.popleft().tasks
            self._number += 1
            ENCODER.encode(WorkBatch(self._number, grouped(tasks)))
            size = tasks.sizes
            answer = MESSAGE_DECODER.decode(ENCODER.encode(Answer(self._number, (), size, ())))
            assert isinstance(answer, Answer)
            assert accounted_for(answer, tasks)
            found.append(Completed(tasks, answer))
        return found

    def begin(self, config: WorkerConfig) -> None:
        """Needs nothing."""

    def poll_ready(self) -> tuple[str, ...]:
        """Is ready."""
        return ()

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Never reads."""
        return contextlib.nullcontext()

    def in_progress(self) -> Iterator[InProgress[TaskContext]]:
        """Has nothing in progress."""
        return iter(())

    def bytes_read(self) -> int:
        """Reads nothing."""
        return 0


class Nowhere:
    """A writer that counts and keeps nothing."""

    deadline_s = None

    def __init__(self) -> None:
        self.tally = TotalsCounter()

    def write(self, record: object) -> int:
        """Takes a record."""
        assert record is not None
        return 0

    def tick(self) -> None:
        """Has no clock."""

    def checkpoint(self) -> None:
        """Signs nothing."""

    def finish(self, reason: EndReason, exit_code: int) -> None:
        """Ends nothing."""


def make_tree(folder: Path, files: int) -> None:
    """Files of no bytes, 250 in each directory."""
    for first in range(0, files, FILES_PER_DIRECTORY):
        below = folder / f"d{first // FILES_PER_DIRECTORY:05}"
        below.mkdir()
        for number in range(first, min(files, first + FILES_PER_DIRECTORY)):
            os.close(os.open(below / f"f{number}", os.O_CREAT | os.O_WRONLY))


def once(config: ScanConfig, workers: int) -> tuple[float, float, int]:
    """Wall and processor seconds of one walk with its distribution, and the number of files."""
    writer = Nowhere()
    pool: Executor[TaskContext] = AtOnce(workers)
    loop = MainLoop(
        config,
        source=LocalSource(config.roots),
        pool=pool,
        writer=writer,
        control=Control(),
        roots=config.roots,
    )
    wall_s, processor_s = time.perf_counter(), time.process_time()
    for _ in loop.events():
        pass
    return time.perf_counter() - wall_s, time.process_time() - processor_s, writer.tally.seen


def walk_alone(config: ScanConfig) -> float:
    """Processor seconds of the walk without distribution."""
    processor_s = time.process_time()
    for _ in LocalSource(config.roots).walk_runs(None, config.batch_files):
        pass
    return time.process_time() - processor_s


def main() -> None:
    """Measures each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="print where the time of one round goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        make_tree(Path(place), arguments.files)
        config = checked(ScanConfig(roots=(os.fsencode(place),), record=RecordScope.ALL))
        config = msgspec.structs.replace(config, record=RecordScope.FINDINGS)
        once(config, 1)
        if arguments.profile:
            profile = cProfile.Profile()
            profile.runcall(once, config, 16)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        alone_s = statistics.median(walk_alone(config) for _ in range(arguments.rounds))
        print(f"walk alone: {alone_s / arguments.files * 1e6:.1f} us a file")
        for workers in arguments.workers:
            rounds = [once(config, workers) for _ in range(arguments.rounds)]
            files = rounds[0][2]
            processor_s = statistics.median(each[1] for each in rounds)
            print(
                f"{workers:3} workers: {processor_s / files * 1e6:5.1f} us of processor time a file, "
                f"{files / processor_s:,.0f} files a second of it"
            )


if __name__ == "__main__":
    main()
