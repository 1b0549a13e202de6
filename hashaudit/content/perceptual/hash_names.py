"""Names, sizes and lengths of the perceptual hashes, without the code that computes them.

``hashaudit.content.perceptual.perceptual_registry`` makes its rows from these names. It imports numpy and Pillow, which
takes four times as long as this module (``-X importtime``), and reading a list needs neither.

A name may end in a size: ``phash-16`` has 16 x 16 bits, ``colorhash-4`` four bits a bin. A name without a size means
the default size of the algorithm's library.
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

PDQ_BITS = 256
DEFAULT_SIZE = 8
MIN_SIZE, MAX_SIZE = 2, 32
"""The largest hash has 1,024 bits: more than any list contains."""
DEFAULT_BITS_PER_BIN = 3
MAX_BITS_PER_BIN = 8
COLOUR_BINS = 14
_GRIDS = ("ahash", "phash", "phash_simple", "dhash", "dhash_vertical")
_WAVELETS = ("whash", "whash_db4")
_WAVELET_SIZES = (2, 4, 8, 16, 32)
_DB4_TAPS = 8
_SEGMENT_BITS = 64
_COLORHASH = "colorhash"


def canonical_name(name: str) -> AlgorithmName | None:
    """Returns the name in :data:`BITS` for a spelling in use (any case), or ``None``."""
    folded = name.strip().lower()
    if folded in ALIASES:
        folded = ALIASES[folded]
    elif folded not in BITS:
        family, _, size = folded.rpartition("-")
        family = ALIASES.get(family, family)
        default = _default_size(family)
        folded = family if default and size == str(default) else f"{family}-{size}"
    candidate = AlgorithmName(folded)
    return candidate if candidate in BITS else None


def split_name(name: AlgorithmName) -> tuple[str, int]:
    """Splits a canonical name into the family and the size."""
    family, _, size = name.partition("-")
    return family, int(size) if size else _default_size(family)


def _default_size(family: str) -> int:
    """Returns the default size of a family; 0 if it has only one size."""
    if family == _COLORHASH:
        return DEFAULT_BITS_PER_BIN
    return DEFAULT_SIZE if family in {*_GRIDS, *_WAVELETS} else 0


def _sized(family: str, size: int) -> AlgorithmName:
    return AlgorithmName(family if size == _default_size(family) else f"{family}-{size}")


def _db4_side(size: int) -> int:
    """Returns the coefficients along a side after halving a large image by a filter of eight taps, down to ``size``."""
    side = size << 8
    for _ in range(8):
        side = (side + _DB4_TAPS - 1) // 2
    return side


def _bits() -> dict[AlgorithmName, int]:
    bits = {AlgorithmName("pdq"): PDQ_BITS}
    for family in _GRIDS:
        bits |= {_sized(family, size): size * size for size in range(MIN_SIZE, MAX_SIZE + 1)}
    bits |= {_sized("whash", size): size * size for size in _WAVELET_SIZES}
    bits |= {_sized("whash_db4", size): _db4_side(size) ** 2 for size in _WAVELET_SIZES}
    bits |= {_sized(_COLORHASH, count): COLOUR_BINS * count for count in range(1, MAX_BITS_PER_BIN + 1)}
    return bits | {AlgorithmName("crop_resistant"): _SEGMENT_BITS}


BITS: dict[AlgorithmName, int] = _bits()
"""Bits of a value, by algorithm and size. A value is stored in whole bytes."""

LENGTHS_BYTES: dict[AlgorithmName, int] = {name: -(-bits // 8) for name, bits in BITS.items()}
"""Bytes of a value, by algorithm and size."""
