"""Computes PDQ in the reference's order of single-precision additions, for planes on which rounding decides.

If a coefficient differs from the median only by rounding (flat and symmetrical images), the bits depend on the order of
additions. With the reference's order even those hashes are equal. This is some twenty times slower than
``hashaudit.content.perceptual.pdq_downsample`` and rarely needed.

Source: github.com/facebook/ThreatExchange, pdq/cpp (behaviour of ``jaroszFilterFloat`` and ``dct64To16``).
"""

import math

import numpy as np
import numpy.typing as npt

from hashaudit.content.perceptual.pdq_downsample import GRID, LUMA_WEIGHTS, kept_positions, window_px

COEFFICIENTS = 16
"""Frequencies kept in either direction: 1 to 16, without the mean."""

Plane = npt.NDArray[np.float32]


def _transform_matrix() -> Plane:
    # The C library's cosine, rounded once to single precision, as in the reference's table.
    scale = float(np.float32(math.sqrt(2.0 / GRID)))
    return np.array(
        [
            [scale * math.cos((math.pi / 2.0 / GRID) * frequency * (2 * index + 1)) for index in range(GRID)]
            for frequency in range(1, COEFFICIENTS + 1)
        ],
        dtype=np.float32,
    )


TRANSFORM = _transform_matrix()
"""16 x 64: rows 1 to 16 of the discrete cosine transform."""


def luma(pixels: npt.NDArray[np.uint8] | Plane) -> Plane:
    """Computes the luma of a plane or of RGB, summed in double precision and rounded once."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32, copy=False)
    red, green, blue = LUMA_WEIGHTS
    plane = np.empty(pixels.shape[:2], dtype=np.float32)
    for line, values in zip(plane, pixels, strict=True):
        line[:] = values[:, 0] * red + values[:, 1] * green + values[:, 2] * blue
    return plane


def _box(values: Plane, window: int) -> Plane:
    """Applies a box filter along axis 0 as one running sum. At the edges the box is shorter, and so is the divisor."""
    length = values.shape[0]
    after = (window + 2) // 2
    filtered = np.empty_like(values)
    total = np.zeros(values.shape[1], dtype=np.float32)
    count = 0
    for end in range(length + after - 1):
        if end < length:
            total += values[end]
            count += 1
        if end >= window:
            total -= values[end - window]
            count -= 1
        if end >= after - 1:
            np.divide(total, np.float32(count), out=filtered[end - after + 1])
    return filtered


def downsample(plane: Plane) -> Plane:
    """Filters and downsamples a plane of at least 5 x 5 to 64 x 64. Returns a plane of 64 x 64 unchanged."""
    if plane.shape == (GRID, GRID):
        return plane
    rows, columns = plane.shape
    for _ in range(2):
        plane = np.ascontiguousarray(_box(np.ascontiguousarray(plane.T), window_px(columns)).T)
        plane = _box(plane, window_px(rows))
    return plane[np.ix_(kept_positions(rows), kept_positions(columns))]


def transform(grid: Plane) -> Plane:
    """Computes the 16 x 16 coefficients of 64 x 64 values, each sum term by term."""
    half = np.zeros((COEFFICIENTS, GRID), dtype=np.float32)
    for index in range(GRID):
        half += TRANSFORM[:, index, None] * grid[index]
    whole = np.zeros((COEFFICIENTS, COEFFICIENTS), dtype=np.float32)
    for index in range(GRID):
        whole += half[:, index, None] * TRANSFORM[:, index]
    return whole
