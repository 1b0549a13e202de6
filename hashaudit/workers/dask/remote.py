"""The functions that Dask calls in its workers: each takes a payload and returns bytes, and raises nothing.

Dask logs the arguments of a function that raises, and shows the names and arguments of tasks; a payload hides its
bytes. Functions that are not tasks run in the worker's event loop and do not wait.
"""

import asyncio
import atexit
import socket
from collections.abc import Callable

import msgspec
from distributed import get_worker
from distributed.worker import Worker

from hashaudit.errors import HashauditError
from hashaudit.host.process import forbid_core_dumps
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
"""Sessions of this process, by name."""


def describe() -> bytes:
    """Describes this worker."""
    return packed(Description(version_check.fingerprint(), socket.gethostname(), share()))


def present() -> bytes:
    """Returns nothing. A successful call proves that the program is installed."""
    return b""


def has_lists(run: str, digests: tuple[str, ...]) -> tuple[bool, ...]:
    """Returns which compiled lists are complete on this host."""
    try:
        store = ListStore(run)
        return tuple(store.has(digest) for digest in digests)
    except (HashauditError, OSError):
        return (False,) * len(digests)


def store_chunk(payload: Payload) -> str:
    """Stores the next chunk of a list; returns an error message or an empty string."""
    # The process is not this program's, so its owner's monitors stay able to inspect it.
    forbid_core_dumps()
    try:
        chunk = CHUNK_DECODER.decode(payload.data)
        ListStore(chunk.run).store(chunk.file, chunk.offset, chunk.data)
    except HashauditError as error:
        return str(error)
    except OSError as error:
        return f"cannot write a list; {error.strerror}"
    except msgspec.DecodeError:
        return "invalid list chunk"
    return ""


def open_session(payload: Payload, key: str) -> bytes:
    """Opens a session that lives as long as this task's key is held on the cluster.

    Args:
        payload: a :class:`WorkerRequest`.
        key: of the task.
    """
    try:
        return packed(_open(REQUEST_DECODER.decode(payload.data), key))
    except HashauditError as error:
        return packed(Refused(str(error)))
    except (OSError, msgspec.DecodeError) as error:
        return packed(Refused(f"cannot open the session; {type(error).__name__}"))


def _open(request: WorkerRequest, key: str) -> OpenReply:
    worker = get_worker()
    forbid_core_dumps()  # results with list entries pass through this process
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
    """Returns a check whether this worker still holds the task's key. Dask forgets it when nobody holds its result."""
    tasks = worker.state.tasks
    return lambda: key in tasks and worker.status.name not in {"closing", "closed", "failed"}


def examine(session: str, payload: Payload) -> bytes:
    """Examines batches; returns when they are done."""
    found = _sessions.get(session)
    if found is None:
        return packed(UnknownSession())
    try:
        batches = BATCHES_DECODER.decode(payload.data)
    except msgspec.DecodeError:
        return packed(Refused("invalid batch"))
    return packed(found.examine(batches))


def status(sessions: tuple[str, ...]) -> bytes:
    """Returns the status of the first of the sessions that is here."""
    found = [_sessions[name].status for name in sessions if name in _sessions]
    return packed(found[0] if found else UnknownSession())


def control(sessions: tuple[str, ...], word: str) -> None:
    """Pauses or resumes the sessions that are here."""
    for name in sessions:
        session = _sessions.get(name)
        if session is not None:
            session.pause() if word == "pause" else session.resume()


def set_rates(rates: dict[str, int]) -> None:
    """Sets the rates of the sessions that are here."""
    for name, rate in rates.items():
        session = _sessions.get(name)
        if session is not None:
            session.set_rate(rate)


async def end(sessions: tuple[str, ...]) -> None:
    """Ends the sessions that are here and waits for them."""
    here = [_sessions.pop(name) for name in sessions if name in _sessions]
    for session in here:
        session.end()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(END_TIMEOUT_S):
        for session in here:
            await loop.run_in_executor(None, session.wait)


@atexit.register
def _end_all() -> None:
    """Ends all sessions, so that an orderly exit leaves neither processes nor lists behind."""
    for session in _sessions.values():
        session.end()
    for session in _sessions.values():
        session.wait()
