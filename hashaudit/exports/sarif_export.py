"""SARIF 2.1.0 (OASIS): a result for each finding, a notification for each fault."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from hashaudit import __version__
from hashaudit.exports.export_values import (
    TOOL,
    acceptance,
    caveats,
    found_entries,
    is_weak,
    milliseconds,
    sentence,
    stable_uuid,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size, file_path, joined_path
from hashaudit.record.schema import EntryRecord, FaultRecord, FindingRecord

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULE = "hash-match"

_HASH_NAMES = {"sha1": "sha-1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512", "md5": "md5"}
"""Names of hash functions (section 3.24.11)."""


class SarifExport(Exporter):
    """One log with one run for each findings file."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`automationDetails`, `invocations`",
        Field.CASE: "`run.properties`",
        Field.PATH: "`artifactLocation.uri`",
        Field.EXACT_PATH: "`artifactLocation.uri`, percent-encoded",
        Field.MEMBER: "`message`",
        Field.SIZE: "`result.properties`",
        Field.MODIFIED: "`result.properties`",
        Field.CONSISTENCY: "`result.properties`",
        Field.DIGESTS: "`result.fingerprints`",
        Field.OTHER_DIGESTS: "`result.fingerprints`",
        Field.MATCH: "`message`, `result.properties`",
        Field.DISTANCE: "`result.properties`",
        Field.LABELS: "`result.properties`",
        Field.CAVEATS: "`level`, `result.properties`",
        Field.ACCEPTANCE: "`result.suppressions`",
        Field.NOT_VIEWED: "`result.properties`",
        Field.FAULTS: "`toolExecutionNotifications`",
        Field.FAULT_RECORDS: "`toolExecutionNotifications`",
    }
    kinds = (FindingRecord, FaultRecord)

    def __init__(self) -> None:
        self._run: ExportedRun | None = None
        self._is_first = True
        self._notifications: list[dict[str, Any]] = []

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:  # noqa: ARG002 # the form of Exporter
        """The beginning of the log."""
        return f'{{"$schema":"{SCHEMA}","version":"2.1.0","runs":[\n'.encode()

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns the result of a finding. Faults are kept until the end of the run."""
        head = self._turn_to(run)
        uri = quote(file_path(record.entry), safe="/")
        place = [{"physicalLocation": {"artifactLocation": {"uri": f"file://{uri}" if uri.startswith("/") else uri}}}]
        for fault in record.faults:
            text = f"{joined_path(record.entry).decode(errors='replace')}: {fault.code}: {fault.message}"
            self._notifications.append(
                {"level": "error", "message": {"text": text}, "locations": place, "descriptor": {"id": fault.code}}
            )
        if not isinstance(record, FindingRecord):
            return head
        path = joined_path(record.entry).decode(errors="replace")
        result: dict[str, Any] = {
            "ruleId": RULE,
            "guid": stable_uuid(run, "result", record.seq),
            "level": "note" if is_weak(record) else "warning" if caveats(record) else "error",
            "kind": "fail",
            "message": {"text": f"{path}: {sentence(record)}"},
            "locations": place,
            "fingerprints": {f"{_HASH_NAMES.get(name, name)}/v1": value for name, value in record.digests.items()},
            "properties": {
                "record": record.seq,
                "size": content_size(record),
                "consistency": record.consistency,
                "matches": [match for match in record.matches if match.role == "deny"],
                "lists": [one.list_name for one in found_entries(record)],
                "caveats": caveats(record),
                "human_viewed": False,
            },
        }
        accepted = acceptance(record)
        if accepted is not None:
            why = f"accepted until {accepted.until} by {accepted.by}: {accepted.reason}"
            result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
        separator = b"" if self._is_first else b",\n"
        self._is_first = False
        return head + separator + msgspec.json.encode(result)

    def end(self) -> bytes:
        """The end of the log."""
        return self._close() + b"]}\n"

    def _turn_to(self, run: ExportedRun) -> bytes:
        if self._run is run:
            return b""
        closed = self._close() + b",\n" if self._run is not None else b""
        self._run, self._is_first, self._notifications = run, True, []
        return closed + b'{"results":[\n'

    def _close(self) -> bytes:
        run = self._run
        if run is None:
            return b""
        has_faults = run.totals.not_examined or run.totals.directories_faulted or not run.is_complete
        rest = {
            "tool": {
                "driver": {
                    "name": TOOL,
                    "version": __version__,
                    "rules": [
                        {
                            "id": RULE,
                            "name": "HashMatch",
                            "shortDescription": {"text": "The file has a hash that a deny list names."},
                        }
                    ],
                    "notifications": [{"id": code} for code in sorted(run.totals.faults)],
                }
            },
            "automationDetails": {"id": f"{TOOL}/{run.header.run_id}"},
            "invocations": [
                {
                    "executionSuccessful": not has_faults,
                    "startTimeUtc": milliseconds(run.header.start),
                    "endTimeUtc": milliseconds(run.end),
                    "machine": run.header.host,
                    "toolExecutionNotifications": self._notifications,
                }
            ],
            "properties": {"case": run.header.case, "exhibit": run.header.exhibit, "findingsSha256": run.sha256},
        }
        return b"\n]," + msgspec.json.encode(rest)[1:]
