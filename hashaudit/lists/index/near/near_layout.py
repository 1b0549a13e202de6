"""Layout of the two sections of near search: their sizes determine the pieces of a hash."""

import msgspec

from hashaudit.lists.index.index_layout import ROW_BYTES, Section
from hashaudit.lists.index.lookup import DigestSection

MAX_PIECES = 32
MAX_PIECE_BITS = 24
"""Maximum bits of a piece, for a table of 64 MiB: a larger one would cost the cache more than it saves."""

MIN_WIDTH_BYTES = 4
"""Minimum size of a hash, because a piece is read as part of four bytes."""


class Pieces(msgspec.Struct, frozen=True):
    """The division of a hash into ``count`` pieces of ``bits`` bits; the bits after them are in no piece."""

    count: int
    bits: int

    @property
    def slots(self) -> int:
        """Number of entries in the table of one piece."""
        return (1 << self.bits) + 1


class PieceSections(msgspec.Struct, frozen=True):
    """The sections with the hashes of one algorithm by the values of their pieces."""

    pieces: Pieces
    buckets: Section
    """For each piece a table: first position of the members of each value, and last their number."""
    members: Section
    """For each piece the positions of all hashes, ordered by their value."""


def piece_sections(digests: DigestSection, buckets: Section, members: Section) -> PieceSections:
    """Returns the sections with the pieces derived from their sizes.

    Raises:
        ListError: the sizes do not fit together.
    """
    count, rest = divmod(members.size, digests.count * ROW_BYTES)
    slots, odd = divmod(buckets.size, max(1, count) * ROW_BYTES)
    pieces = Pieces(count, max(0, slots - 1).bit_length() - 1)
    fits = 0 < count <= MAX_PIECES and 0 < pieces.bits <= MAX_PIECE_BITS and slots == pieces.slots
    if rest or odd or not fits or count * pieces.bits > 8 * digests.width_bytes:
        raise digests.damaged("sizes of pieces")
    return PieceSections(pieces, buckets, members)
