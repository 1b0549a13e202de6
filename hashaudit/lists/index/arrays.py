"""Views of an index as numpy arrays, without copying, for work on many entries at once.

The arrays are read-only. Their content is as untrusted as the image.
"""

import numpy as np
import numpy.typing as npt

from hashaudit.errors import ListError
from hashaudit.lists.index.index_layout import AffineColumn, Column
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.lookup import DigestSection
from hashaudit.lists.index.words import Words, leading_words

Rows = npt.NDArray[np.uint32]

CHUNK_ROWS = 1 << 20
"""Entries processed at once: tens of megabytes."""


def digests_of(index: ListIndex, section: DigestSection) -> npt.NDArray[np.bytes_]:
    """Returns all digests of an algorithm, sorted. An element converted to ``bytes`` lacks its trailing zeros."""
    return np.frombuffer(index.image, f"S{section.width_bytes}", section.count, section.digests.offset)


def leading_words_of(index: ListIndex, section: DigestSection) -> Words:
    """Returns the first eight bytes of each digest, big-endian, in the order of :func:`digests_of`."""
    width_bytes = section.width_bytes
    return leading_words(index.image, section.count, width_bytes, width_bytes, section.digests.offset)


def rows_of(index: ListIndex, section: DigestSection) -> Rows:
    """Returns the row of each digest."""
    return np.frombuffer(index.image, "<u4", section.count, section.rows.offset)


def prefixes_of(index: ListIndex, section: DigestSection) -> Rows:
    """Returns the first position of each prefix, and after the last the number of digests."""
    return np.frombuffer(index.image, "<u4", (1 << section.prefix_bits) + 1, section.prefixes.offset)


def positions_of(index: ListIndex, section: DigestSection) -> Rows:
    """Returns, by row, the position of its digest plus one; 0 for rows without a digest of this algorithm.

    Raises:
        ListError: the image is damaged.
    """
    try:
        positions = np.zeros(index.header.rows, np.uint32)
    except MemoryError as error:
        raise ListError(f"not enough memory for the {index.header.rows} rows of the compiled index") from error
    rows = rows_of(index, section)
    if int(rows.max()) >= len(positions):
        raise section.damaged("row number")
    positions[rows] = np.arange(1, section.count + 1, dtype=np.uint32)
    return positions


def column_values(index: ListIndex, column: Column, begin: int, end: int) -> Words:
    """Returns the values of a list's rows ``begin`` up to but not including ``end``, numbered within the list."""
    if isinstance(column, AffineColumn):
        return np.arange(begin, end, dtype=np.uint64) * np.uint64(column.step) + np.uint64(column.base)
    offset = index.attributes.columns_offset + column.offset + begin * column.width
    return np.frombuffer(index.image, f"<u{column.width}", end - begin, offset).astype(np.uint64)
