"""Shards of a run, and what joins them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from installed import Tool, of_kind, parsed, totals

MakeList = Callable[..., Path]
Records = list[dict[str, Any]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for number in range(60):
        made = root / str(number % 5) / f"file {number}"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(b"wanted" if number % 7 == 0 else b"clean %d" % number)
    (root / "link").symlink_to("nowhere")
    return root


def shards(hashaudit: Tool, tree: Path, listed: Path, count: int, *more: str | Path) -> list[Path]:
    made = []
    for number in range(1, count + 1):
        made.append(tree.parent / f"part-{number}-of-{count}.jsonl")
        result = hashaudit("scan", tree, *more, "--list", listed, "--shard", f"{number}/{count}", "-q", "-o", made[-1])
        assert result.code in {0, 8, 16, 24}, result.err
    return made


def findings(lines: Records) -> Records:
    return [
        {name: value for name, value in line.items() if name not in {"seq", "time"}}
        for line in of_kind(lines, "finding")
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_the_union_is_the_whole(hashaudit: Tool, make_list: MakeList, tree: Path, count: int) -> None:
    listed = make_list(b"wanted")
    whole = hashaudit("scan", tree, "--list", listed)
    assert whole.code == 8
    parts = shards(hashaudit, tree, listed, count)
    joined = [finding for part in parts for finding in findings(parsed(part.read_bytes()))]
    by_path = {finding["entry"]["path"]: finding for finding in joined}
    assert len(by_path) == len(joined) > 0
    assert [by_path[finding["entry"]["path"]] for finding in findings(whole.lines)] == findings(whole.lines)
    merged = hashaudit("merge", *parts, "-o", tree.parent / "merged")
    assert merged.code == 8
    result = json.loads((tree.parent / "merged.json").read_text())
    assert result["totals"] == totals(whole.lines)
    assert [shard["shard"] for shard in result["shards"]] == [f"{number}/{count}" for number in range(1, count + 1)]


def test_the_result_is_checked_with_coreutils_and_openssh_alone(
    hashaudit: Tool, make_list: MakeList, tree: Path
) -> None:
    parts = shards(hashaudit, tree, make_list(b"wanted"), 2)
    folder = tree.parent / "elsewhere"
    folder.mkdir()
    assert hashaudit("merge", *reversed(parts), "-o", folder / "merged").code == 8
    checked = subprocess.run(["sha256sum", "--strict", "-c", "merged"], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK\n") == 3
    trusted = hashaudit.home / ".config/hashaudit/allowed_signers"
    name = trusted.read_text().split()[0]
    command = ["ssh-keygen", "-Y", "verify", "-f", str(trusted), "-I", name, "-n", "hashaudit-file", "-s", "merged.sig"]
    content = (folder / "merged").read_bytes()
    assert subprocess.run(command, cwd=folder, input=content, capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, cwd=folder, input=content + b"\n", capture_output=True, check=False).returncode != 0


def test_a_fault_that_every_shard_meets_counts_once(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    gone = tree.parent / "gone"
    gone.symlink_to("nowhere")
    parts = shards(hashaudit, tree, make_list(b"wanted"), 3, gone)
    assert hashaudit("merge", *parts, "-o", tree.parent / "merged").code == 24
    result = json.loads((tree.parent / "merged.json").read_text())
    assert result["totals"]["faults"] == {"broken_link": 1}
    assert result["totals"]["faulted"] == 1
    assert result["totals"]["seen"] == 62


def test_what_does_not_make_a_whole_is_named(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    listed = make_list(b"wanted")
    parts = shards(hashaudit, tree, listed, 3)
    others = shards(hashaudit, tree, make_list(b"clean 1"), 4)
    of_two = shards(hashaudit, tree, listed, 2)
    whole = tree.parent / "whole.jsonl"
    assert hashaudit("scan", tree, "--list", listed, "-o", whole).code == 8
    altered = tree.parent / "altered.jsonl"
    lines = parts[1].read_bytes().splitlines(keepends=True)
    altered.write_bytes(b"".join((lines[0].replace(b"/root", b"/toor"), *lines[1:])))
    os.link(f"{parts[1]}.sig", f"{altered}.sig")
    cut = tree.parent / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:2]))
    os.link(f"{parts[1]}.sig", f"{cut}.sig")
    refused = {
        "shards missing of 3: 2": [parts[0], parts[2]],
        "duplicate shard 1/3": [*parts, parts[0]],
        "altered.jsonl'; ": [parts[0], altered, parts[2]],
        "cut.jsonl'; ": [parts[0], cut, parts[2]],
        "other lists": [*parts, others[3]],
        "parts of different wholes": [*parts, of_two[0]],
        "not a shard": [*parts, whole],
        "No such file": [*parts, tree.parent / "nothing"],
    }
    for says, files in refused.items():
        result = hashaudit("merge", *files, "-o", tree.parent / "merged")
        assert (result.code, says in result.err) == (4, True), (says, result.err)
        assert not (tree.parent / "merged").exists()
        assert not (tree.parent / "merged.json").exists()
    assert hashaudit("merge", *parts, "-o", tree.parent / "merged").code == 8
    assert hashaudit("merge", *parts, "-o", tree.parent / "merged").code == 4  # never overwritten


def test_shards_of_unknown_signers_are_never_taken_unasked(
    hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path
) -> None:
    parts = shards(hashaudit, tree, make_list(b"wanted"), 2)
    merger = Tool(tmp_path / "merger")
    merger.home.mkdir()
    for words in ((), ("--allow-any-signer",), ("--key", tmp_path / "missing")):
        result = merger("merge", *parts, "-o", tmp_path / "whole", *words)
        assert result.code == 4, result.err
        assert ("--allow-any-signer" in result.err) is ("--allow-any-signer" not in words)
        assert not list(merger.home.iterdir())
        assert not (tmp_path / "whole").exists()
    assert merger("keys", "new").code == 0
    result = merger("merge", *parts, "-o", tmp_path / "whole")
    assert result.code == 4
    assert "key_not_trusted" in result.err
    assert merger("merge", *parts, "-o", tmp_path / "whole", "--allow-any-signer").code == 8
