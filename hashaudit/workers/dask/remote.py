"""What Dask calls in its workers: each function takes a parcel and gives bytes, and raises nothing.

Dask logs the arguments of what raises, and shows the names and arguments of tasks: a parcel shows nothing of its bytes.
The functions that are not tasks run in the worker's event loop and do not wait.
"""

import asyncio
import atexit
import socket
from collections.abc import Callable

import msgspec
from distributed import get_worker
from distributed.worker import Worker

from hashaudit.errors import HashauditError
from hashaudit.workers.dask import version_check
from hashaudit.workers.dask.dask_session import END_TIMEOUT_S, Session, lists_of
from hashaudit.workers.dask.list_store import ListStore, share
from hashaudit.workers.dask.protocol import (
    BATCHES_DECODER,
    CHUNK_DECODER,
    REQUEST_DECODER,
    Description,
    MissingLists,
    OpenReply,
    Payload,
    Refused,
    UnknownSession,
    WorkerRequest,
    packed,
)

_sessions: dict[str, Session] = {}
"""Of this process, by name."""


def describe() -> bytes:
    """What this worker is."""
    return packed(Description(version_check.fingerprint(), socket.gethostname(), share()))


def present() -> bytes:
    """Nothing: that it can be called says that the program is installed."""
    return b""


def has_lists(run: str, digests: tuple[str, ...]) -> tuple[bool, ...]:
    """Which compiled lists have come whole to this host."""
    try:
        store = ListStore(run)
        return tuple(store.has(digest) for digest in digests)
    except (HashauditError, OSError):
        return (False,) * len(digests)


def store_chunk(payload: Payload) -> str:
    """Takes the next piece of a list; gives what is wrong, for people, or nothing."""
    try:
        chunk = CHUNK_DECODER.decode(payload.data)
        ListStore(chunk.run).store(chunk.file, chunk.offset, chunk.data)
    except HashauditError as error:
        return str(error)
    except OSError as error:
        return f"a list cannot be written: {error.strerror}"
    except msgspec.DecodeError:
        return "a piece of a list is none"
    return ""


def open_session(payload: Payload, key: str) -> bytes:
    """Opens a session that lives as long as this task's key is held on the cluster.

    Args:
        payload: an :class:`WorkerRequest`.
        key: of the task.
    """
    try:
        return packed(_open(REQUEST_DECODER.decode(payload.data), key))
    except HashauditError as error:
        return packed(Refused(str(error)))
    except (OSError, msgspec.DecodeError) as error:
        return packed(Refused(f"the session cannot be opened: {type(error).__name__}"))


def _open(request: WorkerRequest, key: str) -> OpenReply:
    worker = get_worker()
    store = ListStore(request.run)
    if not all(map(store.has, lists_of(request))):
        return MissingLists()
    for name, ended in list(_sessions.items()):
        if ended.has_ended:
            del _sessions[name]
    session = Session(request, worker.state.nthreads, _is_held(worker, key))
    _sessions[request.session] = session
    return session.open()


def _is_held(worker: Worker, key: str) -> Callable[[], bool]:
    """Tells whether the task's key is still wanted from this worker: Dask forgets it when nobody holds its result."""
    tasks = worker.state.tasks
    return lambda: key in tasks and worker.status.name not in {"closing", "closed", "failed"}


def examine(session: str, payload: Payload) -> bytes:
    """Examines units; waits until they are done."""
    found = _sessions.get(session)
    if found is None:
        return packed(UnknownSession())
    try:
        batches = BATCHES_DECODER.decode(payload.data)
    except msgspec.DecodeError:
        return packed(Refused("units of work did not arrive as they were sent"))
    return packed(found.examine(batches))


def status(sessions: tuple[str, ...]) -> bytes:
    """What those of the sessions do that are here."""
    found = [_sessions[name].status for name in sessions if name in _sessions]
    return packed(found[0] if found else UnknownSession())


def control(sessions: tuple[str, ...], word: str) -> None:
    """Holds or resumes those of the sessions that are here."""
    for name in sessions:
        session = _sessions.get(name)
        if session is not None:
            session.pause() if word == "pause" else session.resume()


def set_rates(rates: dict[str, int]) -> None:
    """Sets the rates of those of the sessions that are here."""
    for name, rate in rates.items():
        session = _sessions.get(name)
        if session is not None:
            session.set_rate(rate)


async def end(sessions: tuple[str, ...]) -> None:
    """Ends those of the sessions that are here; waits until they have."""
    here = [_sessions.pop(name) for name in sessions if name in _sessions]
    for session in here:
        session.end()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(END_TIMEOUT_S):
        for session in here:
            await loop.run_in_executor(None, session.wait)


@atexit.register
def _end_all() -> None:
    """A Dask worker that ends in order leaves neither processes nor lists behind."""
    for session in _sessions.values():
        session.end()
    for session in _sessions.values():
        session.wait()
