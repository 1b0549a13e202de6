"""A run's session in one Dask worker process: a thread that drives a pool of caged worker processes.

A file that ends a worker process costs the Dask worker nothing. The session lives as long as the run holds its key on
the cluster: when the run ends, in whatever way, Dask frees what it held, and the thread sees that and ends its pool.
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
from hashaudit.lists.file_state import FileState
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.known_filter import FilterImage
from hashaudit.model.entry import Subject
from hashaudit.model.faults import Fault
from hashaudit.model.results import EntryResult
from hashaudit.objectstores import sandbox_paths
from hashaudit.workers.dask.list_store import ListStore, remove_orphans
from hashaudit.workers.dask.mount_check import Devices, compare
from hashaudit.workers.dask.protocol import (
    Busy,
    Count,
    Examined,
    Opened,
    PartialReply,
    Refused,
    Status,
    UnitResult,
    Units,
    UnitsReply,
    UnknownSession,
    WorkerCrash,
    WorkerRequest,
)
from hashaudit.workers.local.pool import POLL_S, Pool
from hashaudit.workers.protocol import Item, ObjectItem, WorkerConfig, WorkUnit
from hashaudit.workers.tasks import Completed, Failed, Task

QUICK_POLL_S = 0.005
"""Between two looks at what has come while a process has nothing to do: short beside the examination of a unit."""

IDLE_S = 0.5
"""Between two looks at whether the run is still there, while there is nothing to do."""

END_TIMEOUT_S = 10.0
"""Longer than a pool takes to end."""


class _Mark(NamedTuple):
    """Which item a job is."""

    batch: "_Batch"
    unit: int
    item: int
    entry: Subject
    """As the run named it."""


class _Batch:
    """Units that came together, and whom to tell when all of them are done."""

    def __init__(self, units: Units, reply: "Future[UnitsReply]") -> None:
        self.reply = reply
        self.open = sum(len(group.items) for unit in units for group in unit.groups)
        self.outcomes: dict[int, list[PartialReply | WorkerCrash]] = {unit.number: [] for unit in units}


class Session:
    """Examines units for one run.

    Args:
        order: what is to be done.
        threads: of the Dask worker: as many processes examine, unless the order says otherwise.
        is_wanted: tells if the run still holds the session. Called from a thread of the session's own.
    """

    def __init__(self, order: WorkerRequest, threads: int, is_wanted: Callable[[], bool]) -> None:
        self._order = order
        self._processes = order.processes or threads
        self._is_wanted = is_wanted
        self._orders: queue.SimpleQueue[Callable[[Pool[_Mark]], None]] = queue.SimpleQueue()
        self._opened: Future[Opened | Refused] = Future()
        self._batches: set[_Batch] = set()
        self._devices = Devices()
        self._status = Status(Count(), ())
        self._ending = threading.Event()
        self._held = threading.Event()
        self._lock = threading.Lock()
        self._last: UnitsReply | None = None
        self._thread = threading.Thread(target=self._drive, name="hashaudit-session", daemon=True)

    def open(self) -> Opened | Refused:
        """Starts the pool; returns when it is ready, or cannot be."""
        self._thread.start()
        return self._opened.result()

    def examine(self, units: Units) -> UnitsReply:
        """Examines units; returns when all of them are done, or the session has ended."""
        reply: Future[UnitsReply] = Future()
        batch = _Batch(units, reply)
        with self._lock:
            if self._last is not None:
                return self._last
            self._batches.add(batch)
        self._orders.put(lambda pool: self._submit(pool, units, batch))
        return reply.result()

    @property
    def status(self) -> Status:
        """What it did up to a moment ago."""
        return self._status

    def set_rate(self, bytes_per_s: int) -> None:
        """Sets how much all processes of the session together read in a second."""
        self._orders.put(lambda pool: pool.set_rate(bytes_per_s))

    def hold(self) -> None:
        """Lets nothing be read until :meth:`resume`."""
        self._held.set()
        self._orders.put(self._pause)

    def resume(self) -> None:
        """Goes on."""
        self._held.clear()

    def end(self) -> None:
        """Lets it end, without waiting."""
        self._ending.set()
        self._orders.put(lambda _pool: None)

    def wait(self) -> None:
        """Waits until it has ended."""
        self._thread.join(END_TIMEOUT_S)

    @property
    def has_ended(self) -> bool:
        """Nothing of it is left."""
        return not self._thread.is_alive()

    def _drive(self) -> None:
        last: UnitsReply = UnknownSession()
        try:
            # In this thread, which the worker processes then live and die with.
            with ExitStack() as stack:
                self._run(stack)
        except HashauditError as error:
            last = Refused(str(error))
        except OSError as error:
            last = Refused(f"{error.strerror or error}")
        except Exception as error:  # noqa: BLE001 # what it says may hold a path: its kind alone goes into the logs of others
            last = Refused(f"a defect: {type(error).__name__}")
        finally:
            self._tell_end(last)

    def _tell_end(self, last: UnitsReply) -> None:
        with self._lock:
            self._last = last
            batches, self._batches = self._batches, set()
        for batch in batches:
            batch.reply.set_result(last)
        if not self._opened.done():
            self._opened.set_result(last if isinstance(last, Refused) else Refused("it was ended"))

    def _run(self, stack: ExitStack) -> None:
        order = self._order
        if order.nice:
            lower_priority()  # this thread: new processes get the priority of the one that makes them
        remove_orphans()
        store = ListStore(order.run)
        stack.enter_context(store.used())
        here = boot_id()
        self._devices = compare(order.places, same_machine=here is not None and here == order.boot_id)
        pool = stack.enter_context(
            Pool[_Mark](
                workers=self._processes,
                deadlines=order.deadlines,
                max_rate_bytes_per_s=order.max_rate_bytes_per_s,
            )
        )
        pool.begin(_plan_here(order, store))
        self._opened.set_result(Opened(pool.wait_ready(), self._processes))
        while self._is_wanted() and not self._ending.is_set():
            self._turn(pool)

    def _turn(self, pool: Pool[_Mark]) -> None:
        try:
            order = self._orders.get(timeout=IDLE_S) if pool.idle else self._orders.get_nowait()
        except queue.Empty:
            pass
        else:
            order(pool)
        if not self._orders.empty():
            return
        patience_s = 0.0 if pool.idle else POLL_S if pool.queued else QUICK_POLL_S
        for event in pool.collect(patience_s):
            self._hear(event)
        now_s = time.monotonic()
        busy = tuple(
            Busy(hand.job.ticket.unit, hand.job.ticket.item, hand.pid, hand.offset, now_s - hand.begun_s)
            for hand in pool.in_progress()
        )
        self._status = Status(Count(pool.bytes_read(), pool.restarts), busy)
        self._reply()

    def _pause(self, pool: Pool[_Mark]) -> None:
        with pool.held():
            while self._held.is_set() and self._is_wanted() and not self._ending.wait(POLL_S):
                pass

    def _submit(self, pool: Pool[_Mark], units: Units, batch: _Batch) -> None:
        for unit in units:
            pool.submit([self._job(batch, unit, *numbered) for numbered in enumerate(unit.entries())])

    def _job(self, batch: _Batch, unit: WorkUnit, number: int, pair: tuple[Subject, Item | ObjectItem]) -> Task[_Mark]:
        entry, item = pair
        mark = _Mark(batch, unit.number, number, entry)
        known = item.known if isinstance(item, Item) else None
        return Task(mark, self._devices.entry(entry), tell=item.tell, known=known, decode=item.decode)

    def _hear(self, event: Completed[_Mark] | Failed[_Mark]) -> None:
        match event:
            case Failed(job=job, fault=fault):
                mark = job.ticket
                mark.batch.outcomes[mark.unit].append(WorkerCrash(mark.item, fault))
                mark.batch.open -= 1
            case Completed(jobs=jobs, answer=answer):
                mark = jobs[0].ticket
                told = tuple(self._seen_from_there(one, jobs[one.item].ticket.entry) for one in answer.told)
                suspicions: dict[int, Fault] = {
                    job.ticket.item: job.suspicion for job in jobs if job.suspicion is not None
                }
                part = PartialReply(
                    tuple(job.ticket.item for job in jobs), msgspec.structs.replace(answer, told=told), suspicions
                )
                mark.batch.outcomes[mark.unit].append(part)
                mark.batch.open -= len(jobs)

    def _seen_from_there(self, examination: EntryResult, entry: Subject) -> EntryResult:
        stat = self._devices.state(examination.stat, entry)
        changed_from = self._devices.state(examination.changed_from, entry)
        if stat is examination.stat and changed_from is examination.changed_from:
            return examination
        return msgspec.structs.replace(examination, stat=stat, changed_from=changed_from)

    def _reply(self) -> None:
        with self._lock:
            done = [batch for batch in self._batches if batch.open == 0]
            self._batches.difference_update(done)
        for batch in done:
            results = (UnitResult(number, tuple(outcomes)) for number, outcomes in batch.outcomes.items())
            batch.reply.set_result(Examined(tuple(results), self._status))


def _plan_here(order: WorkerRequest, store: ListStore) -> WorkerConfig:
    """The plan with the lists as they lie on this host."""
    indexes = tuple(
        IndexHandle(numbers, checksum, path=os.fsencode(store.path(digest)))
        for numbers, checksum, digest in order.indexes
    )
    filters = tuple(_filter(number, store.path(digest)) for number, digest in order.filters)
    cage = order.plan.cage
    if cage is not None and cage.network and cage.readable != (b"/",):
        # Where names, certificates and credentials are looked up is each machine's own.
        cage = msgspec.structs.replace(cage, readable=cage.readable + sandbox_paths.sandbox_paths())
    return msgspec.structs.replace(order.plan, indexes=indexes, filters=filters, cage=cage)


def _filter(number: int, path: str) -> FilterImage:
    try:
        return FilterImage(number, os.fsencode(path), FileState.of(os.stat(path)))
    except OSError as error:
        raise HostError("a list is not there any more") from error


def lists_of(order: WorkerRequest) -> Sequence[str]:
    """The digests of the lists that a session needs."""
    return [digest for _, _, digest in order.indexes] + [digest for _, digest in order.filters]
