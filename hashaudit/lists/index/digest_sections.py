"""Writing the three sections of one algorithm from its sorted records."""

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.columns import spool
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.lookup import LEADING_BITS
from hashaudit.lists.index.sort import DigestSorter, Records, words_of
from hashaudit.model.results import AlgorithmName

_RECORDS_PER_SLOT_LOG2 = 1
"""Two to four records share a slot of the prefix table: it then takes a tenth of what sha256 digests take, and a miss
reads one or two cache lines of digests."""

_MIN_PREFIX_BITS = 8
_MAX_PREFIX_BITS = 24
"""64 MiB: beyond, a lookup in a hundred million entries gains less than the larger table costs the cache."""

Positions = npt.NDArray[np.uint32]


class _PrefixCounter:
    """Counts digests by their leading bits."""

    def __init__(self, bits: int) -> None:
        self._shift = np.uint64(2 * LEADING_BITS - bits)
        self._counts = np.zeros((1 << bits) + 1, np.uint32)

    def add(self, records: Records) -> None:
        slots = (words_of(records) >> self._shift).astype(np.int64)
        first = int(slots[0])
        counts = np.bincount(slots - first)
        # One place further on: the sums then are where each slot begins.
        self._counts[first + 1 : first + 1 + len(counts)] += counts.astype(np.uint32)

    def table(self) -> bytes:
        return np.cumsum(self._counts, dtype=np.uint32).astype("<u4", copy=False).tobytes()


def write_sections(
    writer: ImageWriter, algorithm: AlgorithmName, sorter: DigestSorter, positions: Positions | None, folder: str | None
) -> int:
    """Writes digests, rows and prefix table.

    Args:
        writer: takes the sections.
        algorithm: names them.
        sorter: holds the records; is used up.
        positions: by row, receives the position of the row's digest plus one.
        folder: for temporary files.

    Returns:
        How many digests there are.
    """
    bits = sorter.total.bit_length() - 1 - _RECORDS_PER_SLOT_LOG2
    prefixes = _PrefixCounter(min(max(bits, _MIN_PREFIX_BITS), _MAX_PREFIX_BITS))
    done = 0
    with spool(folder) as rows_file:
        with writer.section(index_layout.DIGESTS + algorithm) as digests:
            for records in sorter.sorted_chunks():
                rows = np.ascontiguousarray(records["row"])
                digests.write(np.ascontiguousarray(records["digest"]).tobytes())
                rows_file.write(rows.astype("<u4", copy=False).tobytes())
                prefixes.add(records)
                if positions is not None:
                    positions[rows] = np.arange(done + 1, done + 1 + len(rows), dtype=np.uint32)
                done += len(rows)
        writer.copy(index_layout.ROWS + algorithm, rows_file)
    with writer.section(index_layout.PREFIXES + algorithm) as section:
        section.write(prefixes.table())
    return done
