"""The tables at the end of a scan: findings and faults. Where a table does not fit, each has a line."""

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hashaudit.model.counted import counted
from hashaudit.model.results import Role
from hashaudit.record.schema import FaultRecord, FindingRecord, Totals
from hashaudit_cli.ui.colors import has_colors
from hashaudit_cli.ui.summary import safe, shown_path

_WIDEST_TABLE_COLUMNS = 10_000

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
            if record.accepted is None and len(self._findings) < MAX_ROWS:
                self._findings.append(record)
        elif len(self._faults) < MAX_ROWS:
            self._faults.append(record)

    def print(self, totals: Totals) -> None:
        """Writes the tables to standard error; lines if that is not a terminal, or a narrow one."""
        is_terminal = sys.stderr.isatty()
        console = Console(file=sys.stderr, highlight=False, color_system="standard" if has_colors() else None)
        if self._findings:
            self._show(console, self._findings_table(), is_terminal=is_terminal)
            _print_rest(console, totals.findings - len(self._findings), "finding")
        if self._faults:
            self._show(console, self._faults_table(), is_terminal=is_terminal)
            _print_rest(
                console,
                totals.faulted + totals.members_faulted + totals.directories_faulted - len(self._faults),
                "fault",
            )

    def _show(self, console: Console, table: Table, *, is_terminal: bool) -> None:
        unlimited = console.options.update(max_width=_WIDEST_TABLE_COLUMNS)
        if is_terminal and Measurement.get(console, unlimited, table).maximum <= console.width:
            console.print(table)
            return
        console.print(f"{table.title}:")
        cells = zip(*(column.cells for column in table.columns), strict=True)
        path = ""
        for first, *others in cells:
            # A finding with several matches has its path in the first row.
            path = str(first) or path
            said = ", ".join(text for text in map(str, others) if text)
            console.print(Text(f"{path}: {said}"), soft_wrap=True)
        if table.caption is not None:
            console.print(str(table.caption), soft_wrap=True)

    def _findings_table(self) -> Table:
        table = Table(title="Findings", title_justify="left")
        for name in ("Path", "List", "Algorithm", "Labels", "Distance"):
            table.add_column(name, overflow="fold", justify="right" if name == "Distance" else "left")
        for record in self._findings:
            for place, match in enumerate(item for item in record.matches if item.role is Role.DENY):
                table.add_row(
                    Text(shown_path(record) if place == 0 else ""),
                    Text(safe(match.list_entry.name)),
                    Text(match.algorithm),
                    Text(safe(", ".join(f"{name}: {value}" for name, value in match.labels.items()))),
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
            table.add_row(Text(shown_path(record)), fault.stage, fault.code, Text(safe(fault.message)))
        return table


def _print_rest(console: Console, rest: int, what: str) -> None:
    if rest > 0:
        console.print(f"... and {counted(rest, f'more {what}', f'more {what}s')}: see the findings file")
