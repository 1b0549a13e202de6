"""Writer for the three sections of one algorithm, from its sorted records. Numpy is fastest for large lists."""

from array import array

import numpy as np

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.lookup import LEADING_BITS
from hashaudit.lists.index.prefix_bits import prefix_bits
from hashaudit.lists.index.sort import DigestSorter, Records, words_of
from hashaudit.lists.index.spool import spool
from hashaudit.model.results import AlgorithmName


class _PrefixCounter:
    """Counter of digests by their leading bits."""

    def __init__(self, bits: int) -> None:
        self._shift = np.uint64(2 * LEADING_BITS - bits)
        self._counts = np.zeros((1 << bits) + 1, np.uint32)

    def add(self, records: Records) -> None:
        slots = (words_of(records) >> self._shift).astype(np.int64)
        first = int(slots[0])
        counts = np.bincount(slots - first)
        # Shifted by one, so that the sums are the first position of each slot.
        self._counts[first + 1 : first + 1 + len(counts)] += counts.astype(np.uint32)

    def table(self) -> bytes:
        return np.cumsum(self._counts, dtype=np.uint32).astype("<u4", copy=False).tobytes()


def write_sections(
    writer: ImageWriter,
    algorithm: AlgorithmName,
    sorter: DigestSorter,
    positions: "array[int] | None",
    directory: str | None,
) -> int:
    """Writes the sections for digests, rows and prefixes.

    Args:
        writer: receives the sections.
        algorithm: part of the sections' names.
        sorter: holds the records, and is empty afterwards.
        positions: receives, by row, the position of the row's digest plus one.
        directory: for temporary files.

    Returns:
        Number of digests.
    """
    prefixes = _PrefixCounter(prefix_bits(sorter.total))
    done = 0
    by_row = None if positions is None else np.frombuffer(positions, np.uint32)
    with spool(directory) as rows_file:
        with writer.section(index_layout.DIGESTS + algorithm) as digests:
            for records in sorter.sorted_chunks():
                rows = np.ascontiguousarray(records["row"])
                digests.write(np.ascontiguousarray(records["digest"]).tobytes())
                rows_file.write(rows.astype("<u4", copy=False).tobytes())
                prefixes.add(records)
                if by_row is not None:
                    by_row[rows] = np.arange(done + 1, done + 1 + len(rows), dtype=np.uint32)
                done += len(rows)
        writer.copy(index_layout.ROWS + algorithm, rows_file)
    with writer.section(index_layout.PREFIXES + algorithm) as section:
        section.write(prefixes.table())
    return done
