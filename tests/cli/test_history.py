"""``history``: one line a scan, and an exit code that says if every file verifies."""

import json
from pathlib import Path

from findings_lab import RUN_ID, finding, record, signing_key, write_run
from installed import Tool

TRUST = ("--key", signing_key().fingerprint)


def test_scans_over_time(hashaudit: Tool, tmp_path: Path) -> None:
    later = "2021-01-01T00:00:00.000000000Z"
    write_run(tmp_path / "1", [[finding(b"a")]], signer=signing_key())
    other = f"{RUN_ID[:-1]}9"
    write_run(tmp_path / "2", [[record(b"a"), finding(b"b")]], signer=signing_key(), start=later, run_id=other)
    result = hashaudit("history", tmp_path, *TRUST)
    lines = result.out.decode().splitlines()
    assert result.code == 0, result.err
    assert lines[0] == "/srv on host.example.org"
    assert lines[3].split() == ["2021-01-01", "00:00", "2", "2", "0", "B", "1", "0", "1", "1", "0", "ok"]
    assert "2 scans in 1 series" in result.err
    said = json.loads(hashaudit("history", tmp_path, *TRUST, "--json").out)
    assert [run["findings"] for run in said["series"][0]["runs"]] == [1, 1]
    hidden = hashaudit("history", tmp_path, *TRUST, "--redact", "paths")
    assert hidden.code == 0, hidden.err
    assert "/srv" not in hidden.out.decode() + hidden.err
    assert hidden.out.count(b"[hidden]") == 3
    page = tmp_path / "pages" / "h.html"
    page.parent.mkdir()
    result = hashaudit("history", tmp_path, *TRUST, "--html", "-o", page, "--marking", "RESTRICTED")
    assert result.code == 0, result.err
    assert page.read_text().count(">RESTRICTED<") == 2
    assert page.stat().st_mode & 0o777 == 0o600
    assert "already exists" in hashaudit("history", tmp_path, *TRUST, "--html", "-o", page).err
    assert hashaudit("history", tmp_path, "--html", "--json").code == 2
    (tmp_path / "2").write_bytes((tmp_path / "2").read_bytes()[:-20])
    result = hashaudit("history", tmp_path, *TRUST)
    assert result.code == 4
    assert "DAMAGED, INCOMPLETE" in result.out.decode()
    assert hashaudit("history", tmp_path / "1", "--allow-any-signer").code == 3


def test_a_directory_without_findings_files_is_said(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes").write_text("x")
    page = tmp_path / "page.html"
    alone = hashaudit("history", tmp_path / "empty", *TRUST, "--html", "-o", page)
    assert (alone.code, alone.out, page.exists()) == (4, b"", False)
    assert f"no findings file: '{tmp_path / 'empty'}'" in alone.err
    write_run(tmp_path / "1", [[finding(b"a")]], signer=signing_key())
    beside = hashaudit("history", tmp_path / "1", tmp_path / "empty", *TRUST, "--redact", "paths")
    assert (beside.code, "1 scan in 1 series" in beside.err, "/empty" in beside.err) == (4, True, False)
    assert "no findings file: '[hidden]'" in beside.err
