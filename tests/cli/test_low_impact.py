"""Kind to the host: rates, priorities, pauses and questions, all through the installed command."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from installed import Tool, children, of_kind, parsed, totals, wait_until, workers

MIB = 1 << 20

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


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


@pytest.mark.parametrize(("tree", "rate", "least_s"), [("big", "12M", 1.8), ("small", "3M", 1.7)])
def test_a_rate_is_not_exceeded(
    tree: str, rate: str, least_s: float, hashaudit: Tool, request: pytest.FixtureRequest
) -> None:
    begun_s = time.monotonic()
    result = hashaudit("scan", request.getfixturevalue(tree), "--record", "all", "--max-rate", rate, "-j", "2")
    assert time.monotonic() - begun_s >= least_s
    assert result.code == 0
    assert totals(result.lines)["faulted"] == 0
    assert result.lines[0]["config"]["max_rate_bytes_per_s"] == int(rate[:-1]) * MIB


def test_holes_cost_no_rate(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    assert hashaudit("scan", tmp_path, "--record", "all", "--max-rate", "1M").code == 0


def test_hash_keeps_a_rate_too(hashaudit: Tool, big: Path) -> None:
    begun_s = time.monotonic()
    assert hashaudit("hash", big, "--max-rate", "20MiB/s").code == 0
    assert time.monotonic() - begun_s >= 1


@pytest.mark.parametrize("rate", ["", "fast", "-1", "0", "1023", "1E", "9999T", "1e9", "5 0M"])
def test_what_is_no_rate_is_refused(rate: str, hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--record", "all", "--max-rate", rate)
    assert result.code == 2
    assert "--max-rate" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, asks for the disk's class")
def test_low_impact_lowers_every_process(hashaudit: Tool, big: Path) -> None:
    process = hashaudit.start(
        "scan", big, "--record", "all", "--low-impact", "--max-rate", "2M", "-j", "2", stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: len(workers(process.pid)) == 2)
        everyone = [process.pid, *children(process.pid)]
        assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in everyone} == {19}
        if os.uname().machine == "x86_64":
            assert {ctypes.CDLL(None).syscall(252, 1, pid) >> 13 for pid in everyone} == {3}, "ioprio_get: idle"
    finally:
        process.kill()
        process.wait()


def test_the_header_says_what_was_asked(hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--record", "all", "--low-impact")
    [header] = of_kind(parsed(result.out), "run")
    assert header["config"]["low_impact"] is True
    assert header["config"]["max_rate_bytes_per_s"] is None


@needs_proc
def test_a_scan_leaves_the_page_cache_as_it_found_it(hashaudit: Tool, tmp_path: Path) -> None:
    found: dict[str, bool] = {}
    for attempt in range(5):
        tree = tmp_path / f"tree {attempt}"
        tree.mkdir()
        sizes = {"small": 100_000, "large": 3 * MIB}
        for path, size in [(tree / f"{state} {name}", size) for name, size in sizes.items() for state in STATES]:
            write_synchronised(path, size, cached=path.name.startswith("hot"))
        write_synchronised(tmp_path / "cold probe", 1, cached=False)
        if in_memory(tmp_path / "cold probe"):
            continue
        assert hashaudit("scan", tree, "--record", "all").code == 0
        found = {path.name: in_memory(path) for path in tree.iterdir()}
        # On a loaded machine a read that a question causes can end within the question, so one result proves nothing.
        if found == {f"{state} {name}": state == "hot" for name in sizes for state in STATES}:
            return
    if not found:
        pytest.skip("this filesystem keeps its files in memory")
    raise AssertionError(found)


STATES = ("hot", "cold")


def write_synchronised(path: Path, size: int, cached: bool) -> None:
    """Writes random bytes to storage, and drops the pages of a file that shall not be cached."""
    with open(path, "wb", buffering=0) as file:
        file.write(os.urandom(size))
        os.fsync(file.fileno())
        if not cached:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def in_memory(path: Path) -> bool:
    """Whether the first byte of a file is in the page cache. The kernel may begin to read it now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def bytes_read(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/io") as file:
            total += int(file.readline().split()[1])
    return total


class Running:
    """A slow scan that goes on while a test asks it for things."""

    def __init__(self, hashaudit: Tool, tree: Path, output: Path, *options: str) -> None:
        self.output = output
        words: list[str | Path] = [
            "scan",
            tree,
            "--record",
            "all",
            "-o",
            output,
            "--max-rate",
            "8M",
            "-j",
            "2",
            *options,
        ]
        self.process = hashaudit.start(*words, stderr=subprocess.PIPE)
        wait_until(lambda: output.exists() and b"checkpoint" in output.read_bytes())
        self.workers = workers(self.process.pid)
        before = bytes_read(self.workers)
        wait_until(lambda: bytes_read(self.workers) > before + 2 * MIB)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> str:
        _, err = self.process.communicate(timeout=60)
        return str(err.decode())


@pytest.fixture
def running(hashaudit: Tool, big: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started = []

    def start(*options: str, tree: Path = big) -> Running:
        started.append(Running(hashaudit, tree, tmp_path / "out", *options))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.wait()
        if run.process.stderr is not None:
            run.process.stderr.close()


@needs_proc
def test_a_pause_stops_parent_and_workers_until_it_is_continued(
    hashaudit: Tool, running: Callable[..., Running], big: Path
) -> None:
    (big / "a missing link").symlink_to("nowhere")
    run = running("--follow-links")
    run.send(signal.SIGTSTP)
    wait_until(lambda: state_of(run.process.pid) == "T")
    before = bytes_read(run.workers)
    lines = parsed(run.output.read_bytes())
    assert of_kind(lines, "fault"), "what was found is written"
    assert lines[-1]["kind"] == "checkpoint", "and signed"
    time.sleep(0.5)
    assert bytes_read(run.workers) == before
    assert run.workers == workers(run.process.pid)
    run.send(signal.SIGCONT)
    err = run.end()
    assert "paused" in err
    assert run.process.returncode == 16
    assert totals(parsed(run.output.read_bytes()))["faults"] == {"broken_link": 1}, "nobody is blamed"
    assert hashaudit("verify", run.output).code == 0


@needs_proc
def test_workers_stop_reading_without_a_rate_too(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 << 30)
    words = ["--record", "all", "-a", "md5,sha1,sha256,sha512,sha3-512", "-j", "1", "--quiet"]
    process = hashaudit.start("scan", tmp_path, *words, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: bytes_read(workers(process.pid)) > 100 * MIB)
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: state_of(process.pid) == "T")
        before = bytes_read(workers(process.pid))
        time.sleep(0.3)
        assert bytes_read(workers(process.pid)) == before
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: bytes_read(workers(process.pid)) > before + MIB)
    finally:
        process.kill()
        process.wait()


@needs_proc
def test_a_pause_that_is_taken_back_at_once_stops_nothing(running: Callable[..., Running]) -> None:
    run = running()
    for _ in range(5):
        run.send(signal.SIGTSTP)
        run.send(signal.SIGCONT)
    run.end()
    assert run.process.returncode == 0


@needs_proc
def test_a_stopped_parent_stops_the_reading(running: Callable[..., Running]) -> None:
    run = running()
    run.send(signal.SIGSTOP)
    time.sleep(0.3)
    before = bytes_read(run.workers)
    time.sleep(0.3)
    assert bytes_read(run.workers) == before
    run.send(signal.SIGCONT)
    run.end()
    assert run.process.returncode == 0


@needs_proc
def test_a_paused_run_ends_in_order_when_it_is_terminated(hashaudit: Tool, running: Callable[..., Running]) -> None:
    run = running()
    run.send(signal.SIGTSTP)
    wait_until(lambda: state_of(run.process.pid) == "T")
    run.send(signal.SIGTERM)
    run.send(signal.SIGCONT)
    run.end()
    assert run.process.returncode == 128 + signal.SIGTERM
    assert hashaudit("verify", run.output).code == 0


@needs_proc
def test_a_question_is_answered_even_by_a_quiet_run(running: Callable[..., Running], big: Path) -> None:
    (big / "big").rename(big / "big\x1b[31m\n\u202e")
    run = running("--quiet")
    for pid in (run.process.pid, *run.workers):  # as pkill would
        os.kill(pid, signal.SIGUSR1)
    err = run.end()
    assert run.process.returncode == 0
    first, second = err.splitlines()
    assert "0 of 1 files" in first
    assert "1 of 2 workers busy" in first
    assert "of 24.0 MiB" in second
    assert "MiB/s" in second
    assert str(big) in second
    assert r"big\x1b[31m\x0a\u202e" in second
    assert second.isprintable()


@needs_proc
def test_a_question_during_the_preparations_is_answered(hashaudit: Tool, tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert hashaudit("keys", "new", key, "--passphrase-file", words_file(tmp_path)).code == 0
    reading, writing = os.pipe()
    words: list[str | Path] = ["scan", tmp_path, "--record", "all", "--key", key, "--passphrase-fd", str(reading)]
    process = hashaudit.start(*words, pass_fds=[reading], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.close(reading)
    assert process.stderr is not None
    with process.stderr as err:
        wait_until(lambda: catches(process.pid, signal.SIGUSR1))
        process.send_signal(signal.SIGUSR1)
        assert b"preparing" in err.readline()
        os.write(writing, b"words\n")
        os.close(writing)
        assert process.wait(timeout=60) == 0


def words_file(folder: Path) -> Path:
    path = folder / "words"
    path.write_text("words\n")
    return path


def catches(pid: int, number: signal.Signals) -> bool:
    with open(f"/proc/{pid}/status") as file:
        caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
    return bool(caught & 1 << number - 1)


@pytest.mark.parametrize(("limit", "code"), [(64, 0), (20, 4)])
def test_few_descriptors_mean_few_workers_or_a_clear_refusal(
    limit: int, code: int, hashaudit: Tool, small: Path
) -> None:
    words: list[str | Path] = ["scan", small, "--record", "all", "-j", "64"]
    result = hashaudit(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert result.code == code
    if code:
        assert "ulimit -n" in result.err
        assert "Traceback" not in result.err
    else:
        assert totals(result.lines)["clean"] == 3000
        assert result.lines[0]["config"]["workers"] == 2
