"""PDQ in the reference's own order of single-precision additions, for planes on which rounding decides.

Where a coefficient lies at the median but for rounding (flat and symmetrical pictures), the bits depend on the order in
which numbers are added up. Following that order makes even those hashes equal to the reference's. It is some twenty
times slower than ``hashaudit.perceptual.pdq_filter`` and rarely needed.

Source: github.com/facebook/ThreatExchange, pdq/cpp (behaviour of ``jaroszFilterFloat`` and ``dct64To16``).
"""

import math

import numpy as np
import numpy.typing as npt

from hashaudit.perceptual.pdq_filter import GRID, kept_positions, window_px

COEFFICIENTS = 16
"""Frequencies kept in either direction: 1 to 16, without the mean."""

Plane = npt.NDArray[np.float32]


def _transform_matrix() -> Plane:
    # The C library's cosine, rounded once to single precision, as the reference's table is.
    scale = float(np.float32(math.sqrt(2.0 / GRID)))
    return np.array(
        [
            [scale * math.cos((math.pi / 2.0 / GRID) * frequency * (2 * place + 1)) for place in range(GRID)]
            for frequency in range(1, COEFFICIENTS + 1)
        ],
        dtype=np.float32,
    )


TRANSFORM = _transform_matrix()
"""16 x 64: rows 1 to 16 of the discrete cosine transform."""


def _box(values: Plane, window: int) -> Plane:
    """Box filter along axis 0 by one running sum, cut off at the edges and divided by its true length."""
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


def downsample(luma: Plane) -> Plane:
    """Filters and thins a plane of at least 5 x 5 to 64 x 64; a plane of 64 x 64 is taken as it is."""
    if luma.shape == (GRID, GRID):
        return luma
    rows, columns = luma.shape
    for _ in range(2):
        luma = np.ascontiguousarray(_box(np.ascontiguousarray(luma.T), window_px(columns)).T)
        luma = _box(luma, window_px(rows))
    return luma[np.ix_(kept_positions(rows), kept_positions(columns))]


def transform(grid: Plane) -> Plane:
    """The 16 x 16 coefficients of 64 x 64 values, each sum taken term by term."""
    half = np.zeros((COEFFICIENTS, GRID), dtype=np.float32)
    for place in range(GRID):
        half += TRANSFORM[:, place, None] * grid[place]
    whole = np.zeros((COEFFICIENTS, COEFFICIENTS), dtype=np.float32)
    for place in range(GRID):
        whole += half[:, place, None] * TRANSFORM[:, place]
    return whole
