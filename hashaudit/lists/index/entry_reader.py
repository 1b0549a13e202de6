"""Reader for the entries of an index in the order of their lists: the inverse of compilation."""

from collections.abc import Iterator

import numpy as np

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.arrays import Rows, column_values, digests_of, positions_of
from hashaudit.lists.index.index_layout import AffineColumn, ListRecord
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName

_CHUNK_ROWS = 1 << 16
"""Rows whose digests are collected at once: some megabytes."""


class EntryReader:
    """Reader for whole lists of an index. Holds four bytes for each entry and algorithm."""

    def __init__(self, index: ListIndex) -> None:
        """Inverts the index's sections from digest -> row to row -> digest.

        Raises:
            ListError: the image is damaged.
        """
        self._index = index
        self._positions: dict[AlgorithmName, Rows] = {
            algorithm: positions_of(index, section) for algorithm, section in index.sections.items()
        }

    def entries(self, list_position: int) -> Iterator[ListEntry | DigestBlock]:
        """Yields the entries of one list without duplicates, bare digests as blocks.

        Args:
            list_position: position of the list in the index, from 0.

        Raises:
            ListError: the image is damaged.
        """
        record = self._index.records[list_position]
        first = self._index.first_row(list_position)
        bare = _is_bare(record)
        for begin in range(0, record.rows, _CHUNK_ROWS):
            end = min(begin + _CHUNK_ROWS, record.rows)
            positions = {name: rows[first + begin : first + end] for name, rows in self._positions.items()}
            positions = {name: rows for name, rows in positions.items() if rows.any()}
            codes = column_values(self._index, record.ids, begin, end)
            if bare and not (codes & np.uint64(index_layout.ID_TAG_MASK) != index_layout.LINE_ID).any():
                yield from self._blocks(positions, codes >> np.uint64(index_layout.ID_TAG_BITS))
            else:
                yield from self._single(record, positions, begin, end)

    def _blocks(
        self, positions: dict[AlgorithmName, Rows], lines: np.ndarray[tuple[int], np.dtype[np.uint64]]
    ) -> Iterator[DigestBlock]:
        """Splits rows with one digest each into blocks of one algorithm and consecutive lines."""
        names = list(positions)
        which = np.full(len(lines), len(names))
        for number, name in enumerate(names):
            which[positions[name] > 0] = number
        borders = np.flatnonzero((which[1:] != which[:-1]) | (lines[1:] != lines[:-1] + np.uint64(1))) + 1
        for begin, end in zip([0, *borders.tolist()], [*borders.tolist(), len(lines)], strict=True):
            if which[begin] < len(names):
                name = names[which[begin]]
                stored = digests_of(self._index, self._index.sections[name])
                digests = stored[positions[name][begin:end].astype(np.int64) - 1].tobytes()
                yield DigestBlock(name, digests, int(lines[begin]))

    def _single(
        self, record: ListRecord, positions: dict[AlgorithmName, Rows], begin: int, end: int
    ) -> Iterator[ListEntry]:
        attributes, sections = self._index.attributes, self._index.sections
        value = attributes.value
        for index in range(begin, end):
            digests = {
                name: sections[name].digest(int(rows[index - begin]) - 1)
                for name, rows in positions.items()
                if rows[index - begin]
            }
            if digests:
                role = attributes.role(value(record.roles, index))
                yield ListEntry(
                    id=attributes.entry_id(value(record.ids, index)),
                    digests=digests,
                    size=attributes.size(value(record.sizes, index)),
                    labels=attributes.mapping(value(record.labels, index)),
                    role=None if role is record.info.role else role,
                    unsupported=attributes.mapping(value(record.unsupported, index)),
                )


def _is_bare(record: ListRecord) -> bool:
    """Returns whether every entry has one digest and no attributes other than its id."""
    nothing = AffineColumn(0, 0)
    role = AffineColumn(index_layout.ROLE_CODES[record.info.role], 0)
    columns = (record.labels, record.sizes, record.unsupported, record.roles)
    return not record.digests and columns == (nothing, nothing, nothing, role)
