"""CASE 1.5 and UCO, as JSON-LD (https://caseontology.org, https://unifiedcyberontology.org)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from hashaudit import __version__
from hashaudit.exports.export_values import (
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
from hashaudit.record.schema import EntryRecord

_METHODS = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha224": "SHA224",
    "sha256": "SHA256",
    "sha384": "SHA384",
    "sha512": "SHA512",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
}
"""Members of UCO's vocabulary of hash names."""

CONTEXT = {
    "kb": "https://hashaudit.example/kb/",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


class CaseExport(Exporter):
    """One graph."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`InvestigativeAction`",
        Field.CASE: "`ProvenanceRecord.exhibitNumber`, `description`",
        Field.PATH: "`FileFacet.filePath`, `fileName`",
        Field.MEMBER: "`FileFacet.filePath`, joined by `//`",
        Field.SIZE: "`FileFacet.sizeInBytes`",
        Field.MODIFIED: "`FileFacet.modifiedTime`",
        Field.DIGESTS: "`ContentDataFacet.hash`",
        Field.MATCH: "`File.description`",
        Field.DISTANCE: "`File.description`",
        Field.LABELS: "`File.description`",
        Field.NOT_VIEWED: "`File.description`",
    }

    def __init__(self) -> None:
        self._results: dict[int, list[str]] = {}
        self._runs: Sequence[ExportedRun] = ()

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:
        """The beginning of the graph, with the tool."""
        self._runs = runs
        tool = {
            "@id": _tool_id(runs[0]),
            "@type": "uco-tool:AnalyticTool",
            "uco-core:name": "hashaudit",
            "uco-tool:version": __version__,
        }
        context = msgspec.json.encode(CONTEXT).decode()
        return f'{{"@context":{context},"@graph":[\n'.encode() + msgspec.json.encode(tool)

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one file."""
        identifier = f"kb:file-{stable_uuid(run, 'case-file', record.seq)}"
        self._results.setdefault(run.number, []).append(identifier)
        facet: dict[str, Any] = {
            "@id": f"kb:filefacet-{stable_uuid(run, 'case-facet', record.seq)}",
            "@type": "uco-observable:FileFacet",
            "uco-observable:fileName": file_name(record),
            "uco-observable:filePath": path_text(record),
        }
        size = content_size(record)
        if size is not None:
            facet["uco-observable:sizeInBytes"] = size
        changed = modified(record)
        if changed is not None:
            facet["uco-observable:modifiedTime"] = _time(milliseconds(changed))
        hashes = [
            {
                "@id": f"kb:hash-{stable_uuid(run, 'case-hash', record.seq, name)}",
                "@type": "uco-types:Hash",
                "uco-types:hashMethod": _METHODS[name],
                "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": value},
            }
            for name, value in record.digests.items()
            if name in _METHODS
        ]
        content = {
            "@id": f"kb:content-{stable_uuid(run, 'case-content', record.seq)}",
            "@type": "uco-observable:ContentDataFacet",
            "uco-observable:hash": hashes,
        }
        lists = ", ".join(one.list_name for one in found_entries(record))
        file = {
            "@id": identifier,
            "@type": "uco-observable:File",
            "uco-core:description": f"{sentence(record)}; lists: {lists}; record {record.seq}; no person viewed it",
            "uco-core:hasFacet": [facet, *([content] if hashes else [])],
        }
        return b",\n" + msgspec.json.encode(file)

    def end(self) -> bytes:
        """The actions that found the files, and the end of the graph."""
        written = []
        for run in self._runs:
            found = [{"@id": one} for one in self._results.get(run.number, [])]
            action: dict[str, Any] = {
                "@id": f"kb:action-{stable_uuid(run, 'case-action')}",
                "@type": "case-investigation:InvestigativeAction",
                "uco-core:name": "hash audit",
                "uco-core:description": (
                    f"run {run.header.run_id} on {run.header.host}; findings file SHA-256 {run.sha256}"
                ),
                "uco-action:startTime": _time(milliseconds(run.header.start)),
                "uco-action:endTime": _time(milliseconds(run.end)),
                "uco-action:instrument": {"@id": _tool_id(self._runs[0])},
            }
            if found:
                provenance = {
                    "@id": f"kb:provenance-{stable_uuid(run, 'case-provenance')}",
                    "@type": "case-investigation:ProvenanceRecord",
                    "uco-core:description": f"case {run.header.case or 'not stated'}",
                    "case-investigation:exhibitNumber": run.header.exhibit or "not stated",
                    "uco-core:object": found,
                }
                written.append(provenance)
                action["uco-action:result"] = [*found, {"@id": provenance["@id"]}]
            written.append(action)
        return b"".join(b",\n" + msgspec.json.encode(one) for one in written) + b"\n]}\n"


def _tool_id(run: ExportedRun) -> str:
    return f"kb:tool-{stable_uuid(run, 'case-tool')}"


def _time(text: str) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": text}
