"""``hashaudit explain``: every code, as text and as JSON."""

import json
from pathlib import Path

import pytest

from hashaudit.explanations import GROUPS
from installed import Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


def test_a_code_is_explained_with_what_to_do(hashaudit: Tool) -> None:
    result = hashaudit("explain", "worker_crashed")
    assert (result.code, result.err) == (0, "")
    first, meaning, action = result.out.decode().splitlines()
    assert first == "worker_crashed (fault code)"
    assert meaning.startswith("  meaning:    The worker process crashed")
    assert action.startswith("  what to do: ")


def test_without_a_code_all_are_listed_by_group(hashaudit: Tool) -> None:
    result = hashaudit("explain", env={"COLUMNS": "60"})
    assert (result.code, result.err) == (0, "")
    lines = result.out.decode().splitlines()
    assert max(map(len, lines)) <= 60
    assert [line for line in lines if line in {group.title for group in GROUPS}] == [group.title for group in GROUPS]
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert listed == [code.code for group in GROUPS for code in group.codes]


def test_json_holds_the_same(hashaudit: Tool) -> None:
    everything = json.loads(hashaudit("explain", "--json").out)["codes"]
    assert len(everything) == sum(len(group.codes) for group in GROUPS)
    assert all({"kind", "code", "meaning", "action"} <= set(item) for item in everything)
    found = json.loads(hashaudit("explain", "internal_error", "--json").out)["codes"]
    assert [(item["kind"], item.get("name")) for item in found] == [
        ("exit_code", "INTERNAL_ERROR"),
        ("fault_code", None),
    ]
    assert all(item in everything for item in found)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("worker_crash", "did you mean 'worker_crashed'?"),
        ("permision_denied", "did you mean 'permission_denied'?"),
        ("zzz", "'hashaudit explain' lists all codes"),
        ("77", "'hashaudit explain' lists all codes"),
    ],
)
def test_an_unknown_code_is_a_usage_error(text: str, hint: str, hashaudit: Tool) -> None:
    result = hashaudit("explain", text)
    assert (result.code, result.out) == (2, b"")
    assert result.err.splitlines() == [f"hashaudit: error: unknown code: '{text}'", f"hint: {hint}"]


def test_a_scan_points_to_it_under_its_faults(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    result = hashaudit("scan", f"{tmp_path}/loop", "--record=all", "--unsigned", "-o", f"{tmp_path}/out")
    assert result.code == 16
    assert "'hashaudit explain CODE' says what a code means" in result.err
    assert "hashaudit explain CODE" in hashaudit("--help").out.decode()
