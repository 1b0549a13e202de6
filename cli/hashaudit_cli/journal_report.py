"""Reports findings and the end of a scan to the journal of systemd."""

from collections.abc import Callable, Iterator

from hashaudit.exit_codes import ExitCode
from hashaudit.host.systemd_journal import Field, JournalSocket
from hashaudit.model.counted import counted
from hashaudit.model.results import Role
from hashaudit.record.entry_path import joined_path
from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.events import Event, Found, Recorded, Started
from hashaudit.scan.run_summary import RunSummary
from hashaudit_cli.ui.summary import finding_line, label_text

FINDING_ID = "6b1f0d5c2a9e4c7f8e3d5a1b7c904f21"
END_ID = "d3a7c1e89b5f4e06a2c48f7d10b6e935"
"""Message ids never change: rules of monitoring name them (docs/guides/unattended.md)."""

MAX_FINDINGS = 1000
"""Further findings get no entry, because the journal drops entries that come too fast. The findings file has all."""

_ERROR, _WARNING, _INFO = 3, 4, 6
"""Priorities of syslog(3)."""


class JournalReport:
    """Sends entries. The first failure is kept, and nothing is sent after it.

    Args:
        path: of the journal's socket.
        is_known: returns whether a finding is no reason for a message.

    Raises:
        OSError: nothing receives entries there.
    """

    def __init__(self, path: str, is_known: Callable[[FindingRecord | FaultRecord], bool]) -> None:
        self._journal = JournalSocket(path)
        self._is_known = is_known
        self._run_id = ""
        self._sent = 0
        self.failure: str | None = None

    def take(self, event: Event) -> None:
        """Takes the next event of a scan."""
        match event:
            case Started(header=header):
                self._run_id = header.run_id
            case Found(record=record) | Recorded(record=record, was_found=False):
                if isinstance(record, FindingRecord) and record.accepted is None and not self._is_known(record):
                    self._sent += 1
                    if self._sent <= MAX_FINDINGS:
                        self._send(_of_finding(record, self._run_id))
            case _:
                pass

    def end(self, summary: RunSummary) -> None:
        """Sends the end of a scan, also of one that could not start."""
        self._send(_of_end(summary))
        self._journal.close()

    def _send(self, fields: Iterator[Field]) -> None:
        if self.failure is not None:
            return
        try:
            self._journal.send(fields)
        except OSError as error:
            self.failure = f"cannot write to the journal; {error.strerror or error}"


def _of_finding(record: FindingRecord, run_id: str) -> Iterator[Field]:
    yield from _common(finding_line(record), FINDING_ID, _WARNING, "finding", run_id)
    yield "HASHAUDIT_PATH", joined_path(record.entry)
    for name in dict.fromkeys(match.list_entry.name for match in record.matches if match.role is Role.DENY):
        yield "HASHAUDIT_LIST", name
    for text in dict.fromkeys(label_text(match) for match in record.matches if match.role is Role.DENY):
        if text:
            yield "HASHAUDIT_LABEL", text


def _of_end(summary: RunSummary) -> Iterator[Field]:
    code = summary.exit_code
    faults = sum(summary.faults.values())
    text = f"scan ended with exit code {code}: {counted(summary.files, 'file')} examined"
    text += f", {counted(summary.findings, 'finding')}"
    text += f", {counted(faults, 'fault')}" if summary.error is None else f"; {summary.error}"
    priority = _INFO if code == ExitCode.COMPLETE else _WARNING if code == ExitCode.FINDINGS else _ERROR
    yield from _common(text, END_ID, priority, "end", summary.run_id or "")
    counts = {
        "EXIT_CODE": code,
        "FILES": summary.files,
        "BYTES_READ": summary.bytes_read,
        "FINDINGS": summary.findings,
        "ACCEPTED": summary.accepted,
        "FAULTS": faults,
        "NEW_FINDINGS": summary.new_findings,
        "GONE_FINDINGS": summary.gone_findings,
        "DURATION_S": str(summary.duration_s),
        "OUTPUT": summary.output,
    }
    for name, value in counts.items():
        if value is not None:
            yield f"HASHAUDIT_{name}", value
    for fault, count in summary.faults.items():
        yield "HASHAUDIT_FAULT", f"{fault} {count}"


def _common(text: str, message_id: str, priority: int, event: str, run_id: str) -> Iterator[Field]:
    yield "MESSAGE", text
    yield "MESSAGE_ID", message_id
    yield "PRIORITY", priority
    yield "SYSLOG_IDENTIFIER", "hashaudit"
    yield "HASHAUDIT_EVENT", event
    if run_id:
        yield "HASHAUDIT_RUN_ID", run_id
