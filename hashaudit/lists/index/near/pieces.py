"""Pieces of perceptual hashes, by which near ones are looked up instead of compared with all: multi-index hashing.

Take disjoint pieces with radii whose sum is at least T - (pieces - 1). A hash within distance T of the query has at
least one piece within that piece's radius: otherwise the distances would add up to more than T. So it is enough to
compare hashes that share one piece with the query, up to a few flipped bits. The cheapest radii depend on T; the pieces
are chosen once, when the index is written.

Source of the idea: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing" (2014); of
unequal radii: Qin et al., "GPH: Similarity Search in Hamming Space" (2018), section 4.
"""

import math
from heapq import heapify, heapreplace

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.lookup import Image
from hashaudit.lists.index.near.near_layout import MAX_PIECE_BITS, MAX_PIECES, MIN_WIDTH_BYTES, Pieces

Keys = npt.NDArray[np.uint32]

MIN_HASHES = 20_000
"""Number of hashes below which comparing with all takes at most one or two tenths of a millisecond."""

_WORD = np.dtype(">u4")
"""Word that contains a piece starting at any bit of its first byte."""

_MIN_PIECE_BITS = 8

_MEMORY_SHARE = 2.25
"""Maximum bytes of pieces for each byte of a hash. With the hash, its row and its prefix table, a PDQ entry takes
110 bytes."""

_RADIUS_DIVISOR = 8
"""Divisor for the radius that pieces are chosen for, just below an eighth of the bits: 31 of 256, 7 of 64."""

_PROBE_NS, _CANDIDATE_NS = 12, 30
_COMPARISON_NS, _COMPARISON_NS_PER_BYTE = 1.0, 0.3
"""Measured cost of a table access, of a candidate, and of a hash compared in sequence. Only the ratios matter: they
select one of several exact searches."""


def comparison_ns(width_bytes: int) -> float:
    """Returns the cost of comparing with one hash in a linear search."""
    return _COMPARISON_NS + _COMPARISON_NS_PER_BYTE * width_bytes


def choose_pieces(width_bytes: int, hashes: int) -> Pieces | None:
    """Returns the pieces with the cheapest search for this number of hashes, within the memory limit.

    Returns:
        ``None`` if comparing with all is cheapest.
    """
    if hashes < MIN_HASHES or width_bytes < MIN_WIDTH_BYTES:
        return None
    bits = 8 * width_bytes
    best, best_ns = None, hashes * comparison_ns(width_bytes)
    for count in range(1, MAX_PIECES + 1):
        for piece_bits in range(_MIN_PIECE_BITS, min(MAX_PIECE_BITS, bits // count) + 1):
            pieces = Pieces(count, piece_bits)
            if 4 * count * (1 + pieces.slots / hashes) > _MEMORY_SHARE * width_bytes:
                break
            cost_ns = choose_radii(pieces, hashes, bits // _RADIUS_DIVISOR - 1)[1]
            if cost_ns < best_ns:
                best, best_ns = pieces, cost_ns
    return best


def choose_radii(pieces: Pieces, hashes: int, threshold: int) -> tuple[tuple[int, ...], float]:
    """Returns the radius of each piece, -1 for a piece that is skipped, and the expected nanoseconds of a search.

    The search is exact for any hashes; the cost assumes uniformly distributed bits. All pieces are alike and each
    further flipped bit costs more than the previous one, so taking the cheapest step ``threshold + 1`` times is
    optimal.
    """
    share_ns = _PROBE_NS + _CANDIDATE_NS * hashes / (1 << pieces.bits)
    steps = [(share_ns * math.comb(pieces.bits, 0), piece, 0) for piece in range(pieces.count)]
    heapify(steps)
    radii = [-1] * pieces.count
    total_ns = 0.0
    for _ in range(threshold + 1):
        cost_ns, piece, radius = steps[0]
        total_ns += cost_ns
        radii[piece] = radius
        heapreplace(steps, (share_ns * math.comb(pieces.bits, radius + 1), piece, radius + 1))
    return tuple(radii), total_ns


def keys_of(hashes: Image | memoryview, width_bytes: int, pieces: Pieces, piece: int) -> Keys:
    """Returns the value of one piece of concatenated hashes.

    Args:
        hashes: concatenated hashes, at least one, without other bytes.
        width_bytes: size of a hash.
        pieces: the division of a hash.
        piece: number of the piece, from 0, which has the leading bits.
    """
    first_bit = piece * pieces.bits
    first_byte = min(first_bit // 8, width_bytes - _WORD.itemsize)
    words = np.ndarray(len(hashes) // width_bytes, _WORD, hashes, first_byte, (width_bytes,))
    unused_bits = 8 * _WORD.itemsize - (first_bit - 8 * first_byte) - pieces.bits
    return (words.astype(np.uint32) >> np.uint32(unused_bits)) & np.uint32((1 << pieces.bits) - 1)
