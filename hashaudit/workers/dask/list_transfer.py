"""Sends the compiled lists of a scan to the hosts of a cluster: once to each, in chunks, without Dask tasks."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

import blake3
import msgspec
from distributed import Client

from hashaudit.errors import HostError, ListError
from hashaudit.workers.dask import remote
from hashaudit.workers.dask.protocol import Chunk, ListFile, Payload, packed
from hashaudit.workers.protocol import WorkerConfig

CHUNK_BYTES = 4 << 20
"""Memory that the scheduler needs for a moment, for each host that receives."""

HOSTS_AT_ONCE = 4
"""Number of hosts that receive at the same time."""

CHUNK_TIMEOUT_S = 60.0


class Transfer(msgspec.Struct, frozen=True):
    """A worker configuration, with its lists separated."""

    config: WorkerConfig
    """Without lists."""
    indexes: tuple[tuple[tuple[int, ...], bytes, str], ...]
    filters: tuple[tuple[int, str], ...]
    files: dict[str, tuple[ListFile, bytes | str]]
    """By digest: the description of a list, and its content or local path."""


def prepare_transfer(config: WorkerConfig) -> Transfer:
    """Separates the lists from a configuration.

    Raises:
        ListError: a compiled list cannot be read.
    """
    files: dict[str, tuple[ListFile, bytes | str]] = {}

    def add(content: bytes | str) -> str:
        file = _list_file(content)
        files[file.digest] = (file, content)
        return file.digest

    indexes = tuple(
        (image.list_numbers, image.checksum, add(image.content or os.fsdecode(image.path or b"")))
        for image in config.indexes
    )
    filters = tuple((image.list_number, add(os.fsdecode(image.path))) for image in config.filters)
    return Transfer(msgspec.structs.replace(config, indexes=(), filters=()), indexes, filters, files)


class ListSender:
    """Sends lists.

    Args:
        run: identifies the scan on the cluster.
        files: as in :class:`Transfer`.
    """

    def __init__(self, run: str, files: dict[str, tuple[ListFile, bytes | str]]) -> None:
        self._run = run
        self._files = files
        self._shares: dict[str, asyncio.Lock] = {}
        self._at_once = asyncio.Semaphore(HOSTS_AT_ONCE)

    async def send(self, client: Client, address: str, share: str) -> None:
        """Sends the missing lists to a host. Of workers with a common directory, one receives while the others wait.

        Raises:
            HostError: a list did not arrive.
        """
        if not self._files:
            return
        async with self._shares.setdefault(share, asyncio.Lock()), self._at_once:
            digests = tuple(self._files)
            there = (await client.run(remote.has_lists, self._run, digests, workers=[address]))[address]
            for digest, has in zip(digests, there, strict=True):
                if not has:
                    await self._send_file(client, address, digest)

    async def _send_file(self, client: Client, address: str, digest: str) -> None:
        file, content = self._files[digest]
        with _opened(content) as stream:
            offset = 0
            while offset < file.size_bytes:
                data = stream.read(CHUNK_BYTES)
                if not data:
                    raise HostError("a compiled list was truncated during transfer", hint="start the scan again")
                payload = Payload(packed(Chunk(self._run, file, offset, data)))
                async with asyncio.timeout(CHUNK_TIMEOUT_S):
                    wrong = (await client.run(remote.store_chunk, payload, workers=[address]))[address]
                if wrong:
                    raise HostError(wrong)
                offset += len(data)


@contextmanager
def _opened(content: bytes | str) -> Iterator[BinaryIO]:
    stream: BinaryIO = BytesIO(content) if isinstance(content, bytes) else open(content, "rb")  # noqa: SIM115 # closed below
    with stream:
        yield stream


def _list_file(content: bytes | str) -> ListFile:
    if isinstance(content, bytes):
        return ListFile(blake3.blake3(content).hexdigest(), len(content))
    try:
        digest = blake3.blake3().update_mmap(content).hexdigest()
        return ListFile(digest, os.stat(content).st_size)
    except OSError as error:
        raise ListError(f"cannot read the compiled list: '{content}'; {error.strerror}") from error
