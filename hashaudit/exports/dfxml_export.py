"""Digital Forensics XML 1.2.0: a file object for each finding and fault, with the matches in elements of our own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from hashaudit.exports.dfxml_document import END, FileObject, beginning, file_object, own_attributes
from hashaudit.exports.export_values import acceptance, caveats, found_entries, modified
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size, joined_path
from hashaudit.record.schema import EntryRecord, FaultRecord, FileRecord, FileState, FindingRecord
from hashaudit.triage.match_view import labels_text


class DfxmlExport(Exporter):
    """One document."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`creator`, `hashaudit:run`",
        Field.CASE: "`hashaudit:run`",
        Field.PATH: "`filename`",
        Field.EXACT_PATH: "`hashaudit:path_uri`",
        Field.MEMBER: "`filename`, joined by `//`",
        Field.SIZE: "`filesize`",
        Field.MODIFIED: "`mtime`",
        Field.IDENTITY: "`inode`",
        Field.OWNER: "`mode`, `uid`, `gid`",
        Field.DIGESTS: "`hashdigest`",
        Field.OTHER_DIGESTS: '`hashdigest type="OTHER"`, `hashaudit:algorithm`',
        Field.PERCEPTUAL: '`hashdigest type="OTHER"`, `hashaudit:algorithm`',
        Field.MATCH: "`hashaudit:match`",
        Field.DISTANCE: "`hashaudit:match`",
        Field.LABELS: "`hashaudit:match`",
        Field.CAVEATS: "`hashaudit:caveats`",
        Field.ACCEPTANCE: "`hashaudit:accepted`",
        Field.NOT_VIEWED: "`hashaudit:run`",
        Field.FAULTS: "`error`",
        Field.FAULT_RECORDS: "`error`",
        Field.FILE_RECORDS: "`fileobject`",
    }
    kinds = (FindingRecord, FaultRecord, FileRecord)

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:
        """The beginning of the document."""
        first = runs[0].header
        environment = {
            "os_sysname": first.os.name,
            "os_release": first.os.release,
            "os_version": first.os.version,
            "host": first.host,
            "arch": first.os.machine,
            "command_line": " ".join(first.argv),
            **({"uid": str(first.uid)} if first.uid is not None else {}),
            "start_time": first.start,
        }
        return beginning("Findings", environment)

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one file object."""
        is_directory = isinstance(record, FaultRecord) and record.directory
        return file_object(
            FileObject(
                joined_path(record.entry),
                "d" if is_directory else "r",
                "; ".join(f"{fault.stage} {fault.code}: {fault.message}" for fault in record.faults),
                content_size(record),
                _facts(record),
                record.digests,
                tuple((one.algorithm, one.value) for one in record.perceptual[:1]),
                "".join(_own(run, record)),
            )
        )

    def end(self) -> bytes:
        """The end of the document."""
        return END


def _facts(record: EntryRecord) -> dict[str, str]:
    state, facts = record.state, {}
    if isinstance(state, FileState) and not record.entry.within:
        facts = {"inode": state.inode, "mode": str(int(state.mode, 8)), "nlink": str(state.links)}
        facts |= {"uid": str(state.uid), "gid": str(state.gid)}
    changed = modified(record)
    return facts if changed is None else facts | {"mtime": changed}


def _own(run: ExportedRun, record: EntryRecord) -> Iterator[str]:
    facts = {"id": run.header.run_id, "record": str(record.seq), "case": run.header.case or "", "human_viewed": "false"}
    yield f"<hashaudit:run {own_attributes(facts)}/>"
    for one in found_entries(record):
        match = {"list": one.list_name, "entry": one.entry, "agreement": one.text, "labels": labels_text(one.labels)}
        yield f"<hashaudit:match {own_attributes(match)}/>"
    if caveats(record):
        yield f"<hashaudit:caveats>{' '.join(caveats(record))}</hashaudit:caveats>"
    accepted = acceptance(record)
    if accepted is not None:
        facts = {"reason": accepted.reason, "by": accepted.by, "until": accepted.until}
        yield f"<hashaudit:accepted {own_attributes(facts)}/>"
