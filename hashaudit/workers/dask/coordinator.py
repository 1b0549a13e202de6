"""Coordinates one scan on a Dask cluster: admits workers, submits batches and detects workers that join or leave.

It runs in one event loop in its own thread. Dask sees one small task for each bundle of batches, bound to one worker,
and one for each session, whose result keeps the session open. :class:`Assignment` decides which worker has which batch.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic

import msgspec
from distributed import Client, KilledWorker

from hashaudit.errors import HashauditError, HostError
from hashaudit.model.secret_masking import mask_address
from hashaudit.workers.dask import remote
from hashaudit.workers.dask.admission import Admission, RefusedError
from hashaudit.workers.dask.assignment import Assignment, Batch, ProtocolViolationError
from hashaudit.workers.dask.cluster_settings import ClusterSettings, Failure, Notice, Ready
from hashaudit.workers.dask.members import Member, Members, common_layers
from hashaudit.workers.dask.protocol import (
    EXAMINE_DECODER,
    STATUS_DECODER,
    BatchesReply,
    Examined,
    Payload,
    Refused,
    Status,
    UnknownSession,
    packed,
)
from hashaudit.workers.dask.scheduler import CALL_TIMEOUT_S, LOST, WATCH_S, check, connect, workers_of
from hashaudit.workers.protocol import WorkBatch, WorkerConfig
from hashaudit.workers.tasks import ContextT, Event, grouped

END_TIMEOUT_S = 12.0
"""Longer than a session takes to end."""

SILENCE_S = 3.0
"""A worker without a report for this long is asked for its status. Dask logs each request, so they are few."""

TRIES = 3
"""Attempts to open a session on a worker before it is refused."""

Message = Notice | Ready | Failure | list[Event[ContextT]]


class Coordinator(Generic[ContextT]):
    """The use of a cluster by one scan, from connecting to leaving.

    Args:
        settings: of the cluster.
        token: identifies the scan on the cluster.
        assignment: of the batches; used with ``lock`` held.
        lock: shared with the thread that submits.
        post: receives messages for the scan. Called in the loop's thread.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        token: str,
        assignment: Assignment[ContextT],
        lock: Lock,
        post: Callable[[Message[ContextT]], None],
    ) -> None:
        self._settings = settings
        self._token = token
        self._assignment = assignment
        self._lock = lock
        self._post = post
        self.members = Members()
        self._config: asyncio.Future[WorkerConfig] | None = None
        self._ending = asyncio.Event()
        self._admission: Admission | None = None
        self._admitting: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, int] = {}
        self._client: Client | None = None
        self._bundles = 0
        self._shares_due = False
        self._without_since_s: float | None = time.monotonic()

    async def serve(self, config: asyncio.Future[WorkerConfig]) -> None:
        """Runs until :meth:`end` is called or the cluster becomes unusable."""
        self._config = config
        try:
            while not self._ending.is_set():
                await self._use_scheduler()
        except HashauditError as error:
            self._post(Failure(error))
        except Exception as error:  # noqa: BLE001 # an error of another version of the client must be reported
            self._post(Failure(HostError(f"the Dask client failed; {type(error).__name__}: {error}")))

    def end(self) -> None:
        """Makes :meth:`serve` end everything on the cluster and return."""
        self._ending.set()

    def hand_out(self) -> None:
        """Submits queued batches to workers with free slots."""
        with self._lock:
            given = list(self._assignment.hand_out())
        for address, batches in given:
            member = self.members.by_address[address]
            task = asyncio.create_task(self._run_batches(member, batches))
            member.running.add(task)
            task.add_done_callback(member.running.discard)

    async def control(self, word: str) -> None:
        """Pauses or resumes all sessions."""
        if self._client is not None:
            await self._client.run(remote.control, self._sessions(), word, workers=list(self.members.by_address))

    async def _use_scheduler(self) -> None:
        """Connects and works until the scheduler is lost or the scan ends."""
        client = await self._connect()
        if client is None:
            return
        self._client = client
        try:
            await check(client)
            dashboard = mask_address(client.dashboard_link)
            self._post(Notice(f"Dask scheduler {mask_address(self._settings.scheduler)}, dashboard {dashboard}"))
            await self._work(client)
        except LOST:
            if self._ending.is_set():
                return
            self._post(Notice("lost the Dask scheduler; waiting for it to return"))
            self._wait_for_workers()
        finally:
            self._client = None
            await self._leave(client)

    async def _connect(self) -> Client | None:
        while not self._ending.is_set():
            try:
                return await connect(self._settings.scheduler)
            except LOST as error:
                known = self.members.sandbox is not None
                if not known or self._remaining_wait_s() <= 0:
                    address = mask_address(self._settings.scheduler)
                    raise HostError(f"cannot reach the Dask scheduler: '{address}'") from error
                await asyncio.sleep(WATCH_S)
        return None

    async def _work(self, client: Client) -> None:
        if self._config is None:
            raise RuntimeError("not served")
        ending = asyncio.create_task(self._ending.wait())
        try:
            awaited: set[asyncio.Future[Any]] = {ending, self._config}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if self._ending.is_set():
                return
            if self._admission is None:
                self._admission = Admission(self._settings, self._token, self._config.result())
            while not self._ending.is_set():
                there = await workers_of(client)
                self._join(client, there)
                self._check(there)
                if self._shares_due:
                    await self._share_rate(client)
                await self._ask_status(client)
                await asyncio.wait({ending}, timeout=WATCH_S)
        finally:
            ending.cancel()

    def _join(self, client: Client, there: set[str]) -> None:
        """Admits workers that joined and removes those that left."""
        for address in self.members.by_address.keys() - there:
            self._post(Notice(f"worker {address} left; its batches were requeued"))
            self._remove(self.members.by_address[address], lost=True)
        for address in self.members.refused.keys() - there:
            del self.members.refused[address]
        for address in there - self.members.by_address.keys() - self.members.refused.keys() - self._admitting.keys():
            task = asyncio.create_task(self._admit(client, address))
            self._admitting[address] = task
            task.add_done_callback(lambda _, address=address: self._admitting.pop(address, None))  # type: ignore[misc] # mypy infers no type for a lambda with a default

    def _check(self, there: set[str]) -> None:
        """Starts once all present workers are admitted or refused; gives up after too long without a worker."""
        members = self.members
        if members.by_address:
            self._without_since_s = None
            if members.sandbox is None and not self._admitting:
                members.sandbox = common_layers(members.layers[address] for address in members.by_address)
                self._post(Ready(members.sandbox))
            return
        if self._without_since_s is None or (members.sandbox is None and not there):
            self._wait_for_workers()
        if members.sandbox is None and there and there <= members.refused.keys():
            reasons = "; ".join(f"{address}: {reason}" for address, reason in sorted(members.refused.items()))
            raise HostError(f"cannot use any worker of the Dask cluster; {reasons}")
        if self._remaining_wait_s() <= 0:
            raise HostError(
                f"no Dask worker for {self._settings.wait_s:.0f} s",
                hint="resume the scan with --resume when workers are available",
            )

    def _wait_for_workers(self) -> None:
        if self._without_since_s is None:
            self._without_since_s = time.monotonic()
            self._post(Notice(f"no Dask worker is left; waiting {self._settings.wait_s:.0f} s for one"))

    def _remaining_wait_s(self) -> float:
        since_s = self._without_since_s
        return self._settings.wait_s - (0 if since_s is None else time.monotonic() - since_s)

    async def _admit(self, client: Client, address: str) -> None:
        if self._admission is None:
            return
        try:
            opened = await self._admission.admit(client, address, self.members.sandbox)
        except RefusedError as error:
            self._refuse(address, str(error))
            return
        except Exception as error:  # noqa: BLE001 # a worker that leaves raises many errors: the next check decides
            self._tries[address] = self._tries.get(address, 0) + 1
            if self._tries[address] >= TRIES:
                self._refuse(address, f"cannot open a session there; {type(error).__name__}")
            return
        self._tries.pop(address, None)
        if self.members.sandbox is not None:
            self._post(Notice(f"worker {address} joined"))
        self._without_since_s = None
        self.members.layers[address] = opened.sandbox
        self.members.by_address[address] = Member(address, opened.session, opened.processes, opened.future)
        with self._lock:
            self._assignment.join(address, opened.processes)
        await self._share_rate(client)
        self.hand_out()

    def _refuse(self, address: str, reason: str) -> None:
        self.members.refused[address] = reason
        self._post(Notice(f"not using worker {address}: {reason}"))

    async def _run_batches(self, member: Member, batches: tuple[Batch[ContextT], ...]) -> None:
        """Submits a bundle and handles its answer."""
        client = self._client
        if client is None:
            return
        self._bundles += 1
        asked = [batch.number for batch in batches]
        payload = Payload(packed([WorkBatch(batch.number, grouped(batch.tasks)) for batch in batches]))
        future = client.submit(
            remote.examine,
            member.session,
            payload,
            key=f"hashaudit-unit-{self._token}-{self._bundles}",
            workers=[member.address],
            allow_other_workers=False,
            pure=False,
        )
        try:
            reply = EXAMINE_DECODER.decode(await future)
            self._handle(member, asked, reply)
        except KilledWorker:
            self._remove(member, lost=True)
        except (ProtocolViolationError, msgspec.DecodeError, ValueError):
            self._refuse(member.address, "its answer does not match the request")
            self._remove(member, lost=False)
        except Exception:  # noqa: BLE001 # the scheduler or the worker was lost: the next check decides
            self._remove(member, lost=False)
        finally:
            future.release()
        self.hand_out()

    def _handle(self, member: Member, asked: list[int], reply: BatchesReply) -> None:
        match reply:
            case Examined(batches=results, status=status):
                self.members.update(member, status)
                with self._lock:
                    events = self._assignment.answer(member.address, asked, results)
                self._post(events)
            case Refused(reason=reason):
                self._refuse(member.address, reason)
                self._remove(member, lost=False)
            case UnknownSession():
                # Another process has the worker's address now, and Dask gave it the task.
                self._remove(member, lost=True)

    def _remove(self, member: Member, *, lost: bool) -> None:
        """Removes a worker and requeues its batches. If it is still there, or returns, it is admitted again."""
        if self.members.by_address.get(member.address) is not member:
            return
        del self.members.by_address[member.address]
        self._shares_due = True
        with self._lock:
            events = self._assignment.leave(member.address, lost=lost)
        self._post(events)
        current = asyncio.current_task()
        for task in list(member.running):
            if task is not current:
                task.cancel()
        member.future.release()
        if not self.members.by_address:
            self._wait_for_workers()
        self.hand_out()

    async def _share_rate(self, client: Client) -> None:
        """Divides the read rate among the members."""
        self._shares_due = False
        rate = self._settings.max_rate_bytes_per_s
        if rate is None or not self.members.by_address:
            return
        rates, addresses = self.members.rates(rate), list(self.members.by_address)
        with contextlib.suppress(*LOST):
            await asyncio.wait_for(
                client.run(remote.set_rates, rates, workers=addresses, on_error="ignore"), CALL_TIMEOUT_S
            )

    async def _ask_status(self, client: Client) -> None:
        """Asks silent members for their status. One that does not answer may be busy; Dask reports lost ones."""
        addresses = [member.address for member in self.members.silent(time.monotonic() - SILENCE_S)]
        if not addresses:
            return
        with contextlib.suppress(TimeoutError, msgspec.DecodeError):
            replies = await asyncio.wait_for(
                client.run(remote.status, self._sessions(), workers=addresses, on_error="ignore"), CALL_TIMEOUT_S
            )
            for address, data in replies.items():
                member = self.members.by_address.get(address)
                reply = STATUS_DECODER.decode(data)
                if member is not None and isinstance(reply, Status):
                    self.members.update(member, reply)
                elif member is not None:
                    # Another process has the worker's address now.
                    self._remove(member, lost=True)

    def _sessions(self) -> tuple[str, ...]:
        return tuple(member.session for member in self.members.by_address.values())

    async def _leave(self, client: Client) -> None:
        """Removes everything from the cluster, as far as it can be reached."""
        for task in list(self._admitting.values()):
            task.cancel()
        sessions, addresses = self._sessions(), list(self.members.by_address)
        for member in list(self.members.by_address.values()):
            self._release(member)
        with contextlib.suppress(Exception):
            if addresses and self._ending.is_set():
                await asyncio.wait_for(
                    client.run(remote.end, sessions, workers=addresses, on_error="ignore"), END_TIMEOUT_S
                )
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), CALL_TIMEOUT_S)

    def _release(self, member: Member) -> None:
        del self.members.by_address[member.address]
        with self._lock:
            self._assignment.leave(member.address, lost=False)
        for task in list(member.running):
            task.cancel()
        with contextlib.suppress(Exception):
            member.future.release()
