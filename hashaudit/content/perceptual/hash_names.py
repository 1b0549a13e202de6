"""Names and lengths of the perceptual hashes, without what computes them: reading a list must not load decoders.

``hashaudit.content.perceptual.perceptual_registry`` has the rows; a test holds both to each other.
"""

from hashaudit.model.results import AlgorithmName

ALIASES: dict[str, str] = {
    "average_hash": "ahash",
    "whash-haar": "whash",
    "whash_haar": "whash",
    "whash-db4": "whash_db4",
    "phash-simple": "phash_simple",
    "dhash-vertical": "dhash_vertical",
    "crop_resistant_hash": "crop_resistant",
    "crop-resistant": "crop_resistant",
}

DEFAULT_SIZE = 8
MIN_SIZE, MAX_SIZE = 2, 32
DEFAULT_BITS_PER_BIN = 3
MAX_BITS_PER_BIN = 8
_GRIDS = ("ahash", "phash", "phash_simple", "dhash", "dhash_vertical")
_WAVELET_SIZES = (2, 4, 8, 16, 32)
_DB4_SIDES = {2: 8, 4: 10, 8: 14, 16: 22, 32: 38}
"""Coefficients along a side that halvings by a filter of eight taps leave, by hash size."""
_COLOUR_BINS = 14
_SEGMENT_BITS = 64
_PDQ_BITS = 256


def canonical_name(name: str) -> AlgorithmName | None:
    """The name in :data:`BITS` for a spelling in use (any case), or ``None``."""
    folded = name.strip().lower()
    if folded in ALIASES:
        folded = ALIASES[folded]
    elif folded not in BITS:
        family, _, size = folded.rpartition("-")
        folded = f"{ALIASES.get(family, family)}-{size}"
    candidate = AlgorithmName(folded)
    return candidate if candidate in BITS else None


def _sized(family: str, size: int, default: int) -> AlgorithmName:
    return AlgorithmName(family if size == default else f"{family}-{size}")


def _bits() -> dict[AlgorithmName, int]:
    bits = {AlgorithmName("pdq"): _PDQ_BITS}
    for family in _GRIDS:
        bits |= {_sized(family, size, DEFAULT_SIZE): size * size for size in range(MIN_SIZE, MAX_SIZE + 1)}
    bits |= {_sized("whash", size, DEFAULT_SIZE): size * size for size in _WAVELET_SIZES}
    bits |= {_sized("whash_db4", size, DEFAULT_SIZE): side * side for size, side in _DB4_SIDES.items()}
    bits |= {
        _sized("colorhash", count, DEFAULT_BITS_PER_BIN): _COLOUR_BINS * count
        for count in range(1, MAX_BITS_PER_BIN + 1)
    }
    return bits | {AlgorithmName("crop_resistant"): _SEGMENT_BITS}


BITS: dict[AlgorithmName, int] = _bits()
"""Of a value, by algorithm and size; it is kept in whole bytes."""

LENGTHS_BYTES: dict[AlgorithmName, int] = {name: -(-bits // 8) for name, bits in BITS.items()}
"""Bytes of a value."""
