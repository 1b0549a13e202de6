"""Full verification of an index, including everything that takes too long when a scan opens it."""

from collections.abc import Iterator

import numpy as np

from hashaudit.errors import ListError
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.arrays import (
    CHUNK_ROWS,
    column_values,
    digests_of,
    leading_words_of,
    positions_of,
    prefixes_of,
    rows_of,
)
from hashaudit.lists.index.index_checksums import verify_checksums
from hashaudit.lists.index.index_layout import Column, ListRecord
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.lookup import DigestSection
from hashaudit.lists.index.near.near_verify import verify_pieces


def verify_index(index: ListIndex) -> None:
    """Checks every rule of docs/reference/index-format.md, so that no lookup can miss or confuse an entry.

    Takes seconds for ten million entries, and four bytes of memory for each.

    Raises:
        ListError: a rule is violated; the message names it.
    """
    verify_checksums(index)
    present = np.zeros(index.header.rows, np.bool_)
    for section in index.sections.values():
        _verify_order(index, section)
        _verify_prefixes(index, section)
        present[rows_of(index, section)] = True
        _verify_positions(index, section)
        if section.algorithm in index.pieces:
            verify_pieces(index.image, section, index.pieces[section.algorithm])
    for number, record in enumerate(index.records):
        first, end = index.first_row(number), index.first_row(number + 1)
        if int(np.count_nonzero(present[first:end])) != record.info.kept:
            raise _damaged("number of accepted entries")
        _verify_attributes(index, record)


def _damaged(what: str) -> ListError:
    return ListError(f"compiled index is damaged: {what}")


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, count, CHUNK_ROWS):
        yield begin, min(begin + CHUNK_ROWS, count)


def _verify_order(index: ListIndex, section: DigestSection) -> None:
    digests, rows = digests_of(index, section), rows_of(index, section)
    for begin, end in _chunks(section.count):
        if int(rows[begin:end].max()) >= index.header.rows:
            raise section.damaged("row number")
        # Include one record of the next chunk, to check the border too.
        here, there = slice(begin, min(end, section.count - 1)), slice(begin + 1, min(end, section.count - 1) + 1)
        equal = digests[here] == digests[there]
        ascending = (digests[here] < digests[there]) | (equal & (rows[here] < rows[there]))
        if not ascending.all():
            raise section.damaged("order")


def _verify_prefixes(index: ListIndex, section: DigestSection) -> None:
    words, prefixes = leading_words_of(index, section), prefixes_of(index, section)
    if (prefixes[1:] < prefixes[:-1]).any():
        raise section.damaged("prefix table")
    for begin, end in _chunks(section.count):
        slots = (words[begin:end].astype(np.uint64) >> np.uint64(64 - section.prefix_bits)).astype(np.int64)
        positions = np.arange(begin, end)
        if (prefixes[slots] > positions).any() or (prefixes[slots + 1] <= positions).any():
            raise section.damaged("prefix table")


def _verify_positions(index: ListIndex, section: DigestSection) -> None:
    """Checks that the columns of lists with several digests per entry lead from each row to its own digest."""
    columns = [(number, record.digests.get(section.algorithm)) for number, record in enumerate(index.records)]
    if all(column is None for _, column in columns):
        return
    positions = positions_of(index, section)
    for number, column in columns:
        if column is not None:
            first, end = index.first_row(number), index.first_row(number + 1)
            if not np.array_equal(column_values(index, column, 0, end - first), positions[first:end]):
                raise section.damaged("positions")


def _verify_attributes(index: ListIndex, record: ListRecord) -> None:
    attributes = index.attributes
    for value in _distinct(index, record.roles, record.rows):
        attributes.role(value)
    for column in (record.labels, record.unsupported):
        for value in _distinct(index, column, record.rows):
            attributes.mapping(value)
    for begin, end in _chunks(record.rows):
        codes = column_values(index, record.ids, begin, end)
        numbered = np.isin(codes & np.uint64(index_layout.ID_TAG_MASK), list(index_layout.NUMBERED_IDS.values()))
        for code in codes[~numbered]:
            attributes.entry_id(int(code))


def _distinct(index: ListIndex, column: Column, rows: int) -> Iterator[int]:
    for begin, end in _chunks(rows):
        yield from (int(value) for value in np.unique(column_values(index, column, begin, end)))
