"""The pool of local worker processes. It attributes a crash to exactly the item that caused it.

Every worker has its own socket, so a crash affects no other worker. A worker holds at most ``BATCHES_PER_WORKER``
batches. The item in progress at a crash is retried once alone, because an out-of-memory kill can hit an innocent item,
and is marked as failed if it ends the worker again. All other items return to the queue.
"""

import contextlib
import math
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import msgspec

from hashaudit.errors import HostError
from hashaudit.host.process import raise_open_file_limit
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.answer_check import AnswerCheck, members_with_own_words, with_own_words
from hashaudit.workers.local.pooled_worker import Batch, PooledWorker
from hashaudit.workers.local.rate_limiter import RateLimiter
from hashaudit.workers.local.watchdog import DeadlineExceeded, Deadlines, Watch
from hashaudit.workers.local.worker_process import REAP_TIMEOUT_S, ProtocolError, WorkerProcess, describe_end
from hashaudit.workers.member_spool import MEMORY_BYTES, PART_MEMORY_BYTES, MemberSpool
from hashaudit.workers.protocol import (
    ENCODER,
    STATUS_CODES,
    Answer,
    Blame,
    InsideConfig,
    MemberFrame,
    Message,
    Ready,
    Rejected,
    WorkBatch,
    WorkerConfig,
)
from hashaudit.workers.tasks import (
    Completed,
    ContextT,
    Event,
    Failed,
    InProgress,
    Task,
    TaskBatch,
    accounted_for,
    grouped,
)

BATCHES_PER_WORKER = 2
"""One in progress and one waiting, so that a worker never idles while its answer travels. Nothing waits behind a large
file, because that may take hours, and another worker may be free a moment later."""

MAX_BLAMES = 64
"""Members of one container that may end workers. With more, the container is not opened at all."""

ATTEMPTS = 2
"""Number of workers that an item may end before it is marked as failed."""

WHOLE_RETRIES = 3
"""Workers that may end while they hold a batch before it is halved each time. It bounds the workers that an item can
end by naming other items of its batch as the cause."""

FAILED_STARTS = 3
"""Number of workers in a row that end before they are ready, after which the scan aborts."""

FROZEN_S = 5.0
"""Longer than any interval between two polls: the process was stopped or the machine was asleep."""

START_TIMEOUT_S = 30.0
"""Time for the first worker to be ready."""

POLL_S = 0.1
"""Interval of the checks for deadlines and signals while nothing happens."""


class _Violation(msgspec.Struct, frozen=True):
    """The reason for ending a worker that violated the protocol."""

    code: FaultCode = FaultCode.WORKER_CRASHED
    message: str = "the worker process violated its protocol; the worker process was ended"
    item: int | None = None
    """Position of the item in its first batch; ``None``: unknown."""


_CANNOT_MATCH = _Violation(
    FaultCode.INTERNAL_ERROR, "the worker process cannot use a list; the worker process was ended"
)


class _ReadersNeededError(Exception):
    """A worker has left a container to others, and examines no more."""


class _CannotMatchError(ProtocolError):
    """A worker rejects its configuration after it was ready."""


class Pool(Generic[ContextT]):
    """Examines batches in worker processes.

    A context manager. Workers start on entry, which takes time that the caller can use; on exit none is left. Configure
    them with :meth:`begin`.

    Args:
        workers: number of processes.
        deadlines: a worker that exceeds one is ended, and its item marked as failed.
        max_rate_bytes_per_s: bytes that all workers together read from storage per second; ``None``: no limit.
        spawn: starts a process.
        prepare: called with the configuration, after which the workers start; ``None``: they start on entry.
        load_readers: called when a worker meets the first container, for the workers that start from then on; ``None``:
            each worker loads the readers of containers at its start.
    """

    def __init__(
        self,
        *,
        workers: int,
        deadlines: Deadlines,
        max_rate_bytes_per_s: int | None = None,
        spawn: Callable[[], WorkerProcess] = WorkerProcess,
        prepare: Callable[[WorkerConfig], None] | None = None,
        load_readers: Callable[[InsideConfig], None] | None = None,
    ) -> None:
        self._config: bytes | None = None
        self._inside: InsideConfig | None = None
        self._loaded_config = b""
        """The configuration of workers that have the readers of containers, while there is none of them."""
        self._load_readers = load_readers
        self._check: AnswerCheck | None = None
        self._decodes = False
        self._count = workers
        self._deadlines = deadlines
        self._spawn = spawn
        self._prepare = prepare
        self._rate_limiter = RateLimiter(max_rate_bytes_per_s)
        self._selector = selectors.DefaultSelector()
        self._workers: list[PooledWorker[ContextT]] = []
        self._queue: deque[Batch[ContextT]] = deque()
        self._urgent: deque[Batch[ContextT]] = deque()
        self._suspects: deque[tuple[int, Task[ContextT]]] = deque()
        """Tasks to retry alone, each with the number of workers that had been started by then."""
        self._started = 0
        self._events: deque[Event[ContextT]] = deque()
        self._next_number = 1
        self._failed_starts = 0
        self._finished_bytes = 0
        self._ready_by_s = math.inf
        self._polled_s = time.monotonic()
        self.sandbox: tuple[str, ...] | None = None
        """Sandbox layers in force in the workers; ``None`` until the first worker is ready."""
        self.restarts = 0

    def __enter__(self) -> "Pool[ContextT]":
        # Each worker takes two descriptors in this process.
        raise_open_file_limit()
        if self._prepare is None:
            self._start_workers()
        return self

    def _start_workers(self) -> None:
        self._ready_by_s = time.monotonic() + START_TIMEOUT_S
        for _ in range(self._count):
            self._start_worker()

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
        """Number of batches that no worker has."""
        return len(self._queue) + len(self._urgent) + len(self._suspects)

    @property
    def idle(self) -> bool:
        """True if nothing is queued, in progress or waiting to be collected."""
        return not (self.queued or self._events or any(worker.batches for worker in self._workers))

    def bytes_read(self) -> int:
        """Returns the bytes that all workers have read, including those of files in progress."""
        return self._finished_bytes + sum(worker.process.bytes_read() for worker in self._workers)

    def set_rate(self, bytes_per_s: int) -> None:
        """Changes the common read rate. The pool must have been created with a rate."""
        self._rate_limiter.set_rate(bytes_per_s)

    @property
    def workers(self) -> int:
        """Number of processes, busy or not."""
        return self._count

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops all reading while inside the context. The pause counts against no deadline."""
        processes = [worker.process for worker in self._workers]
        self._rate_limiter.pause(processes)
        try:
            yield
        finally:
            self._rate_limiter.resume(processes)
            self._polled_s = time.monotonic()
            for worker in self._workers:
                worker.restart(self._polled_s)

    def in_progress(self) -> Iterator[InProgress[ContextT]]:
        """Returns the task that each busy worker is examining."""
        for worker in self._workers:
            task = worker.task()
            if task is not None:
                process = worker.process
                yield InProgress(task, process.process.pid, process.offset(), process.begun_s())

    def submit(self, tasks: Sequence[Task[ContextT]], *, urgent: bool = False) -> None:
        """Queues a batch. Urgent ones (large files) go first, so that none is left alone at the end."""
        (self._urgent if urgent else self._queue).append(Batch(TaskBatch.of(tasks), urgent))
        self._hand_out()

    def begin(self, config: WorkerConfig) -> None:
        """Configures all present and future workers."""
        self._ready_by_s = time.monotonic() + START_TIMEOUT_S
        self._config = ENCODER.encode(config)
        if self._load_readers is not None and config.inside is not None:
            self._inside, self._loaded_config = config.inside, self._config
            inside = msgspec.structs.replace(config.inside, is_deferred=True)
            self._config = ENCODER.encode(msgspec.structs.replace(config, inside=inside))
        self._check = AnswerCheck(config)
        self._decodes = config.perceptual is not None
        for worker in self._workers:
            self._send_config(worker)
        if self._prepare is not None:
            self._prepare(config)
            self._start_workers()

    def poll_ready(self) -> tuple[str, ...] | None:
        """Waits a moment for the first worker; returns the sandbox layers in force once it is ready.

        Raises:
            HostError: no worker is ready within :data:`START_TIMEOUT_S`.
        """
        if self.sandbox is None:
            if time.monotonic() > self._ready_by_s:
                raise HostError(f"no worker process was ready within {START_TIMEOUT_S:.0f} s")
            self._poll(POLL_S)
        return self.sandbox

    def wait_ready(self) -> tuple[str, ...]:
        """Waits for the first worker and returns the sandbox layers in force.

        Raises:
            HostError: no worker becomes ready.
        """
        while (sandbox := self.poll_ready()) is None:
            pass
        return sandbox

    def collect(self, timeout_s: float = POLL_S) -> list[Event[ContextT]]:
        """Returns the events since the last call; waits up to ``timeout_s`` for one.

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
            worker: PooledWorker[ContextT] = key.data
            if mask & selectors.EVENT_WRITE:
                worker.process.flush()
                self._update_selector(worker)
            if mask & selectors.EVENT_READ:
                self._receive(worker)
        self._rate_limiter.refill([worker.process for worker in self._workers])
        self._end_late_workers()
        self._hand_out()

    def _start_worker(self) -> PooledWorker[ContextT]:
        try:
            process = self._spawn()
        except OSError as error:
            raise HostError(f"cannot start a worker process; {error.strerror}") from error
        self._started += 1
        worker: PooledWorker[ContextT] = PooledWorker(process, Watch(self._deadlines, time.monotonic()), self._started)
        self._selector.register(process.socket, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        self._rate_limiter.register(process)
        self._send_config(worker)
        return worker

    def _send_config(self, worker: PooledWorker[ContextT]) -> None:
        if self._config is not None:
            worker.restart(time.monotonic())
            worker.process.send(self._config)
            worker.is_deferred = self._inside is not None
            self._update_selector(worker)

    def _update_selector(self, worker: PooledWorker[ContextT]) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.process.wants_to_send else 0)
        self._selector.modify(worker.process.socket, events, worker)

    def _hand_out(self) -> None:
        if self._suspects:
            self._hand_out_suspects()
        for depth in range(BATCHES_PER_WORKER):
            for worker in self._workers:
                if not (self._urgent or self._queue):
                    return
                if worker.ready and len(worker.batches) == depth and not worker.has_urgent:
                    self._assign(worker, (self._urgent or self._queue).popleft())

    def _hand_out_suspects(self) -> None:
        """Retries each suspect in a fresh worker, so that a crash is its own.

        The worker has also started after the suspect's last crash, because the sandbox of an older one may refuse a
        file that is newer. If no such worker is left, an idle one is replaced.
        """
        expected: list[PooledWorker[ContextT]] = []
        for suspect in tuple(self._suspects):
            since, task = suspect
            # Oldest first: a worker that is too old for one suspect may serve another.
            fresh = [one for one in self._workers if not one.used and one.number > since and one not in expected]
            idle = [one for one in self._workers if one.ready and not one.batches and one not in expected]
            if fresh and fresh[0].ready:
                self._suspects.remove(suspect)
                self._assign(fresh[0], Batch(TaskBatch((task,)), urgent=True))
            elif fresh:
                expected.append(fresh[0])
            elif idle:
                expected.append(self._renew(idle[0]))

    def _renew(self, worker: PooledWorker[ContextT]) -> PooledWorker[ContextT]:
        """Ends a worker that examines nothing, requeues its batches, and returns the new one that replaces it."""
        self._selector.unregister(worker.process.socket)
        self._workers.remove(worker)
        self._finished_bytes += worker.process.bytes_read()
        worker.process.kill()
        for batch in reversed(worker.batches.values()):
            self._requeue(batch)
        return self._start_worker()

    def _renew_with_readers(self, worker: PooledWorker[ContextT]) -> None:
        """Replaces a worker that has found a container by one that has loaded the readers."""
        if self._inside is not None and self._load_readers is not None:
            self._load_readers(self._inside)
            self._inside, self._config = None, self._loaded_config
        self._renew(worker)

    def _assign(self, worker: PooledWorker[ContextT], batch: Batch[ContextT]) -> None:
        number = self._next_number
        self._next_number += 1
        if not worker.batches:
            worker.restart(time.monotonic())
        worker.batches[number] = batch
        worker.last_number = number
        worker.used = True
        has_idle_cores = batch.urgent and not self.queued and any(not one.batches for one in self._workers)
        worker.process.send(ENCODER.encode(WorkBatch(number, grouped(batch.tasks), has_idle_cores)))
        self._update_selector(worker)

    def _receive(self, worker: PooledWorker[ContextT]) -> None:
        try:
            messages, alive = worker.process.receive()
            for message in messages:
                self._handle(worker, message)
        except _ReadersNeededError:
            self._renew_with_readers(worker)
        except _CannotMatchError:
            self._replace_worker(worker, _CANNOT_MATCH)
        except ProtocolError as error:
            self._replace_worker(worker, _Violation(item=error.item))
        else:
            if not alive:
                self._replace_worker(worker)

    def _handle(self, worker: PooledWorker[ContextT], message: Message) -> None:
        match message:
            case Ready() | Rejected() if worker.ready and not worker.batches:
                raise ProtocolError("a message about nothing")
            case Rejected() if worker.ready:
                # Its reason is not repeated, because a decoder may have written it.
                raise _CannotMatchError("rejected")
            case Ready() if worker.ready:
                raise ProtocolError("ready twice")
            case Ready(sandbox=sandbox):
                if self.sandbox not in {None, sandbox}:
                    raise HostError(f"worker processes differ in their sandbox: {self.sandbox} and {sandbox}")
                worker.ready = True
                worker.restart(time.monotonic())
                self.sandbox = sandbox
                self._failed_starts = 0
            case Rejected(reason=reason, hint=hint):
                raise HostError(f"a worker process cannot start work: {reason}", hint=hint)
            case MemberFrame():
                self._take_members(worker, message)
            case Answer():
                self._take_answer(worker, message)

    def _take_answer(self, worker: PooledWorker[ContextT], answer: Answer) -> None:
        """Keeps the results of a batch, and requeues the rest of it."""
        if answer.needs_readers and not worker.is_deferred:
            raise ProtocolError("readers that are loaded")
        batch = worker.batches.get(answer.number)
        if batch is None or answer.number != min(worker.batches) or not accounted_for(answer, batch.tasks):
            raise ProtocolError("an answer to an unknown batch or item")
        item = None if self._check is None else self._check.invalid_item(answer, batch.tasks)
        if item is not None:
            raise ProtocolError("a result that cannot be true", item)
        members = self._members(worker, answer)
        answer = with_own_words(answer)
        del worker.batches[answer.number]
        worker.restart(time.monotonic())
        done = len(batch.tasks) - answer.not_begun
        self._requeue(batch.without(0, done))
        if done:
            self._events.append(Completed(batch.tasks[:done], msgspec.structs.replace(answer, not_begun=0), members))
        if answer.needs_readers:
            raise _ReadersNeededError

    def _take_members(self, worker: PooledWorker[ContextT], frame: MemberFrame) -> None:
        """Keeps results of members until the answer about their container."""
        batch = worker.batches.get(frame.number)
        if batch is None or frame.number != min(worker.batches) or not 0 <= frame.item < len(batch.tasks):
            raise ProtocolError("members of an unknown item")
        spool = worker.spools.get(frame.item)
        if spool is None:
            is_part = batch.tasks[frame.item].part is not None
            spool = worker.spools[frame.item] = MemberSpool((), PART_MEMORY_BYTES if is_part else MEMORY_BYTES)
        if frame.first == 0:
            spool.clear()
        is_valid = self._check is None or self._check.are_members(frame, batch.tasks[frame.item])
        if frame.first != spool.count or not frame.results or not is_valid:
            raise ProtocolError("members that cannot be true", frame.item)
        spool.append(members_with_own_words(frame.results))

    @staticmethod
    def _members(worker: PooledWorker[ContextT], answer: Answer) -> dict[int, MemberSpool]:
        """Returns the results of members and pieces, by item; each entry has to have those that it names."""
        spools, worker.spools = worker.spools, {}
        members = {}
        for result in answer.reported:
            if result.lines:
                spool = spools.get(result.item)
                if spool is None or spool.count != result.lines:
                    raise ProtocolError("an entry without its members or pieces", result.item)
                members[result.item] = spool
        return members

    def _end_late_workers(self) -> None:
        now_s = time.monotonic()
        frozen = now_s - self._polled_s > FROZEN_S
        self._polled_s = now_s
        for worker in list(self._workers):
            watch = worker.watch
            try:
                worker.observe(now_s)
            except ProtocolError:
                self._replace_worker(worker, _Violation())
                continue
            if frozen or (worker.ready and not worker.batches):
                # The delay is not the worker's: this process was stopped, and perhaps the worker too; or it has nothing
                # to do.
                worker.restart(now_s)
            elif self._rate_limiter.interval_s is not None and worker.is_held_back():
                watch.restart(now_s)
            elif not worker.ready:
                if watch.unready(now_s):
                    self._replace_worker(worker)
            else:
                task = worker.task()
                overdue = watch.overdue(None if task is None else task.entry.state.size, now_s)
                if overdue is not None:
                    self._replace_worker(worker, overdue)

    def _replace_worker(
        self, worker: PooledWorker[ContextT], cause: DeadlineExceeded | _Violation | None = None
    ) -> None:
        """Removes a crashed, late or lying worker, requeues its items, and starts a replacement."""
        self._selector.unregister(worker.process.socket)
        self._workers.remove(worker)
        blamed = worker.blamed() if worker.batches else None
        member, is_decoding = worker.process.member(), worker.process.is_decoding()
        self._finished_bytes += worker.process.bytes_read()
        is_refused = worker.process.is_refused
        status = worker.process.kill()
        if not worker.ready and not is_refused:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise HostError(f"worker processes do not start: {describe_end(status)[0]}")
        batches = [msgspec.structs.replace(each, losses=each.losses + 1) for each in worker.batches.values()]
        if worker.ready and batches:
            first = batches.pop(0)
            if isinstance(cause, _Violation) and cause.item is not None and 0 <= cause.item < len(first.tasks):
                blamed = cause.item
            if blamed is None and len(first.tasks) > 1:
                # The worker never noted an item, so only its first batch can have ended it. Halve it until one suspect
                # item is left.
                self._requeue_halves(first)
            else:
                item = blamed or 0
                self._requeue_lost(first.without(item, item + 1))
                self._retry_alone(first.tasks[item], status, cause, member, is_decoding=is_decoding)
        for batch in batches:
            self._requeue_lost(batch)
        self.restarts += 1
        self._start_worker()

    def _requeue_lost(self, batch: Batch[ContextT]) -> None:
        if batch.losses > WHOLE_RETRIES:
            self._requeue_halves(batch)
        else:
            self._requeue(batch)

    def _requeue_halves(self, batch: Batch[ContextT]) -> None:
        for half in reversed(batch.halves()):
            self._requeue(half)

    def _requeue(self, batch: Batch[ContextT]) -> None:
        if batch.tasks:
            (self._urgent if batch.urgent else self._queue).appendleft(batch)

    def _retry_alone(
        self,
        task: Task[ContextT],
        status: int,
        cause: DeadlineExceeded | _Violation | None,
        member: int,
        *,
        is_decoding: bool,
    ) -> None:
        attempts = task.attempts + 1
        if attempts < ATTEMPTS:
            self._suspects.append((self._started, msgspec.structs.replace(task, attempts=attempts)))
            return
        message, number = describe_end(status)
        code = STATUS_CODES.get(status, FaultCode.WORKER_CRASHED)
        if cause is not None:
            code, message = cause.code, cause.message
        if isinstance(cause, _Violation):
            number = None  # the signal by which this process ended it
        if member and task.inside and not isinstance(cause, _Violation):
            blamed = _blamed(task, member - 1, code, is_decoding=is_decoding)
            if blamed is None:
                fault = Fault(Stage.UNPACK, code, message, attempts, number)
                blamed = msgspec.structs.replace(task, inside=False, report=True, suspicion=fault)
            self._suspects.append((self._started, blamed))
            return
        decoding = self._decodes and task.decode
        fault = Fault(Stage.DECODE if decoding else Stage.READ, code, message, attempts, number)
        if decoding:
            # Suspect the decoder first: without it, the file can still be hashed.
            undecoded = msgspec.structs.replace(task, decode=False, report=True, suspicion=fault)
            self._suspects.append((self._started, undecoded))
        else:
            self._events.append(Failed(task, fault))


def _blamed(task: Task[ContextT], member: int, code: FaultCode, *, is_decoding: bool) -> Task[ContextT] | None:
    """Returns the task with one more member that is not examined; ``None``: that would not help.

    A member on which a decoder ended the worker is read again without decoding first.
    """
    before = [blame for blame in task.blames if blame.member == member]
    if any(not blame.decode_only for blame in before) or len(task.blames) >= MAX_BLAMES:
        return None
    others = tuple(blame for blame in task.blames if blame.member != member)
    return msgspec.structs.replace(task, blames=(*others, Blame(member, code, is_decoding and not before)))
