"""Converts samples of any depth and type to 8 bits.

PDQ compares parts of an image with each other, so a scale common to all samples hardly changes a hash. Lost levels do:
an image whose samples use the lowest 10 of 16 bits has four levels left if the upper eight are kept.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_BITS = 16
"""Shortest range of integers that are scaled by their largest value."""
UNUSED_BITS = 4
"""Bits of 16 that cameras and scanners leave unused. An image that uses fewer than 12 bits is too dark to differ."""
OUTLIER_SHARE = 0.0005
"""Share of floating-point samples at either end that may lie outside the range. A single damaged pixel must not
flatten the rest."""
_FULL = 255

Samples = npt.NDArray[Any]
Plane = npt.NDArray[np.uint8]


def to_8_bits(samples: Samples, bits: int) -> Plane:
    """Returns samples as 0..255.

    Args:
        samples: integers, signed or not, or floating-point numbers.
        bits: used bits of an integer.
    """
    if samples.dtype.kind == "f":
        return from_fractions(samples.astype(np.float32, copy=False))
    if samples.dtype.kind == "i":
        # The least value of signed samples is black.
        samples = (samples.astype(np.int64) + (1 << (bits - 1))).astype(np.uint64)
    if bits < 8:
        scaled: Plane = (samples.astype(np.uint16) * _FULL // ((1 << bits) - 1)).astype(np.uint8)
        return scaled
    shifted: Plane = np.right_shift(samples, _shift(samples, bits)).astype(np.uint8)
    return shifted


def _shift(samples: Samples, bits: int) -> int:
    if bits <= 8:
        return 0
    used = int(samples.max(initial=0)).bit_length()
    if bits <= SAMPLE_BITS:
        return max(used, 8) - 8 if bits == SAMPLE_BITS and used <= bits - UNUSED_BITS else bits - 8
    return max(used, SAMPLE_BITS) - 8


def from_integers(values: npt.NDArray[np.int32]) -> Plane:
    """Returns the upper eight bits of 16, or of the length of the largest value if that is more. 8 bits stay."""
    largest = int(values.max(initial=0))
    shift = 0 if largest <= _FULL else max(largest.bit_length(), SAMPLE_BITS) - 8
    return (np.maximum(values, 0) >> shift).astype(np.uint8)


def from_fractions(values: npt.NDArray[np.float32]) -> Plane:
    """Scales 0..1 to 0..255 if no value exceeds 1, keeps 0..255 if none exceeds 255, else scales the largest to 255.

    Negative values move the lower end. Few outliers at either end are clipped.
    """
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = _range(finite)
    full = 1.0 if high <= 1.0 else max(high, float(_FULL))
    low = min(low, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((finite - np.float32(low)) * np.float32(_FULL / (full - low)), 0, _FULL)
    plane: Plane = np.rint(scaled).astype(np.uint8)
    return plane


def _range(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Returns the least and the largest value without outliers."""
    if not values.size:
        return 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= _FULL:
        return low, high
    flat = values.ravel()
    rank = int(len(flat) * OUTLIER_SHARE)
    ordered = np.partition(flat, (rank, len(flat) - 1 - rank))
    inner_low, inner_high = float(ordered[rank]), float(ordered[len(flat) - 1 - rank])
    # An outlier is far away; the ends of an ordinary range are not.
    spread = max(inner_high - inner_low, 1e-6)
    return (low if low >= inner_low - spread else inner_low), (high if high <= inner_high + spread else inner_high)
