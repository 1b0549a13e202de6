"""The two sections of an index by which near hashes are found: how their sizes say how hashes are cut into pieces."""

import msgspec

from hashaudit.lists.index.index_layout import ROW_BYTES, Section
from hashaudit.lists.index.lookup import DigestSection

MAX_PIECES = 32
MAX_PIECE_BITS = 24
"""A table of 64 MiB for each piece: more would cost the cache more than it saves."""

MIN_WIDTH_BYTES = 4
"""A piece is read as part of four bytes."""


class Pieces(msgspec.Struct, frozen=True):
    """The first ``count`` runs of ``bits`` bits of a hash; what is left at its end is in no piece."""

    count: int
    bits: int

    @property
    def slots(self) -> int:
        """Numbers in the table of one piece."""
        return (1 << self.bits) + 1


class PieceSections(msgspec.Struct, frozen=True):
    """Where the hashes of one algorithm are by the values of their pieces."""

    pieces: Pieces
    buckets: Section
    """For each piece a table: where the members of each of its values begin, and their number."""
    members: Section
    """For each piece the positions of all hashes, in the order of its values."""


def piece_sections(digests: DigestSection, buckets: Section, members: Section) -> PieceSections:
    """Derives the pieces from the sizes of the sections.

    Raises:
        ListError: the sizes do not fit each other.
    """
    count, rest = divmod(members.size, digests.count * ROW_BYTES)
    slots, odd = divmod(buckets.size, max(1, count) * ROW_BYTES)
    pieces = Pieces(count, max(0, slots - 1).bit_length() - 1)
    fits = 0 < count <= MAX_PIECES and 0 < pieces.bits <= MAX_PIECE_BITS and slots == pieces.slots
    if rest or odd or not fits or count * pieces.bits > 8 * digests.width_bytes:
        raise digests.damaged("sizes of pieces")
    return PieceSections(pieces, buckets, members)
