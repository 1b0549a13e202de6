"""Reads a findings file as bytes: lines of bounded length, and checkpoints in their only form."""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.record.chain import MAX_SEGMENT_LINES
from hashaudit.record.codec import MAX_LINE_BYTES, decode_body, encode_line
from hashaudit.record.header import FORMAT_VERSION
from hashaudit.record.schema import Checkpoint, CheckpointBody


def pieces(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yields each line with its newline. A line that is too long comes in pieces; all but the first are continued.

    Raises:
        OSError: the stream cannot be read.
    """
    continued = False
    while piece := stream.readline(MAX_LINE_BYTES):
        yield piece, continued
        continued = not piece.endswith(b"\n")


def without_newline(piece: bytes) -> bytes:
    """Returns the line of a first piece.

    Raises:
        FindingsError: the piece does not contain the end of the line.
    """
    if piece.endswith(b"\n"):
        return piece[:-1]
    raise FindingsError(f"longer than {MAX_LINE_BYTES} bytes" if len(piece) == MAX_LINE_BYTES else "truncated")


def read_body(checkpoint: Checkpoint, raw: bytes) -> CheckpointBody:
    """Returns the body of a checkpoint.

    Args:
        checkpoint: the decoded line.
        raw: its bytes with the newline. They must be exactly as this program writes them, because only the next
            checkpoint covers the line as a whole, and none follows the final one.

    Raises:
        FindingsError: the body is not valid in version 1 of the format.
    """
    if encode_line(checkpoint) != raw:
        raise FindingsError("the checkpoint is not in the only accepted form")
    body = decode_body(checkpoint.body)
    if body.v != FORMAT_VERSION:
        raise FindingsError(f"format version {body.v} is not supported")
    if body.first < 1 or not 0 <= body.last + 1 - body.first <= MAX_SEGMENT_LINES:
        raise FindingsError("the checkpoint covers an impossible range of records")
    timestamps.to_seconds(body.time)
    return body
