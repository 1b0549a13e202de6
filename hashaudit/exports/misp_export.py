"""A MISP event with a file object and sightings for each finding. Source: MISP core format, draft-dulaunoy."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from hashaudit.exports.export_values import epoch_ms, file_name, found_entries, path_text, sentence, stable_uuid
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord

FILE_TEMPLATE = "688c46fb-5edb-40a3-8273-1af7923e2215"
"""UUID of MISP's object template ``file``."""

FILE_TEMPLATE_VERSION = "25"
_MISP_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


class MispExport(Exporter):
    """One event."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`Event.info`, `Event.date`, comments",
        Field.CASE: "`Event.info`",
        Field.PATH: "attributes `filename` and `fullpath`",
        Field.MEMBER: "attribute `fullpath`, joined by `//`",
        Field.SIZE: "attribute `size-in-bytes`",
        Field.DIGESTS: "attributes `md5` to `sha512`, with a sighting",
        Field.MATCH: "comment of the object",
        Field.DISTANCE: "comment of the object",
        Field.LABELS: "comment of the object",
    }

    def __init__(self) -> None:
        self._is_first = True

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:
        """The beginning of the event."""
        first = runs[0]
        case = f", case {first.header.case}" if first.header.case else ""
        event = {
            "uuid": stable_uuid(first, "misp", *(run.sha256 for run in runs)),
            "info": f"hashaudit findings of {first.header.host}{case}",
            "date": first.header.start[:10],
            "timestamp": str(epoch_ms(first.end) // 1000),
            "analysis": "0",
            "threat_level_id": "4",
            "distribution": "0",
            "published": False,
        }
        head = msgspec.json.encode({"Event": event})[: -len(b"}}")]
        return head + b',"Object":[\n'

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one file object."""
        timestamp = str(epoch_ms(record.time) // 1000)

        def attribute(relation: str, kind: str, value: str, *, is_seen: bool = False) -> dict[str, Any]:
            made = {
                "uuid": stable_uuid(run, "attribute", record.seq, relation),
                "object_relation": relation,
                "type": kind,
                "category": "Payload delivery" if kind != "size-in-bytes" else "Other",
                "value": value,
                "to_ids": False,
                "disable_correlation": kind == "size-in-bytes",
                "distribution": "5",
                "timestamp": timestamp,
            }
            sighting = {"type": "0", "date_sighting": timestamp, "source": run.header.host}
            return made | ({"Sighting": [sighting]} if is_seen else {})

        exact = {name for one in found_entries(record) for name in one.exact}
        attributes = [attribute("filename", "filename", file_name(record))]
        attributes.append(attribute("fullpath", "text", path_text(record)))
        size = content_size(record)
        if size is not None:
            attributes.append(attribute("size-in-bytes", "size-in-bytes", str(size)))
        for name, value in record.digests.items():
            if name in _MISP_DIGESTS:
                attributes.append(attribute(name, name, value, is_seen=name in exact))
        made = {
            "uuid": stable_uuid(run, "object", record.seq),
            "name": "file",
            "meta-category": "file",
            "template_uuid": FILE_TEMPLATE,
            "template_version": FILE_TEMPLATE_VERSION,
            "distribution": "5",
            "timestamp": timestamp,
            "comment": f"{sentence(record)}; run {run.header.run_id}, record {record.seq}; no person viewed the file",
            "Attribute": attributes,
        }
        separator = b"" if self._is_first else b",\n"
        self._is_first = False
        return separator + msgspec.json.encode(made)

    def end(self) -> bytes:
        """The end of the event."""
        return b"\n]}}\n"
