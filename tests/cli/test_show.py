"""``show``: what is proven, whole paths, every form, filters, one record and an extract of its segment."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from findings_lab import fault, finding, four_segments, record, signing_key, write_run
from hashaudit.errors import UsageError
from hashaudit_cli.commands.show import ShowOptions, check_options
from hashaudit_cli.ui.record_writer import RecordFormat
from installed import Tool, parsed

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

TRUST = ("--key", signing_key().fingerprint)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Four segments by a known key; records 2, 5-7, 10-13, 14 are findings."""
    four_segments(tmp_path / "f.jsonl", signing_key())
    return tmp_path / "f.jsonl"


def test_findings_one_a_line_with_the_whole_path_last(hashaudit: Tool, output: Path) -> None:
    result = hashaudit("show", output, *TRUST)
    lines = result.out.decode().splitlines()
    assert result.code == 0
    assert lines[0].split() == ["LIST", "ENTRY", "MATCH", "LABELS", "CAVEATS", "PATH"]
    assert lines[1].split() == ["bad.txt", "line", "7", "sha256", "category", "test", "-", "/srv/1"]
    assert len(lines) == 1 + 9
    assert b"\x1b" not in result.out
    assert "9 findings shown; verified, 2 of 14 entries not fully examined, 1 directory not completely" in result.err


def test_every_form_has_every_finding(hashaudit: Tool, output: Path) -> None:
    forms = {one: hashaudit("show", output, *TRUST, "--format", one).out for one in ("csv", "tsv", "jsonl", "paths")}
    raw = [line for line in output.read_bytes().splitlines(keepends=True) if b'"kind":"finding"' in line]
    assert forms["jsonl"] == b"".join(raw)
    rows = list(csv.DictReader(io.StringIO(forms["csv"].decode(), newline="")))
    assert [row["path"] for row in rows] == [line["entry"]["path"] for line in parsed(forms["jsonl"])]
    assert rows[0]["list"] == "bad.txt"
    assert json.loads(rows[0]["labels"]) == {"category": "test"}
    assert forms["csv"].count(b"\r\n") == 10
    assert forms["tsv"].count(b"\n") == 10
    assert forms["paths"].count(b"\n") == 9
    assert b"\\/srv/\xff\\n\x1b[2J\n" in forms["paths"]
    null = hashaudit("show", output, *TRUST, "--format", "paths", "-0").out
    assert b"\0/srv/\xff\n\x1b[2J\0" in null
    assert null.count(b"\0") == 9


def test_faults_files_and_summary(hashaudit: Tool, output: Path) -> None:
    faults = hashaudit("show", output, *TRUST, "--faults").out.decode()
    assert "permission_denied  walk   directory  cannot list  /srv/secret" in faults
    assert faults.count("\n") == 1 + 3
    assert hashaudit("show", output, *TRUST, "--files").out.count(b"\n") == 1 + 15
    summary = hashaudit("show", output, *TRUST, "--summary").out.decode()
    assert "9 findings: 9 exact, 0 near matches only" in summary
    assert "        9  bad.txt: test" in summary
    said = json.loads(hashaudit("show", output, *TRUST, "--summary", "--format", "jsonl").out)
    assert said["findings"] == 9
    assert said["faults"] == {"io_error": 3, "permission_denied": 1}


def test_filters(hashaudit: Tool, output: Path) -> None:
    result = hashaudit("show", output, *TRUST, "--match-path", "1*", "--label", "category=t*", "--format", "paths")
    assert result.out == b"/srv/1\n/srv/10\n"
    assert "2 findings shown of 9; verified" in result.err
    assert hashaudit("show", output, *TRUST, "--list", "good.txt", "--format", "paths").out == b""


def damaged(output: Path) -> Path:
    lines = output.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"size":10', b'"size":11')
    output.write_bytes(b"".join(lines))
    return output


def test_what_is_not_proven_is_shown_on_request_only(hashaudit: Tool, output: Path) -> None:
    damaged(output)
    result = hashaudit("show", output, *TRUST)
    assert result.code == 4
    assert result.out.count(b"\n") == 1 + 7
    assert "records 6-9 were modified; 4 records not shown" in result.err
    result = hashaudit("show", output, *TRUST, "--unverified")
    assert result.code == 0
    assert result.out.count(b"  [not proven]\n") == 2
    assert "NOT VERIFIED" in result.err


@pytest.mark.parametrize("words", [(), ("--key", "SHA256:" + "A" * 43)])
def test_nothing_of_an_unknown_signer_is_shown(hashaudit: Tool, output: Path, words: tuple[str, ...]) -> None:
    result = hashaudit("show", output, *words)
    assert (result.code, result.out) == (4, b"")
    assert "hint: " in result.err
    if not words:
        assert f"signer unknown ({signing_key().fingerprint})" in result.err
        result = hashaudit("show", output, "--allow-any-signer")
        assert (result.code, result.out.count(b"\n")) == (3, 10)
        assert "signer UNKNOWN" in result.err


def test_unsigned_and_interrupted_files_and_no_findings_file(hashaudit: Tool, tmp_path: Path) -> None:
    unsigned = write_run(tmp_path / "u", [[finding()]])
    assert hashaudit("show", unsigned, "--allow-any-signer").code == 4
    assert b"[not proven]" in hashaudit("show", unsigned, "--unverified").out
    cut = write_run(tmp_path / "c", [[finding()], [record(faults=[fault()])]], signer=signing_key(), finish=False)
    result = hashaudit("show", cut, *TRUST)
    assert result.code == 4
    assert result.out.count(b"\n") == 2
    assert "no valid final checkpoint" in result.err
    (tmp_path / "n").write_text("text\n")
    assert "not a findings file" in hashaudit("show", tmp_path / "n", "--unverified").err


def test_one_record_and_an_extract_of_its_segment(hashaudit: Tool, output: Path, tmp_path: Path) -> None:
    result = hashaudit("show", output, *TRUST, "--path", b"/srv/\xff\n\x1b[2J", "--extract", tmp_path / "e.jsonl")
    said = json.loads(result.out)
    assert (result.code, said["segment_verifies"], said["record"]["seq"]) == (0, True, 12)
    assert "wrote 9 of 16 records" in result.err
    assert (tmp_path / "e.jsonl").stat().st_mode & 0o777 == 0o600
    assert hashaudit("verify", tmp_path / "e.jsonl", *TRUST).code == 4
    result = hashaudit("verify", tmp_path / "e.jsonl", *TRUST, "--extract")
    assert result.code == 0
    assert b"verified; EXTRACT: 7 records of the scan not in this file" in result.out
    assert hashaudit("show", output, *TRUST, "--record", "2", "--extract", tmp_path / "e.jsonl").code == 4
    assert hashaudit("show", output, *TRUST, "--path", "/srv/none").code == 4
    damaged(output)
    result = hashaudit("show", output, *TRUST, "--record", "7", "--extract", tmp_path / "d.jsonl")
    assert (result.code, result.out) == (4, b"")
    assert not (tmp_path / "d.jsonl").exists()


def test_a_scan_and_a_merge_result_of_the_same_host(
    hashaudit: Tool, make_list: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "root").mkdir()
    for number in range(6):
        (tmp_path / "root" / f"f{number}").write_bytes(b"%d" % number)
    lists = ("--list", make_list(b"1", b"2", b"3"))
    shards = [tmp_path / f"s{number}" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        hashaudit("scan", tmp_path / "root", *lists, "--shard", f"{number}/2", "-q", "-o", shard)
    assert hashaudit("merge", *shards, "-o", tmp_path / "merged").code in {0, 8}
    result = hashaudit("show", tmp_path / "merged", "--format", "paths")
    assert result.code == 0, result.err
    assert sorted(result.out.splitlines()) == [str(tmp_path / "root" / f"f{one}").encode() for one in (1, 2, 3)]
    shards[0].write_bytes(shards[0].read_bytes()[:-10])
    result = hashaudit("show", tmp_path / "merged")
    assert (result.code, result.out) == (4, b"")


@pytest.mark.parametrize(
    "options",
    [
        {"faults": True, "summary": True},
        {"extract": "x"},
        {"path": "a", "record": 1},
        {"path": "a", "form": RecordFormat.CSV},
        {"path": "a", "entries": True},
        {"null": True},
        {"summary": True, "form": RecordFormat.CSV},
        {"path": "a", "extract": "x", "files": ("f", "g")},
    ],
)
def test_options_that_conflict(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_options(ShowOptions(**{"files": ("f",), **options}))


def test_an_unknown_choice_is_a_usage_error(hashaudit: Tool, output: Path) -> None:
    assert hashaudit("show", output, "--caveat", "none").code == 2
