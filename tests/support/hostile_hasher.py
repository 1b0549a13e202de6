"""A plugged hasher that does what a decoder must not, one thing for each value of a picture's first pixel."""

import ctypes
import fcntl
import itertools
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

OUTSIDE = "HASHAUDIT_TEST_OUTSIDE"
"""Names the variable that holds a readable file outside of the roots."""
INSIDE = "HASHAUDIT_TEST_INSIDE"
"""A file inside."""
FILES_OF_SCAN = "HASHAUDIT_TEST_OWN_FILES"
"""Files of the scan, such as its key, separated by colons."""
LISTENER = "HASHAUDIT_TEST_LISTENER"
"""An abstract Unix socket that someone listens on."""

kept: list[object] = []


def libc(name: str, *arguments: object) -> int:
    """Calls a function of the C library; raises what it says was wrong."""
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def loop_in_python() -> None:
    while True:
        pass


def loop_in_c() -> None:
    """No turn of this loop gives the interpreter's lock away or looks at signals."""
    sum(itertools.repeat(0))


def allocate() -> None:
    while True:
        kept.append(bytearray(1 << 24))


def allocate_in_c() -> None:
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = (ctypes.c_size_t,)
    while malloc(1 << 24):
        pass
    os.abort()


def allocate_and_let_go() -> None:
    bytearray(1 << 36)


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def write(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"x")


def connect_to(family: int, address: Any) -> None:
    with socket.socket(family) as stream:
        stream.connect(address)


def open_without_end() -> None:
    while True:
        kept.append(os.open(environment(INSIDE), os.O_RDONLY))


def start_a_thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def outlive_the_parent() -> None:
    libc("prctl", 1, 0, 0, 0, 0)


def lift_the_memory_limit() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:  # what the module makes of EPERM
        raise PermissionError from error


def of_worker(function: str, name: str) -> Any:
    """A local variable of a function of the worker that is running, as code that took it over finds it."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    assert frame is not None, function
    return frame.f_locals[name]


def send(message: bytes) -> None:
    of_worker("serve", "stream").sendall(len(message).to_bytes(4, "little") + message)
    time.sleep(60)


def answer(digests: dict[str, str], faults: Sequence[object], state: object = None) -> None:
    """Answers for the whole batch, with this result for the current item."""
    batch, number = of_worker("examine_batch", "batch"), of_worker("_examine_group", "number")
    results: list[list[object]] = [
        [item, state or entry.state, 0, "stable", digests, [], [], faults]
        if item == number
        else [item, None, 0, "stable", {}]
        for item, (entry, _) in enumerate(batch.entries())
    ]
    send(msgspec.msgpack.encode(["answer", batch.number, [], 0, results]))


def die_elsewhere() -> None:
    of_worker("examine_batch", "self")._progress[0] |= 0xFFFFF
    os._exit(1)


def lock() -> None:
    descriptor = os.open(environment(INSIDE), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def environment(name: str) -> str:
    return os.environ[name]


ENDS: dict[str, Callable[[], object]] = {
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit": lambda: os._exit(0),
    "kill itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "loop in Python": loop_in_python,
    "loop in C": loop_in_c,
    "allocate": allocate,
    "allocate in C": allocate_in_c,
    "close what is not its own": lambda: os.closerange(0, 4096),
}
"""What costs the worker its life."""

LIES: dict[str, Callable[[], object]] = {
    "send text that is not UTF-8": lambda: send(b"\x92\xa8rejected\xa1\xff"),
    "send a long message": lambda: send(b"\xc6\x02\x00\x00\x00" + bytes(1 << 25)),
    "reject the work": lambda: send(b"\x92\xa8rejected\xa3end"),
    "end in the name of another item": die_elsewhere,
    "answer with a digest that is none": lambda: answer({"sha256": "not hex at all"}, ()),
    "answer with a negative number": lambda: answer({}, (["decode", "decode_error", "x", -7],)),
    "answer with an object's state": lambda: answer({}, (), [1, 3, "etag", 4]),
}
"""What a decoder that was taken over says in the name of its worker."""

REFUSED: dict[str, Callable[[], object]] = {
    "fork": os.fork,
    "fork in C": lambda: libc("fork"),
    "vfork past the library": lambda: libc("syscall", 58 if os.uname().machine == "x86_64" else 220, 0),
    "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 # an escape
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
    "inet socket": lambda: connect_to(socket.AF_INET, ("127.0.0.1", 9)),
    "unix socket": lambda: connect_to(socket.AF_UNIX, "\0" + environment(LISTENER)),
    "socket pair": socket.socketpair,
    "read outside": lambda: read(environment(OUTSIDE)),
    "list outside": lambda: os.listdir(os.path.dirname(environment(OUTSIDE))),
    "read the parent's memory": lambda: read(f"/proc/{os.getppid()}/mem"),
    "read the parent's environment": lambda: read(f"/proc/{os.getppid()}/environ"),
    "write inside": lambda: write(environment(INSIDE)),
    "create inside": lambda: write(environment(INSIDE) + "-new"),
    "truncate inside": lambda: os.truncate(environment(INSIDE), 0),
    "remove inside": lambda: os.unlink(environment(INSIDE)),
    "rename inside": lambda: os.rename(environment(INSIDE), environment(INSIDE) + "-new"),
    "change a mode inside": lambda: os.chmod(environment(INSIDE), 0o400),
    "change times inside": lambda: os.utime(environment(INSIDE), (0, 0)),
    "write outside": lambda: write(environment(OUTSIDE)),
    "write to /tmp": lambda: open("/tmp/hashaudit-test-escape", "xb").close(),
    "signal the parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "signal all": lambda: os.kill(-1, signal.SIGTERM),
    "trace the parent": lambda: libc("ptrace", 16, os.getppid(), 0, 0),
    "outlive the parent": outlive_the_parent,
    "lift the memory limit": lift_the_memory_limit,
    "memory file": lambda: os.memfd_create("escape"),
    "slow the parent down": lambda: os.sched_setaffinity(os.getppid(), {0}),
    "lock inside": lock,
}
"""What the kernel refuses, so that it costs the worker nothing."""


def read_secrets() -> None:
    """Reads each of the files; raises PermissionError only if all of them are refused."""
    for path in environment(FILES_OF_SCAN).split(":"):
        try:
            read(path)
        except PermissionError:
            continue
        raise RuntimeError("readable")
    raise PermissionError


SECRETS: dict[str, Callable[[], object]] = {"read the secrets": read_secrets}

HARMLESS: dict[str, Callable[[], object]] = {"thread": start_a_thread, "nothing": int}

ACTS = (
    ENDS
    | LIES
    | REFUSED
    | HARMLESS
    | SECRETS
    | {"allocate and let go": allocate_and_let_go, "open without end": open_without_end}
)
NAMES = tuple(ACTS)


class Hostile:
    """Hashes by a constant what it is not told to misbehave on."""

    name = "hostile"
    length_bytes = 8
    needs = "luma"
    metric = "hamming"
    threshold = 4

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes:
        ACTS[NAMES[int(pixels[0, 0])]]()
        return b"\x12\x34\x56\x78\x9a\xbc\xde\xf0"
