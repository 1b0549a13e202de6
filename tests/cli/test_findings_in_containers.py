"""Members of containers after a scan: their own paths, sizes and faults in show, report, history and exports."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hashaudit.exports.export_registry import EXPORTERS, ExportFormat
from hashaudit.exports.write_export import exported_runs, write_export
from hashaudit.report.build_report import build_report
from hashaudit.report.html_page import render_page
from hashaudit.triage.findings_input import FindingsInput, verify_input
from installed import Tool
from reports_lab import Page

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

WANTED = b"wanted content"


@pytest.fixture
def output(hashaudit: Tool, make_list: Callable[..., Path], tmp_path: Path) -> Path:
    """A scan of an archive with a wanted member, in another archive too, and a member that cannot be unpacked."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep/x.txt", WANTED)
    (tmp_path / "root").mkdir()
    path = tmp_path / "root" / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/c.jpg", WANTED)
        archive.writestr("in.zip", inner.getvalue())
        archive.writestr("broken", b"b" * 100, zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    start = raw.index(b"broken") + len(b"broken")
    raw[start : start + 2] = b"\xff\xff"
    path.write_bytes(raw)
    result = hashaudit("scan", tmp_path / "root", "--list", make_list(WANTED), "-q", "-o", tmp_path / "f.jsonl")
    assert result.code == 24, result.err
    return tmp_path / "f.jsonl"


def test_members_after_a_scan(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    archive = str(tmp_path / "root" / "a.zip")
    shown = hashaudit("show", output)
    assert shown.code == 0, shown.err
    lines = shown.out.decode().splitlines()
    assert [line.rsplit("  ", 1)[1] for line in lines[1:]] == [
        f"{archive}//b/c.jpg",
        f"{archive}//in.zip//deep/x.txt",
    ]
    assert "1 of 1 entry and 4 members not fully examined" in shown.err
    assert hashaudit("show", output, "--format", "paths").out.decode() == f"{archive}\n"
    assert hashaudit("show", output, "--member-of", "tar", "--format", "paths").out == b""
    found = json.loads(hashaudit("show", output, "--path", f"{archive}//b/c.jpg").out)
    assert found["segment_verifies"] is True
    files = [verify_input(FindingsInput(path=str(output).encode(), trust=None, any_signer=True))]
    report = build_report(files, made="now", tool="hashaudit")
    assert report.sentences[0] == "At least 2 files match what was looked for."
    assert "1 entry or member was not fully examined." in report.sentences
    (run,) = report.runs
    assert {str(bar.label): bar.count for bar in run.members}["not fully examined"] == 1
    page = Page(b"".join(render_page(report)).decode())
    assert "a.zip//in.zip//deep/x.txt" in page.text
    runs = exported_runs(files, any_signer=True)
    for name, make in EXPORTERS.items():
        written: list[bytes] = []
        write_export(make(), files, runs, written.append)
        data = b"".join(written)
        if name in {ExportFormat.SUMS, ExportFormat.HASHDEEP}:
            assert b"//b/c.jpg" not in data  # no such file, so sha256sum -c would fail
        else:
            assert hashlib.sha256(WANTED).hexdigest().encode() in data.lower() or name is ExportFormat.VICS
            assert b"b/c.jpg" in data
            # A number on its own: random identifiers may hold these digits.
            size = str((tmp_path / "root" / "a.zip").stat().st_size).encode()
            assert re.search(rb"(?<![0-9A-Za-z-])%s(?![0-9A-Za-z-])" % size, data) is None, name
