"""Flat perceptual hashes: those of images without content, which would match all such images."""

from functools import cache
from typing import TYPE_CHECKING

from hashaudit.lists.algorithms import PERCEPTUAL_LENGTHS_BYTES
from hashaudit.model.results import AlgorithmName

if TYPE_CHECKING:
    from hashaudit.content.perceptual.interface import PerceptualAlgorithm


def is_flat(algorithm: AlgorithmName, raw: bytes) -> bool:
    """Returns whether a hash of the algorithm's length is flat."""
    return algorithm in PERCEPTUAL_LENGTHS_BYTES and _row(algorithm).is_constant(raw)


def any_flat(algorithm: AlgorithmName, digests: bytes) -> bool:
    """Returns whether any of some concatenated hashes is flat."""
    length = PERCEPTUAL_LENGTHS_BYTES.get(algorithm)
    if length is None:
        return False
    row = _row(algorithm)
    # All bits except those of the first byte are equal. Searching for that is many times faster than checking each
    # hash.
    if not row.idle_bits and not any(run * (length - 1) in digests for run in (b"\0", b"\xff")):
        return False
    return any(row.is_constant(digests[begin : begin + length]) for begin in range(0, len(digests), length))


@cache
def _row(algorithm: AlgorithmName) -> "PerceptualAlgorithm":
    # Start-up time: the table of algorithms imports numpy and Pillow, which lists of other hashes do not need.
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named  # noqa: PLC0415 # as above

    row = algorithm_named(algorithm)
    if row is None:
        raise ValueError(f"unknown perceptual hash: '{algorithm}'")
    return row
