"""A history of scans: series, new and gone findings, gaps, overlaps, other lists, and files that do not verify."""

from pathlib import Path

import pytest

from findings_lab import START_NS, FakeClock, finding, record, signing_key, write_run
from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.report.run_history import find_findings_files, read_history

KEY = signing_key()
HOUR_NS = 3600 * timestamps.NS_PER_S


def run(path: Path, hour: int, *names: bytes, lists: bool = False, finish: bool = True) -> None:
    """A scan that began at some hour and lasted a minute."""
    clock = FakeClock()
    clock.wall = START_NS + hour * HOUR_NS
    lines = [finding(name) for name in names] or [record(b"clean")]
    start = timestamps.to_text(START_NS + hour * HOUR_NS)
    write_run(path, [lines], signer=KEY, clock=clock, lists=lists, finish=finish, start=start)


def test_a_series_with_a_gap_an_overlap_and_other_lists(tmp_path: Path) -> None:
    run(tmp_path / "1", 0, b"a", b"b")
    run(tmp_path / "2", 24, b"b", b"c")
    run(tmp_path / "3", 48, b"b", b"c", lists=True)
    run(tmp_path / "4", 148, b"b", lists=True)
    run(tmp_path / "5", 148, b"b", lists=True)
    (tmp_path / "notes.txt").write_text("not findings\n")
    files = list(find_findings_files(str(tmp_path)))
    found = read_history(files, KEY.public_key, any_signer=False)
    (series,) = found.series
    assert [run.file for run in series.runs] == ["1", "2", "3", "4", "5"]
    assert [(run.new, run.gone) for run in series.runs] == [(None, None), (1, 1), (0, 0), (0, 1), (0, 0)]
    assert [run.gap_before for run in series.runs] == [False, False, False, True, False]
    assert [run.overlaps for run in series.runs] == [False, False, False, False, True]
    assert [run.lists_changed for run in series.runs] == [False, False, True, False, False]
    assert all(run.verified and run.complete for run in series.runs)


def test_a_file_that_does_not_verify_is_named_and_not_compared_with(tmp_path: Path) -> None:
    run(tmp_path / "1", 0, b"a")
    run(tmp_path / "2", 24, b"b", finish=False)
    run(tmp_path / "3", 48, b"a")
    (series,) = read_history(list(find_findings_files(str(tmp_path))), KEY.public_key, any_signer=False).series
    assert [run.trust for run in series.runs] == ["verified", "interrupted", "verified"]
    assert [(one.new, one.gone) for one in series.runs[1:]] == [(None, None), (0, 0)]


def test_other_roots_are_another_series_and_a_missing_path_is_an_error(tmp_path: Path) -> None:
    run(tmp_path / "1", 0, b"a")
    content = (tmp_path / "1").read_bytes()
    (tmp_path / "2").write_bytes(content.replace(b'"host":"host', b'"host":"tsoh'))
    found = read_history(list(find_findings_files(str(tmp_path))), KEY.public_key, any_signer=False)
    assert [len(series.runs) for series in found.series] == [1, 1]
    assert [series.runs[0].verified for series in found.series] == [True, False]
    with pytest.raises(FindingsError, match="cannot read"):
        list(find_findings_files(str(tmp_path / "none")))
