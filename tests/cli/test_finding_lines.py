"""The lines about findings and faults while a scan runs."""

import msgspec

from findings_lab import finding, unlisted_folder
from hashaudit.jobs.found_files import found_file
from hashaudit.model.faults import FaultCode
from hashaudit.record.schema import Acceptance, FindingRecord
from hashaudit.scan.events import Found, Paused, Recorded
from hashaudit_cli.ui.finding_lines import MOST_LINES, FindingLines

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


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


def test_quiet_shows_findings_up_to_a_limit_and_of_faults_those_of_guards() -> None:
    lines = FindingLines(quiet=True)
    assert lines.line(Recorded(FAULT)) is None
    guard = msgspec.structs.replace(FAULT.faults[0], code=FaultCode.ROOT_EMPTY)
    warning = lines.line(Recorded(msgspec.structs.replace(FAULT, faults=(guard,))))
    assert (warning or "").startswith("warning: ")
    shown = [lines.line(Recorded(FOUND)) for _ in range(MOST_LINES + 3)]
    assert all(shown[: MOST_LINES - 1])
    assert "not shown" in (shown[MOST_LINES - 1] or "")
    assert shown[MOST_LINES:] == [None, None, None]


def test_accepted_and_known_findings_have_no_line() -> None:
    lines = FindingLines(quiet=True, known={found_file(FOUND)})
    assert lines.line(Recorded(FOUND)) is None
    other = msgspec.structs.replace(FOUND, entry=msgspec.structs.replace(FOUND.entry, path="/other"))
    assert lines.line(Recorded(other)) is not None
    accepted = Acceptance(reason="test", by="me", until="2999-01-01")
    assert lines.line(Recorded(msgspec.structs.replace(other, accepted=accepted))) is None
    expired = lines.line(Recorded(msgspec.structs.replace(other, acceptance_expired=accepted)))
    assert "its acceptance by me ended on 2999-01-01" in (expired or "")


def test_a_line_has_lists_and_labels_that_cannot_steer_a_terminal() -> None:
    match = msgspec.structs.replace(FOUND.matches[0], labels={"name": "evil\x1b[2J", "family": "x" * 500})
    matches = tuple(
        msgspec.structs.replace(match, list_entry=msgspec.structs.replace(match.list_entry, name=f"list{number}"))
        for number in range(8)
    )
    line = FindingLines(quiet=True).line(Recorded(msgspec.structs.replace(FOUND, matches=matches))) or ""
    assert "list0: evil" in line
    assert "3 more)" in line
    assert "\x1b" not in line
    assert len(line) < 1000
