"""Lines about findings and faults as they are found, on standard error."""

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from hashaudit.model.faults import GUARD_CODES
from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.events import Event, Found, Recorded
from hashaudit_cli.ui.summary import finding_line
from hashaudit_cli.ui.terminal import logs_json

if TYPE_CHECKING:
    from hashaudit.jobs.found_files import FoundFile

MOST_LINES = 50
"""More lines would push the first ones out of sight, or make a long mail. The findings file has them all."""


class FindingLines:
    """Makes one line of each finding and, unless ``quiet``, of each fault, at the first event about it.

    Args:
        quiet: of faults, only those that guards report get a line.
        known: findings of an earlier run, which get no line.
    """

    def __init__(self, *, quiet: bool, known: "AbstractSet[FoundFile]" = frozenset()) -> None:
        self._quiet = quiet
        self._known = known
        self._shown = 0

    def line(self, event: Event) -> str | None:
        """Returns the line to show for an event, if there is one."""
        match event:
            case Found(record=record) | Recorded(record=record, was_found=False):
                return self._line(record)
            case _:
                return None

    def is_known(self, record: FindingRecord | FaultRecord) -> bool:
        """Returns whether a record is of a finding of the earlier run."""
        if not self._known or not isinstance(record, FindingRecord):
            return False
        from hashaudit.jobs.found_files import found_file  # noqa: PLC0415 # start-up: jobs alone know an earlier run

        return found_file(record) in self._known

    def _line(self, record: FindingRecord | FaultRecord) -> str | None:
        line = self._text(record)
        if line is None:
            return None
        self._shown += 1
        if self._shown > MOST_LINES and not logs_json():
            is_first = self._shown == MOST_LINES + 1
            return "further findings and faults are not shown one by one" if is_first else None
        return line

    def _text(self, record: FindingRecord | FaultRecord) -> str | None:
        if isinstance(record, FindingRecord):
            is_shown = record.accepted is None and not self.is_known(record)
            return finding_line(record) if is_shown else None
        from hashaudit_cli.ui.audit_lines import fault_line  # noqa: PLC0415 # start-up: most scans have no fault

        if record.faults[0].code in GUARD_CODES:
            return f"warning: {fault_line(record)}"
        return None if self._quiet else f"fault: {fault_line(record)}"
