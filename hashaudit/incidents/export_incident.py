"""Exports the findings of an incident, and records the export in its log."""

import hashlib
import os
from urllib.parse import quote

import msgspec

from hashaudit.errors import FindingsError, OutputError
from hashaudit.exports.interface import Exporter
from hashaudit.exports.write_export import ExportResult, exported_runs, write_export
from hashaudit.incidents.incident_log import Action, append_log, read_log
from hashaudit.incidents.new_incident import EXPORTS_NAME
from hashaudit.incidents.verify_incident import incident_inputs, read_facts
from hashaudit.model.paths import for_terminal
from hashaudit.record.output import Output
from hashaudit.record.verify.trust import Trust
from hashaudit.signing.signer import Signer
from hashaudit.triage.findings_input import verify_input


class IncidentExport(msgspec.Struct, frozen=True, kw_only=True):
    """An export that the log names."""

    path: str
    result: ExportResult


def export_incident(
    directory: str, name: str, exporter: Exporter, suffix: str, *, signer: Signer, trust: Trust
) -> IncidentExport:
    """Writes an export into the directory of an incident and adds a line about it to the log.

    Args:
        directory: of the incident.
        name: of the format.
        exporter: the format; it is used up.
        suffix: of the new file's name.
        signer: signs the line.
        trust: whose findings and lines count.

    Raises:
        FindingsError: the findings or the log do not verify.
        OutputError: the export or the log cannot be written.
    """
    facts = read_facts(directory)
    log = read_log(directory, trust)
    if log.problem is not None or log.entries[0].incident != facts.incident:
        raise FindingsError(f"the log does not verify; {log.problem or 'it belongs to another incident'}")
    files = [verify_input(source) for source in incident_inputs(directory, facts, trust, any_signer=False)]
    for one, stated in zip(files, facts.files, strict=True):
        if one.sha256 != stated.sha256:
            raise FindingsError(
                f"not the file of the incident: '{one.source.name}'", hint="see hashaudit incident verify"
            )
    runs = exported_runs(files, any_signer=False)
    folder = os.path.join(directory, EXPORTS_NAME)
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create: '{for_terminal(os.fsencode(folder))}'; {error.strerror}") from error
    file = f"{len(log.entries) + 1:04d}-{name}{suffix}"
    path = os.path.join(folder, file)
    digest = hashlib.sha256()
    output = Output.create(path)

    def write(data: bytes) -> None:
        digest.update(data)
        output.write(data)

    try:
        result = write_export(exporter, files, runs, write)
        output.sync()
    finally:
        output.close()
    text = f"{name}: {result.records:,} {'record' if result.records == 1 else 'records'}"
    append_log(
        directory,
        facts.incident,
        Action.EXPORTED,
        text,
        signer=signer,
        trust=trust,
        file=quote(file),
        sha256=digest.hexdigest(),
    )
    return IncidentExport(path=path, result=result)
