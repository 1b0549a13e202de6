"""The table of perceptual algorithms: name, bits, what of a picture they need, threshold.

A name may end in a size: ``phash-16`` has 16 x 16 bits, ``colorhash-4`` four bits a bin. Without one it is the size
that the algorithm's library takes by default.
"""

import re
from collections.abc import Callable

import numpy as np
from PIL import Image

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_names import ALIASES
from hashaudit.content.perceptual.imagehash_family import ColourHash, GridHash, SegmentHash, WaveletHash
from hashaudit.content.perceptual.interface import Hashed, Hasher, Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.model.results import AlgorithmName

MIN_HASH_SIZE = 2
MAX_HASH_SIZE = 32
"""1,024 bits: more than any list carries."""
COLOUR_BINS = 14
HUE_BINS = 12
MAX_BITS_PER_BIN = 8
SEGMENT_BITS = 64
PDQ_THRESHOLD = 31
"""The reference's own. In a random model no two of 1e14 pairs are as close."""
THRESHOLD_DIVISOR = 16
"""4 of 64 bits: about four false pairs in 1e14 of a random model, where 8 of 64 give 28,000."""

_Row = tuple[int, Hasher, int]
"""Bits, hasher, threshold."""
_FREQUENCY_SCALE = 4
"""phash scales a picture to four times its hash's size."""
_DB4_TAPS = 8


class _Pdq:
    """PDQ as a row of the table."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """One hash of each orientation; none where a side is below 5 px."""
        transform = pdq.transform(np.asarray(image))
        if transform is None:
            return []
        return [Hashed(orientation, transform.hash(orientation), transform.quality) for orientation in orientations]


def _grid(function: str, side: Callable[[int], tuple[int, int]], threshold_share: int = 1) -> Callable[[int], _Row]:
    def row(size: int) -> _Row:
        bits = size * size
        return bits, GridHash(function, size, side(size)), threshold_share * bits // THRESHOLD_DIVISOR

    return row


def _wavelet(mode: str, side: Callable[[int], int]) -> Callable[[int], _Row]:
    def row(size: int) -> _Row:
        if size & (size - 1):
            raise ValueError("a wavelet hash has a power of two as its size")
        bits = side(size) ** 2
        return bits, WaveletHash(mode, size, bits), bits // THRESHOLD_DIVISOR

    return row


def _db4_side(size: int) -> int:
    """Coefficients along a side after enough halvings by a filter of eight taps, from a large picture down."""
    side = size << 8
    for _ in range(8):
        side = (side + _DB4_TAPS - 1) // 2
    return side


_SIZED: dict[str, Callable[[int], _Row]] = {
    "ahash": _grid("average_hash", lambda size: (size, size), threshold_share=0),
    "phash": _grid("phash", lambda size: (size * _FREQUENCY_SCALE, size * _FREQUENCY_SCALE)),
    "phash_simple": _grid("phash_simple", lambda size: (size * _FREQUENCY_SCALE, size * _FREQUENCY_SCALE)),
    "dhash": _grid("dhash", lambda size: (size + 1, size)),
    "dhash_vertical": _grid("dhash_vertical", lambda size: (size, size + 1)),
    "whash": _wavelet("haar", lambda size: size),
    "whash_db4": _wavelet("db4", _db4_side),
}
_DEFAULT_SIZE = 8
_DEFAULT_BITS_PER_BIN = 3

_NAME = re.compile(r"(?P<family>[a-z][a-z0-9_-]*?)(?:-(?P<size>[0-9]{1,3}))?")


def algorithm_named(name: str) -> PerceptualAlgorithm | None:
    """The algorithm that ``name`` (any case) stands for, or ``None``."""
    parts = _NAME.fullmatch(name.strip().lower())
    if parts is None:
        return None
    family = ALIASES.get(parts["family"], parts["family"])
    if parts["size"] is None:
        return ALGORITHMS.get(AlgorithmName(family))
    try:
        if family == "colorhash":
            return _colorhash(int(parts["size"]))
        return _sized(family, int(parts["size"])) if family in _SIZED else None
    except ValueError:
        return None


def _sized(family: str, size: int) -> PerceptualAlgorithm:
    if not MIN_HASH_SIZE <= size <= MAX_HASH_SIZE:
        raise ValueError(f"a hash has {MIN_HASH_SIZE} to {MAX_HASH_SIZE} values a side")
    bits, hasher, threshold = _SIZED[family](size)
    name = family if size == _DEFAULT_SIZE else f"{family}-{size}"
    return PerceptualAlgorithm(AlgorithmName(name), bits, Needs.LUMA, threshold, hasher)


def _colorhash(bits_per_bin: int) -> PerceptualAlgorithm:
    if not 1 <= bits_per_bin <= MAX_BITS_PER_BIN:
        raise ValueError(f"a colour hash has 1 to {MAX_BITS_PER_BIN} bits a bin")
    name = "colorhash" if bits_per_bin == _DEFAULT_BITS_PER_BIN else f"colorhash-{bits_per_bin}"
    return PerceptualAlgorithm(
        AlgorithmName(name),
        bits=COLOUR_BINS * bits_per_bin,
        needs=Needs.COLOUR,
        threshold=0,
        hasher=ColourHash(bits_per_bin),
        idle_bits=HUE_BINS * bits_per_bin,
    )


PDQ = PerceptualAlgorithm(AlgorithmName("pdq"), pdq.BITS, Needs.UNROUNDED_LUMA, PDQ_THRESHOLD, _Pdq())
CROP_RESISTANT = PerceptualAlgorithm(AlgorithmName("crop_resistant"), SEGMENT_BITS, Needs.LUMA, 0, SegmentHash())

ALGORITHMS: dict[AlgorithmName, PerceptualAlgorithm] = {
    row.name: row
    for row in (
        PDQ,
        *(_sized(family, _DEFAULT_SIZE) for family in _SIZED),
        _colorhash(_DEFAULT_BITS_PER_BIN),
        CROP_RESISTANT,
    )
}
"""Every algorithm in its usual size, in the order in which findings list them."""
