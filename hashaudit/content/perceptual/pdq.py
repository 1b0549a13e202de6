"""PDQ: 256 bits and a quality of a picture, and the hashes of its eight orientations from one transform.

On the same pixels the bits and the quality are those of the reference implementation.

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
"""The reference gives no hash below."""
MAX_QUALITY = 100
QUALITY_DIVISOR = 90
"""Scales the sum of gradients to 0..100."""
ROUNDING_PER_PX = 2e-6
"""Bound on how far a filtered value of the reference strays, per pixel of the longer side: its running sums keep every
rounding error. docs/concepts/perceptual.md has the measurement."""
MIN_ROUNDING = 1e-3
"""The same bound for small planes, where the transform's own sums dominate."""
COEFFICIENT_ROUNDING_PER_PX = 1e-6
"""Bound on how far two coefficients together stray, per pixel of the longer side. Coefficients average over the
picture, so they stray less than single values do: by 0.0012 each at most, up to 12 MP."""
MIN_COEFFICIENT_ROUNDING = 4e-3
"""The same bound for planes of up to 4,000 pixels a side."""

_TRANSFORM = pdq_reference.TRANSFORM
_ALTERNATING = np.where(np.arange(pdq_reference.COEFFICIENTS) % 2, np.float32(1), np.float32(-1))
_UPRIGHT = np.ones(pdq_reference.COEFFICIENTS, dtype=np.float32)
# Turning a picture changes the sign of every second coefficient of its cosine transform, by row, by column or both; a
# quarter turn also swaps rows and columns. The value: signs by row, signs by column, swapped.
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
_Picture = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


class PdqTransform(msgspec.Struct, frozen=True):
    """What PDQ keeps of a picture before it is cut to bits."""

    coefficients: npt.NDArray[np.float32]
    """16 x 16."""
    quality: int
    """0..100; below 50 the hash is unstable."""

    def hash(self, orientation: Orientation = Orientation.ORIGINAL) -> bytes:
        """The 32 bytes of the hash of the picture in ``orientation``."""
        by_row, by_column, swapped = _SYMMETRIES[orientation]
        turned = self.coefficients * np.outer(by_row, by_column)
        values = (turned.T if swapped else turned).ravel()
        median = np.partition(values, BITS // 2 - 1)[BITS // 2 - 1]
        return np.packbits(values[::-1] > median).tobytes()

    def dihedral(self) -> dict[Orientation, bytes]:
        """The hashes of all eight orientations."""
        return {orientation: self.hash(orientation) for orientation in ORIENTATIONS}


def transform(pixels: Pixels) -> PdqTransform | None:
    """Filters and transforms a picture once; ``None`` where a side is below 5 px.

    Args:
        pixels: luma (0.299 R + 0.587 G + 0.114 B) as rows x columns, or RGB as rows x columns x 3; 0 to 255, ``uint8``
            or floating.

    Raises:
        ValueError: another shape, or a value that is no finite number.
    """
    if pixels.ndim not in {2, 3} or pixels.shape[2:] not in {(), (3,)}:
        raise ValueError("a picture is rows x columns, or rows x columns x 3")
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        return None
    if pixels.dtype == np.uint8:
        picture: _Picture = pixels
    else:
        picture = pixels.astype(np.float32, copy=False)
        if not np.isfinite(picture).all():
            raise ValueError("a picture holds finite numbers")
    if picture.shape[:2] == (GRID, GRID):
        return _exactly(picture)
    grid = downsample(picture)
    coefficients = (_TRANSFORM @ grid @ _TRANSFORM.T).astype(np.float32, copy=False)
    side = max(picture.shape)
    quality = _quality(grid, max(MIN_ROUNDING, ROUNDING_PER_PX * side))
    bridged = max(MIN_COEFFICIENT_ROUNDING, COEFFICIENT_ROUNDING_PER_PX * side)
    if quality is None or _closest_to_median(coefficients) < bridged:
        return _exactly(picture)
    return PdqTransform(coefficients, quality)


def _exactly(picture: _Picture) -> PdqTransform:
    grid = pdq_reference.downsample(pdq_reference.luma(picture))
    gradients = [_percent(grid, axis).astype(np.int32) for axis in (0, 1)]
    return PdqTransform(pdq_reference.transform(grid), _scaled(sum(int(np.abs(part).sum()) for part in gradients)))


def _closest_to_median(coefficients: npt.NDArray[np.float32]) -> float:
    """The gap between the two middle coefficients, the smallest of all orientations: what rounding has to bridge."""
    middle = np.partition((coefficients * _SIGNS).reshape(len(_SIGNS), BITS), (BITS // 2 - 1, BITS // 2), axis=1)
    return float((middle[:, BITS // 2] - middle[:, BITS // 2 - 1]).min())


def _percent(grid: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Differences of neighbours along ``axis`` in per cent of the full range."""
    return -np.diff(grid, axis=axis) * np.float32(100) / np.float32(255)


def _scaled(gradient_sum: int) -> int:
    return min(gradient_sum // QUALITY_DIVISOR, MAX_QUALITY)


def _quality(grid: npt.NDArray[np.float32], strays: float) -> int | None:
    """The quality of a picture; ``None`` where rounding could change it."""
    certain = doubtful = 0
    for axis in (0, 1):
        sizes = np.abs(_percent(grid, axis))
        certain += int(np.maximum(sizes - strays, 0).astype(np.int32).sum())
        doubtful += int((sizes + strays).astype(np.int32).sum())
    return _scaled(certain) if _scaled(certain) == _scaled(doubtful) else None
