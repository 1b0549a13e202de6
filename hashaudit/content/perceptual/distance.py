"""Defines the distance of two hashes, which every index must reproduce."""

from hashaudit.content.perceptual.interface import Metric


def distance(metric: Metric, first: bytes, second: bytes) -> int:
    """Returns the distance of two values of one algorithm.

    Raises:
        ValueError: the values have different lengths.
    """
    if len(first) != len(second):
        raise ValueError("hashes of different lengths have no distance")
    if metric is Metric.HAMMING:
        return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count()
    return sum((one - other) ** 2 for one, other in zip(first, second, strict=True))
