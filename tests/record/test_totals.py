"""Every entry seen ends as exactly one outcome."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import fault, finding, header, match, record, unlisted_folder
from hashaudit.errors import FindingsError
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason
from hashaudit.model.results import Role
from hashaudit.record.schema import FileRecord
from hashaudit.record.totals import TotalsCounter


def test_each_outcome_is_counted_where_it_belongs() -> None:
    tally = TotalsCounter()
    lines = [
        finding(),
        record(matches=[match()], faults=[fault(FaultCode.TIMEOUT)]),
        record(faults=[fault(), fault(FaultCode.NOT_FOUND)]),
        record(),
        record(matches=[match(Role.KNOWN)]),
    ]
    for line in lines:
        tally.add()
        tally.count_line(line)
    tally.count_line(header(None))
    tally.count_line(unlisted_folder())
    tally.enter_directory()
    for reason in (SkipReason.SOCKET, SkipReason.FIFO, SkipReason.FIFO):
        tally.add()
        tally.skip(reason)
    tally.read(7)
    totals = tally.totals()
    assert (totals.seen, totals.examined, totals.matched, totals.clean, totals.known) == (8, 4, 2, 1, 1)
    assert (totals.faulted, totals.pending, totals.file_lines, totals.bytes) == (1, 0, 2, 7)
    assert (totals.directories, totals.directories_faulted) == (1, 1)
    assert totals.skipped == {SkipReason.FIFO: 2, SkipReason.SOCKET: 1}
    assert totals.faults == {
        FaultCode.IO_ERROR: 1,
        FaultCode.PERMISSION_DENIED: 1,
        FaultCode.TIMEOUT: 1,
        FaultCode.NOT_FOUND: 1,
    }
    assert list(totals.faults) == sorted(totals.faults)
    assert totals.imbalance() is None


def test_files_without_lines_are_counted_too() -> None:
    tally = TotalsCounter()
    for count in (tally.record_clean, tally.record_known, tally.record_clean):
        tally.add()
        count()
    totals = tally.totals()
    assert (totals.clean, totals.known, totals.examined, totals.file_lines) == (2, 1, 3, 0)


def test_what_has_no_outcome_yet_is_pending() -> None:
    tally = TotalsCounter()
    tally.add()
    tally.add()
    tally.record_clean()
    assert tally.totals().pending == 1


def test_more_outcomes_than_entries_do_not_add_up() -> None:
    tally = TotalsCounter()
    tally.record_clean()
    with pytest.raises(FindingsError, match="more outcomes than entries"):
        tally.totals()


def test_lines_for_some_files_only_do_not_add_up() -> None:
    tally = TotalsCounter()
    for _ in range(2):
        tally.add()
    tally.record_clean()
    tally.count_line(record())
    with pytest.raises(FindingsError, match="file_lines"):
        tally.totals()


def test_a_file_that_was_appended_to_has_a_line_of_its_own() -> None:
    tally = TotalsCounter()
    for _ in range(2):
        tally.add()
    tally.record_clean()
    line = record()
    assert isinstance(line, FileRecord)
    tally.count_line(msgspec.structs.replace(line, consistency=Consistency.APPENDED_WHILE_READ))
    totals = tally.totals()
    assert (totals.appended, totals.file_lines, totals.clean) == (1, 1, 2)


@given(st.lists(st.sampled_from(["finding", "fault", "clean", "known", "skip", "folder"]), max_size=30))
def test_the_arithmetic_closes_whatever_happens(outcomes: list[str]) -> None:
    tally = TotalsCounter()
    lines = {"finding": finding(), "fault": record(faults=[fault()])}
    for outcome in outcomes:
        if outcome == "folder":
            tally.count_line(unlisted_folder())
            continue
        tally.add()
        if outcome in lines:
            tally.count_line(lines[outcome])
        elif outcome == "skip":
            tally.skip(SkipReason.DEVICE)
        else:
            getattr(tally, f"record_{outcome}")()
    totals = tally.totals()
    assert totals.imbalance() is None
    assert totals.pending == 0
    assert totals.seen == len(outcomes) - outcomes.count("folder")
