"""Parts of an index as numpy arrays over its bytes, without copying: for work on many entries at once.

The arrays are read-only views. What they hold is as untrusted as the image.
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
"""Entries that are worked on at once: tens of megabytes."""


def digests_of(index: ListIndex, section: DigestSection) -> npt.NDArray[np.bytes_]:
    """All digests of an algorithm, sorted. An element taken out as ``bytes`` lacks the zeros at its end."""
    return np.frombuffer(index.image, f"S{section.width_bytes}", section.count, section.digests.offset)


def leading_words_of(index: ListIndex, section: DigestSection) -> Words:
    """The first eight bytes of each digest, big-endian, in the order of :func:`digests_of`."""
    width_bytes = section.width_bytes
    return leading_words(index.image, section.count, width_bytes, width_bytes, section.digests.offset)


def rows_of(index: ListIndex, section: DigestSection) -> Rows:
    """The row of each digest."""
    return np.frombuffer(index.image, "<u4", section.count, section.rows.offset)


def prefixes_of(index: ListIndex, section: DigestSection) -> Rows:
    """Where the digests of each prefix begin, and the number of digests."""
    return np.frombuffer(index.image, "<u4", (1 << section.prefix_bits) + 1, section.prefixes.offset)


def positions_of(index: ListIndex, section: DigestSection) -> Rows:
    """By row, the position of its digest plus one; 0 for rows that have none of this algorithm.

    Raises:
        ListError: the image is damaged.
    """
    try:
        positions = np.zeros(index.header.rows, np.uint32)
    except MemoryError as error:
        raise ListError(f"compiled index has {index.header.rows} rows: too many for this machine's memory") from error
    rows = rows_of(index, section)
    if int(rows.max()) >= len(positions):
        raise section.damaged("row number")
    positions[rows] = np.arange(1, section.count + 1, dtype=np.uint32)
    return positions


def column_values(index: ListIndex, column: Column, begin: int, end: int) -> Words:
    """The values of a list's rows from ``begin`` up to but without ``end``, counted from the list's first."""
    if isinstance(column, AffineColumn):
        return np.arange(begin, end, dtype=np.uint64) * np.uint64(column.step) + np.uint64(column.base)
    place = index.attributes.columns_offset + column.offset + begin * column.width
    return np.frombuffer(index.image, f"<u{column.width}", end - begin, place).astype(np.uint64)
