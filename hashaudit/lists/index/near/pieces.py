"""How perceptual hashes are cut into pieces, so that near ones can be looked up instead of compared with all.

A hash within distance T of another has, of some disjoint pieces with radii whose sum is at least T - (pieces - 1), one
piece within that piece's radius: were each beyond, the distances would add up to more than T. So it is enough to look
at the hashes that share, up to few flipped bits, one piece with the query. Which radii cost least depends on T; which
pieces there are is decided once, when the index is written.

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
"""Up to here comparing with all takes no longer than a tenth of a millisecond or two."""

_WORD = np.dtype(">u4")
"""Holds a piece wherever in a byte it begins."""

_MIN_PIECE_BITS = 8

_MEMORY_SHARE = 2.25
"""Bytes of pieces for each byte of a hash: with the hash, its row and its prefix table, 110 bytes an entry of PDQ."""

_RADIUS_DIVISOR = 8
"""The radius that pieces are chosen for is just below an eighth of the bits: 31 of 256, 7 of 64."""

_PROBE_NS, _CANDIDATE_NS = 12, 30
_COMPARISON_NS, _COMPARISON_NS_PER_BYTE = 1.0, 0.3
"""What a look into a table, a candidate, and a hash that is compared in order cost, by measurement. Only their ratios
matter: they decide which of several exact searches is run."""


def comparison_ns(width_bytes: int) -> float:
    """What it takes to compare with one hash when all are gone through."""
    return _COMPARISON_NS + _COMPARISON_NS_PER_BYTE * width_bytes


def choose_pieces(width_bytes: int, hashes: int) -> Pieces | None:
    """The pieces with which a search of so many hashes costs least, within the memory allowed.

    Returns:
        ``None`` if comparing with all is best.
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
    """The radius of each piece, -1 for one that need not be looked at, and the expected nanoseconds of a search.

    Exact whatever the hashes are; the cost is that of hashes whose bits are even. As the pieces are alike and each
    further flipped bit costs more than the one before, the cheapest step taken ``threshold + 1`` times is the optimum.
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
    """The value of one piece of some hashes that stand one after the other.

    Args:
        hashes: at least one, and nothing else.
        width_bytes: of a hash.
        pieces: how it is cut.
        piece: which of them, from 0, which has the leading bits.
    """
    first_bit = piece * pieces.bits
    first_byte = min(first_bit // 8, width_bytes - _WORD.itemsize)
    words = np.ndarray(len(hashes) // width_bytes, _WORD, hashes, first_byte, (width_bytes,))
    unused_bits = 8 * _WORD.itemsize - (first_bit - 8 * first_byte) - pieces.bits
    return (words.astype(np.uint32) >> np.uint32(unused_bits)) & np.uint32((1 << pieces.bits) - 1)
