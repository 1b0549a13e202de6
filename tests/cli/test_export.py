"""``export``: verified files only, new private outputs, what is lost on standard error."""

import json
import socket
from pathlib import Path

import pytest

from findings_lab import finding, four_segments, signing_key, write_run
from installed import Tool
from log_daemon import log_daemon, received
from reports_lab import hostile_file

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

TRUST = ("--key", signing_key().fingerprint)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    four_segments(tmp_path / "f.jsonl", signing_key())
    return tmp_path / "f.jsonl"


def test_an_export_to_a_new_private_file_and_to_standard_output(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    result = hashaudit("export", "ecs", output, *TRUST, "-o", tmp_path / "e")
    assert result.code == 0, result.err
    assert "exported 9 records as ecs" in result.err
    assert "not in ecs: fault records (3 records)" in result.err
    assert (tmp_path / "e").stat().st_mode & 0o777 == 0o600
    assert hashaudit("export", "ecs", output, *TRUST).out == (tmp_path / "e").read_bytes()
    assert "already exists" in hashaudit("export", "csv", output, *TRUST, "-o", tmp_path / "e").err


def test_nothing_is_exported_of_what_does_not_verify(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    cut = write_run(tmp_path / "cut", [[finding()]], signer=signing_key(), finish=False)
    result = hashaudit("export", "csv", output, cut, *TRUST, "-o", tmp_path / "e")
    assert result.code == 4
    assert "not verified: " in result.err
    assert not (tmp_path / "e").exists()
    result = hashaudit("export", "stix", output)
    assert (result.code, result.out) == (4, b"")
    assert "signer unknown" in result.err
    result = hashaudit("export", "stix", output, "--allow-any-signer")
    assert result.code == 3
    assert json.loads(result.out)["type"] == "bundle"


def test_syslog_messages_to_a_local_socket(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.setblocking(False)
        result = hashaudit("export", "syslog", output, *TRUST, "--socket", tmp_path / "log")
        assert result.code == 0, result.err
        received = [daemon.recv(1 << 16) for _ in range(9)]
    assert b"\n".join(received) + b"\n" == hashaudit("export", "syslog", output, *TRUST).out
    assert hashaudit("export", "syslog", output, *TRUST, "--socket", tmp_path / "none").code == 4
    assert hashaudit("export", "cef", output, *TRUST, "--socket", tmp_path / "log").code == 2


def test_a_real_log_daemon_parses_every_message(hashaudit: Tool, tmp_path: Path) -> None:
    findings = hostile_file(tmp_path / "f.jsonl")
    sent = hashaudit("export", "syslog", findings, *TRUST).out.decode().splitlines()
    with log_daemon(tmp_path) as path:
        assert hashaudit("export", "syslog", findings, *TRUST, "--socket", path).code == 0
        messages = received(tmp_path, len(sent))
    assert len(messages) == len(sent)
    for line, one in zip(sent, messages, strict=True):
        assert (one["pri"], one["protocol-version"], one["app-name"], one["msgid"]) == (
            *(str(13 * 8 + 4), "1", "hashaudit", "finding"),
        )
        assert one["hostname"] == "host.example.org"
        head, data, message = line.partition(one["structured-data"])
        assert data.startswith("[hashaudit@32473 run=")
        assert message.strip(" \ufeff") == one["msg"].strip(" \ufeff")
        assert one["timereported"][:19] == head.split()[1][:19]


def test_cybertip_drafts_and_their_schema(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    pytest.importorskip("lxml", reason="needs lxml")
    xsd = Path(__file__).parents[1] / "data" / "exports" / "cybertip_order.xsd"
    words = ("export", "cybertip", output, *TRUST)
    assert hashaudit(*words).code == 2
    result = hashaudit(*words, "-o", tmp_path / "drafts", "--xsd", xsd)
    assert result.code == 0, result.err
    assert "warning: report.xml does not validate" in result.err
    assert result.err.count("does not validate") == 1
    assert (tmp_path / "drafts").stat().st_mode & 0o777 == 0o700
    assert hashaudit(*words, "-o", tmp_path / "d2", "--incident-time", "yesterday").code == 2
