"""A history of scans: series, new and gone findings, gaps, overlaps, other lists, and files that do not verify."""

from pathlib import Path

import msgspec
import pytest

from findings_lab import RUN_ID, START_NS, FakeClock, finding, record, signing_key, write_run
from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.record.schema import Acceptance
from hashaudit.report.history_page import render_history
from hashaudit.report.redaction import Redact, Redaction
from hashaudit.report.run_history import find_findings_files, read_history

KEY = signing_key()
HOUR_NS = 3600 * timestamps.NS_PER_S


def run(path: Path, hour: int, *names: bytes, number: int = 0, **how: bool) -> None:
    """A scan that began at some hour and lasted a minute. The run id is made from ``number``, or from the name."""
    clock = FakeClock()
    clock.wall = START_NS + hour * HOUR_NS
    lines = [finding(name) for name in names] or [record(b"clean")]
    start = timestamps.to_text(START_NS + hour * HOUR_NS)
    run_id = f"{RUN_ID[:-2]}{number or int(path.name):02d}"
    write_run(path, [lines], signer=KEY, clock=clock, run_id=run_id, start=start, **how)


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
    assert all(run.verified and run.complete and not run.repeats for run in series.runs)
    assert [run.pause_s for run in series.runs] == [None, 86400, 86400, 360_000, 0]
    assert series.usual_pause_s == 86400
    assert [[used.name for used in run.lists] for run in series.runs] == [[], [], *[["bad.txt"]] * 3]


def test_a_long_run_overlaps_all_that_begin_before_its_end(tmp_path: Path) -> None:
    clock = FakeClock()
    clock.wall = START_NS + 10 * HOUR_NS
    write_run(tmp_path / "1", [[finding(b"a")]], signer=KEY, clock=clock)
    run(tmp_path / "2", 1, b"a")
    run(tmp_path / "3", 5, b"a")
    run(tmp_path / "4", 11, b"a")
    (series,) = read_history(list(find_findings_files(str(tmp_path))), KEY.public_key, any_signer=False).series
    assert [one.overlaps for one in series.runs] == [False, True, True, False]


def test_a_copy_of_a_run_is_no_run_of_its_own(tmp_path: Path) -> None:
    run(tmp_path / "1", 0, b"a")
    run(tmp_path / "2", 24, b"a", b"b", number=2)
    whole = (tmp_path / "2").read_bytes()
    (tmp_path / "3").write_bytes(whole)
    # A forged copy that claims an earlier start takes no file's place.
    (tmp_path / "0").write_bytes(whole.replace(b'"start":"2020-09-14', b'"start":"2019-09-14'))
    (tmp_path / "4").write_bytes(whole.replace(b'"start":"2020-09-14', b'"start":"2020-19-44'))
    (series,) = read_history(list(find_findings_files(str(tmp_path))), KEY.public_key, any_signer=False).series
    assert [(one.file, one.repeats, one.new) for one in series.runs] == [
        *(("0", True, None), ("1", False, None), ("2", False, 1), ("3", True, None), ("4", True, None))
    ]


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


def test_accepted_findings_are_counted_apart_and_names_are_hidden_on_request(tmp_path: Path) -> None:
    lines = [finding(b"own"), finding(b"other")]
    lines[0] = msgspec.structs.replace(lines[0], accepted=Acceptance(reason="ours", by="A. Person", until="2026-12-31"))
    write_run(tmp_path / "secret-name", [lines], signer=KEY, lists=True)
    (tmp_path / "notes.txt").write_text("not findings\n")
    files = [*find_findings_files(str(tmp_path)), bytes(tmp_path / "notes.txt")]
    (series,) = read_history(files, KEY.public_key, any_signer=False).series
    assert [(one.findings, one.accepted) for one in series.runs] == [(2, 1)]
    hidden = read_history(files, KEY.public_key, any_signer=False, redaction=Redaction(frozenset({Redact.PATHS})))
    page = b"".join(render_history(hidden, made="2026-01-01T00:00:00Z", tool="t"))
    for text in (msgspec.json.encode(hidden), page):
        assert not any(name in text for name in (b"secret-name", b"/srv", b"bad.txt", b"notes.txt"))
    assert b"1 of them accepted" in page
