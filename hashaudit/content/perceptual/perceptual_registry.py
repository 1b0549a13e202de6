"""The registry of perceptual algorithms: hasher, input and threshold of each name in ``hash_names``."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_names import BITS, canonical_name, split_name
from hashaudit.content.perceptual.imagehash_family import ColourHash, GridHash, SegmentHash, WaveletHash
from hashaudit.content.perceptual.interface import Hashed, Hasher, Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.model.results import AlgorithmName

HUE_BINS = 12
PDQ_THRESHOLD = 31
"""The reference's threshold. In a random model no two of 1e14 pairs are as close."""
THRESHOLD_DIVISOR = 16
"""4 of 64 bits: about four false pairs in 1e14 of a random model, whereas 8 of 64 give 28,000."""

_FREQUENCY_SCALE = 4
"""phash scales an image to four times the size of its hash."""


class _Pdq:
    """PDQ as a hasher of the registry."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes one hash for each orientation; none if a side is below 5 px."""
        transform = pdq.transform(np.asarray(image))
        if transform is None:
            return []
        return [Hashed(orientation, transform.hash(orientation), transform.quality) for orientation in orientations]


def _grid(function: str, side: Callable[[int], tuple[int, int]]) -> Callable[[int, int], Hasher]:
    return lambda size, _bits: GridHash(function, size, side(size))


def _wavelet(mode: str) -> Callable[[int, int], Hasher]:
    return lambda size, bits: WaveletHash(mode, size, bits)


_HASHERS: dict[str, Callable[[int, int], Hasher]] = {
    "pdq": lambda _size, _bits: _Pdq(),
    "ahash": _grid("average_hash", lambda size: (size, size)),
    "phash": _grid("phash", lambda size: (size * _FREQUENCY_SCALE, size * _FREQUENCY_SCALE)),
    "phash_simple": _grid("phash_simple", lambda size: (size * _FREQUENCY_SCALE, size * _FREQUENCY_SCALE)),
    "dhash": _grid("dhash", lambda size: (size + 1, size)),
    "dhash_vertical": _grid("dhash_vertical", lambda size: (size, size + 1)),
    "whash": _wavelet("haar"),
    "whash_db4": _wavelet("db4"),
    "colorhash": lambda size, _bits: ColourHash(size),
    "crop_resistant": lambda _size, _bits: SegmentHash(),
}
"""Makes the hasher of a family from a size and its bits."""

_EXACT_FAMILIES = frozenset({"ahash", "colorhash", "crop_resistant"})
"""Families that match only equal values unless the user sets a threshold."""

_FAMILIES_OF_COPIES = frozenset({"phash"})
"""Families that see parts and estimates of an image. The others have more false matches, or cost more
(docs/reference/robustness.md)."""


def _row(name: AlgorithmName) -> PerceptualAlgorithm:
    family, size = split_name(name)
    bits = BITS[name]
    hasher = _HASHERS[family](size, bits)
    if family == "pdq":
        return PerceptualAlgorithm(name, bits, Needs.UNROUNDED_LUMA, PDQ_THRESHOLD, hasher)
    threshold = 0 if family in _EXACT_FAMILIES else bits // THRESHOLD_DIVISOR
    if family == "colorhash":
        return PerceptualAlgorithm(name, bits, Needs.COLOUR, threshold, hasher, idle_bits=HUE_BINS * size)
    return PerceptualAlgorithm(name, bits, Needs.LUMA, threshold, hasher, sees_copies=family in _FAMILIES_OF_COPIES)


ALGORITHMS: dict[AlgorithmName, PerceptualAlgorithm] = {name: _row(name) for name in BITS if "-" not in name}
"""Every algorithm in its default size, in the order in which findings list them."""

PDQ = ALGORITHMS[AlgorithmName("pdq")]


def algorithm_named(name: str) -> PerceptualAlgorithm | None:
    """Returns the algorithm for a spelling in use (any case), or ``None``."""
    canonical = canonical_name(name)
    if canonical is None:
        return None
    return ALGORITHMS.get(canonical) or _row(canonical)
