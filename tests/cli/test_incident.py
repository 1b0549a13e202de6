"""``incident``: one directory with everything that belongs together, signed, and a log that shows any change."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


@pytest.fixture
def incident(hashaudit: Tool, make_list: Callable[..., Path], tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "wanted").write_bytes(b"secret content of the file")
    words = ("--list", make_list(b"secret content of the file"), "-q", "-o", tmp_path / "f.jsonl")
    assert hashaudit("scan", tmp_path / "root", *words).code == 8
    facts = ("--title", "Ticket 7", "--retain-until", "2027-12-31", "--legal-basis", "as stated")
    result = hashaudit("incident", "new", tmp_path / "f.jsonl", "-o", tmp_path / "incident", *facts)
    assert result.code == 0, result.err
    assert "1 finding" in result.err
    return tmp_path / "incident"


def test_an_incident_holds_signed_facts_and_no_content(hashaudit: Tool, incident: Path, tmp_path: Path) -> None:
    files = {str(path.relative_to(incident)) for path in incident.rglob("*") if path.is_file()}
    assert files == {
        *("findings/f.jsonl", "findings/f.jsonl.sig", "report.html", "drafts/report.xml"),
        *("drafts/fileDetails-1-000002.xml", "incident.json", "SHA256SUMS", "SHA256SUMS.sig", "log.jsonl"),
    }
    assert incident.stat().st_mode & 0o777 == 0o700
    for name in files:
        assert (incident / name).stat().st_mode & 0o777 == 0o600, name
        assert b"secret content" not in (incident / name).read_bytes()
    facts = json.loads((incident / "incident.json").read_bytes())
    assert (facts["title"], facts["retain_until"], facts["legal_basis"]) == ("Ticket 7", "2027-12-31", "as stated")
    assert hashaudit("verify", incident / "findings" / "f.jsonl").code == 0
    if shutil.which("sha256sum") is not None:
        done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=incident, check=False)
        assert done.returncode == 0
    assert hashaudit("incident", "new", tmp_path / "f.jsonl", "-o", incident).code == 4
    words = ("-o", tmp_path / "i2", "--retain-until", "soon")
    assert hashaudit("incident", "new", tmp_path / "f.jsonl", *words).code == 2


def test_the_check_finds_what_was_changed_added_and_removed(hashaudit: Tool, incident: Path, tmp_path: Path) -> None:
    result = hashaudit("incident", "export", incident, "csv")
    assert result.code == 0, result.err
    assert "not in csv: owner and mode" in result.err
    result = hashaudit("incident", "verify", incident)
    assert (result.code, result.out.count(b"proven: ")) == (0, 6), result.out
    assert hashaudit("incident", "verify", incident, "--allow-any-signer", "--json").code == 3
    assert hashaudit("incident", "export", incident, "cybertip").code == 2
    (incident / "exports" / "0002-csv.csv").write_text("other")
    (incident / "exports" / "more").write_text("x")
    (incident / "findings" / "added").symlink_to("/etc/hostname")
    (incident / "report.html").write_text("other")
    (incident / "drafts" / "report.xml").unlink()
    result = hashaudit("incident", "verify", incident)
    assert result.code == 4
    for text in (
        *("export '0002-csv.csv' was changed", "export 'more' is not in the log", "'drafts/report.xml' is missing"),
        *("'findings/added' is not a regular file", "'report.html' was changed"),
    ):
        assert f"PROBLEM: {'the ' if text.startswith('export') else ''}{text}\n" in result.out.decode()
    assert hashaudit("incident", "verify", tmp_path).code == 4
    (tmp_path / "other-home").mkdir()
    elsewhere = {"HOME": str(tmp_path / "other-home"), "XDG_CONFIG_HOME": str(tmp_path / "other-home")}
    assert hashaudit("incident", "verify", incident, env=elsewhere).code == 4


def test_an_incident_of_a_merge_result_verifies_by_itself(
    hashaudit: Tool, make_list: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "wanted").write_bytes(b"wanted")
    shards = [tmp_path / f"{number}.jsonl" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        words = ("--list", make_list(b"wanted"), "--shard", f"{number}/2", "-q", "-o", shard)
        assert hashaudit("scan", tmp_path / "root", *words).code in {0, 8}
    assert hashaudit("merge", *shards, "-o", tmp_path / "all").code == 8
    result = hashaudit("incident", "new", tmp_path / "all", "-o", tmp_path / "incident")
    assert result.code == 0, result.err
    for path in (*shards, tmp_path / "all"):
        path.unlink()
    result = hashaudit("incident", "verify", tmp_path / "incident")
    assert result.code == 0, result.err
    assert "the signed findings: 2 files, 1 finding" in result.out.decode()


def test_the_log_is_chained_and_signed(hashaudit: Tool, incident: Path) -> None:
    result = hashaudit("incident", "log", incident, "--note", "filed as 4564654")
    assert result.code == 0, result.err
    lines = result.out.decode().splitlines()
    assert [line.split("  ")[2:] for line in lines] == [["created", "1 finding"], ["note", "filed as 4564654"]]
    log = incident / "log.jsonl"
    whole = log.read_bytes()
    first, second = whole.splitlines(keepends=True)
    for changed in (second, first + first, whole.replace(b"4564654", b"4564655"), whole[:-1], b"", b"text\n"):
        log.write_bytes(changed)
        assert hashaudit("incident", "log", incident).code == 4, changed
    assert hashaudit("incident", "log", incident, "--note", "x").code == 4
    log.write_bytes(first)
    assert hashaudit("incident", "log", incident).code == 0
