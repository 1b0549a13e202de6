import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hashaudit.errors import ListError

HEAD = f"{'0' * 41}|md5sum\n{'0' * 40}1|known.md5\n"
LOW, HIGH = "9DD4E461268C8034F5C8564E155C67A6", "B1946AC92492D2347C6235B4D2611184"


def test_valid(read: Callable[..., Any]) -> None:
    result = read(f"{HEAD}{LOW}|{40:016}\n{HIGH}|{0:016}\n".encode())
    assert (result.format, result.strict, result.meta.name) == ("sleuthkit-index", True, "known.md5")
    assert result.hashes == [{"md5": LOW.lower()}, {"md5": HIGH.lower()}]
    assert result.ids == ["line 3", "line 4"]


@pytest.mark.parametrize("line", [HIGH, f"{HIGH}|1", f"{HIGH[:-1]}G|{0:016}", f"{HIGH}00|{0:016}", "", "hello"])
def test_invalid(read: Callable[..., Any], line: str) -> None:
    result = read(f"{HEAD}{LOW}|{40:016}\n{line}\n".encode())
    assert result.rejects == [(4, "malformed")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (f"{HIGH}|{0:016}\n{LOW}|{40:016}\n", "line 4: out of order"),
        (f"{LOW}|{40:016}\n{HIGH}00000000|{0:016}\n", "line 4: out of order"),
        (f"{LOW}|{40:016}\n{HIGH}|{0:016}", "line 4: the last line is truncated"),
    ],
)
def test_damage_is_refused(read: Callable[..., Any], lines: str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        read((HEAD + lines).encode())


@pytest.mark.skipif(which("hfind") is None, reason="hfind is not installed")
def test_reads_what_hfind_makes(read_path: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "known.md5").write_text(f"{HIGH.lower()}  a.txt\n{LOW.lower()}  b.txt\n")
    subprocess.run(["hfind", "-i", "md5sum", "known.md5"], cwd=tmp_path, capture_output=True, check=True)
    result = read_path(tmp_path / "known.md5-md5.idx")
    assert result.hashes == [{"md5": LOW.lower()}, {"md5": HIGH.lower()}]
    assert result.rejects == []
