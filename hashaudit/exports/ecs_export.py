"""Elastic Common Schema 9.3, one event a line (https://www.elastic.co/docs/reference/ecs).

Digests that ECS does not have, and everything else without a field there, are below ``hashaudit``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from hashaudit.exports.export_values import (
    acceptance,
    caveats,
    file_name,
    found_entries,
    milliseconds,
    modified,
    path_text,
    sentence,
    stable_uuid,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord, FileState

ECS_VERSION = "9.3.0"
_ECS_DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512")
_MAX_ENRICHMENTS = 20


class EcsExport(Exporter):
    """One alert for each finding."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`hashaudit.run_id`, `host.name`, `event.start`, `@timestamp`",
        Field.CASE: "`hashaudit.case` and others",
        Field.PATH: "`file.path`, `file.name`",
        Field.EXACT_PATH: "`hashaudit.path_uri`",
        Field.MEMBER: "`file.path`, joined by `//`",
        Field.SIZE: "`file.size`",
        Field.MODIFIED: "`file.mtime`",
        Field.IDENTITY: "`file.inode`, `file.device`",
        Field.OWNER: "`file.uid`, `file.gid`, `file.mode`",
        Field.CONSISTENCY: "`hashaudit.consistency`",
        Field.DIGESTS: "`file.hash.*`",
        Field.OTHER_DIGESTS: "`hashaudit.digests`",
        Field.PERCEPTUAL: "`hashaudit.perceptual`",
        Field.MATCH: "`rule.name`, `rule.id`, `threat.enrichments`",
        Field.DISTANCE: "`hashaudit.matches`",
        Field.LABELS: "`hashaudit.matches`",
        Field.CAVEATS: "`hashaudit.caveats`",
        Field.ACCEPTANCE: "`hashaudit.accepted`",
        Field.NOT_VIEWED: "`hashaudit.human_viewed`",
        Field.FAULTS: "`hashaudit.faults`",
    }

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one event and its line end."""
        found = found_entries(record)
        header = run.header
        event: dict[str, Any] = {
            "@timestamp": milliseconds(record.time),
            "ecs": {"version": ECS_VERSION},
            "message": sentence(record),
            "event": {
                "kind": "alert",
                "category": ["file"],
                "type": ["info"],
                "action": "hash_match",
                "id": stable_uuid(run, "event", record.seq),
                "dataset": "hashaudit.findings",
                "provider": "hashaudit",
                "outcome": "success",
                "start": milliseconds(header.start),
            },
            "host": {"name": header.host},
            "file": _file(record),
            "rule": {"name": found[0].list_name, "id": found[0].entry, "ruleset": "hashaudit"},
            "threat": {"enrichments": [_enrichment(one) for one in found[:_MAX_ENRICHMENTS]]},
            "hashaudit": {
                "run_id": header.run_id,
                "record": record.seq,
                "case": header.case,
                "exhibit": header.exhibit,
                "examiner": header.examiner,
                "path_uri": record.entry.path_uri,
                "consistency": record.consistency,
                "digests": {name: value for name, value in record.digests.items() if name not in _ECS_DIGESTS},
                "perceptual": [f"{one.algorithm}:{one.value}" for one in record.perceptual],
                "matches": [match for match in record.matches if match.role == "deny"],
                "caveats": caveats(record),
                "faults": [fault.code for fault in record.faults],
                "accepted": acceptance(record),
                "human_viewed": False,
                "signer": run.fingerprint,
            },
        }
        own = event["hashaudit"].items()
        event["hashaudit"] = {name: value for name, value in own if value not in (None, {}, [], ())}
        return msgspec.json.encode(event) + b"\n"


def _file(record: EntryRecord) -> dict[str, Any]:
    state = record.state
    fields: dict[str, Any] = {
        "path": path_text(record),
        "name": file_name(record),
        "size": content_size(record),
        "mtime": modified(record),
        "hash": {str(name): value for name, value in record.digests.items() if name in _ECS_DIGESTS},
    }
    if isinstance(state, FileState):
        fields |= {"inode": state.inode, "device": state.device, "uid": str(state.uid), "gid": str(state.gid)}
        fields["mode"] = state.mode
    return {name: value for name, value in fields.items() if value is not None}


def _enrichment(one: Any) -> dict[str, Any]:
    algorithm = one.exact[-1] if one.exact else one.near.algorithm
    field = f"file.hash.{algorithm}" if algorithm in _ECS_DIGESTS else "hashaudit.digests"
    return {
        "indicator": {"type": "file", "provider": one.list_name},
        "matched": {"field": field, "type": "indicator_match_rule", "id": one.entry},
    }
