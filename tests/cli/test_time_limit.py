"""``--max-time`` ends a scan in order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hashaudit.scan.option_values import duration_s
from installed import Tool, of_kind, parsed, totals

MakeList = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A finding, and then a file that takes longer than the test."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a").write_text("bad")
    (root / "large").write_bytes(b"x" * (16 << 20))
    return root


def test_a_scan_ends_at_its_time_and_is_resumed(
    hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    words = ("scan", tree, "--list", make_list(b"bad"), "-j", "1", "--max-rate", "1M", "-o", output)
    result = hashaudit(*words, "--max-time", "0.5")
    assert result.code in {48, 56}, result.err
    assert "Stopped by --max-time" in result.err
    lines = parsed(output.read_bytes())
    assert '"reason":"time_limit"' in lines[-1]["body"]
    assert result.code == 48 + 8 * bool(of_kind(lines, "finding"))
    assert totals(lines)["pending"]
    assert hashaudit("verify", output).code == 0
    resumed = hashaudit("scan", "--resume", output, "--max-rate", "1G")
    assert resumed.code == 8, resumed.err
    assert totals(parsed(output.read_bytes()))["pending"] == 0


def test_a_scan_that_ends_before_its_time_is_complete(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    words = ("scan", tmp_path / "file", "--list", make_list(b"y"), "-q")
    assert hashaudit(*words, "--max-time", "1h").code == 0
    assert hashaudit(*words, "--max-time", "soon").code == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("0.5", 0.5), ("30m", 1800), ("6 h", 21_600), ("1D", 86_400)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "nan", "1e9", "367d", "h", "1h30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        duration_s(text)
