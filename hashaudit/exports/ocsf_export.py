"""OCSF 1.6 Detection Finding, one event a line (https://schema.ocsf.io/1.6.0/classes/detection_finding)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from hashaudit import __version__
from hashaudit.exports.export_values import (
    FULL_NAMES,
    TOOL,
    acceptance,
    caveats,
    epoch_ms,
    file_name,
    found_entries,
    is_weak,
    modified,
    path_text,
    sentence,
    stable_uuid,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord, FileState

OCSF_VERSION = "1.6.0"
_ALGORITHM_IDS = {"md5": 1, "sha1": 2, "sha256": 3, "sha512": 4}
_OTHER = 99
_NEW, _SUPPRESSED = 1, 3
"""Values of ``status_id``."""


class OcsfExport(Exporter):
    """One Detection Finding for each finding."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`metadata.correlation_uid`, `device.hostname`, `time`",
        Field.CASE: "`unmapped`",
        Field.PATH: "`evidences[].file.path`, `name`",
        Field.EXACT_PATH: "`unmapped.path_uri`",
        Field.MEMBER: "`evidences[].file.path`, joined by `//`",
        Field.SIZE: "`evidences[].file.size`",
        Field.MODIFIED: "`evidences[].file.modified_time`",
        Field.IDENTITY: "`unmapped`",
        Field.OWNER: "`unmapped`",
        Field.CONSISTENCY: "`unmapped.consistency`",
        Field.DIGESTS: "`evidences[].file.hashes`",
        Field.OTHER_DIGESTS: "`evidences[].file.hashes`, algorithm 99",
        Field.PERCEPTUAL: "`evidences[].file.hashes`, algorithm 99",
        Field.MATCH: "`finding_info.analytic`, `unmapped.matches`",
        Field.DISTANCE: "`unmapped.matches`",
        Field.LABELS: "`unmapped.matches`",
        Field.CAVEATS: "`confidence_id`, `unmapped.caveats`",
        Field.ACCEPTANCE: "`status_id` 3 (suppressed), `unmapped.accepted`",
        Field.NOT_VIEWED: "`unmapped.human_viewed`",
        Field.FAULTS: "`unmapped.faults`",
    }

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one event and its line end."""
        found = found_entries(record)
        weak = is_weak(record)
        event: dict[str, Any] = {
            "activity_id": 1,
            "category_uid": 2,
            "class_uid": 2004,
            "type_uid": 200401,
            "severity_id": 0,
            "status_id": _NEW if acceptance(record) is None else _SUPPRESSED,
            "is_alert": True,
            "confidence_id": 1 if weak else 2 if caveats(record) else 3,
            "time": epoch_ms(record.time),
            "start_time": epoch_ms(run.header.start),
            "message": sentence(record),
            "metadata": {
                "version": OCSF_VERSION,
                "uid": stable_uuid(run, "event", record.seq),
                "correlation_uid": run.header.run_id,
                "product": {"name": TOOL, "vendor_name": TOOL, "version": __version__},
            },
            "finding_info": {
                "uid": stable_uuid(run, "finding", record.seq),
                "title": f"Hash match with {found[0].list_name}",
                "analytic": {"type_id": 1, "name": found[0].list_name, "uid": found[0].entry},
            },
            "device": {"hostname": run.header.host, "type_id": 0},
            "evidences": [{"file": _file(record)}],
            "unmapped": _unmapped(run, record),
        }
        return msgspec.json.encode(event) + b"\n"


def _file(record: EntryRecord) -> dict[str, Any]:
    hashes = [
        {"algorithm_id": _ALGORITHM_IDS.get(name, _OTHER), "algorithm": FULL_NAMES.get(name, name), "value": value}
        for name, value in record.digests.items()
    ]
    hashes += [
        {"algorithm_id": _OTHER, "algorithm": one.algorithm.upper(), "value": one.value}
        for one in record.perceptual[:1]
    ]
    fields: dict[str, Any] = {"name": file_name(record), "path": path_text(record), "type_id": 1, "hashes": hashes}
    size = content_size(record)
    if size is not None:
        fields["size"] = size
    changed = modified(record)
    if changed is not None:
        fields["modified_time"] = epoch_ms(changed)
    return fields


def _unmapped(run: ExportedRun, record: EntryRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "record": record.seq,
        "case": run.header.case,
        "exhibit": run.header.exhibit,
        "examiner": run.header.examiner,
        "path_uri": record.entry.path_uri,
        "consistency": record.consistency,
        "matches": [match for match in record.matches if match.role == "deny"],
        "caveats": caveats(record),
        "faults": [fault.code for fault in record.faults],
        "accepted": acceptance(record),
        "human_viewed": False,
        "signer": run.fingerprint,
    }
    state = record.state
    if isinstance(state, FileState):
        fields |= {"inode": state.inode, "device": state.device, "uid": state.uid, "gid": state.gid, "mode": state.mode}
    return {name: value for name, value in fields.items() if value not in (None, [], ())}
