"""Access to the Dask scheduler: connecting, checking it, and listing its workers."""

import asyncio

from distributed import Client

from hashaudit.errors import HostError
from hashaudit.workers.dask import remote

CONNECT_TIMEOUT_S = 10.0
"""For one attempt to reach the scheduler."""

CALL_TIMEOUT_S = 15.0
"""For an answer that needs no work."""

WATCH_S = 0.5
"""Interval between two looks at the workers."""

LOST = (OSError, TimeoutError)
"""Errors that mean that the scheduler cannot be reached."""


async def connect(address: str) -> Client:
    """Returns a client in this event loop.

    Raises:
        OSError: the scheduler cannot be reached.
    """
    return await Client(address, asynchronous=True, timeout=CONNECT_TIMEOUT_S, set_as_default=False)


async def check(client: Client) -> None:
    """Checks that the scheduler can deserialize tasks of this program.

    Raises:
        HostError: it cannot.
    """
    try:
        await client.run_on_scheduler(remote.present)
    except (ImportError, AttributeError) as error:
        raise HostError(
            "the Dask scheduler cannot deserialize tasks of hashaudit",
            hint="install hashaudit[dask] on the host of the Dask scheduler",
        ) from error


async def workers_of(client: Client) -> set[str]:
    """Returns the addresses of all workers of the scheduler.

    Raises:
        ConnectionError: the scheduler is lost.
        TimeoutError: it does not answer.
    """
    asking = asyncio.ensure_future(client.nthreads())
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            while not asking.done():
                # Dask reconnects silently and for long, but everything held on the cluster is lost then.
                if client.status != "running":
                    raise ConnectionError
                await asyncio.wait({asking}, timeout=WATCH_S)
            return set(asking.result())
    finally:
        asking.cancel()
