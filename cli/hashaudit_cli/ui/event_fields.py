"""The fields of messages in JSON about findings, faults and the end of a scan."""

from hashaudit.model.results import Role
from hashaudit.record.schema import FindingRecord
from hashaudit.scan.events import Event, Finished, Found, Recorded
from hashaudit_cli.ui.summary import label_text


def event_fields(event: Event) -> dict[str, object]:
    """Returns the fields of an event. Paths are as in the findings file; no field has a hash."""
    match event:
        case Found(record=record) | Recorded(record=record):
            entry = record.entry
            fields: dict[str, object] = {
                "event": "finding" if isinstance(record, FindingRecord) else "fault",
                "path": entry.path,
            }
            if entry.path_uri is not None:
                fields["path_uri"] = entry.path_uri
            if entry.within:
                fields["within"] = [member.name for member in entry.within]
            if isinstance(record, FindingRecord):
                found = [match for match in record.matches if match.role is Role.DENY]
                fields["lists"] = list(dict.fromkeys(match.list_entry.name for match in found))
                fields["labels"] = list(dict.fromkeys(filter(None, map(label_text, found))))
            fields["faults"] = [fault.code for fault in record.faults]
            return fields
        case Finished(totals=totals):
            return {
                "event": "end",
                "exit_code": event.exit_code,
                "reason": event.reason,
                "files": totals.examined,
                "findings": totals.open_findings,
                "accepted": totals.accepted,
                "faults": dict(totals.faults),
            }
        case _:
            return {}
