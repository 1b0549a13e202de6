"""Drafts of CyberTipline reports (NCMEC's reporting API): one directory for an incident, nothing is sent.

Source: the public documentation of the API and the order of elements in three independent clients. The schema is only
available with an account, so the provider validates the drafts against its own copy.
"""

from xml.sax.saxutils import escape, quoteattr

import msgspec

from hashaudit.exports.export_values import caveats, file_name, found_entries, milliseconds, path_text, xml_text
from hashaudit.exports.interface import ExportedRun, Field
from hashaudit.model.counted import counted
from hashaudit.record.schema import EntryRecord

GAP = "FILL-IN"
"""Stands where the program cannot know the value. A draft with it does not validate, on purpose."""

INCIDENT_TYPES = (
    "Child Pornography (possession, manufacture, and distribution)",
    "Child Sex Trafficking",
    "Child Sex Tourism",
    "Child Sexual Molestation",
    "Misleading Domain Name",
    "Misleading Words or Digital Images on the Internet",
    "Online Enticement of Children for Sexual Acts",
    "Unsolicited Obscene Material Sent to a Child",
)
MAX_NAME = 2056
"""Characters of ``originalFileName``."""

_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="https://report.cybertip.org/ispws/xsd"'
)
_HASH_TYPES = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256"}
"""Hashes of at most 64 characters, which every reading of the documentation accepts."""

MAPPING = {
    Field.RUN: "`additionalInfo` of the report",
    Field.CASE: "`additionalInfo` of the report",
    Field.PATH: "`originalFileName`; the path in `additionalInfo` with `--with-paths`",
    Field.DIGESTS: "`originalFileHash` (MD5, SHA-1, SHA-256)",
    Field.PERCEPTUAL: "`originalFileHash` (PDQ)",
    Field.MATCH: "`additionalInfo`",
    Field.DISTANCE: "`additionalInfo`",
    Field.CAVEATS: "`additionalInfo`",
    Field.NOT_VIEWED: "`fileViewedByEsp` is false",
}
"""The place of each field in the drafts."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that the provider knows and the program does not. ``None`` leaves a gap."""

    incident_type: str | None = None
    incident_time: str | None = None
    """RFC 3339. It must not be in the future."""
    reporter_email: str | None = None
    platform: str | None = None
    with_paths: bool = False
    """Put the storage path of each file into its draft."""


def report_draft(incident: Incident, runs: tuple[ExportedRun, ...], files: int) -> bytes:
    """Returns ``report.xml``."""
    known = "; ".join(
        f"scan {run.header.run_id} of {run.header.start}, case {run.header.case or 'not stated'}" for run in runs
    )
    platform = f"<platform>{_text(incident.platform)}</platform>" if incident.platform else ""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<report {_SCHEMA}>\n"
        "<incidentSummary>"
        f"<incidentType>{_text(incident.incident_type or GAP)}</incidentType>{platform}"
        f"<incidentDateTime>{_text(incident.incident_time or GAP)}</incidentDateTime>"
        "</incidentSummary>\n"
        f"<reporter><reportingPerson><email>{_text(incident.reporter_email or GAP)}</email></reportingPerson>"
        "</reporter>\n"
        f"<additionalInfo>Automated hash matches of {counted(files, 'file')}. No person viewed a file. {_text(known)}"
        "</additionalInfo>\n"
        "</report>\n"
    ).encode()


def file_draft(incident: Incident, run: ExportedRun, record: EntryRecord) -> bytes:
    """Returns ``fileDetails.xml`` of one file. It has no classification, because only a person may give it."""
    hashes = [(_HASH_TYPES[name], value) for name, value in record.digests.items() if name in _HASH_TYPES]
    hashes += [("PDQ", one.value) for one in record.perceptual[:1] if one.algorithm == "pdq"]
    matches = "; ".join(f"{one.list_name} {one.entry}: {one.text}" for one in found_entries(record))
    note = f"Matches: {matches}. Caveats: {', '.join(caveats(record)) or 'none'}. "
    note += f"Scan {run.header.run_id}, record {record.seq}, {milliseconds(record.time)}."
    if incident.with_paths:
        note += f" Path: {path_text(record)}"
    parts = [
        f"<reportId>{GAP}</reportId><fileId>{GAP}</fileId>",
        f"<originalFileName>{_text(file_name(record)[:MAX_NAME])}</originalFileName>",
        "<fileViewedByEsp>false</fileViewedByEsp>",
        "<fileRelevance>Reported</fileRelevance>",
        *(f"<originalFileHash hashType={quoteattr(kind)}>{value}</originalFileHash>" for kind, value in hashes),
        f"<additionalInfo>{_text(note)}</additionalInfo>",
    ]
    body = "\n".join(parts)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<fileDetails {_SCHEMA}>\n{body}\n</fileDetails>\n".encode()


def _text(text: str) -> str:
    return escape(xml_text(text))
