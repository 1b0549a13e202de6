"""The session of a scan in one Dask worker: a thread that runs a pool of sandboxed worker processes.

A file that crashes a worker process does not affect the Dask worker. The session lives as long as the scan holds its
key on the cluster. When the scan ends, however it ends, Dask frees the key; the thread sees that and ends its pool.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import NamedTuple

import msgspec

from hashaudit.errors import HashauditError, HostError
from hashaudit.host.priority import lower_priority
from hashaudit.host.process_owner import boot_id
from hashaudit.host.sandbox.code_paths import code_paths
from hashaudit.lists.file_state import FileState
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.known_filter import FilterHandle
from hashaudit.model.entry import Entry
from hashaudit.model.faults import Fault
from hashaudit.model.results import EntryResult
from hashaudit.objectstores import sandbox_paths
from hashaudit.workers.dask.list_store import ListStore, remove_orphans
from hashaudit.workers.dask.mount_check import Devices, compare
from hashaudit.workers.dask.protocol import (
    Batches,
    BatchesReply,
    BatchResult,
    Busy,
    Count,
    Examined,
    Opened,
    PartialReply,
    Refused,
    Status,
    UnknownSession,
    WorkerCrash,
    WorkerRequest,
)
from hashaudit.workers.local.pool import POLL_S, Pool
from hashaudit.workers.protocol import Group, Item, WorkBatch, WorkerConfig, entry_of
from hashaudit.workers.tasks import Completed, Failed, Task

QUICK_POLL_S = 0.005
"""Interval of the checks for new batches while a process is idle. Short compared with the examination of a batch."""

IDLE_S = 0.5
"""Interval of the checks whether the scan still exists, while there is nothing to do."""

END_TIMEOUT_S = 10.0
"""Longer than a pool takes to end."""


class _Mark(NamedTuple):
    """The origin of a task."""

    bundle: "_Bundle"
    batch: int
    item: int
    entry: Entry
    """As the scan listed it."""


class _Bundle:
    """Batches that arrived together, and the reply for when all of them are done."""

    def __init__(self, batches: Batches, reply: "Future[BatchesReply]") -> None:
        self.reply = reply
        self.open = sum(len(group) for batch in batches for group in batch.groups)
        self.outcomes: dict[int, list[PartialReply | WorkerCrash]] = {batch.number: [] for batch in batches}


class Session:
    """Examines batches for one scan.

    Args:
        request: the settings.
        threads: of the Dask worker: the default number of processes.
        is_wanted: returns whether the scan still holds the session. Called in the session's thread.
    """

    def __init__(self, request: WorkerRequest, threads: int, is_wanted: Callable[[], bool]) -> None:
        self._request = request
        self._processes = request.processes or threads
        self._is_wanted = is_wanted
        self._commands: queue.SimpleQueue[Callable[[Pool[_Mark]], None]] = queue.SimpleQueue()
        self._opened: Future[Opened | Refused] = Future()
        self._bundles: set[_Bundle] = set()
        self._devices = Devices()
        self._status = Status(Count(), ())
        self._ending = threading.Event()
        self._paused = threading.Event()
        self._lock = threading.Lock()
        self._last: BatchesReply | None = None
        self._thread = threading.Thread(target=self._drive, name="hashaudit-session", daemon=True)

    def open(self) -> Opened | Refused:
        """Starts the pool; returns when it is ready or has failed."""
        self._thread.start()
        return self._opened.result()

    def examine(self, batches: Batches) -> BatchesReply:
        """Examines batches; returns when all are done or the session has ended."""
        reply: Future[BatchesReply] = Future()
        bundle = _Bundle(batches, reply)
        with self._lock:
            if self._last is not None:
                return self._last
            self._bundles.add(bundle)
        self._commands.put(lambda pool: self._submit(pool, batches, bundle))
        return reply.result()

    @property
    def status(self) -> Status:
        """Status of a moment ago."""
        return self._status

    def set_rate(self, bytes_per_s: int) -> None:
        """Sets the common read rate of all processes of the session."""
        self._commands.put(lambda pool: pool.set_rate(bytes_per_s))

    def pause(self) -> None:
        """Stops all reading until :meth:`resume`."""
        self._paused.set()
        self._commands.put(self._wait_while_paused)

    def resume(self) -> None:
        """Continues reading."""
        self._paused.clear()

    def end(self) -> None:
        """Ends the session, without waiting."""
        self._ending.set()
        self._commands.put(lambda _pool: None)

    def wait(self) -> None:
        """Waits until the session has ended."""
        self._thread.join(END_TIMEOUT_S)

    @property
    def has_ended(self) -> bool:
        """True if the thread has ended."""
        return not self._thread.is_alive()

    def _drive(self) -> None:
        last: BatchesReply = UnknownSession()
        try:
            # In this thread, because worker processes end with the thread that started them.
            with ExitStack() as stack:
                self._run(stack)
        except HashauditError as error:
            last = Refused(str(error))
        except OSError as error:
            last = Refused(f"{error.strerror or error}")
        except Exception as error:  # noqa: BLE001 # the message may contain a path: only the type goes into Dask's logs
            last = Refused(f"internal error: {type(error).__name__}")
        finally:
            self._report_end(last)

    def _report_end(self, last: BatchesReply) -> None:
        with self._lock:
            self._last = last
            bundles, self._bundles = self._bundles, set()
        for bundle in bundles:
            bundle.reply.set_result(last)
        if not self._opened.done():
            self._opened.set_result(last if isinstance(last, Refused) else Refused("the session was ended"))

    def _run(self, stack: ExitStack) -> None:
        request = self._request
        if request.low_impact:
            lower_priority()  # this thread: new processes inherit the priority of the thread that starts them
        remove_orphans()
        store = ListStore(request.run)
        stack.enter_context(store.used())
        here = boot_id()
        self._devices = compare(request.root_directories, same_machine=here is not None and here == request.boot_id)
        pool = stack.enter_context(
            Pool[_Mark](
                workers=self._processes,
                deadlines=request.deadlines,
                max_rate_bytes_per_s=request.max_rate_bytes_per_s,
            )
        )
        pool.begin(_local_config(request, store))
        self._opened.set_result(Opened(pool.wait_ready(), self._processes))
        while self._is_wanted() and not self._ending.is_set():
            self._step(pool)

    def _step(self, pool: Pool[_Mark]) -> None:
        try:
            command = self._commands.get(timeout=IDLE_S) if pool.idle else self._commands.get_nowait()
        except queue.Empty:
            pass
        else:
            command(pool)
        if not self._commands.empty():
            return
        patience_s = 0.0 if pool.idle else POLL_S if pool.queued else QUICK_POLL_S
        for event in pool.collect(patience_s):
            self._handle(event)
        now_s = time.monotonic()
        busy = tuple(
            Busy(
                item_in_progress.task.context.batch,
                item_in_progress.task.context.item,
                item_in_progress.pid,
                item_in_progress.offset,
                now_s - item_in_progress.begun_s,
            )
            for item_in_progress in pool.in_progress()
        )
        self._status = Status(Count(pool.bytes_read(), pool.restarts), busy)
        self._reply()

    def _wait_while_paused(self, pool: Pool[_Mark]) -> None:
        with pool.paused():
            while self._paused.is_set() and self._is_wanted() and not self._ending.wait(POLL_S):
                pass

    def _submit(self, pool: Pool[_Mark], batches: Batches, bundle: _Bundle) -> None:
        for batch in batches:
            pool.submit([self._task(bundle, batch, *numbered) for numbered in enumerate(batch.items())])

    def _task(self, bundle: _Bundle, batch: WorkBatch, number: int, pair: tuple[Group, Item]) -> Task[_Mark]:
        group, item = pair
        entry = entry_of(group, item)
        mark = _Mark(bundle, batch.number, number, entry)
        return Task(
            mark,
            self._devices.entry(entry),
            report=item.report,
            known=group.cached,
            decode=item.decode,
            blames=item.blames,
            inside=item.inside,
            part=item.part,
        )

    def _handle(self, event: Completed[_Mark] | Failed[_Mark]) -> None:
        match event:
            case Failed(task=task, fault=fault):
                mark = task.context
                mark.bundle.outcomes[mark.batch].append(WorkerCrash(mark.item, fault))
                mark.bundle.open -= 1
            case Completed(tasks=tasks, answer=answer, members=members):
                mark = tasks[0].context
                reported = tuple(self._as_walker_sees(one, tasks[one.item].context.entry) for one in answer.reported)
                suspicions: dict[int, Fault] = {
                    task.context.item: task.suspicion for task in tasks if task.suspicion is not None
                }
                part = PartialReply(
                    tuple(task.context.item for task in tasks),
                    msgspec.structs.replace(answer, reported=reported),
                    suspicions,
                    {item: tuple(spool.frames()) for item, spool in members.items()},
                )
                mark.bundle.outcomes[mark.batch].append(part)
                mark.bundle.open -= len(tasks)

    def _as_walker_sees(self, examination: EntryResult, entry: Entry) -> EntryResult:
        stat = self._devices.state(examination.stat, entry)
        changed_from = self._devices.state(examination.changed_from, entry)
        if stat is examination.stat and changed_from is examination.changed_from:
            return examination
        return msgspec.structs.replace(examination, stat=stat, changed_from=changed_from)

    def _reply(self) -> None:
        with self._lock:
            done = [bundle for bundle in self._bundles if bundle.open == 0]
            self._bundles.difference_update(done)
        for bundle in done:
            results = (BatchResult(number, tuple(outcomes)) for number, outcomes in bundle.outcomes.items())
            bundle.reply.set_result(Examined(tuple(results), self._status))


def _local_config(request: WorkerRequest, store: ListStore) -> WorkerConfig:
    """Returns the configuration with the paths of the lists on this host."""
    indexes = tuple(
        IndexHandle(numbers, checksum, path=os.fsencode(store.path(digest)))
        for numbers, checksum, digest in request.indexes
    )
    filters = tuple(_filter(number, store.path(digest)) for number, digest in request.filters)
    sandbox = request.config.sandbox
    if sandbox is not None and sandbox.network and sandbox.readable != (b"/",):
        # Code, names, certificates and credentials are looked up in different places on each machine.
        readable = sandbox.readable + code_paths() + sandbox_paths.sandbox_paths(request.config.schemes)
        sandbox = msgspec.structs.replace(sandbox, readable=readable)
    return msgspec.structs.replace(request.config, indexes=indexes, filters=filters, sandbox=sandbox)


def _filter(number: int, path: str) -> FilterHandle:
    try:
        return FilterHandle(number, os.fsencode(path), FileState.of(os.stat(path)))
    except OSError as error:
        raise HostError("a list is missing") from error


def lists_of(request: WorkerRequest) -> Sequence[str]:
    """Returns the digests of the lists that a session needs."""
    return [digest for _, _, digest in request.indexes] + [digest for _, digest in request.filters]
