"""Kind to the host: rates, priorities, pauses and questions, all through the installed command."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool, of_kind, parsed, totals

MIB = 1 << 20


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A folder with one file of 24 MiB without holes."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "big").write_bytes(os.urandom(MIB) * 24)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with 3,000 files of 2 KiB."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number:04}").write_bytes(b"%04d" % number * 512)
    return folder


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(1500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("did not happen in time")


@pytest.mark.parametrize(("tree", "rate", "least_s"), [("big", "12M", 1.8), ("small", "3M", 1.7)])
def test_a_rate_is_not_exceeded(
    tree: str, rate: str, least_s: float, hashaudit: Tool, request: pytest.FixtureRequest
) -> None:
    begun_s = time.monotonic()
    result = hashaudit("scan", request.getfixturevalue(tree), "--record-all", "--max-rate", rate, "-j", "2")
    assert time.monotonic() - begun_s >= least_s
    assert result.code == 0
    assert totals(result.lines)["faulted"] == 0
    assert result.lines[0]["config"]["max_rate_bytes_per_s"] == int(rate[:-1]) * MIB


def test_holes_cost_no_rate(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    assert hashaudit("scan", tmp_path, "--record-all", "--max-rate", "1M").code == 0


def test_hash_keeps_a_rate_too(hashaudit: Tool, big: Path) -> None:
    begun_s = time.monotonic()
    assert hashaudit("hash", big, "--max-rate", "20MiB/s").code == 0
    assert time.monotonic() - begun_s >= 1


@pytest.mark.parametrize("rate", ["", "fast", "-1", "0", "1023", "1E", "9999T", "1e9", "5 0M"])
def test_what_is_no_rate_is_refused(rate: str, hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--record-all", "--max-rate", rate)
    assert result.code == 2
    assert "--max-rate" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, asks for the disk's class")
def test_nice_lowers_every_process(hashaudit: Tool, big: Path) -> None:
    process = hashaudit.start(
        "scan", big, "--record-all", "--nice", "--max-rate", "2M", "-j", "2", stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: len(children(process.pid)) == 2)
        everyone = [process.pid, *children(process.pid)]
        assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in everyone} == {19}
        if os.uname().machine == "x86_64":
            assert {ctypes.CDLL(None).syscall(252, 1, pid) >> 13 for pid in everyone} == {3}, "ioprio_get: idle"
    finally:
        process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [number for number in numbers if parent_of(number) == pid]


def parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_the_header_says_what_was_asked(hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--record-all", "--nice")
    [header] = of_kind(parsed(result.out), "run")
    assert header["config"]["nice"] is True
    assert header["config"]["max_rate_bytes_per_s"] is None
