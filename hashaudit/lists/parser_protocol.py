"""The messages between a process and its list parser, framed by their length, over a stream socket."""

import socket
import struct

import msgspec

from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lists.index.compile_lists import CompileRequest

_HEADER = struct.Struct("<I")

MAX_REPLY_BYTES = 1 << 20
"""Longer than any message about a list."""


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """The first request: what the parser may do from then on. The reply is :class:`Ready`."""

    sandbox: Sandbox
    scratch: str
    """Directory for temporary files."""
    plugins: dict[str, int] = {}
    """Length of the values of each plug-in hash."""


class Compile(msgspec.Struct, frozen=True, tag="compile"):
    """A request to compile lists into the file whose descriptor comes with it."""

    lists: CompileRequest


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The sandbox is in force."""

    layers: tuple[str, ...]


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """Entries were read."""

    count: int


class Compiled(msgspec.Struct, frozen=True, tag="compiled"):
    """The index is complete."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A list cannot be used."""

    message: str
    hint: str | None = None


Request = Begin | Compile
Reply = Ready | Progressed | Compiled | Failed

ENCODER = msgspec.msgpack.Encoder()
REQUEST_DECODER: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
REPLY_DECODER: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def send(stream: socket.socket, message: Request | Reply, descriptor: int | None = None) -> None:
    """Sends a message, with a file descriptor if there is one.

    Raises:
        OSError: the other side is gone.
    """
    data = ENCODER.encode(message)
    header = _HEADER.pack(len(data))
    if descriptor is None:
        stream.sendall(header + data)
        return
    # The descriptor comes with the header, which a socket takes as a whole.
    socket.send_fds(stream, [header], [descriptor])
    stream.sendall(data)


def receive(stream: socket.socket, limit_bytes: int | None = None) -> tuple[bytes, list[int]]:
    """Returns the bytes of the next message and the descriptors that came with it; no bytes at the end.

    Raises:
        OSError: the other side is gone in the middle of a message, or a message is longer than the limit.
    """
    header, descriptors, _, _ = socket.recv_fds(stream, _HEADER.size, 1)
    if header and len(header) < _HEADER.size:
        header += _exactly(stream, _HEADER.size - len(header))
    if not header:
        return b"", descriptors
    length = int(_HEADER.unpack(header)[0])
    if limit_bytes is not None and length > limit_bytes:
        raise OSError(0, "a message is too long")
    return _exactly(stream, length), descriptors


def _exactly(stream: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = stream.recv(min(length - len(data), 1 << 20))
        if not part:
            raise OSError(0, "closed in the middle of a message")
        data += part
    return bytes(data)
