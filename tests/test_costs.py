"""The page about costs holds what its script prints."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
SCRIPT = HERE / "benchmarks" / "costs.py"


def test_the_page_holds_what_the_script_reckons() -> None:
    printed = subprocess.run([sys.executable, SCRIPT], capture_output=True, check=True, text=True).stdout
    assert printed in (HERE / "docs" / "reference" / "costs.md").read_text()


def test_other_numbers_change_the_result_and_unknown_ones_are_refused() -> None:
    run = [sys.executable, str(SCRIPT)]
    halved = subprocess.run([*run, "host_mb_s=300"], capture_output=True, check=True, text=True).stdout
    assert "| host hours by network | 926 |" in halved
    assert subprocess.run([*run, "wrong=1"], capture_output=True, check=False).returncode == 1
