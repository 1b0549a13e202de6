"""Length-prefixed frames over a blocking stream socket, for the side that waits for the next one."""

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
    header = receive_exactly(stream, HEADER.size)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    payload = receive_exactly(stream, length)
    if payload is None:
        raise ConnectionError("closed in the middle of a frame")
    return payload


def receive_exactly(stream: socket.socket, length: int) -> bytearray | None:
    """Returns this many bytes, or ``None`` if the other side closed before the first.

    Raises:
        ConnectionError: the other side closed before the last.
    """
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
