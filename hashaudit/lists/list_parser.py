"""Starts the process that parses lists, and gives it lists to compile.

Lists come from others, in formats whose parsers are large: databases, archives, XML. They are parsed in a sandbox, by a
process without the signing key (docs/adr/0091-parse-lists-in-a-sandbox.md).
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, Self

import msgspec

from hashaudit.errors import HashauditError, ListError
from hashaudit.host.memory import physical_bytes
from hashaudit.host.sandbox.code_paths import code_paths
from hashaudit.host.sandbox.sandbox import DEFAULT_MEMORY_BYTES, NO_FILE_GROWTH, Sandbox, require
from hashaudit.lists.compile_request import CompileRequest, Progress
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestInfo
from hashaudit.lists.parser_protocol import (
    MAX_REPLY_BYTES,
    REPLY_DECODER,
    Begin,
    Compile,
    Compiled,
    Failed,
    Progressed,
    ReadManifest,
    Ready,
    Reply,
    Rows,
    receive,
    send,
)
from hashaudit.lists.plugin_hashes import plugin_lengths
from hashaudit.model.paths import for_terminal
from hashaudit.model.results import AlgorithmName

IN_PROCESS = os.name != "posix" or not hasattr(socket, "send_fds")
"""True where descriptors cannot be passed: lists are then parsed in this process."""

_CHILD = "from hashaudit.lists.parser_child import main; main()"

_MAX_MESSAGE_CHARACTERS = 4096
"""A message about a list names its path, which has at most as many bytes."""


class ListParser:
    """A process that parses lists. A context manager that ends it.

    Args:
        forks: start it at once as a copy of this process, which must not have a secret yet. That takes milliseconds
            instead of half a second. Otherwise it is a fresh interpreter, started when it is needed.
        hidden: absolute paths, without links, of files that it may not read, wherever it loads code from.
    """

    def __init__(self, *, forks: bool = False, hidden: tuple[bytes, ...] = ()) -> None:
        self.requires_sandbox = False
        """Refuse to parse unless the sandbox is complete."""
        self._hidden = hidden
        self._resources = contextlib.ExitStack()
        self._stream: socket.socket | None = None
        self._scratch: str | None = None
        # Another thread may hold a lock that the copy would wait for.
        if forks and not IN_PROCESS and sys.platform == "linux" and threading.active_count() == 1:
            self._fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process and removes its temporary directory."""
        self._stream = None
        self._resources.close()

    def begin(self, specs: Iterable[ListSpec], directory: str | None) -> None:
        """Prepares to compile lists.

        Args:
            specs: all lists that will be compiled.
            directory: for temporary files; default: the system's temporary directory.

        Raises:
            ListError: the process cannot be started, or there is no temporary space.
            HostError: the sandbox is incomplete and is required.
        """
        if IN_PROCESS:
            self._scratch = directory
            return
        base = directory or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 # the new name cannot be guessed
        # Start-up: not tempfile, which loads compressions and random numbers.
        scratch = os.path.join(os.path.realpath(base), f".hashaudit-{os.urandom(8).hex()}")
        try:
            os.mkdir(scratch, 0o700)
        except OSError as error:
            raise ListError(f"cannot create a temporary directory: '{base}'; {error.strerror}") from error
        self._resources.callback(_remove_directory, scratch)
        self._scratch = scratch
        self._close_sandbox([spec.path for spec in specs], self._scratch)

    def begin_manifests(self, files: Iterable[str]) -> None:
        """Prepares to read manifests. A parser reads either manifests or lists.

        Args:
            files: all manifests that will be read.

        Raises:
            ListError: the process cannot be started.
            HostError: the sandbox is incomplete and is required.
        """
        if not IN_PROCESS:
            self._close_sandbox(files, None)

    def read_manifest(
        self,
        path: str,
        algorithm: AlgorithmName | None,
        take: Callable[[Sequence[ManifestEntry]], object],
        *,
        is_known_list: bool = False,
    ) -> ManifestInfo:
        """Reads a manifest.

        Args:
            path: one of those named to :meth:`begin_manifests`.
            algorithm: of digests whose algorithm the manifest does not name; ``None``: by their length.
            take: receives the entries in runs.
            is_known_list: read it as a list of known hashes, which may have lines without one.

        Raises:
            ListError: the manifest cannot be used, or its parser crashed.
        """
        if IN_PROCESS:
            from hashaudit.lists.manifests import read_manifest  # noqa: PLC0415 # most runs read none

            read = read_manifest.read_known if is_known_list else read_manifest.read_manifest
            return read(path, algorithm, take)
        reply = self._ask(ReadManifest(os.fsencode(path), algorithm, is_known_list))
        while isinstance(reply, Rows):
            take(reply.entries)
            reply = self._receive()
        if isinstance(reply, Failed):
            raise ListError(
                f"cannot use manifest: '{for_terminal(os.fsencode(path))}'; {_shown(reply.message)}", hint=reply.hint
            )
        if not isinstance(reply, ManifestInfo):
            raise _broken()
        return reply

    def _close_sandbox(self, files: Iterable[str], scratch: str | None) -> None:
        """Starts the process if necessary, and limits it to some files."""
        if self._stream is None:
            self._spawn()
        readable = tuple({os.path.realpath(os.fsencode(file)) for file in files})
        memory_bytes = max(DEFAULT_MEMORY_BYTES, (physical_bytes() or 0) // 2)
        writable = () if scratch is None else (os.fsencode(scratch),)
        sandbox = Sandbox(readable + code_paths(), memory_bytes, hidden=self._hidden, scratch=writable)
        reply = self._ask(Begin(sandbox, scratch or "", dict(plugin_lengths())))
        if not isinstance(reply, Ready):
            raise _broken()
        if self.requires_sandbox:
            require(reply.layers, but=NO_FILE_GROWTH)

    def compile(self, request: CompileRequest, target: BinaryIO, progress: Progress | None = None) -> None:
        """Writes an index of lists at the beginning of an empty file.

        Args:
            request: the lists, all of them named to :meth:`begin`.
            target: an open file that can be read and positioned.
            progress: receives the number of entries read since its last call.

        Raises:
            ListError: a list cannot be used, or its parser crashed.
        """
        if IN_PROCESS:
            from hashaudit.lists.index.compile_lists import compile_lists  # noqa: PLC0415 # elsewhere, the child's code

            compile_lists(request, target, self._scratch, progress)
            return
        target.flush()
        reply = self._ask(Compile(request), target.fileno())
        while isinstance(reply, Progressed):
            if progress is not None:
                progress(max(0, reply.count))
            reply = self._receive()
        if isinstance(reply, Failed):
            raise ListError(_shown(reply.message), hint=None if reply.hint is None else _shown(reply.hint))
        if not isinstance(reply, Compiled):
            raise _broken()
        target.seek(0, os.SEEK_END)

    def _ask(self, request: Begin | Compile | ReadManifest, descriptor: int | None = None) -> Reply:
        if self._stream is None:
            raise _broken()
        try:
            send(self._stream, request, descriptor)
        except OSError as error:
            raise _broken() from error
        return self._receive()

    def _receive(self) -> Reply:
        if self._stream is None:
            raise _broken()
        try:
            data, descriptors = receive(self._stream, MAX_REPLY_BYTES)
            for descriptor in descriptors:
                os.close(descriptor)
            return REPLY_DECODER.decode(data)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise _broken() from error

    def _spawn(self) -> None:
        import subprocess  # noqa: PLC0415 # start-up: a scan of the command forks

        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = subprocess.Popen(
                    [sys.executable, "-P", "-c", _CHILD, str(theirs.fileno()), str(os.getpid())],
                    pass_fds=(theirs.fileno(),),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                ours.close()
                raise ListError(f"cannot start the list parser; {error.strerror}") from error
        self._resources.callback(child.wait)
        self._resources.callback(child.kill)
        self._stream = self._resources.enter_context(ours)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                keep = theirs.fileno()
                os.closerange(3, keep)
                os.closerange(keep + 1, 1 << 16)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)  # a traceback could show entries
                os.close(null)
                # The parent needs none of it, and loads the rest of a scan meanwhile.
                from hashaudit.lists import parser_child  # noqa: PLC0415 # as above

                parser_child.serve(theirs, parent)
            finally:
                os._exit(0)
        theirs.close()
        self._resources.callback(_end, pid)
        self._stream = self._resources.enter_context(ours)


def compile_with(
    parser: ListParser | None, request: CompileRequest, target: BinaryIO, directory: str, progress: Progress | None
) -> None:
    """Compiles lists once, with a parser or with a new one; see :meth:`ListParser.compile`."""
    with parser or ListParser() as used:
        used.begin(request.specs, directory)
        used.compile(request, target, progress)


def _remove_directory(path: str) -> None:
    """Removes a directory of the parser, which is empty unless the parser ended while it created a file."""
    try:
        os.rmdir(path)
    except OSError:
        import shutil  # noqa: PLC0415 # start-up: it loads compressions

        shutil.rmtree(path, ignore_errors=True)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _shown(text: str) -> str:
    return for_terminal(text.encode(errors="surrogateescape"))[:_MAX_MESSAGE_CHARACTERS]


def _broken() -> HashauditError:
    return ListError(
        "the list parser ended unexpectedly; a list is damaged or hostile, or memory ran out",
        hint="load the lists one by one with hashaudit lists info to find out which one it is",
    )
