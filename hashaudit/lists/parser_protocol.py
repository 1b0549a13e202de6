"""The messages between a process and its list parser, framed by their length, over a stream socket."""

import socket

import msgspec

from hashaudit.host.framing import HEADER, frame, receive_exactly
from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lazy import lazy
from hashaudit.lists.compile_request import CompileRequest
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestInfo
from hashaudit.model.results import AlgorithmName

MAX_REPLY_BYTES = 1 << 20
"""Longer than any message about a list, and than any run of entries."""


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


class ReadManifest(msgspec.Struct, frozen=True, tag="read_manifest"):
    """A request for the entries of a manifest."""

    path: bytes
    algorithm: AlgorithmName | None
    """Algorithm of digests that the manifest gives without one."""
    is_known_list: bool = False
    """Read it as a list of known hashes, which may have lines without one."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The sandbox is in force."""

    layers: tuple[str, ...]


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """Entries were read."""

    count: int


class Compiled(msgspec.Struct, frozen=True, tag="compiled"):
    """The index is complete."""


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """The next entries of a manifest."""

    entries: tuple[ManifestEntry, ...]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A list cannot be used."""

    message: str
    hint: str | None = None


Request = Begin | Compile | ReadManifest
Reply = Ready | Progressed | Compiled | Rows | ManifestInfo | Failed

ENCODER = msgspec.msgpack.Encoder()
REQUEST_DECODER: msgspec.msgpack.Decoder[Request] = lazy(lambda: msgspec.msgpack.Decoder(Request))
REPLY_DECODER: msgspec.msgpack.Decoder[Reply] = lazy(lambda: msgspec.msgpack.Decoder(Reply))


def send(stream: socket.socket, message: Request | Reply, descriptor: int | None = None) -> None:
    """Sends a message, with a file descriptor if there is one.

    Raises:
        OSError: the other side is gone.
    """
    data = frame(ENCODER.encode(message))
    if descriptor is not None:
        # The descriptor comes with the header, which a socket takes as a whole.
        socket.send_fds(stream, [data[: HEADER.size]], [descriptor])
        data = data[HEADER.size :]
    stream.sendall(data)


def receive(stream: socket.socket, limit_bytes: int | None = None) -> tuple[bytes, list[int]]:
    """Returns the bytes of the next message and the descriptors that came with it; no bytes at the end.

    Raises:
        OSError: the other side is gone in the middle of a message, or a message is longer than the limit.
    """
    header, descriptors, _, _ = socket.recv_fds(stream, HEADER.size, 1)
    if not header:
        return b"", descriptors
    header += _rest(stream, HEADER.size - len(header))
    length = int(HEADER.unpack(header)[0])
    if limit_bytes is not None and length > limit_bytes:
        raise OSError(0, "a message is too long")
    return _rest(stream, length), descriptors


def _rest(stream: socket.socket, length: int) -> bytes:
    data = receive_exactly(stream, length)
    if data is None:
        raise ConnectionError("closed in the middle of a message")
    return bytes(data)
