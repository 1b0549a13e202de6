"""A Bloom filter of known files, from the option to the findings."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from installed import Result, Tool, of_kind, totals

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

FILTER = Path(__file__).parents[1] / "data" / "lists" / "hashlookup_synthetic.bloom"
MakeList = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """``known`` is in the filter and on no list, ``both`` is in the filter too, ``other`` is nowhere."""
    for name, content in {"known": b"hello\n", "both": b"x", "other": b"other", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def by_name(result: Result, kind: str) -> dict[str, list[dict[str, Any]]]:
    return {Path(line["entry"]["path"]).name: line.get("matches", []) for line in of_kind(result.lines, kind)}


def test_a_hit_is_known_is_no_finding_and_hides_none(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    result = hashaudit("scan", tree, "--list", make_list(b"x"), "--known", FILTER, "--record", "all")
    assert result.code == 8
    assert [match["list"]["number"] for match in by_name(result, "finding")["both"]] == [1]
    files = by_name(result, "file")
    [match] = files.pop("known")
    assert (match["list"]["number"], match["list"]["entry"], match["role"], match["algorithm"]) == (
        2,
        "filter",
        "known",
        "sha1",
    )
    assert match["labels"] == {"filter": "bloom (false positives by design)"}
    assert files == {"other": [], "empty": []}
    counted = totals(result.lines)
    assert (counted["matched"], counted["known"], counted["clean"]) == (1, 1, 2)
    described = result.lines[0]["lists"][1]
    assert (described["format"], described["role"], described["kept"]) == ("bloom", "known", 3)


def test_lists_come_first_and_known_files_are_counted(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    listed = make_list(b"x", algorithm="md5")
    result = hashaudit("scan", tree, "--known", listed, "--known", FILTER, "--record", "all")
    assert [match["list"]["number"] for match in by_name(result, "file")["both"]] == [1]
    brief = hashaudit("scan", tree, "--list", make_list(b"nowhere"), "--known", FILTER)
    assert brief.code == 0
    assert of_kind(brief.lines, "finding") + of_kind(brief.lines, "file") == []
    assert (totals(brief.lines)["known"], totals(brief.lines)["clean"]) == (2, 2)


def test_as_a_list_it_is_refused_with_what_to_do(hashaudit: Tool, tree: Path) -> None:
    result = hashaudit("scan", tree, "--list", FILTER)
    assert result.code == 4
    assert "use it with --known" in result.err


def test_a_list_that_can_match_nothing_is_refused(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    pictures, known, output = tmp_path / "pictures.txt", tmp_path / "known.json", tmp_path / "out"
    pictures.write_text("f" * 32 + "0" * 31 + "1\n")
    digest = hashlib.sha256(b"wanted").hexdigest()
    warninglist = {"name": "x", "description": "d", "version": 1, "type": "string", "list": [digest]}
    known.write_text(json.dumps(warninglist | {"matching_attributes": ["sha256"]}))
    scan = ("scan", tmp_path / "file", "-o", output)
    for role in ("--list", "--known"):
        result = hashaudit(*scan, role, f"pdq={pictures}", "--no-perceptual", "--record", "all")
        assert result.code == 2, result.err
        assert "hint: omit --no-perceptual" in result.err
    result = hashaudit(*scan, "--list", known)
    assert result.code == 2
    assert "all of its entries are of known files" in result.err
    assert "hint: use it with --known" in result.err
    assert not output.exists()
    assert hashaudit(*scan, "--known", known, "--record", "all").code == 0
