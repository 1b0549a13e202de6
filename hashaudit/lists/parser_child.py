"""The process that parses lists. It never has the signing key, and parses only inside its sandbox."""

import importlib
import os
import signal
import socket
import sys
from typing import BinaryIO, cast

from hashaudit.errors import HashauditError
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.sandbox import NO_CORE_DUMPS, NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL
from hashaudit.lists.index.compile_lists import compile_lists
from hashaudit.lists.parser_protocol import (
    REQUEST_DECODER,
    Begin,
    Compile,
    Compiled,
    Failed,
    Progressed,
    ReadManifest,
    Ready,
    Rows,
    receive,
    send,
)
from hashaudit.lists.plugin_hashes import plug_in

_PROGRESS_ENTRIES = 100_000
"""Entries between two messages."""


def main() -> None:
    """Serves the process that started this one, which names the descriptor of its socket and itself as arguments."""
    descriptor, parent_pid = map(int, sys.argv[1:3])
    serve(socket.socket(fileno=descriptor), parent_pid)


def serve(stream: socket.socket, parent_pid: int) -> None:
    """Answers requests until the other side closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when this process ends
    layers = {
        PARENT_DEATH_SIGNAL: process.die_with_parent(parent_pid),
        NO_NEW_PRIVILEGES: process.forbid_new_privileges(),
        NO_CORE_DUMPS: process.forbid_core_dumps(),
    }
    # Not at the first request, which comes when the parent has loaded its own code.
    importlib.import_module("hashaudit.lists.open_list")
    in_force = tuple(name for name, is_active in layers.items() if is_active)
    scratch = None
    try:
        while True:
            data, descriptors = receive(stream)
            if not data:
                return
            request = REQUEST_DECODER.decode(data)
            if isinstance(request, Begin):
                for name, length_bytes in request.plugins.items():
                    plug_in(name, length_bytes)
                scratch = request.scratch
                send(stream, Ready(in_force + request.sandbox.apply(AddressSpace())))
            elif isinstance(request, ReadManifest):
                _read_manifest(stream, request)
            else:
                _compile(stream, request, descriptors[0], scratch)
    except OSError:
        return  # the parent is gone


def _compile(stream: socket.socket, request: Compile, descriptor: int, scratch: str | None) -> None:
    waiting = 0

    def progress(count: int) -> None:
        nonlocal waiting
        waiting += count
        if waiting >= _PROGRESS_ENTRIES:
            send(stream, Progressed(waiting))
            waiting = 0

    with os.fdopen(descriptor, "w+b") as target:
        try:
            compile_lists(request.lists, cast("BinaryIO", target), scratch, progress)
            target.flush()
        except HashauditError as error:
            send(stream, Failed(str(error), error.hint))
            return
        except OSError as error:
            send(stream, Failed(f"cannot compile lists: '{scratch}'; {error.strerror}"))
            return
        except MemoryError:
            send(stream, Failed("cannot compile lists; out of memory", "use a machine with more memory"))
            return
    if waiting:
        send(stream, Progressed(waiting))
    send(stream, Compiled())


def _read_manifest(stream: socket.socket, request: ReadManifest) -> None:
    from hashaudit.lists.manifests import read_manifest  # noqa: PLC0415 # most runs read none

    read = read_manifest.read_known if request.is_known_list else read_manifest.read_manifest
    try:
        info = read(os.fsdecode(request.path), request.algorithm, lambda entries: send(stream, Rows(entries)))
    except HashauditError as error:
        send(stream, Failed(str(error), error.hint))
    except MemoryError:
        send(stream, Failed("cannot read the manifest; out of memory", "use a machine with more memory"))
    else:
        send(stream, info)
