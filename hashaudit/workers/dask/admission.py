"""Admits a Dask worker after checking its versions, lists, view of the roots and sandbox, and opens a session there."""

import asyncio

import msgspec
from distributed import Client, Future

from hashaudit.errors import HostError
from hashaudit.host.process_owner import boot_id
from hashaudit.workers.dask import remote, version_check
from hashaudit.workers.dask.cluster_settings import ClusterSettings
from hashaudit.workers.dask.list_transfer import ListSender, prepare_transfer
from hashaudit.workers.dask.members import MIN_RATE_BYTES_PER_S, common_layers
from hashaudit.workers.dask.protocol import (
    DESCRIPTION_DECODER,
    OPEN_DECODER,
    Description,
    MissingLists,
    Opened,
    Payload,
    Refused,
    WorkerRequest,
    packed,
)
from hashaudit.workers.protocol import WorkerConfig

DESCRIBE_TIMEOUT_S = 60.0
"""The first call imports the program there, perhaps from a slow disk."""

OPEN_TIMEOUT_S = 150.0
"""Longer than a pool waits for its first worker process."""

TRIES = 3
"""The end of another session on the host may remove the lists just before this one opens."""


class RefusedError(Exception):
    """A worker cannot be used. The message is the reason."""


class OpenedSession(msgspec.Struct, frozen=True):
    """A session that is ready."""

    session: str
    processes: int
    sandbox: tuple[str, ...]
    future: Future
    """Keeps the session alive."""


class Admission:
    """Admits workers to one scan.

    Args:
        settings: of the cluster.
        token: identifies the scan on the cluster.
        config: settings of the workers.

    Raises:
        ListError: a compiled list cannot be read.
    """

    def __init__(self, settings: ClusterSettings, token: str, config: WorkerConfig) -> None:
        self._settings = settings
        self._token = token
        self._transfer = prepare_transfer(config)
        self._sender = ListSender(token, self._transfer.files)
        self._fingerprint = version_check.fingerprint()
        self._boot_id = boot_id()
        self._count = 0

    async def admit(self, client: Client, address: str, sandbox: tuple[str, ...] | None) -> OpenedSession:
        """Admits a worker.

        Args:
            client: connected.
            address: of the worker.
            sandbox: layers that must be in force; ``None``: any.

        Raises:
            RefusedError: the worker cannot be used.
            Exception: the worker disappeared. Dask raises no common type then.
        """
        description = await self._describe(client, address)
        differs = version_check.difference(self._fingerprint, description.versions)
        if differs is not None:
            raise RefusedError(f"its versions differ: {differs}")
        for _ in range(TRIES):
            try:
                await self._sender.send(client, address, description.share)
            except HostError as error:
                raise RefusedError(str(error)) from error
            opened = await self._open(client, address)
            if opened is not None:
                break
        else:
            raise RefusedError("its lists keep disappearing")
        if sandbox is not None and common_layers([sandbox, opened.sandbox]) != sandbox:
            opened.future.release()
            raise RefusedError(f"its sandbox differs from the recorded one: {', '.join(opened.sandbox) or 'none'}")
        return opened

    async def _describe(self, client: Client, address: str) -> Description:
        try:
            async with asyncio.timeout(DESCRIBE_TIMEOUT_S):
                found = await client.run(remote.describe, workers=[address])
        except (ImportError, AttributeError) as error:
            raise RefusedError("hashaudit is missing there, or of another version") from error
        return DESCRIPTION_DECODER.decode(found[address])

    async def _open(self, client: Client, address: str) -> OpenedSession | None:
        self._count += 1
        session = f"{self._token}-{self._count}"
        key = f"hashaudit-session-{session}"
        future = client.submit(
            remote.open_session,
            Payload(packed(self._request(session))),
            key,
            key=key,
            workers=[address],
            allow_other_workers=False,
            pure=False,
        )
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                reply = OPEN_DECODER.decode(await future)
        except BaseException:
            future.release()
            raise
        match reply:
            case Opened(sandbox=sandbox, processes=processes):
                return OpenedSession(session, processes, sandbox, future)
            case Refused(reason=reason):
                future.release()
                raise RefusedError(reason)
            case MissingLists():
                future.release()
                return None

    def _request(self, session: str) -> WorkerRequest:
        settings = self._settings
        return WorkerRequest(
            run=self._token,
            session=session,
            config=self._transfer.config,
            indexes=self._transfer.indexes,
            filters=self._transfer.filters,
            root_directories=settings.root_directories,
            boot_id=self._boot_id,
            processes=settings.processes,
            deadlines=settings.deadlines,
            max_rate_bytes_per_s=None if settings.max_rate_bytes_per_s is None else MIN_RATE_BYTES_PER_S,
            low_impact=settings.low_impact,
        )
