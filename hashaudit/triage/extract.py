"""Writes an extract of a findings file: some segments and all checkpoints, so that the chain still verifies.

An extract discloses the records of a segment and not those of others. The first segment is always in it, because it
holds the run header.
"""

import os
from collections.abc import Iterator

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model.paths import for_terminal
from hashaudit.record.codec import decode_line
from hashaudit.record.output import Output
from hashaudit.record.schema import Checkpoint
from hashaudit.record.verify.record_lines import pieces, read_body, without_newline


def write_extract(path: str | bytes, seqs: frozenset[int], output: Output) -> int:
    """Copies the segments with these records, the first segment and all checkpoints.

    Args:
        path: a findings file that is verified, because this function does not check signatures.
        seqs: numbers of records.
        output: a new file.

    Returns:
        The number of records written, with the run header.

    Raises:
        FindingsError: the file cannot be read, or a line is damaged.
        OutputError: the extract cannot be written.
    """
    written = 0
    for lines, checkpoint, raw in _segments(os.fsencode(path)):
        body = read_body(checkpoint, raw)
        is_wanted = body.first == 1 or any(body.first <= seq <= body.last for seq in seqs)
        if is_wanted:
            written += len(lines)
        output.write(b"".join((*lines, raw) if is_wanted else (raw,)))
    output.sync()
    return written


def _segments(path: bytes) -> Iterator[tuple[list[bytes], Checkpoint, bytes]]:
    waiting: list[bytes] = []
    try:
        with open_regular(path) as stream:
            for piece, _ in pieces(stream):
                line = decode_line(without_newline(piece))
                if isinstance(line, Checkpoint):
                    yield waiting, line, piece
                    waiting = []
                else:
                    waiting.append(piece)
    except OSError as error:
        raise FindingsError(f"cannot read: '{for_terminal(path)}'; {error.strerror}") from error
