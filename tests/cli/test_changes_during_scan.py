"""The suites that `make soak` and `make fuzz` run for long, in small."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(tmp_path: Path, name: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *words, "--seed", "1", "--folder", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, mounts a tmpfs, takes capabilities away")
def test_disturbed_runs_tell_what_undisturbed_ones_tell(tmp_path: Path) -> None:
    told = run(tmp_path, "faults.py", "--files", "500", "--kills", "2", "--rounds", "1")
    assert re.search(r" 2 parents killed\n", told)
    assert told.count("no violation") >= 3


def test_mutants_do_no_harm(tmp_path: Path) -> None:
    told = run(tmp_path, "fuzz.py", "--mutations", "300")
    assert told.count("no violation") == 6
    assert run(tmp_path, "fuzz_messages.py", "--mutations", "300").count("no violation") == 3
