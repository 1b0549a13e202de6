"""A mounted filesystem whose server takes a request to read and never answers: what a dead network mount looks like.

Speaks just enough of the FUSE protocol (linux/fuse.h, version 7.31) for a folder of two files.
"""

import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GOOD, DEAD = 2, 3
NAMES = {b"good": GOOD, b"dead": DEAD}
CONTENT = b"good"
SIZE = 1 << 20

_DIRECT_IO = 1
"""Reads go to the server and wait for it beyond any signal."""

_MNT_DETACH = 2


def _attributes(node: int) -> bytes:
    mode, size = (
        (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o444, len(CONTENT) if node == GOOD else SIZE)
    )
    return struct.pack("<6Q10I", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 512, 0)


def _folder(offset: int) -> bytes:
    entries = b""
    for at, (name, node) in enumerate(NAMES.items(), 1):
        if at > offset:
            padded = name + b"\0" * (-len(name) % 8)
            entries += struct.pack("<QQII", node, at, len(name), stat.S_IFREG >> 12) + padded
    return entries


def _lookup(_node: int, body: bytes) -> bytes | int:
    found = NAMES.get(body.rstrip(b"\0"))
    return struct.pack("<4QII", found, 1, 3600, 3600, 0, 0) + _attributes(found) if found else -errno.ENOENT


def _init(_node: int, _body: bytes) -> bytes:
    return struct.pack("<IIIIHHIIHH8I", 7, 31, 1 << 17, 0, 12, 10, 1 << 17, 1, 0, 0, *[0] * 8)


def _offset(body: bytes) -> int:
    (offset,) = struct.unpack_from("<Q", body, 8)
    return int(offset)


ANSWERS: dict[int, Callable[[int, bytes], bytes | int | None]] = {
    1: _lookup,
    2: lambda _node, _body: None,  # forget
    3: lambda node, _body: struct.pack("<QII", 3600, 0, 0) + _attributes(node),  # getattr
    14: lambda _node, _body: struct.pack("<QII", 0, _DIRECT_IO, 0),  # open
    15: lambda node, body: CONTENT[_offset(body) :] if node == GOOD else None,  # read
    18: lambda _node, _body: b"",  # release
    25: lambda _node, _body: b"",  # flush
    26: _init,
    27: lambda _node, _body: struct.pack("<QII", 0, 0, 0),  # opendir
    28: lambda _node, body: _folder(_offset(body)),  # readdir
    29: lambda _node, _body: b"",  # releasedir
    36: lambda _node, _body: None,  # interrupt
    42: lambda _node, _body: None,  # batch forget
}
"""What the server says to each operation: data, an error, or nothing."""


def _serve(device: int) -> None:
    while True:
        try:
            request = os.read(device, 1 << 18)
        except OSError:  # unmounted
            return
        _, operation, unique, node = struct.unpack_from("<IIQQ", request)
        answer = ANSWERS.get(operation)
        said = answer(node, request[40:]) if answer is not None else -errno.ENOSYS
        if said is not None:
            error, data = (said, b"") if isinstance(said, int) else (0, said)
            os.write(device, struct.pack("<IiQ", 16 + len(data), error, unique) + data)


def _mount_and_serve(point: bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"dead", point, b"fuse", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "cannot mount")
    os.write(sys.stdout.fileno(), b"mounted\n")
    _serve(device)


@contextmanager
def dead_mount(point: Path) -> Iterator[bool]:
    """Mounts it at a folder; gives whether that was possible (it takes root and FUSE)."""
    # A process of its own: when it ends, the kernel lets go whoever still waits for it.
    with subprocess.Popen(
        [sys.executable, __file__, point], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield server.stdout is not None and server.stdout.readline() == b"mounted\n"
        finally:
            server.kill()
            ctypes.CDLL(None).umount2(bytes(point), _MNT_DETACH)


if __name__ == "__main__":
    _mount_and_serve(os.fsencode(sys.argv[1]))
