"""Containers in a scan, seen from outside: the installed command on archives made by other programs."""

import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool, of_kind, totals

JOBS = "1"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two zips of one content by three names, a zip behind an image, a gz, and a file that is none."""
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("a.zip", "b"):
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr("inner", b"listed content")
    os.link(root / "b", root / "c")
    (root / "d.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100) + (root / "a.zip").read_bytes())
    (root / "e.gz").write_bytes(gzip.compress(b"listed content"))
    (root / "plain.zip").write_bytes(b"no archive")
    return root


def test_containers_that_are_not_opened_are_counted_and_named(
    hashaudit: Tool, make_list: Callable[..., Path], tree: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache.db"
    done = hashaudit("scan", tree, "--record", "all", "--cache", cache)
    again = hashaudit("scan", tree, "--cache", cache, "--list", make_list(b"other"))
    for result in (done, again):
        assert result.code == 0, result.err
        assert totals(result.lines)["containers_unopened"] == {"gz": 1, "zip": 4}
        assert "5 containers not opened (zip 4, gz 1)" in result.err
    kinds = {Path(line["entry"]["path"]).name: line.get("container") for line in of_kind(done.lines, "file")}
    zipped = {"kind": "zip", "opened": False}
    assert kinds == {
        "a.zip": zipped,
        "b": zipped,
        "c": zipped,
        "d.jpg": zipped,
        "e.gz": {"kind": "gz", "opened": False},
        "plain.zip": None,
    }
