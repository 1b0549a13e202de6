"""A scan in counts, for monitoring: as JSON, and as metrics for Prometheus. It has no path of a file."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.model.audit_outcome import AuditOutcome, count_differences
from hashaudit.model.faults import FaultCode, SkipReason
from hashaudit.model.results import Role
from hashaudit.record import timestamps
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import EndReason, FindingRecord
from hashaudit.scan.events import Event, Finished, Recorded, Started

SUMMARY_VERSION = 1
LAST_SUCCESS = "hashaudit_last_success_timestamp_seconds"
_LAST_SUCCESS_LINE = re.compile(rf"^{LAST_SUCCESS} ([0-9.e+]+)$", re.MULTILINE)


class ListSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A hash list of a scan."""

    name: str
    role: Role
    sha256: str
    entries: int
    modified: str
    findings: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of a scan. Fields that need a scan are absent if it could not start."""

    v: int
    exit_code: int
    complete: bool
    """True if everything was examined, with or without findings."""
    start: str
    end: str
    duration_s: float
    run_id: str | None = None
    reason: EndReason | None = None
    error: str | None = None
    """The reason why the scan could not start or continue."""
    output: str | None = None
    """Path of the findings file."""
    host: str | None = None
    case: str | None = None
    roots: tuple[str, ...] = ()
    files: int = 0
    """Files examined."""
    bytes_read: int = 0
    findings: int = 0
    """Findings without an acceptance in force."""
    accepted: int = 0
    """Findings with one."""
    differences: int = 0
    """Files that differ from a manifest."""
    audit: dict[AuditOutcome, int] = {}
    faults: dict[FaultCode, int] = {}
    skipped: dict[SkipReason, int] = {}
    lists: tuple[ListSummary, ...] = ()
    previous_run: str | None = None
    """The last complete run of the same job."""
    new_findings: int | None = None
    """Findings that it did not have."""
    gone_findings: int | None = None
    """Findings that it had and this run does not."""


class SummaryCollector:
    """Takes the events of a scan and makes its summary."""

    def __init__(self, output: str | None) -> None:
        """Begins now.

        Args:
            output: path of the findings file; ``None`` for none.
        """
        self._output = output
        self._begun_ns = time.time_ns()
        self._begun_s = time.monotonic()
        self._header: RunHeader | None = None
        self._finished: Finished | None = None
        self._findings: Counter[int] = Counter()

    def take(self, event: Event) -> None:
        """Takes the next event."""
        match event:
            case Started(header=header):
                self._header = header
            case Recorded(record=FindingRecord(accepted=None, matches=matches)):
                self._findings.update({match.list_entry.number for match in matches if match.role is Role.DENY})
            case Finished():
                self._finished = event
            case _:
                pass

    def summary(self, exit_code: int, error: str | None = None) -> RunSummary:
        """Returns the summary.

        Args:
            exit_code: of the command.
            error: the reason why the scan could not start or continue.
        """
        summary = RunSummary(
            v=SUMMARY_VERSION,
            exit_code=exit_code,
            complete=False,
            start=timestamps.to_text(self._begun_ns),
            end=timestamps.to_text(time.time_ns()),
            duration_s=round(time.monotonic() - self._begun_s, 3),
            error=error,
            output=self._output,
        )
        header, finished = self._header, self._finished
        if header is not None:
            summary = msgspec.structs.replace(
                summary,
                run_id=header.run_id,
                host=header.host,
                case=header.case,
                roots=tuple(root.path for root in header.roots),
                lists=tuple(self._lists(header)),
            )
        if finished is None:
            return summary
        totals = finished.totals
        is_whole = finished.reason is EndReason.COMPLETED and not exit_code & ~ExitCode.FINDINGS
        return msgspec.structs.replace(
            summary,
            complete=is_whole,
            reason=finished.reason,
            files=totals.examined,
            bytes_read=int(totals.bytes),
            findings=totals.open_findings,
            accepted=totals.accepted,
            differences=count_differences(totals.audit),
            audit=totals.audit,
            faults=totals.faults,
            skipped=totals.skipped,
        )

    def _lists(self, header: RunHeader) -> Iterator[ListSummary]:
        for one in header.lists:
            yield ListSummary(
                name=one.name,
                role=one.role,
                sha256=one.sha256,
                entries=one.kept,
                modified=one.mtime,
                findings=self._findings[one.number],
            )


def metrics_text(summary: RunSummary, earlier: str, *, with_findings: bool = True) -> str:
    """Returns a summary in Prometheus' text format 0.0.4, for node_exporter's textfile collector.

    Args:
        summary: of the scan.
        earlier: the text of the scan before, which has the time of the last success; empty if there is none.
        with_findings: include the numbers of findings and differences, if the scan reached an end.
    """
    end_s = timestamps.to_seconds(summary.end)
    kept = _LAST_SUCCESS_LINE.search(earlier)
    success_s = end_s if summary.complete else float(kept[1]) if kept is not None else None
    lines = [
        *_metric("hashaudit_last_run_timestamp_seconds", "End of the last scan.", end_s),
        *_metric("hashaudit_duration_seconds", "Duration of the last scan.", summary.duration_s),
        *_metric("hashaudit_exit_code", "Exit code of the last scan.", summary.exit_code),
        *_metric("hashaudit_files_examined", "Files that the last scan examined.", summary.files),
        *_metric("hashaudit_read_bytes", "Bytes that the last scan read.", summary.bytes_read),
        *_family("hashaudit_faults", "Faults of the last scan.", "code", summary.faults),
    ]
    if success_s is not None:
        lines += _metric(LAST_SUCCESS, "End of the last scan that examined everything.", success_s)
    ages = {one.name: _modified_s(one.modified) for one in summary.lists}
    lines += _family("hashaudit_list_modified_timestamp_seconds", "Modification time of a hash list.", "list", ages)
    entries = {one.name: one.entries for one in summary.lists}
    lines += _family("hashaudit_list_entries", "Entries of a hash list.", "list", entries)
    # A scan that did not reach an end has no number of findings. Zero would be a statement.
    if with_findings and summary.reason is not None:
        lines += _metric("hashaudit_findings", "Findings of the last scan.", summary.findings)
        lines += _metric("hashaudit_findings_accepted", "Accepted findings of the last scan.", summary.accepted)
        if summary.new_findings is not None:
            meaning = "Findings that the last complete scan of the job did not have."
            lines += _metric("hashaudit_findings_new", meaning, summary.new_findings)
        by_list = {one.name: one.findings for one in summary.lists if one.role is Role.DENY}
        lines += _family("hashaudit_list_findings", "Findings of the last scan by list.", "list", by_list)
        lines += _family("hashaudit_audit_files", "Files of the last audit by outcome.", "outcome", summary.audit)
    return "".join(f"{line}\n" for line in lines)


def _modified_s(text: str) -> float:
    # A time outside of the years 1 to 9999 is an @ and nanoseconds.
    return int(text[1:]) / timestamps.NS_PER_S if text.startswith("@") else timestamps.to_seconds(text)


def _number(value: float) -> str:
    # The text of an enumeration's member is its name.
    return str(int(value)) if isinstance(value, int) else repr(value)


def _metric(name: str, meaning: str, value: float) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {_number(value)}"


def _family(name: str, meaning: str, label: str, values: Mapping[Any, float]) -> Iterator[str]:
    if values:
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} gauge"
    for key, value in values.items():
        # Text format 0.0.4: a label value escapes the backslash, the quote and the line feed.
        escaped = str(key).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'{name}{{{label}="{escaped}"}} {_number(value)}'
