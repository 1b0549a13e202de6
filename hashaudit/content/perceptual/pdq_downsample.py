"""Downsamples a luma plane to PDQ's 64 x 64 values, each as one small weighted sum.

The reference applies a box filter along rows and columns twice and then keeps one value in ``side / 64``. These steps
are linear and separable, so each kept row is one weighted sum of a few neighbouring rows (docs/concepts/perceptual.md).

Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019), sections on PDQ's
downsampling.
"""

from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

GRID = 64
"""Values along either side of the input of the transform."""
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue; ITU-R BT.601."""
MAX_CACHED_SIDES = 256
"""Cached filters, each of about ``side * 16`` bytes. Images of one collection have few different sizes."""


class Taps(msgspec.Struct, frozen=True):
    """The filter along one side: kept value ``i`` is ``weights[i] @ values[starts[i] : starts[i] + width]``."""

    starts: tuple[int, ...]
    weights: npt.NDArray[np.float32]
    """64 x width."""
    positions: npt.NDArray[np.intp]
    """64 x width: the position of each weight along the side."""


def window_px(side_px: int) -> int:
    """Returns the width of the box filter along a side."""
    return (side_px + 2 * GRID - 1) // (2 * GRID)


def kept_positions(side_px: int) -> npt.NDArray[np.intp]:
    """Returns the 64 positions along a side whose filtered values are kept: the centres of 64 equal parts."""
    return ((np.arange(GRID) + 0.5) * side_px / GRID).astype(np.intp)


@lru_cache(maxsize=MAX_CACHED_SIDES)
def taps(side_px: int) -> Taps:
    """Computes the filter along a side of ``side_px`` pixels."""
    window = window_px(side_px)
    after = (window + 2) // 2
    before = window - after

    def span(position: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        return np.maximum(position - before, 0), np.minimum(position + after, side_px)

    # The second box covers the values ``outer`` of the first box, and each of these covers ``first`` to ``last`` of the
    # plane.
    low, high = span(kept_positions(side_px))
    outer = low[:, None] + np.arange(window)
    covered = outer < high[:, None]
    first, last = span(np.where(covered, outer, 0))
    share = np.where(covered, 1.0 / ((high - low)[:, None] * (last - first)), 0.0)

    width = min(2 * window - 1, side_px)
    starts = np.minimum(np.maximum(low - before, 0), side_px - width)
    steps = np.zeros((GRID, width + 1))
    rows = np.broadcast_to(np.arange(GRID)[:, None], outer.shape)
    np.add.at(steps, (rows[covered], (first - starts[:, None])[covered]), share[covered])
    np.subtract.at(steps, (rows[covered], (last - starts[:, None])[covered]), share[covered])
    weights = np.cumsum(steps, axis=1)[:, :width].astype(np.float32)
    return Taps(tuple(starts.tolist()), weights, starts[:, None] + np.arange(width))


def downsample(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Filters and downsamples luma (rows x columns) or RGB (rows x columns x 3) of at least 5 x 5 to 64 x 64 of luma.

    Luma is a weighted sum too, so the three channels are filtered separately and added at the end, unrounded.

    The products are too small for a BLAS library to start threads. Only a few rows at a time are converted to single
    precision, so the memory beyond the plane is ``64 * width * 4`` bytes.
    """
    rows, columns = taps(pixels.shape[0]), taps(pixels.shape[1])
    width = rows.weights.shape[1]
    lines = pixels.reshape(pixels.shape[0], -1)
    thinned = np.empty((GRID, lines.shape[1]), dtype=np.float32)
    for kept, start in enumerate(rows.starts):
        np.matmul(rows.weights[kept], lines[start : start + width].astype(np.float32, copy=False), out=thinned[kept])
    if pixels.ndim == 3:
        thinned = thinned.reshape(GRID, pixels.shape[1], 3) @ np.array(LUMA_WEIGHTS, dtype=np.float32)
    grid: npt.NDArray[np.float32] = np.einsum("ijk,jk->ij", thinned[:, columns.positions], columns.weights)
    return grid
