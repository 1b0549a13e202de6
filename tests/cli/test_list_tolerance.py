"""Lists with defects as the installed program reads them."""

import hashlib
import json
from pathlib import Path

from installed import Tool, of_kind

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_malformed_lines_end_the_command_unless_they_are_allowed(hashaudit: Tool, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"one")
    bad = tmp_path / "bad.txt"
    bad.write_text(f"{sha256(b'one')}\nconfidential words\nand more\n")
    refused = hashaudit("scan", tree, "--list", bad)
    assert (refused.code, refused.out) == (4, b"")
    assert "line 2: malformed (not a hash); 2 of 3 lines are malformed" in refused.err
    assert "--max-malformed 2" in refused.err
    assert "confidential" not in refused.err
    allowed = hashaudit("scan", tree, "--list", bad, "--max-malformed", "2", "-q")
    assert allowed.code == 8
    assert "list bad.txt: skipped line 2: malformed (not a hash)" in allowed.err
    header = of_kind(allowed.lines, "run")[0]
    assert header["config"]["max_malformed"] == "2"
    assert header["lists"][0]["rejected"] == {"malformed": 2}


def test_warnings_about_omitted_hashes_survive_quiet(hashaudit: Tool, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"Name,SHA256,Payload Hash\na,{sha256(b'one')},{sha256(b'two')}\n")
    built = hashaudit("lists", "build", "-q", table, "-o", tmp_path / "list.hai")
    assert built.code == 0
    assert "column 'Payload Hash' holds what looks like hashes" in built.err
    assert "world-readable" not in built.err
    assert "compiled" not in built.err


def test_unmarked_hashes_of_a_misp_event(hashaudit: Tool, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    hashes = [{"type": "sha256", "value": sha256(b"one"), "to_ids": False}]
    event.write_text(json.dumps({"Event": {"info": "i", "uuid": "u", "Attribute": hashes}}))
    refused = hashaudit("lists", "info", event)
    assert refused.code == 4
    assert "not marked for detection" in refused.err
    assert "--include-unmarked" in refused.err
    [info] = json.loads(hashaudit("lists", "info", event, "--include-unmarked", "--json").out)
    assert info["kept"] == 1


def test_values_that_are_not_limits(hashaudit: Tool, tmp_path: Path) -> None:
    plain = tmp_path / "list"
    plain.write_text(sha256(b"one") + "\n")
    for option, value in (("--max-malformed", "101%"), ("--min-score", "nan"), ("--min-score", "inf")):
        result = hashaudit("lists", "build", plain, "-o", tmp_path / "x.hai", option, value)
        assert result.code == 2
        assert "must be a number" in result.err
