"""Near search: the perceptual hashes of an index within a distance."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.content.perceptual.interface import Metric, PerceptualAlgorithm
from hashaudit.errors import ListError
from hashaudit.lists.index.arrays import rows_of
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.near.linear_search import NearPairs, Positions, as_units, joined, scan
from hashaudit.lists.index.near.pieces_search import PieceTable

_QUERIES_AT_ONCE = 8
"""Queries searched at once. It bounds the pairs in memory if every query is near to most of a list, such as the
frames of a film to a list of frames."""


class NearEntry(msgspec.Struct, frozen=True):
    """One stored hash within the radius."""

    distance: int
    row: int
    position: int
    """Position in the algorithm's section, as :meth:`ListIndex.hit` takes it."""
    query: int
    """Number of the nearest query, from 0."""


class NearIndex:
    """Near search in the perceptual hashes of one algorithm of an index."""

    __slots__ = ("_index", "_metric", "_rows", "_section", "_stored", "_table")

    def __init__(self, index: ListIndex, algorithm: PerceptualAlgorithm) -> None:
        """Opens an index that has a section of the algorithm.

        Raises:
            ListError: the index's hashes have another length than the algorithm's, or the index is damaged.
        """
        self._index = index
        self._section = index.sections[algorithm.name]
        if self._section.width_bytes != algorithm.length_bytes:
            raise ListError(f"compiled index has {algorithm.name} hashes of another length than this program computes")
        self._metric = algorithm.metric
        self._stored = as_units(
            index.image, self._section.count, self._section.width_bytes, self._section.digests.offset
        )
        pieces = index.pieces.get(algorithm.name) if algorithm.metric is Metric.HAMMING else None
        if pieces is not None:
            index.expect_random_access()
        self._table = None if pieces is None else PieceTable(self._section, pieces, index.image, self._stored)
        self._rows = rows_of(index, self._section)

    def search(self, values: Sequence[bytes], threshold: int) -> list[list[NearEntry]]:
        """Returns for each query all stored hashes within a radius, nearest first, then by row.

        Args:
            values: the raw queries. Pass all of a file in one call.
            threshold: the radius, inclusive.

        Raises:
            ValueError: a hash is not of the algorithm's length, or the radius is below 0.
            ListError: the image is damaged.
        """
        pairs = self._pairs(values, threshold)
        rows = self._rows_of(pairs)
        found: list[list[NearEntry]] = [[] for _ in values]
        for entry in _near_entries(pairs, rows, np.lexsort((rows, pairs.distances))):
            found[entry.query].append(entry)
        return found

    def closest(self, values: Sequence[bytes], threshold: int) -> list[NearEntry]:
        """Returns all stored hashes within a radius of any query, each once, nearest first, then by row.

        Args:
            values: same as for :meth:`search`. If several are equally near to a stored hash, the first counts.
            threshold: the radius, inclusive.

        Raises:
            ValueError, ListError: same as :meth:`search`.
        """
        best = joined([])
        for begin in range(0, len(values), _QUERIES_AT_ONCE):
            pairs = self._pairs(values[begin : begin + _QUERIES_AT_ONCE], threshold)
            best = _nearest(joined([best, msgspec.structs.replace(pairs, queries=pairs.queries + begin)]))
        rows = self._rows_of(best)
        return list(_near_entries(best, rows, np.lexsort((rows, best.distances))))

    def _pairs(self, values: Sequence[bytes], threshold: int) -> NearPairs:
        width_bytes = self._section.width_bytes
        if any(len(value) != width_bytes for value in values):
            raise ValueError(f"a {self._section.algorithm} hash must have {width_bytes} bytes")
        if threshold < 0:
            raise ValueError("the radius must not be below 0")
        if not values:
            return joined([])
        queries = b"".join(values)
        if self._table is not None:
            return self._table.search(queries, threshold)
        return scan(self._stored, as_units(queries, len(values), width_bytes), threshold, self._metric)

    def _rows_of(self, pairs: NearPairs) -> Positions:
        rows = self._rows[pairs.positions].astype(np.int64)
        if len(rows) and int(rows.max()) >= self._index.header.rows:
            raise self._section.damaged("row number")
        return rows


def _nearest(pairs: NearPairs) -> NearPairs:
    """Returns the nearest pair of each stored hash, with the first query among equals."""
    order = np.lexsort((pairs.queries, pairs.distances, pairs.positions))
    positions = pairs.positions[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = positions[1:] != positions[:-1]
    order = order[first]
    return NearPairs(pairs.queries[order], pairs.positions[order], pairs.distances[order])


def _near_entries(pairs: NearPairs, rows: Positions, order: npt.NDArray[np.intp]) -> Iterator[NearEntry]:
    columns = (pairs.distances, rows, pairs.positions, pairs.queries)
    return map(NearEntry, *(column[order].tolist() for column in columns))
