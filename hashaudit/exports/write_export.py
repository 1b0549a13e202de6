"""Runs an export: verified records in, bytes out, and a count of what the format cannot hold."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.exports.cybertip_export import MAPPING, Incident, file_draft, report_draft
from hashaudit.exports.interface import ExportedRun, Exporter, Field, fields_of
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EntryRecord, FindingRecord
from hashaudit.triage.findings_input import VerifiedInput

FLUSH_BYTES = 1 << 18


class ExportResult(msgspec.Struct, frozen=True):
    """The end of an export."""

    records: int
    """Records written."""
    lost: Mapping[Field, int]
    """Fields that the format cannot hold -> records that have it."""


def exported_runs(files: Sequence[VerifiedInput], *, any_signer: bool) -> tuple[ExportedRun, ...]:
    """Returns the facts of verified files.

    Args:
        files: the files after a verification.
        any_signer: the caller accepts an intact file by an unknown signer.

    Raises:
        FindingsError: a file does not verify. Nothing of such a file is handed on.
    """
    return tuple(_run(number, one, any_signer=any_signer) for number, one in enumerate(files))


def _run(number: int, one: VerifiedInput, *, any_signer: bool) -> ExportedRun:
    outcome = one.outcome
    header, last = outcome.header, outcome.last
    if not (one.is_verified or (any_signer and outcome.unmodified)) or header is None or last is None:
        cause = outcome.problems[0].message if outcome.problems else f"signer unknown ({outcome.fingerprint})"
        raise FindingsError(
            f"not verified: '{one.source.name}'; {cause}",
            hint="nothing is exported from a file that does not verify; see hashaudit verify",
        )
    return ExportedRun(
        number=number,
        header=header,
        sha256=one.sha256,
        fingerprint=outcome.fingerprint,
        is_trusted=one.is_verified,
        end=last.end or last.time,
        totals=last.totals,
        is_complete=outcome.complete,
    )


def write_export(
    exporter: Exporter, files: Sequence[VerifiedInput], runs: Sequence[ExportedRun], write: Callable[[bytes], None]
) -> ExportResult:
    """Writes the records of verified files.

    Args:
        exporter: the format; it is used up.
        files: the files.
        runs: their facts, from :func:`exported_runs`.
        write: takes the bytes.

    Raises:
        FindingsError: a file changed since it was verified.
    """
    lost: Counter[Field] = Counter()
    records = 0
    buffer = bytearray(exporter.begin(runs))
    for run, record in _records(files, runs):
        if isinstance(record, AuditRecord):
            lost[Field.DIFFERENCES] += 1
            continue
        taken = exporter.add(run, record) if isinstance(record, exporter.kinds) else b""
        records += bool(taken)
        lost.update(field for field in fields_of(record) if field not in exporter.mapping)
        buffer += taken
        if len(buffer) >= FLUSH_BYTES:
            write(bytes(buffer))
            buffer.clear()
    write(bytes(buffer) + exporter.end())
    if any(run.header.case or run.header.note for run in runs) and Field.CASE not in exporter.mapping:
        lost[Field.CASE] = len(runs)
    return ExportResult(records, lost)


def write_drafts(
    directory: str, incident: Incident, files: Sequence[VerifiedInput], runs: tuple[ExportedRun, ...]
) -> ExportResult:
    """Writes the drafts of an incident into a new directory with mode 0700.

    Raises:
        FindingsError: a file changed since it was verified.
        OSError: the directory exists or cannot be created.
        OutputError: a draft cannot be written.
    """
    os.mkdir(directory, 0o700)
    lost: Counter[Field] = Counter()
    records = 0
    for run, record in _records(files, runs):
        if isinstance(record, AuditRecord):
            lost[Field.DIFFERENCES] += 1
            continue
        lost.update(field for field in fields_of(record) if field not in MAPPING)
        if isinstance(record, FindingRecord):
            records += 1
            name = f"fileDetails-{run.number + 1}-{record.seq:06d}.xml"
            _new_file(os.path.join(directory, name), file_draft(incident, run, record))
    _new_file(os.path.join(directory, "report.xml"), report_draft(incident, runs, records))
    return ExportResult(records, lost)


def _records(
    files: Sequence[VerifiedInput], runs: Sequence[ExportedRun]
) -> Iterator[tuple[ExportedRun, EntryRecord | AuditRecord]]:
    for one, run in zip(files, runs, strict=True):
        for item in one.records():
            if item.is_proven and isinstance(item.record, EntryRecord | AuditRecord):
                yield run, item.record


def _new_file(path: str, content: bytes) -> None:
    output = Output.create(path)
    try:
        output.write(content)
    finally:
        output.close()
