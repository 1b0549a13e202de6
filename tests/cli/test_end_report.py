"""A scan reports its end to other programs."""

import hashlib
import json
import os
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("bad", "good"):
        (root / name).write_text(name)
    return root


def metrics(path: Path) -> dict[str, float]:
    """Values by name; every family has a type."""
    text = path.read_text()
    assert text.endswith("\n")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert {re.sub(r"\{.*", "", name) for name in values} == set(
        re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE)
    )
    return {name: float(value) for name, value in values.items()}


def test_a_scan_is_summarised_without_a_path(hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path) -> None:
    listed = make_list(b"bad")
    summary, text, received = tmp_path / "summary.json", tmp_path / "metrics.prom", tmp_path / "received"
    words = ("scan", tree, "--list", listed, "-q", "--summary", summary, "--metrics", text)
    first = hashaudit(*words, "--on-end", "cat", "--on-findings", f"tee '{received}'", "-o", tmp_path / "out")
    assert first.code == 8, first.err
    assert first.out == b""
    shown = json.loads(summary.read_text())
    assert json.loads(received.read_text()) == shown
    assert (shown["exit_code"], shown["complete"], shown["files"], shown["findings"]) == (8, True, 2, 1)
    (one,) = shown["lists"]
    assert (one["findings"], one["entries"], one["sha256"]) == (1, 1, hashlib.sha256(listed.read_bytes()).hexdigest())
    assert str(tree / "bad") not in summary.read_text() + text.read_text()
    assert (stat.S_IMODE(summary.stat().st_mode), stat.S_IMODE(text.stat().st_mode)) == (0o600, 0o644)
    values = metrics(text)
    assert values["hashaudit_findings"] == values[f'hashaudit_list_findings{{list="{listed.name}"}}'] == 1
    success = values["hashaudit_last_success_timestamp_seconds"]
    failed = hashaudit("scan", tree, "--list", tmp_path / "absent", *words[4:])
    assert failed.code == 4
    assert "absent" in json.loads(summary.read_text())["error"]
    assert metrics(text)["hashaudit_exit_code"] == 4
    assert metrics(text)["hashaudit_last_success_timestamp_seconds"] == success
    (tree / "bad").unlink()
    quiet = hashaudit(*words, "--no-finding-metrics", "--on-findings", "false", "-o", tmp_path / "second")
    assert (quiet.code, quiet.err) == (0, "")
    assert metrics(text)["hashaudit_last_success_timestamp_seconds"] > success
    assert not [name for name in metrics(text) if "finding" in name]


def test_a_report_that_fails_is_no_success(hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path) -> None:
    words = ("scan", tree, "--list", make_list(b"x"), "-q", "-o", tmp_path / "out")
    refused = hashaudit(*words, "--summary", tmp_path / "absent" / "s")
    assert (refused.code, (tmp_path / "out").exists()) == (4, False)
    assert hashaudit(*words, "--on-end", "'").code == 2
    failed = hashaudit(*words, "--on-end", "false")
    assert (failed.code, "--on-end failed" in failed.err) == (4, True)
    missing = hashaudit(*words[:-1], tmp_path / "next", "--on-end", "no-such-command")
    assert (missing.code, "cannot run --on-end" in missing.err) == (4, True)


def test_an_audit_is_summarised_by_outcome(hashaudit: Tool, tree: Path, tmp_path: Path) -> None:
    assert hashaudit("hash", tree, "--format", "sums", "-q", "-o", tmp_path / "m").code == 0
    (tree / "good").unlink()
    result = hashaudit(
        "audit", tree, "--against", tmp_path / "m", "-q", "--metrics", tmp_path / "p", "--on-findings", "cat"
    )
    assert result.code == 8
    assert metrics(tmp_path / "p")['hashaudit_audit_files{outcome="missing"}'] == 1
    assert '"differences": 1' in result.err


def test_the_journal_gets_each_finding_and_the_end(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    tree, path = tmp_path / "tree", tmp_path / "journal"
    tree.mkdir()
    (tree / "bad\nname").write_bytes(b"wanted")
    wanted = make_list(b"wanted")
    words = ("scan", tree, "-q", "--log-json", "--journal", "--journal-socket", path, "--list")
    missing = hashaudit(*words, wanted)
    assert (missing.code, "cannot reach the journal" in missing.err) == (4, True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        journal.settimeout(30)
        result = hashaudit(*words, wanted, "-o", tmp_path / "out")
        assert result.code == 8
        finding, end = journal.recv(1 << 20), journal.recv(1 << 20)
        assert hashaudit(*words, tmp_path / "gone").code == 4
        failed = journal.recv(1 << 20)
    name = os.fsencode(tree / "bad\nname")
    assert b"MESSAGE_ID=6b1f0d5c2a9e4c7f8e3d5a1b7c904f21\nPRIORITY=4\n" in finding
    assert b"HASHAUDIT_PATH\n" + len(name).to_bytes(8, "little") + name + b"\nHASHAUDIT_LIST=list.txt\n" in finding
    assert b"MESSAGE_ID=d3a7c1e89b5f4e06a2c48f7d10b6e935\nPRIORITY=4\n" in end
    assert b"HASHAUDIT_EXIT_CODE=8\n" in end
    assert b"HASHAUDIT_FINDINGS=1\n" in end
    assert b"HASHAUDIT_EXIT_CODE=4\n" in failed
    assert b"PRIORITY=3\n" in failed
    digest = hashlib.sha256(b"wanted").hexdigest().encode()
    assert digest not in finding + end
    messages = [json.loads(line) for line in result.err.splitlines()]
    assert [message.get("event") for message in messages] == ["finding", "end"]
    assert (messages[0]["path"], messages[0]["lists"], messages[0]["level"]) == (
        str(tree / "bad\nname"),
        ["list.txt"],
        "warning",
    )
    assert messages[1]["exit_code"] == 8
    (error,) = map(json.loads, missing.err.splitlines())
    assert (error["level"], "journald" in error["hint"]) == ("error", True)
