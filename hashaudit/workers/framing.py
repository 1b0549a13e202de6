"""Length-prefixed frames over a blocking stream socket, for the worker's side of the connection."""

import socket
import struct

HEADER = struct.Struct("<I")


def frame(payload: bytes) -> bytes:
    """Returns the payload behind its length."""
    return HEADER.pack(len(payload)) + payload


def receive(stream: socket.socket) -> bytearray | None:
    """Returns the next frame, or ``None`` if the other side closed between two frames.

    Raises:
        ConnectionError: the other side closed in the middle of a frame.
    """
    header = _receive_exactly(stream, HEADER.size)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    payload = _receive_exactly(stream, length)
    if payload is None:
        raise ConnectionError("closed in the middle of a frame")
    return payload


def _receive_exactly(stream: socket.socket, length: int) -> bytearray | None:
    data = bytearray(length)
    view = memoryview(data)
    done = 0
    while done < length:
        count = stream.recv_into(view[done:])
        if count == 0:
            if done == 0:
                return None
            raise ConnectionError("closed in the middle of a frame")
        done += count
    return data
