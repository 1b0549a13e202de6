"""Builder of an index from the entries of one or more lists, in memory independent of their number."""

import re
from array import array
from contextlib import ExitStack
from typing import BinaryIO, Self

import msgspec

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import LENGTHS_BYTES, PERCEPTUAL_LENGTHS_BYTES
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.columns import ColumnWriter
from hashaudit.lists.index.digest_records import DigestRecords
from hashaudit.lists.index.duplicates import Duplicates, fingerprint
from hashaudit.lists.index.index_layout import Column, ListRecord, StoredColumn
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.small_sections import write_small_sections
from hashaudit.lists.index.spool import pad, spool
from hashaudit.lists.index.strings import StringTable
from hashaudit.lists.interface import DigestBlock, ListEntry, ListInfo, RejectReason
from hashaudit.model.results import AlgorithmName, Role

_NUMBERED = lazy_pattern(r"(line |row |record |)(0|[1-9][0-9]{0,16})", re.ASCII)
"""Ids that are stored as numbers. Seventeen digits and a tag are below ``layout.MAX_VALUE``."""

_DUPLICATE = RejectReason.DUPLICATE.value

_HOUSEKEEPING_ROWS = 4096
"""Rows between two checks of the data waiting in memory."""


class _OpenList:
    """The list that is being read."""

    def __init__(self, role: Role, first_row: int, directory: str | None) -> None:
        self.role = role
        self.first_row = first_row
        self.algorithms: set[AlgorithmName] = set()
        self.several_digests = False
        self.all_sized = True
        self.ids, self.labels, self.sizes, self.roles, self.unsupported = (ColumnWriter(directory) for _ in range(5))
        self.columns = (self.ids, self.labels, self.sizes, self.roles, self.unsupported)


class _FinishedList(msgspec.Struct, frozen=True):
    """A list that has been read completely."""

    record: ListRecord
    first_row: int
    algorithms: tuple[AlgorithmName, ...]
    several_digests: bool


class IndexBuilder:
    """Builder that receives lists one after the other and then writes one index.

    For each list, call :meth:`begin`, any number of :meth:`add` and :meth:`add_block`, then :meth:`end`; finally call
    :meth:`write`. A context manager that deletes its temporary files.
    """

    def __init__(self, directory: str | None = None) -> None:
        """Starts without lists.

        Args:
            directory: for nameless temporary files; default: the system's temporary directory.
        """
        self._directory = directory
        self._resources = ExitStack()
        self._text = StringTable(directory)
        self._resources.callback(self._text.close)
        self._columns = self._resources.enter_context(spool(directory))
        self._duplicates = Duplicates()
        self._digests: dict[AlgorithmName, DigestRecords] = {}
        self._finished: list[_FinishedList] = []
        self._list: _OpenList | None = None
        self._row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def rows(self) -> int:
        """Number of entries added, including duplicates."""
        return self._row

    def begin(self, role: Role) -> None:
        """Begins a list. Its entries have this role unless they have their own."""
        self._list = _OpenList(role, self._row, self._directory)
        for column in self._list.columns:
            self._resources.callback(column.close)
        self._duplicates.begin_list(self._row)

    def add(self, entry: ListEntry) -> None:
        """Adds one entry.

        Raises:
            ValueError: the entry has no digest, or a digest of an unknown algorithm or wrong length.
            ListError: the index is full.
        """
        current = self._current()
        row = self._row
        if not entry.digests:
            raise ValueError("entry without a digest")
        record_row = row.to_bytes(index_layout.ROW_BYTES, "little")
        for algorithm, digest in entry.digests.items():
            records = self._digests.get(algorithm) or self._new_records(algorithm)
            if len(digest) != records.width_bytes:
                raise ValueError(f"{algorithm} digest of {len(digest)} bytes")
            current.algorithms.add(algorithm)
            records.pending += digest
            records.pending += record_row
        id_code = self._id_code(entry.id)
        role = entry.role or current.role
        self._add_attributes(current, entry, id_code, role)
        current.several_digests |= len(entry.digests) > 1
        own_id = None if id_code & index_layout.ID_TAG_MASK in index_layout.POSITION_IDS else entry.id
        attributed = entry.labels or entry.unsupported or entry.size is not None or role is not current.role
        if attributed or own_id is not None or len(entry.digests) > 1:
            self._duplicates.add(row, fingerprint(entry, own_id, role))
        self._advance(1)

    def add_block(self, block: DigestBlock) -> None:
        """Adds consecutive lines that each hold one digest.

        Raises:
            ValueError: the algorithm is unknown, or the block ends within a digest.
            ListError: the index is full.
        """
        current = self._current()
        if not block.digests:
            return
        records = self._digests.get(block.algorithm) or self._new_records(block.algorithm)
        count, rest = divmod(len(block.digests), records.width_bytes)
        if rest:
            raise ValueError(f"block of {len(block.digests)} bytes of {block.algorithm}")
        self._check_room(count)
        current.algorithms.add(block.algorithm)
        records.extend(block.digests, self._row)
        first_id = block.first_line << index_layout.ID_TAG_BITS | index_layout.LINE_ID
        current.ids.extend_evenly(first_id, 1 << index_layout.ID_TAG_BITS, count)
        current.roles.extend_evenly(index_layout.ROLE_CODES[current.role], 0, count)
        for column in (current.labels, current.sizes, current.unsupported):
            column.extend_evenly(0, 0, count)
        current.all_sized = False
        self._advance(count)

    def end(self, info: ListInfo) -> None:
        """Ends the list. :meth:`write` fills in its counts of accepted entries and of duplicates."""
        current = self._current()
        self._list = None
        ids, labels, sizes, roles, unsupported = (column.finish(self._columns) for column in current.columns)
        algorithms = tuple(name for name in LENGTHS_BYTES if name in current.algorithms)
        rows = self._row - current.first_row
        info = msgspec.structs.replace(info, algorithms=algorithms, all_sized=current.all_sized and rows > 0)
        record = ListRecord(info, rows, ids, labels, sizes, roles, unsupported, {})
        self._finished.append(_FinishedList(record, current.first_row, algorithms, current.several_digests))

    def write(self, target: BinaryIO) -> tuple[ListInfo, ...]:
        """Writes the index at the beginning of an empty seekable stream.

        Returns:
            The description of each list with the counts of accepted and duplicate entries.

        Raises:
            ListError: the index is full.
        """
        self._check_room(0)
        writer = ImageWriter(target)
        digest_columns: list[dict[AlgorithmName, Column]] = [{} for _ in self._finished]
        for algorithm in LENGTHS_BYTES:
            records = self._digests.pop(algorithm, None)
            if records is not None:
                self._write_algorithm(writer, algorithm, records, digest_columns)
                records.close()
        writer.copy(index_layout.COLUMNS, self._columns)
        writer.copy(index_layout.TEXT, self._text.content())
        lists = self._final_records(digest_columns)
        with writer.section(index_layout.LISTS) as section:
            section.write(index_layout.LISTS_ENCODER.encode(lists))
        writer.finish(self._row)
        return tuple(record.info for record in lists)

    def _current(self) -> _OpenList:
        if self._list is None:
            raise ValueError("no list was begun")
        return self._list

    def _new_records(self, algorithm: AlgorithmName) -> DigestRecords:
        width_bytes = LENGTHS_BYTES.get(algorithm)
        if width_bytes is None:
            raise ValueError(f"an index cannot hold {algorithm} digests")
        records = self._digests[algorithm] = DigestRecords(width_bytes, self._duplicates, self._directory)
        self._resources.callback(records.close)
        return records

    def _check_room(self, count: int) -> None:
        if self._row + count > index_layout.MAX_ROWS:
            raise ListError(f"more than {index_layout.MAX_ROWS} entries for one index", hint="build several indexes")

    def _id_code(self, entry_id: str) -> int:
        numbered = _NUMBERED.fullmatch(entry_id)
        if numbered is None:
            return self._text.add_text(entry_id) << index_layout.ID_TAG_BITS | index_layout.TEXT_ID
        return int(numbered[2]) << index_layout.ID_TAG_BITS | index_layout.NUMBERED_IDS[numbered[1]]

    def _add_attributes(self, current: _OpenList, entry: ListEntry, id_code: int, role: Role) -> None:
        current.ids.append(id_code)
        current.labels.append(self._text.add_mapping(entry.labels) if entry.labels else 0)
        current.unsupported.append(self._text.add_mapping(entry.unsupported) if entry.unsupported else 0)
        current.roles.append(index_layout.ROLE_CODES[role])
        if entry.size is None or not 0 <= entry.size < index_layout.MAX_VALUE:
            current.sizes.append(index_layout.NO_SIZE)
            current.all_sized = False
        else:
            current.sizes.append(entry.size + 1)

    def _advance(self, count: int) -> None:
        before = self._row
        self._row += count
        if before // _HOUSEKEEPING_ROWS == self._row // _HOUSEKEEPING_ROWS:
            return
        self._check_room(0)
        for column in self._current().columns:
            column.flush_full()
        for records in self._digests.values():
            records.flush_full()

    def _write_algorithm(
        self,
        writer: ImageWriter,
        algorithm: AlgorithmName,
        records: DigestRecords,
        digest_columns: list[dict[AlgorithmName, Column]],
    ) -> None:
        several = [item.several_digests and algorithm in item.algorithms for item in self._finished]
        positions = array("I", bytes(4 * self._row)) if any(several) else None
        if records.is_small:
            write_small_sections(writer, algorithm, records, positions)
        else:
            self._write_large(writer, algorithm, records, positions)
        if positions is None:
            return
        for item, wanted, columns in zip(self._finished, several, digest_columns, strict=True):
            if wanted:
                offset = pad(self._columns)
                here = positions[item.first_row : item.first_row + item.record.rows]
                self._columns.write(index_layout.little_endian(here))
                columns[algorithm] = StoredColumn(offset, index_layout.ROW_BYTES)

    def _write_large(
        self, writer: ImageWriter, algorithm: AlgorithmName, records: DigestRecords, positions: "array[int] | None"
    ) -> None:
        # Start-up: a scan with small lists needs no numpy.
        from hashaudit.lists.index.digest_sections import write_sections  # noqa: PLC0415 # as above
        from hashaudit.lists.index.near.near_build import write_pieces  # noqa: PLC0415 # as above

        count = write_sections(writer, algorithm, records.sorter(), positions, self._directory)
        if algorithm in PERCEPTUAL_LENGTHS_BYTES:
            write_pieces(writer, algorithm, records.width_bytes, count, self._directory)

    def _final_records(self, digest_columns: list[dict[AlgorithmName, Column]]) -> tuple[ListRecord, ...]:
        records = []
        dropped = self._duplicates.dropped_by_list()
        for item, columns, duplicates in zip(self._finished, digest_columns, dropped, strict=True):
            info = item.record.info
            rejected = dict(info.rejected)
            if duplicates:
                rejected[_DUPLICATE] = rejected.get(_DUPLICATE, 0) + duplicates
            info = msgspec.structs.replace(info, kept=item.record.rows - duplicates, rejected=rejected)
            records.append(msgspec.structs.replace(item.record, info=info, digests=columns))
        return tuple(records)
