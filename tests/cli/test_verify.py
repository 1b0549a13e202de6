"""The verdicts of ``verify``: verified only if the reader trusts the signer."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool, wait_until

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]


@pytest.fixture
def stranger(tmp_path: Path) -> Tool:
    """The command of a reader who has no trust store."""
    home = tmp_path / "stranger"
    home.mkdir()
    return Tool(home)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(6):
        (root / f"f{number}").write_bytes(b"wanted" if number == 3 else b"%d" % number)
    return root


@pytest.fixture
def output(hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    assert hashaudit("scan", tree, "--list", make_list(b"wanted"), "-q", "-o", path).code == 8
    return path


def test_a_file_by_anybody_is_not_verified_without_a_trust_source(stranger: Tool, output: Path) -> None:
    result = stranger("verify", output)
    assert result.code == 4
    assert b"NOT VERIFIED: intact, signer UNKNOWN" in result.out
    assert result.out.count(b"hint:") == 1
    assert b"--key" in result.out
    said = json.loads(stranger("verify", output, "--json").out)
    assert (said["verified"], said["intact"], said["basis"]) == (False, True, "named_key")


def test_any_signer_has_an_exit_code_of_its_own(stranger: Tool, output: Path) -> None:
    result = stranger("verify", output, "--allow-any-signer", "--json")
    said = json.loads(result.out)
    assert (result.code, said["verified"], said["intact"]) == (3, False, True)
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join((lines[0].replace(b"/root", b"/toor"), *lines[1:])))
    result = stranger("verify", output, "--allow-any-signer", "--json")
    said = json.loads(result.out)
    assert (result.code, said["verified"], said["intact"]) == (4, False, False)


def test_a_fingerprint_is_a_trust_source(hashaudit: Tool, stranger: Tool, output: Path) -> None:
    fingerprint = json.loads(hashaudit("verify", output, "--json").out)["fingerprint"]
    assert stranger("verify", output, "--key", fingerprint).code == 0
    other = "SHA256:" + "A" * 43
    result = stranger("verify", output, "--key", other, "--json")
    said = json.loads(result.out)
    assert (result.code, said["verified"], said["intact"]) == (4, False, True)
    assert stranger("verify", output, "--key", "SHA256:short").code == 2


def test_an_intact_file_by_another_signer_is_neither_cut_nor_unclosed(stranger: Tool, output: Path) -> None:
    assert stranger("keys", "new").code == 0
    result = stranger("verify", output)
    assert result.code == 4
    assert b"NOT VERIFIED: intact, by another signer (SHA256:" in result.out
    said = json.loads(stranger("verify", output, "--json").out)
    assert [problem["code"] for problem in said["problems"]] == ["key_not_trusted"]
    assert said["sidecar"] == "valid"


def test_counts_are_reported(hashaudit: Tool, output: Path) -> None:
    assert b"1 finding; 0 faults" in hashaudit("verify", output).out
    said = json.loads(hashaudit("verify", output, "--json").out)
    assert (said["files"], said["examined"], said["findings"], said["faults"]) == (6, 6, 1, 0)
    assert (said["verified"], said["end_reason"]) == (True, "completed")


def test_a_stopped_scan_says_incomplete_in_its_headline(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    output = tmp_path / "out"
    process = hashaudit.start(
        "scan", tmp_path, "--record", "all", "-a", "sha3-512", "-o", output, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: output.exists() and b"checkpoint" in output.read_bytes())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    first = hashaudit("verify", output).out.splitlines()[0]
    assert b"verified; scan INCOMPLETE (signal)" in first


@pytest.mark.parametrize("content", [b"", b"some text\nmore\n", bytes(range(256)) * 300])
def test_what_is_not_a_findings_file_gets_one_line(hashaudit: Tool, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    result = hashaudit("verify", tmp_path / "other")
    assert (result.code, result.out.count(b"\n"), result.err) == (4, 1, "")
    assert b"not a findings file" in result.out


def test_of_several_files_the_worst_counts(hashaudit: Tool, stranger: Tool, output: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"text")
    assert hashaudit("verify", output, output).code == 0
    assert stranger("verify", output, output, "--allow-any-signer").code == 3
    result = hashaudit("verify", output, tmp_path / "other", output)
    assert (result.code, result.out.count(b": verified\n")) == (4, 2)
    result = hashaudit("verify", "--json", output, tmp_path / "missing")
    assert result.code == 4
    assert [one["verified"] for one in json.loads(result.out)["files"]] == [True, False]


class TestMergeResult:
    @pytest.fixture
    def merged(self, hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path) -> Path:
        parts = []
        for number in (1, 2):
            parts.append(tmp_path / f"part{number}\n.jsonl")
            shard = ["--shard", f"{number}/2"]
            result = hashaudit("scan", tree, "--list", make_list(b"wanted"), *shard, "-q", "-o", parts[-1])
            assert result.code in {0, 8}
        assert hashaudit("merge", *parts, "-o", tmp_path / "whole").code == 8
        return tmp_path / "whole"

    def test_it_verifies_as_a_whole(self, hashaudit: Tool, stranger: Tool, merged: Path) -> None:
        result = hashaudit("verify", merged)
        assert result.code == 0, result.out
        assert b"1 finding" in result.out
        said = json.loads(hashaudit("verify", "--json", merged).out)
        assert (said["verified"], said["findings"], said["exit_code"]) == (True, 1, 8)
        assert stranger("verify", merged).code == 4
        assert stranger("verify", merged, "--allow-any-signer").code == 3
        assert stranger("keys", "new").code == 0
        assert b"by another signer" in stranger("verify", merged).out

    def test_every_change_is_named(self, hashaudit: Tool, stranger: Tool, merged: Path) -> None:
        changed = {
            merged: "signature_invalid",
            merged.with_name("whole.json"): "file_changed",
            merged.with_name("part1\n.jsonl"): "file_changed",
        }
        for path, code in changed.items():
            before = path.read_bytes()
            path.write_bytes(before.replace(b"0", b"1"))
            results = (
                hashaudit("verify", "--json", merged),
                stranger("verify", "--json", merged, "--allow-any-signer"),
            )
            for result in results:
                said = json.loads(result.out)
                assert (said["verified"], said["intact"]) == (False, False)
                assert code in {problem["code"] for problem in said["problems"]}
            path.write_bytes(before)
        for path, code in {
            merged.with_name("whole.sig"): "signature_missing",
            list(changed)[2]: "file_missing",
        }.items():
            os.rename(path, merged.with_name("aside"))
            result = hashaudit("verify", "--json", merged)
            assert result.code == 4
            assert code in {problem["code"] for problem in json.loads(result.out)["problems"]}
            os.rename(merged.with_name("aside"), path)
        assert hashaudit("verify", merged).code == 0
