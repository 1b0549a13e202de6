"""Computes PDQ: 256 bits and a quality, and the hashes of all eight orientations from one transform.

For the same pixels, bits and quality equal those of the reference implementation.

Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019).
"""

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.content.perceptual import pdq_reference
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.content.perceptual.pdq_downsample import GRID, downsample

BITS = 256
MIN_SIDE_PX = 5
"""Shortest side of an image that the reference hashes."""
MAX_QUALITY = 100
QUALITY_DIVISOR = 90
"""Scales the sum of gradients to 0..100."""
ROUNDING_PER_PX = 2e-6
"""Bound on the rounding error of a filtered value of the reference, per pixel of the longer side: its running sums keep
every rounding error. docs/concepts/perceptual.md has the measurement."""
MIN_ROUNDING = 1e-3
"""The same bound for small planes, where the sums of the transform dominate."""
COEFFICIENT_ROUNDING_PER_PX = 1e-6
"""Bound on the rounding error of two coefficients together, per pixel of the longer side. Coefficients average over the
image, so their errors are smaller than those of single values: at most 0.0012 each, up to 12 MP."""
MIN_COEFFICIENT_ROUNDING = 4e-3
"""The same bound for planes of up to 4,000 pixels a side."""

_TRANSFORM = pdq_reference.TRANSFORM
_ALTERNATING = np.where(np.arange(pdq_reference.COEFFICIENTS) % 2, np.float32(1), np.float32(-1))
_UPRIGHT = np.ones(pdq_reference.COEFFICIENTS, dtype=np.float32)
# Rotating or mirroring an image changes the sign of every second coefficient of its cosine transform, by row, by column
# or both; a quarter turn also swaps rows and columns. The value: signs by row, signs by column, swapped.
_SYMMETRIES: dict[Orientation, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], bool]] = {
    Orientation.ORIGINAL: (_UPRIGHT, _UPRIGHT, False),
    Orientation.ROTATE_90: (_UPRIGHT, _ALTERNATING, True),
    Orientation.ROTATE_180: (_ALTERNATING, _ALTERNATING, False),
    Orientation.ROTATE_270: (_ALTERNATING, _UPRIGHT, True),
    Orientation.FLIP_X: (_ALTERNATING, _UPRIGHT, False),
    Orientation.FLIP_Y: (_UPRIGHT, _ALTERNATING, False),
    Orientation.FLIP_PLUS_1: (_UPRIGHT, _UPRIGHT, True),
    Orientation.FLIP_MINUS_1: (_ALTERNATING, _ALTERNATING, True),
}
_SIGNS = np.stack([np.outer(rows, columns) for rows, columns, swapped in _SYMMETRIES.values() if not swapped])

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.floating]
_Image = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


class PdqTransform(msgspec.Struct, frozen=True):
    """The coefficients of an image before PDQ reduces them to bits."""

    coefficients: npt.NDArray[np.float32]
    """16 x 16."""
    quality: int
    """0..100; below 50 the hash is unstable."""

    def hash(self, orientation: Orientation = Orientation.ORIGINAL) -> bytes:
        """Returns the 32 bytes of the hash of the image in ``orientation``."""
        by_row, by_column, swapped = _SYMMETRIES[orientation]
        oriented = self.coefficients * np.outer(by_row, by_column)
        values = (oriented.T if swapped else oriented).ravel()
        median = np.partition(values, BITS // 2 - 1)[BITS // 2 - 1]
        return np.packbits(values[::-1] > median).tobytes()

    def dihedral(self) -> dict[Orientation, bytes]:
        """Returns the hashes of all eight orientations."""
        return {orientation: self.hash(orientation) for orientation in ORIENTATIONS}


def transform(pixels: Pixels, *, is_exact: bool = True) -> PdqTransform | None:
    """Filters and transforms an image once. Returns ``None`` if a side is below 5 px.

    Args:
        pixels: luma (0.299 R + 0.587 G + 0.114 B) as rows x columns, or RGB as rows x columns x 3; 0 to 255, ``uint8``
            or floating.
        is_exact: equals the reference in every bit. Otherwise a bit at the median may differ, and the quality by one;
            in one of twenty images that saves a hundred times the cost.

    Raises:
        ValueError: the shape is another one, or a value is not finite.
    """
    if pixels.ndim not in {2, 3} or pixels.shape[2:] not in {(), (3,)}:
        raise ValueError("invalid shape of an image: neither rows x columns nor rows x columns x 3")
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        return None
    if pixels.dtype == np.uint8:
        image: _Image = pixels
    else:
        image = pixels.astype(np.float32, copy=False)
        if not np.isfinite(image).all():
            raise ValueError("invalid image: a value is not a finite number")
    if image.shape[:2] == (GRID, GRID):
        return _reference_transform(image)
    grid = downsample(image)
    coefficients = (_TRANSFORM @ grid @ _TRANSFORM.T).astype(np.float32, copy=False)
    side = max(image.shape)
    if not is_exact:
        return PdqTransform(coefficients, _quality(grid, 0.0) or 0)
    quality = _quality(grid, max(MIN_ROUNDING, ROUNDING_PER_PX * side))
    rounding = max(MIN_COEFFICIENT_ROUNDING, COEFFICIENT_ROUNDING_PER_PX * side)
    if quality is None or _median_gap(coefficients) < rounding:
        return _reference_transform(image)
    return PdqTransform(coefficients, quality)


def hashes_of_grids(grids: npt.NDArray[np.float32], orientations: tuple[Orientation, ...]) -> list[list[bytes]]:
    """Returns the hashes of images that are already filtered and reduced to 64 x 64 values, for each orientation.

    A bit at the median may differ from the reference.

    Args:
        grids: images x 64 x 64.
        orientations: none that swaps rows and columns.
    """
    coefficients = _TRANSFORM @ grids @ _TRANSFORM.T
    signs = np.stack([np.outer(*_SYMMETRIES[orientation][:2]) for orientation in orientations])
    values = (coefficients[:, None] * signs).reshape(len(grids), len(orientations), BITS)
    medians = np.partition(values, BITS // 2 - 1, axis=2)[..., BITS // 2 - 1, None]
    packed = np.packbits(values[..., ::-1] > medians, axis=2)
    return [[value.tobytes() for value in image] for image in packed]


def _reference_transform(image: _Image) -> PdqTransform:
    grid = pdq_reference.downsample(pdq_reference.luma(image))
    gradients = [_percent(grid, axis).astype(np.int32) for axis in (0, 1)]
    return PdqTransform(pdq_reference.transform(grid), _scaled(sum(int(np.abs(part).sum()) for part in gradients)))


def _median_gap(coefficients: npt.NDArray[np.float32]) -> float:
    """Returns the gap between the two middle coefficients, the smallest of all orientations.

    A rounding error below the gap does not change the bits.
    """
    middle = np.partition((coefficients * _SIGNS).reshape(len(_SIGNS), BITS), (BITS // 2 - 1, BITS // 2), axis=1)
    return float((middle[:, BITS // 2] - middle[:, BITS // 2 - 1]).min())


def _percent(grid: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Returns the differences of neighbours along ``axis`` in per cent of the full range."""
    return -np.diff(grid, axis=axis) * np.float32(100) / np.float32(255)


def _scaled(gradient_sum: int) -> int:
    return min(gradient_sum // QUALITY_DIVISOR, MAX_QUALITY)


def _quality(grid: npt.NDArray[np.float32], rounding: float) -> int | None:
    """Returns the quality of an image; ``None`` if rounding could change it."""
    lowest = highest = 0
    for axis in (0, 1):
        sizes = np.abs(_percent(grid, axis))
        lowest += int(np.maximum(sizes - rounding, 0).astype(np.int32).sum())
        highest += int((sizes + rounding).astype(np.int32).sum())
    return _scaled(lowest) if _scaled(lowest) == _scaled(highest) else None
