"""The pool: units out, answers in, and exactly the item that killed a worker is blamed.

Every worker has its own socket, so the death of one costs no other anything. A worker holds at most
``UNITS_PER_WORKER`` units; the item that it was on when it died is tried once more alone, because an out-of-memory kill
can hit an innocent, and is blamed if that ends the worker again. All its other items go back to the queue.
"""

import contextlib
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import msgspec

from hashaudit.errors import HostError
from hashaudit.host.process import raise_open_file_limit
from hashaudit.model.entry import state_of
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.local.rate_limiter import RateLimiter
from hashaudit.workers.local.watchdog import DeadlineExceeded, Deadlines, ProgressMark, Watch
from hashaudit.workers.local.worker_process import REAP_TIMEOUT_S, ProtocolError, WorkerProcess, describe_end
from hashaudit.workers.protocol import ENCODER, STATUS_CODES, Answer, Ready, Rejected, WorkBatch, WorkerConfig
from hashaudit.workers.tasks import Completed, ContextT, Event, Failed, InProgress, Task, accounted_for, grouped

BATCHES_PER_WORKER = 2
"""One in hand and one waiting, so that a worker never idles while its answer travels."""

ATTEMPTS = 2
"""How often an item may end a worker before it is blamed."""

FAILED_STARTS = 3
"""Workers in a row that die before they are ready, after which the run cannot go on."""

FROZEN_S = 5.0
"""Longer between two looks at the workers than any turn takes: the process was stopped or the machine asleep."""

POLL_S = 0.1
"""How often deadlines and signals are looked at while nothing happens."""


class _Batch(msgspec.Struct, Generic[ContextT], frozen=True):
    tasks: tuple[Task[ContextT], ...]
    urgent: bool


class _Worker(Generic[ContextT]):
    """A process, what it holds, and when it was last seen to move."""

    def __init__(self, process: WorkerProcess, watch: Watch) -> None:
        self.process = process
        self.watch = watch
        self.batches: dict[int, _Batch[ContextT]] = {}
        self.ready = False
        self.used = False
        """It was given a unit."""

    def task(self) -> Task[ContextT] | None:
        """What it is on, if it has begun anything that it was given."""
        number, item = self.process.position()
        batch = self.batches.get(number)
        return batch.tasks[item] if batch is not None and item < len(batch.tasks) else None


class Pool(Generic[ContextT]):
    """Runs units on worker processes.

    Use as a context manager: on entering, workers start, which takes them a while that the caller can use; on leaving,
    none is left behind, whatever happened. Give them their plan with :meth:`begin`.

    Args:
        workers: how many processes.
        deadlines: a worker that takes longer over an item is ended and the item blamed.
        max_rate_bytes_per_s: how much all workers together read from storage in a second; ``None``: no limit.
        spawn: makes a process; tests replace it.
    """

    def __init__(
        self,
        *,
        workers: int,
        deadlines: Deadlines,
        max_rate_bytes_per_s: int | None = None,
        spawn: Callable[[], WorkerProcess] = WorkerProcess,
    ) -> None:
        self._config: bytes | None = None
        self._decodes = False
        self._count = workers
        self._deadlines = deadlines
        self._spawn = spawn
        self._rate_limiter = RateLimiter(max_rate_bytes_per_s)
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker[ContextT]] = []
        self._queue: deque[_Batch[ContextT]] = deque()
        self._urgent: deque[_Batch[ContextT]] = deque()
        self._suspects: deque[Task[ContextT]] = deque()
        self._events: deque[Event[ContextT]] = deque()
        self._next_number = 1
        self._failed_starts = 0
        self._finished_bytes = 0
        self._polled_s = time.monotonic()
        self.sandbox: tuple[str, ...] | None = None
        """Layers in force in the workers; ``None`` until the first is ready."""
        self.restarts = 0

    def __enter__(self) -> "Pool[ContextT]":
        # Each worker takes two descriptors here.
        raise_open_file_limit()
        for _ in range(self._count):
            self._start_worker()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.end()
        end_s = time.monotonic() + REAP_TIMEOUT_S
        for worker in self._workers:
            worker.process.reap(max(0.0, end_s - time.monotonic()))
        self._workers.clear()
        self._selector.close()

    @property
    def queued(self) -> int:
        """Units that no worker has yet."""
        return len(self._queue) + len(self._urgent) + len(self._suspects)

    @property
    def idle(self) -> bool:
        """Nothing is queued, in work or waiting to be collected."""
        return not (self.queued or self._events or any(worker.batches for worker in self._workers))

    def bytes_read(self) -> int:
        """Bytes read by all workers so far, those in the middle of a file included."""
        return self._finished_bytes + sum(worker.process.bytes_read() for worker in self._workers)

    def set_rate(self, bytes_per_s: int) -> None:
        """Changes how much all workers together read in a second, of a pool that was made with a limit."""
        self._rate_limiter.set_rate(bytes_per_s)

    @property
    def workers(self) -> int:
        """Processes that there are, busy or not."""
        return len(self._workers)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Lets the workers read nothing. None is blamed for the time that this takes."""
        processes = [worker.process for worker in self._workers]
        self._rate_limiter.pause(processes)
        try:
            yield
        finally:
            self._rate_limiter.resume(processes)
            self._polled_s = time.monotonic()
            for worker in self._workers:
                worker.watch.restart(self._polled_s)

    def in_progress(self) -> Iterator[InProgress[ContextT]]:
        """The job that each busy worker is on at this moment."""
        for worker in self._workers:
            task = worker.task()
            if task is not None:
                process = worker.process
                yield InProgress(task, process.process.pid, process.offset(), process.begun_s())

    def submit(self, tasks: Sequence[Task[ContextT]], *, urgent: bool = False) -> None:
        """Queues a unit. Urgent ones (large files) go before the others, so that none is left for the end alone."""
        (self._urgent if urgent else self._queue).append(_Batch(tuple(tasks), urgent))
        self._hand_out()

    def begin(self, config: WorkerConfig) -> None:
        """Tells every worker, and each that is started later, what it has to do."""
        self._config = ENCODER.encode(config)
        self._decodes = config.perceptual is not None
        for worker in self._workers:
            self._send_config(worker)

    def wait_ready(self, timeout_s: float = 30.0) -> tuple[str, ...]:
        """Waits for the first worker and returns the sandbox layers in force.

        Raises:
            HostError: no worker becomes ready.
        """
        end_s = time.monotonic() + timeout_s
        while self.sandbox is None:
            if time.monotonic() > end_s:
                raise HostError(f"no worker process was ready within {timeout_s:.0f} s")
            self._poll(POLL_S)
        return self.sandbox

    def collect(self, timeout_s: float = POLL_S) -> list[Event[ContextT]]:
        """What has happened since the last call; waits up to ``timeout_s`` for something.

        Raises:
            HostError: workers cannot be started.
        """
        self._poll(0 if self._events else timeout_s)
        events = list(self._events)
        self._events.clear()
        return events

    def _poll(self, timeout_s: float) -> None:
        timeout_s = min(timeout_s, self._rate_limiter.interval_s or timeout_s)
        for key, mask in self._selector.select(timeout_s):
            worker: _Worker[ContextT] = key.data
            if mask & selectors.EVENT_WRITE:
                worker.process.flush()
                self._update_selector(worker)
            if mask & selectors.EVENT_READ:
                self._receive(worker)
        self._rate_limiter.refill([worker.process for worker in self._workers])
        self._end_late_workers()
        self._hand_out()

    def _start_worker(self) -> None:
        try:
            process = self._spawn()
        except OSError as error:
            raise HostError(f"cannot start a worker process: {error.strerror}") from error
        worker: _Worker[ContextT] = _Worker(process, Watch(self._deadlines, time.monotonic()))
        self._selector.register(process.socket, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        self._rate_limiter.register(process)
        self._send_config(worker)

    def _send_config(self, worker: _Worker[ContextT]) -> None:
        if self._config is not None:
            worker.watch.restart(time.monotonic())
            worker.process.send(self._config)
            self._update_selector(worker)

    def _update_selector(self, worker: _Worker[ContextT]) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.process.wants_to_send else 0)
        self._selector.modify(worker.process.socket, events, worker)

    def _hand_out(self) -> None:
        for worker in self._workers:
            # One that has done nothing yet: what is wrong with it is then the suspect's doing. There is one for each,
            # for the worker that a suspect ended was replaced.
            if self._suspects and worker.ready and not worker.used:
                self._assign(worker, _Batch((self._suspects.popleft(),), urgent=True))
        for depth in range(BATCHES_PER_WORKER):
            for worker in self._workers:
                if not (self._urgent or self._queue):
                    return
                if worker.ready and len(worker.batches) == depth:
                    self._assign(worker, (self._urgent or self._queue).popleft())

    def _assign(self, worker: _Worker[ContextT], batch: _Batch[ContextT]) -> None:
        number = self._next_number
        self._next_number += 1
        if not worker.batches:
            worker.watch.restart(time.monotonic())
        worker.batches[number] = batch
        worker.used = True
        worker.process.send(ENCODER.encode(WorkBatch(number, grouped(batch.tasks))))
        self._update_selector(worker)

    def _receive(self, worker: _Worker[ContextT]) -> None:
        try:
            messages, alive = worker.process.receive()
            for message in messages:
                self._handle(worker, message)
        except ProtocolError:
            alive = False
        if not alive:
            self._replace_worker(worker)

    def _handle(self, worker: _Worker[ContextT], message: Ready | Rejected | Answer) -> None:
        match message:
            case Ready(sandbox=sandbox):
                if self.sandbox not in {None, sandbox}:
                    raise HostError(f"worker processes differ in their sandbox: {self.sandbox} and {sandbox}")
                worker.ready = True
                worker.watch.restart(time.monotonic())
                self.sandbox = sandbox
                self._failed_starts = 0
            case Rejected(reason=reason):
                raise HostError(f"a worker process cannot do its work: {reason}")
            case Answer(number=number):
                batch = worker.batches.get(number)
                if batch is None or not accounted_for(message, batch.tasks):
                    raise ProtocolError("an answer to what was not asked")
                del worker.batches[number]
                worker.watch.restart(time.monotonic())
                self._events.append(Completed(batch.tasks, message))

    def _end_late_workers(self) -> None:
        now_s = time.monotonic()
        frozen = now_s - self._polled_s > FROZEN_S
        self._polled_s = now_s
        for worker in list(self._workers):
            process, watch = worker.process, worker.watch
            watch.observe(
                ProgressMark(*process.position(), process.bytes_read() + process.bytes_taken(), process.is_decoding()),
                now_s,
            )
            if frozen or process.waiting or (worker.ready and not worker.batches):
                # What it does not do is not its own fault: this process stood still, and so may the worker have; it may
                # not read on yet; or it has nothing to do.
                watch.restart(now_s)
            elif not worker.ready:
                if watch.unready(now_s):
                    self._replace_worker(worker)
            else:
                task = worker.task()
                overdue = watch.overdue(None if task is None else state_of(task.entry).size, now_s)
                if overdue is not None:
                    self._replace_worker(worker, overdue)

    def _replace_worker(self, worker: _Worker[ContextT], overdue: DeadlineExceeded | None = None) -> None:
        """Takes a dead or overdue worker away, gives its items back, and starts another in its place."""
        self._selector.unregister(worker.process.socket)
        self._workers.remove(worker)
        number, item = worker.process.position()
        self._finished_bytes += worker.process.bytes_read()
        status = worker.process.kill()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise HostError(f"worker processes do not start: {describe_end(status)[0]}")
        if worker.ready and worker.batches and number not in worker.batches:
            # It never said which item it was on, so that only the first unit can have ended it.
            self._split(worker.batches.pop(min(worker.batches)), status, overdue)
        for batch_number, batch in worker.batches.items():
            if batch_number != number or item >= len(batch.tasks):
                self._requeue(batch.tasks, urgent=batch.urgent)
                continue
            self._requeue(batch.tasks[:item] + batch.tasks[item + 1 :], urgent=batch.urgent)
            self._retry_alone(batch.tasks[item], status, overdue)
        self.restarts += 1
        self._start_worker()

    def _requeue(self, tasks: tuple[Task[ContextT], ...], *, urgent: bool) -> None:
        if tasks:
            (self._urgent if urgent else self._queue).appendleft(_Batch(tasks, urgent))

    def _split(self, batch: _Batch[ContextT], status: int, overdue: DeadlineExceeded | None) -> None:
        """Halves a unit that ended a worker before any of its items was begun, until one item is left to suspect."""
        if len(batch.tasks) == 1:
            self._retry_alone(batch.tasks[0], status, overdue)
            return
        middle = len(batch.tasks) // 2
        self._requeue(batch.tasks[middle:], urgent=batch.urgent)
        self._requeue(batch.tasks[:middle], urgent=batch.urgent)

    def _retry_alone(self, task: Task[ContextT], status: int, overdue: DeadlineExceeded | None) -> None:
        attempts = task.attempts + 1
        if attempts < ATTEMPTS:
            self._suspects.append(msgspec.structs.replace(task, attempts=attempts))
            return
        message, number = describe_end(status)
        code = STATUS_CODES.get(status, FaultCode.WORKER_CRASHED)
        if overdue is not None:
            code, message = overdue.code, overdue.message
        decoding = self._decodes and task.decode
        fault = Fault(Stage.DECODE if decoding else Stage.READ, code, message, attempts, number)
        if decoding:
            # The decoder is the first to suspect: without it the file's digests are still to be had.
            self._suspects.append(msgspec.structs.replace(task, decode=False, report=True, suspicion=fault))
        else:
            self._events.append(Failed(task, fault))
