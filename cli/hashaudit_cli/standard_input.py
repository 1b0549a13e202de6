"""Standard input as a file to hash, and as a list of names."""

import sys
from collections.abc import Callable, Sequence

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.errors import HostError
from hashaudit.model.file_pieces import Piece
from hashaudit.model.results import AlgorithmName
from hashaudit_cli.ui.streams import STANDARD_INPUT, opened_in_place

STANDARD_INPUT_NAME = "-"
"""Names standard input where a file is expected."""

_READ_BYTES = 1 << 20


def require_standard_input() -> None:
    """Requires that the caller has not closed standard input.

    Raises:
        HostError: it is closed.
    """
    if STANDARD_INPUT in opened_in_place or sys.stdin is None:
        raise HostError("standard input is closed", hint="name a file, or give the content through a pipe")


def hash_standard_input(
    algorithms: Sequence[AlgorithmName],
    *,
    piece_bytes: int | None = None,
    take_piece: Callable[[Piece, dict[str, str]], None] = lambda *_: None,
) -> tuple[int, dict[str, str]]:
    """Returns the number of bytes on standard input, and their digests in hex.

    Args:
        algorithms: the digests to compute.
        piece_bytes: size of a piece; ``None``: there are no pieces.
        take_piece: receives each piece with its digests. Empty input has one piece.

    Raises:
        HostError: standard input is closed or cannot be read.
    """
    require_standard_input()
    whole, total = MultiDigest(algorithms), 0
    piece, length = MultiDigest(algorithms), 0
    try:
        while data := sys.stdin.buffer.read(min(_READ_BYTES, (piece_bytes or _READ_BYTES) - length)):
            whole.update(data)
            total += len(data)
            if piece_bytes is not None:
                piece.update(data)
                length += len(data)
                if length == piece_bytes:
                    take_piece(Piece(total - length, length), _hex(piece))
                    piece, length = MultiDigest(algorithms), 0
    except OSError as error:
        raise HostError(f"cannot read standard input; {error.strerror}") from error
    if piece_bytes is not None and (length or not total):
        take_piece(Piece(total - length, length), _hex(piece))
    return total, _hex(whole)


def _hex(digest: MultiDigest) -> dict[str, str]:
    return {str(name): value.hex() for name, value in digest.digests().items()}
