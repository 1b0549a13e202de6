"""The lines about findings and faults while a scan runs."""

from findings_lab import finding, unlisted_folder
from hashaudit.record.schema import FindingRecord
from hashaudit.scan.events import Found, Paused, Recorded
from hashaudit_cli.ui.finding_lines import MOST_LINES, FindingLines


def of_finding() -> FindingRecord:
    record = finding()
    assert isinstance(record, FindingRecord)
    return record


FOUND = of_finding()
FAULT = unlisted_folder()


def test_each_finding_and_fault_has_one_line() -> None:
    lines = FindingLines(quiet=False)
    first, second = lines.line(Found(FOUND)), lines.line(Recorded(FAULT))
    assert first is not None
    assert first.startswith("finding: ")
    assert second is not None
    assert second.startswith("fault: ")
    assert lines.line(Recorded(FOUND, was_found=True)) is None
    assert lines.line(Paused()) is None


def test_after_some_lines_there_is_one_that_says_so() -> None:
    lines = FindingLines(quiet=False)
    shown = [lines.line(Recorded(FOUND)) for _ in range(MOST_LINES + 3)]
    assert all(shown[:MOST_LINES])
    assert "not shown" in (shown[MOST_LINES] or "")
    assert shown[MOST_LINES + 1 :] == [None, None]


def test_quiet_shows_every_finding_and_no_fault() -> None:
    lines = FindingLines(quiet=True)
    assert all(lines.line(Recorded(FOUND)) for _ in range(MOST_LINES + 3))
    assert lines.line(Found(FOUND)) is not None
    assert lines.line(Recorded(FAULT)) is None
