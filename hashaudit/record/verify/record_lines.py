"""A findings file as bytes: bounded lines, and the one form of a checkpoint."""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.record.chain import MAX_SEGMENT_LINES
from hashaudit.record.codec import MAX_LINE_BYTES, decode_body, encode_line
from hashaudit.record.header import FORMAT_VERSION
from hashaudit.record.schema import Checkpoint, CheckpointBody


def pieces(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line with its newline; one that is too long comes in pieces, all but the first marked as continued.

    Raises:
        OSError: the stream cannot be read.
    """
    continued = False
    while piece := stream.readline(MAX_LINE_BYTES):
        yield piece, continued
        continued = not piece.endswith(b"\n")


def without_newline(piece: bytes) -> bytes:
    """The line of a first piece.

    Raises:
        FindingsError: the line does not end in it.
    """
    if piece.endswith(b"\n"):
        return piece[:-1]
    raise FindingsError(f"longer than {MAX_LINE_BYTES} bytes" if len(piece) == MAX_LINE_BYTES else "cut short")


def read_body(checkpoint: Checkpoint, raw: bytes) -> CheckpointBody:
    """What a checkpoint says.

    Args:
        checkpoint: the line as decoded.
        raw: its bytes with the newline. They must be as this program writes them: a checkpoint's line as a whole is
            covered by nothing but the next checkpoint, and after the final one there is none.

    Raises:
        FindingsError: it says nothing that a checkpoint of version 1 can say.
    """
    if encode_line(checkpoint) != raw:
        raise FindingsError("the checkpoint is not in the one form that is taken")
    body = decode_body(checkpoint.body)
    if body.v != FORMAT_VERSION:
        raise FindingsError(f"format version {body.v} is not known here")
    if body.first < 1 or not 0 <= body.last + 1 - body.first <= MAX_SEGMENT_LINES:
        raise FindingsError("the checkpoint covers no possible segment")
    timestamps.to_seconds(body.time)
    return body
