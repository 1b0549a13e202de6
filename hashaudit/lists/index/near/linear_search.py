"""Linear search: distances from some hashes to every stored hash of an algorithm.

A faster search must give the same result.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.content.perceptual.interface import Metric
from hashaudit.lists.index.lookup import Image

Units = npt.NDArray[np.uint64] | npt.NDArray[np.uint8]
"""Hashes, one in each row, in the widest units that divide their length; each unit gives the same bit counts."""

Positions = npt.NDArray[np.int64]
Distances = npt.NDArray[np.int64]

_WORD_BYTES = 8

_CHUNK_BYTES = 3 << 15
"""Bytes of stored hashes that are compared with all queries before the next. They stay in the processor's cache,
and arrays below 128 KiB are not allocated and released by the system each time."""


class NearPairs(msgspec.Struct, frozen=True):
    """Pairs of a query and a stored hash within a radius, unordered, without repeats."""

    queries: Positions
    """Number of the query, from 0."""
    positions: Positions
    """Position of the stored hash in its section."""
    distances: Distances


def joined(parts: Sequence[NearPairs]) -> NearPairs:
    """Returns the pairs of all parts."""
    if len(parts) == 1:
        return parts[0]
    nothing = np.zeros(0, np.int64)
    columns = zip(*((part.queries, part.positions, part.distances) for part in parts), strict=True)
    return NearPairs(*(np.concatenate(column) for column in columns)) if parts else NearPairs(*[nothing] * 3)


def as_units(buffer: Image, count: int, width_bytes: int, offset: int = 0) -> Units:
    """Returns concatenated hashes as rows."""
    if width_bytes % _WORD_BYTES:
        return np.frombuffer(buffer, np.uint8, count * width_bytes, offset).reshape(count, width_bytes)
    units = width_bytes // _WORD_BYTES
    return np.frombuffer(buffer, np.uint64, count * units, offset).reshape(count, units)


def scan(stored: Units, queries: Units, threshold: int, metric: Metric) -> NearPairs:
    """Returns all stored hashes within a radius, by comparing with each.

    Args:
        stored: hashes from :func:`as_units`.
        queries: hashes from :func:`as_units`.
        threshold: the radius, inclusive.
        metric: of the distances.
    """
    return joined(list(_scan_chunks(stored, queries, threshold, metric)))


def _scan_chunks(stored: Units, queries: Units, threshold: int, metric: Metric) -> Iterator[NearPairs]:
    measure = hamming if metric is Metric.HAMMING else squared
    step = max(1, _CHUNK_BYTES // stored[:1].nbytes)
    for begin in range(0, len(stored), step):
        chunk = stored[begin : begin + step]
        for number, query in enumerate(queries):
            distances = measure(chunk, query)
            near = np.flatnonzero(distances <= threshold)
            if len(near):
                yield NearPairs(np.full(len(near), number), near + begin, distances[near].astype(np.int64))


def hamming(first: Units, second: Units) -> npt.NDArray[np.uint16]:
    """Returns the number of different bits of each row. The arguments broadcast."""
    # Column by column, because numpy's inner loop would be over a row of few units.
    total: npt.NDArray[np.uint16] = np.bitwise_count(first[:, 0] ^ second[..., 0]).astype(np.uint16)
    for unit in range(1, first.shape[1]):
        total += np.bitwise_count(first[:, unit] ^ second[..., unit])
    return total


def squared(first: Units, second: Units) -> npt.NDArray[np.int32]:
    """Returns the sum of the squared differences of bytes of each row. The arguments broadcast."""
    one, other = (np.ascontiguousarray(units).view(np.uint8).astype(np.int32) for units in (first, second))
    difference = one - other
    total: npt.NDArray[np.int32] = np.einsum("ij,ij->i", difference, difference)
    return total
