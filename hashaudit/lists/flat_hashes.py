"""Perceptual hashes that say nothing: what pictures without any content have, and what would match all of them."""

from functools import cache
from typing import TYPE_CHECKING

from hashaudit.lists.algorithms import PERCEPTUAL_LENGTHS_BYTES
from hashaudit.model.results import AlgorithmName

if TYPE_CHECKING:
    from hashaudit.content.perceptual.interface import PerceptualAlgorithm


def is_flat(algorithm: AlgorithmName, raw: bytes) -> bool:
    """Tells if a hash of the algorithm's length is one of a picture without any content."""
    return algorithm in PERCEPTUAL_LENGTHS_BYTES and _row(algorithm).is_constant(raw)


def any_flat(algorithm: AlgorithmName, digests: bytes) -> bool:
    """Tells if one of some hashes that stand one after the other is flat."""
    length = PERCEPTUAL_LENGTHS_BYTES.get(algorithm)
    if length is None:
        return False
    row = _row(algorithm)
    # All bits but those of the first byte are alike; a search for that is many times faster than a look at each hash.
    if not row.idle_bits and not any(run * (length - 1) in digests for run in (b"\0", b"\xff")):
        return False
    return any(row.is_constant(digests[begin : begin + length]) for begin in range(0, len(digests), length))


@cache
def _row(algorithm: AlgorithmName) -> "PerceptualAlgorithm":
    # Start-up: the algorithms' table brings numpy and Pillow, which lists of other hashes do not need.
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named  # noqa: PLC0415 # as above

    row = algorithm_named(algorithm)
    if row is None:
        raise ValueError(f"no such perceptual hash: {algorithm}")
    return row
