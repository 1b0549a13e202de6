"""Runs the installed command from a process that has imported it, which saves most of the time of a start.

A command is a process of its own, with its own arguments, environment, directory and standard streams; it only does not
import again what commands import. Whatever depends on the start itself runs the installed program instead.

Workers start with the modules with which they start otherwise, so that a module that they lack in the sandbox is missed
here too: the process that forks workers first drops what it would not have imported.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

MAX_REQUEST_BYTES = 100_000
"""Longest request; a longer command line runs the installed program."""


class Kind(StrEnum):
    """Commands that need the same modules."""

    PLAIN = "plain"
    IMAGES = "images"
    S3 = "s3"
    AZURE = "az"


class WarmCommand:
    """The process that starts commands. It ends with the process that made it.

    Args:
        program: path of the installed command, which is run by this interpreter.
        kind: the commands that it is for.
    """

    def __init__(self, program: str, kind: Kind) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno()), program, kind],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            )

    def run(
        self, words: Sequence[str | bytes | Path], environment: dict[str, str], directory: str, timeout_s: float
    ) -> tuple[int, bytes, bytes] | None:
        """Returns exit code, standard output and standard error; ``None`` if the request is too long.

        Raises:
            TimeoutExpired: it was killed after that time.
        """
        arguments = [os.fsdecode(word) for word in words]
        request = json.dumps([arguments, environment, directory]).encode()
        if len(request) > MAX_REQUEST_BYTES:
            return None
        ours, theirs = socket.socketpair()
        pipes = [os.pipe(), os.pipe()]
        with ours:
            with theirs, open(os.devnull, "rb") as nothing:
                writing = [end for _, end in pipes]
                socket.send_fds(self._ours, [request], [nothing.fileno(), *writing, theirs.fileno()])
                for end in writing:
                    os.close(end)
            pid = int.from_bytes(ours.recv(8), "big")
            try:
                out, err = _read([end for end, _ in pipes], time.monotonic() + timeout_s)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(arguments, timeout_s) from None
            finally:
                for end, _ in pipes:
                    os.close(end)
            return os.waitstatus_to_exitcode(int.from_bytes(ours.recv(8), "big")), out, err


def _read(descriptors: list[int], end_s: float) -> list[bytes]:
    """Reads pipes to their ends.

    Raises:
        TimeoutError: they have not ended in time.
    """
    found = {descriptor: bytearray() for descriptor in descriptors}
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end_s - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                found[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
    return [bytes(data) for data in found.values()]


def _serve(channel: socket.socket, program: str, kind: Kind) -> None:
    """Starts a command for each request, until the other end closes. Returns in the process of a command."""
    sys.path.insert(0, os.path.dirname(program))  # as the interpreter does for a program
    _import(kind)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, MAX_REQUEST_BYTES, 4)
        if not request:
            os._exit(0)
        if not os.fork():
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            arguments, environment, directory = json.loads(request)
            _begin([program, *arguments], environment, directory, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


NOT_FOR_ALL = re.compile(r"\.(dask|objectstores|content|child|deep_commands|__main__|imagehash_pre4)\b")
"""Modules that import large libraries, that only workers import, or that are a program."""


OF_OTHERS = """
bcrypt cryptography.hazmat.primitives.serialization pwd rich._emoji_codes rich.markdown typer._adapters typer.rich_utils
"""
"""Modules of libraries that commands import when they come to need them: to make a key, for --help, for a usage error.
One that is not there any more is imported by the commands that need what has its place."""


def _import(kind: Kind) -> None:
    """Imports what commands import."""
    for name in ("hashaudit_cli.main", "hashaudit_cli.arguments", "hashaudit_cli.commands.scan"):
        importlib.import_module(name)
    importlib.import_module("hashaudit.scan.findings_scan")
    importlib.import_module("hashaudit.scan.scan_run")
    # What the process that forks workers loads when a scan finds a container.
    containers = importlib.import_module("hashaudit.model.containers")
    importlib.import_module("hashaudit.content.containers.reader_registry").load_readers(
        frozenset(containers.ContainerKind)
    )
    if kind is not Kind.PLAIN:
        preload = importlib.import_module("hashaudit.workers.child.preload")
        schemes = (kind.value,) if kind in {Kind.S3, Kind.AZURE} else ()
        # What the process that forks workers loads itself.
        preload.load(preload.ENCODER.encode(preload.Needs(images=kind is Kind.IMAGES, schemes=schemes)))
        return
    # What the process that forks workers loads for every scan; it is a copy of a scan's, and drops the rest.
    preload = importlib.import_module("hashaudit.workers.child.preload")
    preload.load(preload.ENCODER.encode(preload.Needs()))
    of_workers = set(sys.modules)
    for name in ("hashaudit_cli", "hashaudit"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not NOT_FOR_ALL.search(module.name):
                importlib.import_module(module.name)
    for name in OF_OTHERS.split():
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    templates = importlib.import_module("hashaudit.report.page_templates").page_environment()
    for name in templates.list_templates(["jinja"]):
        templates.get_template(name)  # which compiles it
    dropped = set(sys.modules) - of_workers
    fork_server = importlib.import_module("hashaudit.host.fork_server")
    serve = fork_server.serve

    def serve_without(*arguments: object) -> None:
        kept = [sys.modules.pop(name, None) for name in dropped]  # noqa: F841 # freeing them takes time
        serve(*arguments)

    fork_server.__dict__["serve"] = serve_without


def _begin(words: list[str], environment: dict[str, str], directory: str, descriptors: list[int]) -> None:
    """Returns in a new process with what a command finds. This process waits for it, reports its end, and ends."""
    *streams, report = descriptors
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        _wait(pid, report)
    os.close(report)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # The interpreter makes its streams for the kind of file that it finds.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 # as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # as above
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 # as above
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    # Behind the program's folder, as the interpreter puts it.
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = words


def _wait(pid: int, report: int) -> NoReturn:
    with contextlib.suppress(OSError):  # nobody waits any more
        os.write(report, pid.to_bytes(8, "big"))
        _, status = os.waitpid(pid, 0)
        os.write(report, status.to_bytes(8, "big"))
    os._exit(0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _serve(given, sys.argv[2], Kind(sys.argv[3]))
    importlib.import_module("hashaudit_cli.main").main()
