"""The Dask scheduler as the coordinator sees it: reached, fit, and asked who is there."""

import asyncio

from distributed import Client

from hashaudit.errors import HostError
from hashaudit.workers.dask import remote

CONNECT_TIMEOUT_S = 10.0
"""For one attempt to reach the scheduler."""

CALL_TIMEOUT_S = 15.0
"""For an answer that costs nobody work."""

WATCH_S = 0.5
"""Between two looks at who is there."""

LOST = (OSError, TimeoutError)
"""How it shows that the scheduler cannot be reached."""


async def connect(address: str) -> Client:
    """A client in this event loop.

    Raises:
        OSError: the scheduler cannot be reached.
    """
    return await Client(address, asynchronous=True, timeout=CONNECT_TIMEOUT_S, set_as_default=False)


async def check(client: Client) -> None:
    """Insists that the scheduler can take this program's tasks apart.

    Raises:
        HostError: it cannot.
    """
    try:
        await client.run_on_scheduler(remote.present)
    except (ImportError, AttributeError) as error:
        raise HostError(
            "hashaudit is not installed, with its extra dask, where the Dask scheduler runs: it takes tasks apart"
        ) from error


async def workers_of(client: Client) -> set[str]:
    """The addresses of all workers that the scheduler has.

    Raises:
        ConnectionError: the scheduler is lost.
        TimeoutError: it does not answer.
    """
    asking = asyncio.ensure_future(client.nthreads())
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            while not asking.done():
                # Dask reconnects by itself, for long and without a word; all that was held there is gone in any case.
                if client.status != "running":
                    raise ConnectionError
                await asyncio.wait({asking}, timeout=WATCH_S)
            return set(asking.result())
    finally:
        asking.cancel()
