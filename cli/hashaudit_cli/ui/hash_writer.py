"""Writes the hashes of files as a hash list, as JSON lines, or as a table."""

import csv
import io
import json
import os
from collections.abc import Collection
from typing import Protocol

import msgspec

from hashaudit.lists.syntax.checksum_lines import escaped_name
from hashaudit.model import paths
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.totals import TotalsCounter
from hashaudit_cli.ui.terminal import counted, log, quote

FLUSH_BYTES = 1 << 16


class LineFormat(Protocol):
    """The form in which a file's hashes are written."""

    def header(self) -> bytes:
        """Returns the bytes before the first file."""
        ...

    def lines(self, record: FileRecord) -> bytes:
        """Returns the bytes for one file.

        Raises:
            OutputError: the form cannot hold the file's path.
        """
        ...

    def footer(self) -> bytes:
        """Returns the bytes behind the last file."""
        ...


class TaggedLines:
    """``SHA256 (name) = hex``, as coreutils writes it with ``--tag``: a list that ``lists build`` reads."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def lines(self, record: FileRecord) -> bytes:
        """Returns one line for each hash."""
        raw = paths.from_text(record.entry.path, record.entry.path_uri)
        name = escaped_name(raw)
        escape = b"\\" if name != raw else b""
        hashes = [(tag, value) for tag, value in record.digests.items()]
        hashes += [(item.algorithm, item.value) for item in record.perceptual]
        return b"".join(
            b"%s%s (%s) = %s\n" % (escape, str(tag).upper().encode(), name, value.encode()) for tag, value in hashes
        )

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class JsonLines:
    """One JSON object for each file, with the field names of the findings file."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def lines(self, record: FileRecord) -> bytes:
        """One line."""
        fields = msgspec.to_builtins(record)
        for name in ("kind", "seq", "time"):
            fields.pop(name, None)
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class Table:
    """CSV with a header: one row for each file and frame, one column for each hash."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def header(self) -> bytes:
        """The columns."""
        return _row(["path", "size", "frame", "quality", *self._names])

    def lines(self, record: FileRecord) -> bytes:
        """Returns one row, or one for each frame of an image."""
        frames: dict[int, dict[str, str]] = {}
        quality: dict[int, int] = {}
        for item in record.perceptual:
            frames.setdefault(item.frame, {})[item.algorithm] = item.value
            if item.quality is not None:
                quality[item.frame] = item.quality
        rows = []
        for frame, values in (frames or {0: {}}).items():
            found = {str(name): value for name, value in (*record.digests.items(), *values.items())}
            size = "" if record.state is None else str(record.state.size)
            path = os.fsdecode(paths.from_text(record.entry.path, record.entry.path_uri))
            about = [path, size, str(frame), str(quality.get(frame, ""))]
            rows.append(_row([*about, *(found.get(name, "") for name in self._names)]))
        return b"".join(rows)

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class HashWriter:
    """Takes the records of a scan and writes hashes."""

    def __init__(self, output: Output, form: LineFormat, digests: Collection[str]) -> None:
        self.tally = TotalsCounter()
        self.deadline_s = None
        self._digests = digests
        self._output = output
        self._form = form
        self._pending = bytearray(form.header())
        self._count = 0
        self.without_hash = 0
        """Images without a perceptual hash."""

    def write(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> int:
        """Writes the next record; reports a fault."""
        self.tally.count_line(record)
        self._count += 1
        if not isinstance(record, AuditRecord):
            self._report(record)
        if isinstance(record, FileRecord):
            asked = {name: value for name, value in record.digests.items() if name in self._digests}
            self._pending += self._form.lines(msgspec.structs.replace(record, digests=asked))
            if len(self._pending) >= FLUSH_BYTES:
                self._flush()
        elif isinstance(record, FaultRecord):
            fault = record.faults[0]
            log(f"{_name(record)}: {fault.code}: {quote(os.fsencode(fault.message))}")
        return self._count

    def _report(self, record: FindingRecord | FaultRecord | FileRecord) -> None:
        """Reports what of an image is not hashed."""
        if record.no_hash is not None:
            self.without_hash += 1
            log(f"{_name(record)}: no perceptual hash: {record.no_hash.replace('_', ' ')}")
        if record.frames_skipped:
            log(f"{_name(record)}: {counted(record.frames_skipped, 'frame')} beyond --max-frames not hashed")

    def tick(self) -> None:
        """Does nothing: no write is due by the clock."""

    def checkpoint(self) -> None:
        """Writes the waiting lines."""
        self._flush()

    def finish(self, reason: EndReason, exit_code: int) -> None:  # noqa: ARG002 # the signature of RecordWriter
        """Writes the last lines."""
        if reason is EndReason.COMPLETED:
            self._pending += self._form.footer()
        self._flush()
        self._output.sync()

    def _flush(self) -> None:
        self._output.write(bytes(self._pending))
        self._pending.clear()


def _name(record: FindingRecord | FaultRecord | FileRecord) -> str:
    return quote(paths.from_text(record.entry.path, record.entry.path_uri))


def _row(fields: list[str]) -> bytes:
    text = io.StringIO()
    # Before version 3.13, csv quotes only what is part of the line end.
    csv.writer(text, lineterminator="\r\n").writerow(fields)
    return text.getvalue().removesuffix("\r\n").encode(errors="surrogateescape") + b"\n"
