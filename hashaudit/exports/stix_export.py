"""STIX 2.1 bundle: a file, its observation, a reference to the indicator and a sighting for each finding.

Source: OASIS STIX version 2.1, sections 4.14 (observed-data), 5.2 (sighting), 6.7 (file), 2.9 (identifiers).
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from hashaudit.exports.export_values import (
    FULL_NAMES,
    TOOL,
    file_name,
    found_entries,
    milliseconds,
    path_text,
    sentence,
    stable_uuid,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord

_STIX_DIGESTS = ("md5", "sha1", "sha256", "sha512", "sha3-256", "sha3-512")
_SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of deterministic ids (section 2.9)."""


class StixExport(Exporter):
    """One bundle."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`identity`, `sighting.first_seen`, `description`",
        Field.PATH: "`sighting.description`; the name in `file.name`",
        Field.MEMBER: "`sighting.description`",
        Field.SIZE: "`file.size`",
        Field.DIGESTS: "`file.hashes`",
        Field.MATCH: "`indicator.name`, `sighting`",
        Field.DISTANCE: "`sighting.description`",
        Field.LABELS: "`sighting.description`",
        Field.CAVEATS: "`sighting.confidence`",
        Field.NOT_VIEWED: "`sighting.description`",
    }

    def __init__(self) -> None:
        self._objects: set[str] = set()
        self._is_first = True

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:
        """The beginning of the bundle, with an identity for each scanning host."""
        bundle = stable_uuid(runs[0], "bundle", *(run.sha256 for run in runs))
        head = f'{{"type":"bundle","id":"bundle--{bundle}","objects":[\n'
        return head.encode() + b"".join(self._write(_identity(run)) for run in runs)

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns the objects of one finding."""
        seen = milliseconds(record.time)
        file = _file(record)
        observed = {
            **_common("observed-data", stable_uuid(run, "observed-data", record.seq), run),
            "first_observed": seen,
            "last_observed": seen,
            "number_observed": 1,
            "object_refs": [file["id"]],
        }
        written = [self._write(file), self._write(observed)]
        for number, one in enumerate(found_entries(record)):
            indicator = _indicator(run, one, record)
            sighting = {
                **_common("sighting", stable_uuid(run, "sighting", record.seq, number), run),
                "description": _description(run, record),
                "confidence": 30 if one.near is not None and not one.exact else 85,
                "first_seen": seen,
                "last_seen": seen,
                "count": 1,
                "sighting_of_ref": indicator["id"],
                "observed_data_refs": [observed["id"]],
                "where_sighted_refs": [f"identity--{_identity_id(run)}"],
            }
            written += [self._write(indicator), self._write(sighting)]
        return b"".join(written)

    def end(self) -> bytes:
        """The end of the bundle."""
        return b"\n]}\n"

    def _write(self, value: dict[str, Any]) -> bytes:
        if value["id"] in self._objects:
            return b""
        self._objects.add(value["id"])
        separator = b"" if self._is_first else b",\n"
        self._is_first = False
        return separator + msgspec.json.encode(value)


def _common(kind: str, identifier: str, run: ExportedRun) -> dict[str, Any]:
    start = milliseconds(run.header.start)
    fields = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{identifier}", "created": start, "modified": start}
    return fields if kind == "identity" else fields | {"created_by_ref": f"identity--{_identity_id(run)}"}


def _identity_id(run: ExportedRun) -> str:
    return stable_uuid(run, "identity", run.header.host)


def _identity(run: ExportedRun) -> dict[str, Any]:
    common = _common("identity", _identity_id(run), run)
    return common | {"name": f"{TOOL} on {run.header.host}", "identity_class": "system"}


def _file(record: EntryRecord) -> dict[str, Any]:
    hashes = {FULL_NAMES[name]: record.digests[name] for name in _STIX_DIGESTS if name in record.digests}  # type: ignore[index] # a plain name
    identity: dict[str, Any] = {"hashes": hashes} if hashes else {"name": file_name(record)}
    if hashes:
        identity["name"] = file_name(record)
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    size = {} if (known := content_size(record)) is None else {"size": known}
    return {
        "type": "file",
        "spec_version": "2.1",
        "id": f"file--{uuid.uuid5(_SCO_NAMESPACE, canonical)}",
        **({"hashes": hashes} if hashes else {}),
        **size,
        "name": file_name(record),
    }


def _description(run: ExportedRun, record: EntryRecord) -> str:
    place = f"run {run.header.run_id}, record {record.seq}"
    return f"{path_text(record)}: {sentence(record)}; {place}; no person viewed the file"


def _indicator(run: ExportedRun, one: Any, record: EntryRecord) -> dict[str, Any]:
    """Returns a reference to the list entry. Its pattern has the digests of the found file that agree."""
    terms = [
        f"file:hashes.'{FULL_NAMES[name]}' = '{record.digests[name]}'" for name in one.exact if name in _STIX_DIGESTS
    ]
    # A perceptual match has no pattern in STIX; the found file's own digest stands for it.
    terms = terms or [f"file:name = '{_quoted(file_name(record))}'"]
    identifier = stable_uuid(run, "indicator", one.list_name, one.entry, *terms)
    return {
        **_common("indicator", identifier, run),
        "name": f"{one.list_name} {one.entry}",
        "indicator_types": ["unknown"],
        "pattern": f"[{' OR '.join(terms)}]",
        "pattern_type": "stix",
        "valid_from": milliseconds(run.header.start),
    }


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
