"""``report``: exit codes, a new private file, forms on standard output, and what it refuses."""

from pathlib import Path

import pytest

from findings_lab import finding, four_segments, signing_key, write_run
from installed import Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

TRUST = ("--key", signing_key().fingerprint)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    four_segments(tmp_path / "f.jsonl", signing_key())
    return tmp_path / "f.jsonl"


def test_a_page_in_a_new_private_file(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    result = hashaudit("report", output, *TRUST, "-o", tmp_path / "r.html", "--marking", "RESTRICTED")
    assert result.code == 0, result.err
    assert "report of 1 file" in result.err
    page = (tmp_path / "r.html").read_text()
    assert page.count(">RESTRICTED<") == 2
    assert (tmp_path / "r.html").stat().st_mode & 0o777 == 0o600
    result = hashaudit("report", output, *TRUST, "-o", tmp_path / "r.html")
    assert result.code == 4
    assert "already exists" in result.err
    assert (tmp_path / "r.html").read_text() == page


def test_text_and_markdown_on_standard_output(hashaudit: Tool, output: Path) -> None:
    text = hashaudit("report", output, *TRUST, "--text", "--redact", "paths").out.decode()
    assert text.startswith("hashaudit findings report\n===")
    assert "/srv" not in text
    assert hashaudit("report", output, *TRUST, "--markdown").out.startswith(b"# hashaudit findings report\n")
    assert hashaudit("report", output, "--markdown", "--text").code == 2


def test_what_does_not_verify_is_written_and_has_an_exit_code(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    result = hashaudit("report", output, "--text")
    assert result.code == 4
    assert b"NOT VERIFIED: The findings file is intact, but its signer is unknown" in result.out
    assert hashaudit("report", output, "--text", "--allow-any-signer").code == 3
    cut = write_run(tmp_path / "cut", [[finding()]], signer=signing_key(), finish=False)
    result = hashaudit("report", cut, output, *TRUST, "--text")
    assert result.code == 4
    assert "not verified: 'cut'; interrupted" in result.err
    assert b"NOT VERIFIED: The scan was interrupted" in result.out
    result = hashaudit("report", cut, *TRUST, "--text", "--unverified")
    assert result.code == 0
    assert b"NOT VERIFIED" in result.out
    (tmp_path / "n").write_text("text\n")
    assert "not a findings file" in hashaudit("report", tmp_path / "n", "--text").err
