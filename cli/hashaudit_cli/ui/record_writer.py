"""Writes records as a table, CSV, TSV, JSON lines or paths, on standard output."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.record.entry_path import content_size, file_path, joined_path
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, Entry, EntryRecord, FaultRecord, FindingRecord
from hashaudit.record.verify.proven_records import ReadRecord
from hashaudit.triage.match_view import agreements, deny_matches, labels_text
from hashaudit.triage.record_rows import (
    DIFFERENCE_COLUMNS,
    FAULT_COLUMNS,
    FILE_COLUMNS,
    MATCH_COLUMNS,
    csv_line,
    difference_row,
    fault_rows,
    file_row,
    match_rows,
    tsv_line,
)
from hashaudit_cli.ui.terminal import bytes_shown, quote

FLUSH_BYTES = 1 << 16

_ALIGNED_ROWS = 200
"""Rows that decide the widths of columns. A longer cell of a later row moves the cells behind it."""

_MAX_ALIGNED = 60
"""Widest column. A longer cell is not cut; it moves the cells behind it."""


class RecordFormat(StrEnum):
    """The form of records."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PATHS = "paths"


class View(StrEnum):
    """The kind of records."""

    FINDINGS = "findings"
    FAULTS = "faults"
    FILES = "files"
    DIFFERENCES = "differences"


Shown = EntryRecord | AuditRecord
"""Records that can be shown."""


class RecordWriter(Protocol):
    """Writes records one by one."""

    def add(self, item: ReadRecord, record: Shown) -> None:
        """Writes a record."""
        ...

    def close(self) -> None:
        """Writes what is buffered."""
        ...


def record_writer(output: Output, form: RecordFormat, view: View, *, null: bool) -> RecordWriter:
    """Returns the writer of a form.

    Args:
        output: where it writes.
        form: the form.
        view: the kind of records.
        null: end each path with NUL, not with a line feed.
    """
    match form:
        case RecordFormat.TABLE:
            return _Table(output, _TABLES[view])
        case RecordFormat.CSV | RecordFormat.TSV:
            columns, rows = _ROWS[view]
            return _Rows(output, csv_line if form is RecordFormat.CSV else tsv_line, columns, rows)
        case RecordFormat.JSONL:
            return _Lines(output)
        case RecordFormat.PATHS:
            return _Paths(output, null=null)


class _Buffered:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._buffer = bytearray()

    def _write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= FLUSH_BYTES:
            self.close()

    def close(self) -> None:
        if self._buffer:
            self._output.write(bytes(self._buffer))
            self._buffer.clear()


class _Lines(_Buffered):
    """The records as they are in the findings file."""

    def add(self, item: ReadRecord, record: Shown) -> None:  # noqa: ARG002 # the form of RecordWriter
        self._write(item.raw)


class _Paths(_Buffered):
    """One path of a file or object for each record; a file with several members is named once in a row."""

    def __init__(self, output: Output, *, null: bool) -> None:
        super().__init__(output)
        self._null = null
        self._last: bytes | None = None

    def add(self, item: ReadRecord, record: Shown) -> None:  # noqa: ARG002 # as above
        path = _path(record, file_path)
        if path == self._last:
            return
        self._last = path
        if self._null:
            self._write(path + b"\0")
        elif b"\n" in path or b"\r" in path:
            # The form of coreutils: a backslash first says that the line is escaped.
            escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            self._write(b"\\" + escaped + b"\n")
        else:
            self._write(path + b"\n")


class _Rows(_Buffered):
    """One line for each match, fault or file, below a line of column names."""

    def __init__(
        self,
        output: Output,
        line: Callable[[Sequence[str]], bytes],
        columns: Sequence[str],
        rows: Callable[[Shown], Iterable[Mapping[str, str]]],
    ) -> None:
        super().__init__(output)
        self._line, self._columns, self._rows = line, columns, rows
        self._write(line(columns))

    def add(self, item: ReadRecord, record: Shown) -> None:  # noqa: ARG002 # as above
        for row in self._rows(record):
            self._write(self._line([row.get(name, "") for name in self._columns]))


_Cells = Callable[[Shown], list[str]]


class _Table(_Buffered):
    """Aligned columns for people. The path is last and whole. Everything that could control a terminal is escaped."""

    def __init__(self, output: Output, table: tuple[Sequence[str], _Cells]) -> None:
        super().__init__(output)
        names, self._cells = table
        self._waiting: list[list[str]] = [list(names)]
        self._widths: list[int] | None = None

    def add(self, item: ReadRecord, record: Shown) -> None:
        row = [quote(cell.encode(errors="surrogateescape")) for cell in self._cells(record)]
        path = quote(_path(record, joined_path))
        row.append(path if item.is_proven else f"{path}  [not proven]")
        if self._widths is not None:
            self._write(self._aligned(row, self._widths))
            return
        self._waiting.append(row)
        if len(self._waiting) > _ALIGNED_ROWS:
            self._align()

    def close(self) -> None:
        if self._widths is None and len(self._waiting) > 1:
            self._align()
        super().close()

    def _align(self) -> None:
        columns = zip(*(row[:-1] for row in self._waiting), strict=True)
        self._widths = [min(_MAX_ALIGNED, max(map(len, column))) for column in columns]
        for row in self._waiting:
            self._write(self._aligned(row, self._widths))
        self._waiting.clear()

    @staticmethod
    def _aligned(row: list[str], widths: list[int]) -> bytes:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        return ("  ".join(cells) + "\n").encode(errors="backslashreplace")


def _path(record: Shown, of_entry: Callable[[Entry], bytes]) -> bytes:
    return paths.from_text(record.path, record.path_uri) if isinstance(record, AuditRecord) else of_entry(record.entry)


def _difference_cells(record: Shown) -> list[str]:
    if not isinstance(record, AuditRecord):
        return ["", "", ""]
    expected = record.expected
    is_elsewhere = expected is not None and record.outcome in {AuditOutcome.MOVED, AuditOutcome.COPIED}
    before = paths.from_text(expected.path, expected.path_uri) if expected is not None and is_elsewhere else b"-"
    return [record.outcome, os.fsdecode(before), record.note or "-"]


def _finding_cells(record: Shown) -> list[str]:
    if not isinstance(record, FindingRecord):
        return ["", "", "", "", ""]
    first, *others = agreements(deny_matches(record))
    more = len(others) + record.matches_omitted
    entry = f"{first.entry} (+{more})" if more else first.entry
    accepted = ["accepted"] if record.accepted is not None else []
    caveats = ",".join([*accepted, *record.needs_confirmation]) or "-"
    return [first.list_name, entry, first.text, labels_text(first.labels) or "-", caveats]


def _fault_cells(record: Shown) -> list[str]:
    if isinstance(record, AuditRecord):
        return ["", "", "", ""]
    codes = ",".join(dict.fromkeys(fault.code for fault in record.faults))
    directory = isinstance(record, FaultRecord) and record.directory
    return [codes, record.faults[0].stage, "directory" if directory else "file", record.faults[0].message]


def _file_cells(record: Shown) -> list[str]:
    if isinstance(record, AuditRecord):
        return ["", "", ""]
    kind = "finding" if isinstance(record, FindingRecord) else "fault" if isinstance(record, FaultRecord) else "file"
    size = "-" if (known := content_size(record)) is None else bytes_shown(known)
    digests = {str(name): value for name, value in record.digests.items()}
    name = next((one for one in ("sha256", "blake3", *digests) if one in digests), None)
    digest = "-" if name is None else f"{name}:{digests[name]}"
    return [kind, size, digest]


def _match_rows(record: Shown) -> Iterable[Mapping[str, str]]:
    return match_rows(record) if isinstance(record, FindingRecord) else ()


def _fault_rows(record: Shown) -> Iterable[Mapping[str, str]]:
    return () if isinstance(record, AuditRecord) else fault_rows(record)


def _file_rows(record: Shown) -> Iterable[Mapping[str, str]]:
    return () if isinstance(record, AuditRecord) else (file_row(record),)


def _difference_rows(record: Shown) -> Iterable[Mapping[str, str]]:
    return (difference_row(record),) if isinstance(record, AuditRecord) else ()


_TABLES: dict[View, tuple[Sequence[str], _Cells]] = {
    View.FINDINGS: (("LIST", "ENTRY", "MATCH", "LABELS", "CAVEATS", "PATH"), _finding_cells),
    View.FAULTS: (("CODE", "STAGE", "OF", "MESSAGE", "PATH"), _fault_cells),
    View.FILES: (("RECORD", "SIZE", "DIGEST", "PATH"), _file_cells),
    View.DIFFERENCES: (("OUTCOME", "FROM", "NOTE", "PATH"), _difference_cells),
}

_ROWS: dict[View, tuple[Sequence[str], Callable[[Shown], Iterable[Mapping[str, str]]]]] = {
    View.FINDINGS: (MATCH_COLUMNS, _match_rows),
    View.FAULTS: (FAULT_COLUMNS, _fault_rows),
    View.FILES: (FILE_COLUMNS, _file_rows),
    View.DIFFERENCES: (DIFFERENCE_COLUMNS, _difference_rows),
}
