"""Workers that run the code of a test, forked from a process that has imported what they need."""

import contextlib
import os
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from unittest import mock

from hashaudit.host.fork_server import ForkedProcess, ForkServer, is_available
from hashaudit.workers.child import child_main
from hashaudit.workers.child.preload import ENCODER, Needs
from hashaudit.workers.local.worker_process import WorkerProcess
from hashaudit.workers.local.worker_start import LOAD


def run(descriptors: list[int], argument: bytes) -> None:
    """Runs code in a forked process as a fresh interpreter does, but that its parent is not named on standard input."""
    parent, _, code = argument.partition(b"\n")
    child_main.main = partial(child_main.main_forked, descriptors, parent)
    exec(code, {"__name__": "__main__"})  # noqa: S102 # of a test


class CodedWorkers:
    """Starts workers that run code of tests. A context manager."""

    def __init__(self) -> None:
        self._server: ForkServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    def start(self, code: str) -> WorkerProcess:
        """Starts a worker that runs ``code``; as a fresh interpreter where nothing forks it."""
        if is_available() and (self._server is None or self._server.is_lost):
            if self._server is not None:
                self._server.close()
            with mock.patch.dict(os.environ, {"PYTHONPATH": str(Path(__file__).parent)}):
                self._server = ForkServer(copies=False)
            self._server.load(LOAD, ENCODER.encode(Needs()))
        return WorkerProcess(code, server=cast("ForkServer", _Coded(self._server, code)) if self._server else None)


class _Coded:
    """A server whose worker runs code of a test."""

    def __init__(self, server: ForkServer, code: str) -> None:
        self._server = server
        self._code = code

    @property
    def is_lost(self) -> bool:
        return self._server.is_lost

    def fork(self, _function: str, descriptors: list[int], argument: bytes) -> ForkedProcess:
        code = argument + b"\n" + self._code.encode()
        process = self._server.fork(f"{__name__}:{run.__name__}", descriptors, code)
        # To end a process before it has started ends the server, and the next test would have to wait for another.
        with contextlib.suppress(ProcessLookupError):
            _ = process.pid
        return process
