"""The differences of an audit in show, report and exports: counts, rows, filters, and no words about lists."""

import csv
import io
import json
from pathlib import Path

import pytest

from hashaudit.exports.csv_export import CsvExport
from hashaudit.exports.interface import Field
from hashaudit.exports.write_export import exported_runs, write_export
from hashaudit.report.build_report import build_report
from hashaudit.report.html_page import render_page
from hashaudit.report.plain_report import render_markdown, render_text
from hashaudit.report.redaction import Redact, Redaction
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, verify_input
from installed import Tool
from reports_lab import Page

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


@pytest.fixture
def audit(hashaudit: Tool, tmp_path: Path) -> Path:
    """An audit with a file of most outcomes, and a hostile name."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    for name in ("same", "changed", "moved", "gone", "twice"):
        (root / name).write_text(f"content of {name}")
    (root / "a.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    assert hashaudit("scan", root, "--record", "all", "-q", "-o", tmp_path / "m.jsonl").code == 0
    (root / "changed").write_text("other")
    (root / "moved").rename(root / "sub" / "there")
    (root / "gone").unlink()
    (root / "sub" / "copy").write_text("content of twice")
    (root / "new<b>\x1b").write_text("new")
    result = hashaudit("audit", root, "--against", tmp_path / "m.jsonl", "-q", "-o", tmp_path / "a.jsonl")
    assert result.code == 8, result.err
    return tmp_path / "a.jsonl"


def verified(path: Path) -> list[VerifiedInput]:
    return [verify_input(FindingsInput(path=bytes(path), trust=None, any_signer=True))]


def test_differences_in_the_terminal_and_for_programs(hashaudit: Tool, audit: Path) -> None:
    result = hashaudit("show", audit, "--differences")
    assert result.code == 0, result.err
    lines = result.out.decode().splitlines()
    assert lines[0].split() == ["OUTCOME", "FROM", "NOTE", "PATH"]
    assert [line.split()[0] for line in lines[1:]] == ["changed", "missing", "new", "copied", "moved"]
    root = f"{audit.parent}/root"
    assert lines[-1].split() == ["moved", f"{root}/moved", "-", f"{root}/sub/there"]
    assert "\x1b" not in result.out.decode()
    assert "container" not in result.err
    chosen = ("--differences", "--outcome", "moved", "--outcome", "new", "--format")
    rows = list(csv.DictReader(io.StringIO(hashaudit("show", audit, *chosen, "csv").out.decode(), newline="")))
    assert [(row["outcome"], row["expected_path"]) for row in rows] == [("new", ""), ("moved", f"{root}/moved")]
    paths = hashaudit("show", audit, *chosen, "paths", "-0", "--match-path", "*/sub/*").out
    assert paths == f"{root}/sub/there\0".encode()
    found = json.loads(hashaudit("show", audit, "--path", f"{root}/gone").out)
    assert (found["record"]["outcome"], found["segment_verifies"]) == ("missing", True)
    assert "        1  moved\n" in hashaudit("show", audit, "--summary").out.decode()
    said = json.loads(hashaudit("show", audit, "--summary", "--format", "jsonl").out)
    assert (said["differences"]["missing"], said["totals"][0]["audit"]["matched"]) == (1, 3)
    assert hashaudit("show", audit, "--outcome", "new").code == 2


def test_differences_in_every_form_of_the_report_and_counted_by_exports(audit: Path) -> None:
    files = verified(audit)
    report = build_report(files, made="now", tool="hashaudit")
    assert report.sentences[0] == "At least 5 files differ from the manifest."
    assert not [one for one in report.sentences if "looked for" in one or "container" in one]
    assert [(row.outcome, row.path) for row in report.differences][-1] == ("moved", "sub/there")
    page = Page(b"".join(render_page(report)).decode())
    for text in (page.text, render_text(report), render_markdown(report)):
        assert "sub/there" in text
        assert "new<b>\\x1b" in text
        assert "Files that differ" in text
    hidden = build_report(files, made="now", tool="hashaudit", redaction=Redaction(frozenset({Redact.PATHS})))
    for text in (Page(b"".join(render_page(hidden)).decode()).text, render_text(hidden)):
        assert not [name for name in ("sub/", "new<b>", str(audit.parent)) if name in text]
    result = write_export(CsvExport(), files, exported_runs(files, any_signer=True), lambda _: None)
    assert result.lost[Field.DIFFERENCES] == 5
