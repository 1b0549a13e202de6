"""Resume and merge when the storage at a ROOT is not what it was: never a clean result for what was not examined."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from installed import Tool, of_kind, parsed, totals, wait_until
from interrupted import interrupt, make_tree, resumptions

SLOW = ("--max-rate", "40K", "-j", "2")

needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small tmpfs needs root on Linux"
)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A mounted tmpfs; the test may unmount it."""
    folder = tmp_path / "data"
    folder.mkdir()
    words: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=40m", "srv:/export", folder]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    make_tree(folder, 2000)
    yield folder
    if os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


def started(output: Path) -> bool:
    return output.exists() and len(output.read_bytes().splitlines()) > 15


def faults(output: Path) -> list[tuple[str, str]]:
    found = [line["faults"][0] for line in of_kind(parsed(output.read_bytes()), "fault")]
    return [(fault["code"], fault["stage"]) for fault in found]


@needs_mounts
def test_a_scan_of_an_unmounted_root_is_not_resumed_unasked(hashaudit: Tool, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    interrupt(hashaudit, "scan", data, "--record", "all", *SLOW, "-o", output, when=lambda: started(output))
    # The workers of the killed scan end a moment later.
    wait_until(lambda: subprocess.run(["umount", data], check=False).returncode == 0)
    before = output.read_bytes()
    result = hashaudit("scan", "--resume", output)
    assert result.code == 2
    assert "on srv:/export (tmpfs) before" in result.err
    assert "--allow-different-root" in result.err
    assert output.read_bytes() == before
    result = hashaudit("scan", "--resume", output, "--allow-different-root")
    assert result.code == 16
    assert "warning: other storage than before" in result.err
    assert ("file_replaced", "walk") in faults(output)
    assert "srv:/export" in resumptions(output)[0]["different_roots"][0]
    assert totals(parsed(output.read_bytes()))["pending"] == 0


def test_another_directory_in_the_place_of_a_root_is_seen(hashaudit: Tool, tmp_path: Path) -> None:
    root, output = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    make_tree(root, 2000)
    interrupt(hashaudit, "scan", root, "--record", "all", *SLOW, "-o", output, when=lambda: started(output))
    root.rename(tmp_path / "old")
    root.mkdir()
    result = hashaudit("scan", "--resume", output)
    assert result.code == 2
    assert "another directory: inode" in result.err
    result = hashaudit("scan", "--resume", output, "--allow-different-root")
    # Records behind the last resume point that are not met again are a fault; there may be none.
    assert (result.code, faults(output)) in [(16, [("not_found", "walk")]), (0, [])]


@needs_mounts
def test_shards_of_other_storage_are_not_merged_unasked(hashaudit: Tool, data: Path, tmp_path: Path) -> None:
    parts = [tmp_path / "p1", tmp_path / "p2"]
    whole = tmp_path / "whole"
    assert hashaudit("scan", data, "--record", "all", "--shard", "1/2", "-q", "-o", parts[0]).code == 0
    subprocess.run(["umount", data], check=True)
    assert hashaudit("scan", data, "--record", "all", "--shard", "2/2", "-q", "-o", parts[1]).code in {0, 16}
    result = hashaudit("merge", *parts, "-o", whole)
    assert result.code == 4
    assert "not of the same storage" in result.err
    assert "on srv:/export (tmpfs) before" in result.err
    assert not whole.exists()
    result = hashaudit("merge", *parts, "-o", whole, "--allow-different-root")
    assert result.code in {0, 16}
    assert "warning: other storage: shard 2/2" in result.err
    assert len(json.loads((tmp_path / "whole.json").read_text())["different_roots"]) == 1
