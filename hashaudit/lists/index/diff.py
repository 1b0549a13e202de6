"""Comparison of two indexes, entry by entry."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.arrays import CHUNK_ROWS, rows_of
from hashaudit.lists.index.batch_lookup import NOWHERE, find_many
from hashaudit.lists.index.index_reader import ListIndex


class Side(msgspec.Struct, frozen=True):
    """One index compared with another. An entry is common if the other index has any of its digests."""

    index: ListIndex
    common: int
    alone_rows: npt.NDArray[np.uint32]
    """Rows of the entries that the other index lacks, in the order of the lists."""

    @property
    def alone(self) -> int:
        """Number of entries that the other index lacks."""
        return len(self.alone_rows)

    def alone_ids(self) -> Iterator[tuple[int, str]]:
        """Yields list number and id of each entry that the other index lacks.

        Raises:
            ListError: the index is damaged.
        """
        for row in self.alone_rows:
            yield self.index.entry_at(int(row))


def diff(first: ListIndex, second: ListIndex) -> tuple[Side, Side]:
    """Compares two indexes by the digests of their entries, not by ids or labels.

    Raises:
        ListError: an index is damaged.
    """
    return _side(first, second), _side(second, first)


def _side(index: ListIndex, other: ListIndex) -> Side:
    present = np.zeros(index.header.rows, np.bool_)
    common = np.zeros(index.header.rows, np.bool_)
    for algorithm, section in index.sections.items():
        rows = rows_of(index, section)
        if int(rows.max()) >= len(present):
            raise section.damaged("row number")
        present[rows] = True
        other_section = other.sections.get(algorithm)
        if other_section is None:
            continue
        width = section.width_bytes
        for begin in range(0, section.count, CHUNK_ROWS):
            end = min(begin + CHUNK_ROWS, section.count)
            offset = section.digests.offset
            digests = index.image[offset + begin * width : offset + end * width]
            common[rows[begin:end][find_many(other, other_section, digests) != NOWHERE]] = True
    alone = np.flatnonzero(present & ~common).astype(np.uint32)
    return Side(index, int(np.count_nonzero(common)), alone)
