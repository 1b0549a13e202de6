"""Counts the places that two images have in common, to explain a match that a person doubts.

It needs both images and OpenCV, an optional dependency. The number is no hash and proves nothing: no record has it.

Source: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004), for the features and the ratio of the
two nearest; Fischler and Bolles, "Random Sample Consensus" (1981).
"""

import importlib
import importlib.util
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageOps

MODULE = "cv2"
EXTRA = "compare"
"""The name under which this project's package requires it."""
MAX_SIDE_PX = 800
MAX_PLACES = 1_500
"""Most places of an image, the strongest."""
RATIO = 0.75
"""A place pairs with another one that is nearer than this share of the distance to the second nearest."""
MAX_ERROR_PX = 4
"""Largest distance of a place from where the common movement puts it. Places closer to each other count once."""
MIN_AGREEING = 10
"""Fewest places that say something. 200 pairs of unrelated photographs have at most 3; copies in a collage or on a
screenshot at least 19 (docs/reference/robustness.md)."""
MIN_PAIRS = 4


class Agreement(msgspec.Struct, frozen=True):
    """The places that two images have in common."""

    places_a: int
    places_b: int
    pairs: int
    """Places that look alike."""
    agreeing: int
    """Pairs that one shift, scale and rotation explains."""
    changed: str
    """The change of A before: none, ``mirrored`` or ``negative``."""
    degrees: float | None = None
    """Rotation from A to B, counter-clockwise."""
    scale: float | None = None
    """The size of B relative to A."""

    @property
    def is_common(self) -> bool:
        """Returns whether the images have a part in common, as far as this shows."""
        return self.agreeing >= MIN_AGREEING


def is_installed() -> bool:
    """Returns whether the optional dependency is installed."""
    return importlib.util.find_spec(MODULE) is not None


def compare_features(first: Image.Image, second: Image.Image) -> Agreement:
    """Compares two images of mode ``L``, A also mirrored and as its negative.

    Raises:
        ImportError: the optional dependency is missing.
    """
    library: Any = importlib.import_module(MODULE)
    library.setNumThreads(1)
    library.setRNGSeed(1)
    other = _Places(library, second)
    ways = (("", first), ("mirrored", ImageOps.mirror(first)), ("negative", ImageOps.invert(first)))
    return max((_agreement(library, _Places(library, image), other, name) for name, image in ways), key=_rank)


def _rank(found: Agreement) -> int:
    return found.agreeing


class _Places:
    def __init__(self, library: Any, image: Image.Image) -> None:
        small = image.copy()
        small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
        self.factor = small.width / image.width
        points, self.looks = library.SIFT_create(MAX_PLACES).detectAndCompute(np.asarray(small), None)
        self.points = np.array([point.pt for point in points], dtype=np.float32).reshape(-1, 2)


def _agreement(library: Any, one: _Places, other: _Places, changed: str) -> Agreement:
    counts = len(one.points), len(other.points)
    if min(counts) < MIN_PAIRS:
        return Agreement(*counts, 0, 0, changed)
    nearest = library.BFMatcher(library.NORM_L2).knnMatch(one.looks, other.looks, k=2)
    good = [pair[0] for pair in nearest if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < MIN_PAIRS:
        return Agreement(*counts, len(good), 0, changed)
    sources = one.points[[pair.queryIdx for pair in good]]
    targets = other.points[[pair.trainIdx for pair in good]]
    movement, agrees = library.estimateAffinePartial2D(
        sources, targets, method=library.RANSAC, ransacReprojThreshold=float(MAX_ERROR_PX)
    )
    if movement is None:
        return Agreement(*counts, len(good), 0, changed)
    kept = agrees.ravel().astype(bool)
    agreeing = min(_distinct(sources[kept]), _distinct(targets[kept]))
    across, down = float(movement[0, 0]), float(movement[1, 0])
    scale = float(np.hypot(across, down)) * one.factor / other.factor
    # Rows count downward.
    return Agreement(*counts, len(good), agreeing, changed, float(-np.degrees(np.arctan2(down, across))), scale)


def _distinct(points: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> int:
    return len(np.unique(np.rint(points / MAX_ERROR_PX), axis=0))
