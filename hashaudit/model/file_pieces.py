"""Pieces of a file, which are hashed one by one beside the whole. A piece is addressed as a member of its file."""

from typing import NamedTuple

import msgspec

from hashaudit.model.location import Member

PIECE_FORMAT = "piece"
"""``format`` of a member that is a piece of a file. No container has it."""


class PieceConfig(msgspec.Struct, frozen=True, array_like=True):
    """Settings for the digests of pieces of files."""

    size: int
    """Bytes of a piece; the last one of a file may be shorter."""
    first_only: bool = False
    """Only the piece at the beginning of a file."""


class Piece(NamedTuple):
    """A range of a file's content, in bytes."""

    offset: int
    length: int
    """0 for the piece of an empty file."""


def piece_member(number: int, size: int, length: int) -> Member:
    """Returns the member that stands for a piece.

    Args:
        number: of the piece, from 0.
        size: bytes of each piece but the last.
        length: bytes of this piece.
    """
    return Member(PIECE_FORMAT, b"%d+%d" % (number * size, length), number)


def parse_piece(name: str) -> Piece:
    """Returns the range that the name of such a member states.

    Raises:
        ValueError: it is not one.
    """
    offset, _, length = name.partition("+")
    return Piece(int(offset), int(length))
