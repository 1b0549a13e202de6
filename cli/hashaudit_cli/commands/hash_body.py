"""The body of ``hash``: hashes a user's own files, without lists, findings or keys."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Collection
from typing import Literal, Protocol, get_args

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model import paths
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.totals import TotalsCounter
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.session import Session
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import counted, log, quote, standard_output

Form = Literal["list", "jsonl", "csv"]

FLUSH_BYTES = 1 << 16


class LineFormat(Protocol):
    """The form in which a file's hashes are written."""

    def header(self) -> bytes:
        """Returns the bytes before the first file."""
        ...

    def lines(self, record: FileRecord) -> bytes:
        """Returns the bytes for one file."""
        ...


class TaggedLines:
    """``SHA256 (name) = hex``, as coreutils writes it with ``--tag``: a list that ``lists build`` reads."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def lines(self, record: FileRecord) -> bytes:
        """Returns one line for each hash."""
        raw = paths.from_text(record.entry.path, record.entry.path_uri)
        name = raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        escape = b"\\" if name != raw else b""
        hashes = [(tag, value) for tag, value in record.digests.items()]
        hashes += [(item.algorithm, item.value) for item in record.perceptual]
        return b"".join(
            b"%s%s (%s) = %s\n" % (escape, str(tag).upper().encode(), name, value.encode()) for tag, value in hashes
        )


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
            about = [record.entry.path, size, str(frame), str(quality.get(frame, ""))]
            rows.append(_row([*about, *(found.get(name, "") for name in self._names)]))
        return b"".join(rows)


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

    def write(self, record: FindingRecord | FaultRecord | FileRecord) -> int:
        """Writes the next record; reports a fault."""
        self.tally.count_line(record)
        self._count += 1
        if isinstance(record, FileRecord):
            asked = {name: value for name, value in record.digests.items() if name in self._digests}
            self._pending += self._form.lines(msgspec.structs.replace(record, digests=asked))
            if len(self._pending) >= FLUSH_BYTES:
                self._flush()
        elif isinstance(record, FaultRecord):
            path = quote(paths.from_text(record.entry.path, record.entry.path_uri))
            fault = record.faults[0]
            log(f"{path}: {fault.code}: {quote(os.fsencode(fault.message))}")
        return self._count

    def tick(self) -> None:
        """Does nothing: no write is due by the clock."""

    def checkpoint(self) -> None:
        """Writes the waiting lines."""
        self._flush()

    def finish(self, reason: EndReason, exit_code: int) -> None:  # noqa: ARG002 # the signature of RecordWriter
        """Writes the last lines."""
        self._flush()
        self._output.sync()

    def _flush(self) -> None:
        self._output.write(bytes(self._pending))
        self._pending.clear()


def run_hash(config: ScanConfig, *, output: str | None, form: str, quiet: bool) -> int:
    """Hashes every file and writes the hashes.

    Raises:
        UsageError: the form is unknown.
        HashauditError: a file or this host cannot be used.
    """
    if form not in get_args(Form):
        raise UsageError(f"invalid --format: '{form}'; must be one of {', '.join(get_args(Form))}")
    finished = None
    with obeying_signals() as control, Session(config) as session:
        show_preparation(session.prepare(), quiet=quiet)
        perceptual = session.worker_config.perceptual
        pictures = perceptual.algorithms if perceptual else ()
        # If only perceptual hashes are requested, the digest that identifies the file is not part of the list.
        digests = config.algorithms if pictures else session.worker_config.algorithms
        line_form: dict[str, LineFormat] = {
            "list": TaggedLines(),
            "jsonl": JsonLines(),
            "csv": Table((*digests, *pictures)),
        }
        with contextlib.closing(Output.create(output) if output is not None else standard_output()) as out:
            loop = session.main_loop(HashWriter(out, line_form[form], digests), control)
            follow(loop.events(), control, quiet=quiet)
            finished = loop.finished
    if finished is None:
        raise RuntimeError("the main loop ended without a result")
    if not quiet:
        totals = finished.totals
        log(f"{counted(totals.examined, 'file')} hashed, {counted(sum(totals.faults.values()), 'fault')}")
    return finished.exit_code


def _row(fields: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode(errors="surrogateescape")
