"""Lines about findings and faults as they are found, on standard error."""

from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.events import Event, Found, Recorded
from hashaudit_cli.ui.audit_lines import fault_line
from hashaudit_cli.ui.summary import finding_line

MOST_LINES = 50
"""Limit for a scan that ends with a table. More lines would only push the first ones out of sight."""


class FindingLines:
    """Makes one line of each finding and, unless ``quiet``, of each fault, at the first event about it.

    Args:
        quiet: there is no table at the end, so every finding gets its line.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._shown = 0

    def line(self, event: Event) -> str | None:
        """Returns the line to show for an event, if there is one."""
        match event:
            case Found(record=record) | Recorded(record=record, was_found=False):
                return self._line(record)
            case _:
                return None

    def _line(self, record: FindingRecord | FaultRecord) -> str | None:
        if isinstance(record, FindingRecord) and record.accepted is not None:
            return None
        if self._quiet:
            return finding_line(record) if isinstance(record, FindingRecord) else None
        self._shown += 1
        if self._shown > MOST_LINES:
            is_first = self._shown == MOST_LINES + 1
            return "further findings and faults are not shown one by one" if is_first else None
        return finding_line(record) if isinstance(record, FindingRecord) else f"fault: {fault_line(record)}"
