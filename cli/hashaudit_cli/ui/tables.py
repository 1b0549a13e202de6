"""The tables at the end of a scan: findings, faults and totals."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hashaudit.model import paths
from hashaudit.model.results import Role
from hashaudit.record.schema import EndReason, FaultRecord, FindingRecord
from hashaudit.scan.events import Finished
from hashaudit_cli.ui.terminal import bytes_shown, counted, quote

MAX_ROWS = 100
"""More do not help a person; the findings file has them all."""


class Tables:
    """Collects what the tables show while the run goes on; memory is bounded."""

    def __init__(self) -> None:
        self._findings: list[FindingRecord] = []
        self._faults: list[FaultRecord] = []

    def add(self, record: FindingRecord | FaultRecord) -> None:
        """Takes a record, as long as there is room for it."""
        if isinstance(record, FindingRecord):
            if len(self._findings) < MAX_ROWS:
                self._findings.append(record)
        elif len(self._faults) < MAX_ROWS:
            self._faults.append(record)

    def print(self, finished: Finished) -> None:
        """Writes the tables and the totals to standard error."""
        console = Console(file=sys.stderr, highlight=False)
        totals = finished.totals
        if self._findings:
            console.print(self._findings_table())
            _print_rest(console, totals.matched - len(self._findings), "finding")
        if self._faults:
            console.print(self._faults_table())
            _print_rest(console, totals.faulted + totals.directories_faulted - len(self._faults), "fault")
        console.print(Text(summary(finished), style="bold"))

    def _findings_table(self) -> Table:
        table = Table(title="Findings", title_justify="left")
        for name in ("Path", "List", "Algorithm", "Labels", "Distance"):
            table.add_column(name, overflow="fold", justify="right" if name == "Distance" else "left")
        for record in self._findings:
            for place, match in enumerate(item for item in record.matches if item.role is Role.DENY):
                table.add_row(
                    Text(_path(record) if place == 0 else ""),
                    Text(_safe(match.list_entry.name)),
                    Text(match.algorithm),
                    Text(_safe(", ".join(f"{name}: {value}" for name, value in match.labels.items()))),
                    Text("exact" if match.distance is None else str(match.distance)),
                )
        return table

    def _faults_table(self) -> Table:
        table = Table(
            title="Faults",
            title_justify="left",
            caption="'hashaudit explain CODE' says what a code means and what to do.",
            caption_justify="left",
        )
        for name in ("Path", "Stage", "Code", "Message"):
            table.add_column(name, overflow="fold")
        for record in self._faults:
            fault = record.faults[0]
            table.add_row(Text(_path(record)), fault.stage, fault.code, Text(_safe(fault.message)))
        return table


def _print_rest(console: Console, rest: int, what: str) -> None:
    if rest > 0:
        console.print(f"... and {counted(rest, f'more {what}', f'more {what}s')}: see the findings file")


def _path(record: FindingRecord | FaultRecord) -> str:
    return quote(paths.from_text(record.entry.path, record.entry.path_uri))


def _safe(text: str) -> str:
    return quote(text.encode(errors="surrogateescape"))


def finding_line(record: FindingRecord) -> str:
    """Returns one line about a finding: its path, and the lists that name it."""
    lists = dict.fromkeys(_safe(match.list_entry.name) for match in record.matches if match.role is Role.DENY)
    return f"finding: {_path(record)} (list {', '.join(lists)})"


def summary(finished: Finished) -> str:
    """Returns one line about the end of a scan, with its counts."""
    totals = finished.totals
    ended = {
        EndReason.COMPLETED: "Complete" if not (totals.faulted or totals.faults) else "Incomplete",
        EndReason.SIGNAL: "Stopped by a signal",
        EndReason.STOPPED: "Stopped",
        EndReason.ERROR: "Aborted",
    }[finished.reason]
    parts = [
        f"{counted(totals.examined, 'file')} examined ({bytes_shown(int(totals.bytes))})",
        counted(totals.matched, "finding"),
        f"{counted(sum(totals.faults.values()), 'fault')}",
    ]
    if totals.from_cache:
        parts.append(f"{totals.from_cache:,} from the cache ({bytes_shown(int(totals.bytes_from_cache))} not read)")
    if totals.known:
        parts.append(f"{totals.known:,} known")
    if totals.skipped:
        listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in totals.skipped.items())
        parts.append(f"{sum(totals.skipped.values()):,} skipped ({listed})")
    if totals.pending:
        parts.append(f"{totals.pending:,} not reached")
    if finished.restarts:
        parts.append(counted(finished.restarts, "worker restarted", "workers restarted"))
    return f"{ended}: {'; '.join(parts)}."
