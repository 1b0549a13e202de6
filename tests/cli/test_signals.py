"""How a run ends: signals, closed and full outputs, a parent that is killed."""

import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import COMMAND, Tool, children, parsed, status_of, wait_until

MakeList = Callable[..., Path]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_run_in_order(number: signal.Signals, hashaudit: Tool, tmp_path: Path) -> None:
    fifty = tmp_path / "tree"
    fifty.mkdir()
    for name in range(60):
        with open(fifty / f"{name}", "wb") as file:
            file.truncate(1 << 32)
            file.write(os.urandom(100))
    output = tmp_path / "out"
    process = hashaudit.start("scan", fifty, "--record", "all", "-a", "sha3-512", "-o", output, stderr=subprocess.PIPE)
    wait_until(lambda: output.exists() and b"checkpoint" in output.read_bytes())
    time.sleep(1)  # the header is signed at once; the walk begins after it
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    body = json.loads(parsed(output.read_bytes())[-1]["body"])
    assert (body["final"], body["reason"], body["exit_code"]) == (True, "signal", 128 + number)
    assert body["totals"]["pending"] > 0
    assert b"Traceback" not in err
    assert b"signal" in err
    verified = hashaudit("verify", output)
    assert verified.code == 0
    assert b"not reached" in verified.out


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid (util-linux)")
def test_a_closed_terminal_ends_a_run_in_order(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    output = tmp_path / "out"
    terminal, inside = pty.openpty()
    words: list[str | Path] = ["setsid", "--ctty", COMMAND, "scan", tmp_path, "--record", "all", "-o", output]
    process = subprocess.Popen(words, env=hashaudit.environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    wait_until(lambda: output.exists() and b"checkpoint" in output.read_bytes())
    wait_until(lambda: len(children(process.pid)) >= 1)
    workers = children(process.pid)
    os.close(terminal)
    assert process.wait(timeout=30) == 128 + signal.SIGHUP
    body = json.loads(parsed(output.read_bytes())[-1]["body"])
    assert (body["final"], body["reason"]) == (True, "signal")
    assert hashaudit("verify", output).code == 0
    wait_until(lambda: not any(map(alive, workers)))


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_acts_at_once(second: signal.Signals, hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    process = hashaudit.start("scan", tmp_path, "--record", "all", "-o", tmp_path / "out", stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "out").exists)
    process.send_signal(signal.SIGINT)
    process.send_signal(second)
    assert process.wait(timeout=30) in {130, -second}


def test_workers_go_when_the_parent_is_killed(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    process = hashaudit.start("scan", tmp_path, "--record", "all", "-o", tmp_path / "out", stderr=subprocess.DEVNULL)
    wait_until(lambda: len(children(process.pid)) >= 1)
    workers = children(process.pid)
    time.sleep(0.5)
    process.kill()
    process.wait()
    wait_until(lambda: not any(os.path.exists(f"/proc/{worker}") and alive(worker) for worker in workers))


@pytest.mark.skipif(sys.platform != "linux", reason="core files are looked for where Linux writes them")
def test_a_quit_scan_leaves_no_core_file(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    tree, place = tmp_path / "tree", tmp_path / "place"
    tree.mkdir()
    place.mkdir()
    with open(tree / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    words: list[str | Path] = ["scan", tree, "--list", make_list(b"wanted"), "-o", place / "out"]

    def allow_cores() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    process = hashaudit.start(*words, stderr=subprocess.DEVNULL, cwd=place, preexec_fn=allow_cores)
    try:
        wait_until((place / "out").exists)
        limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
        assert next(line.split()[4:6] for line in limits if line.startswith("Max core")) == ["0", "0"]
        # The kernel gives the files of a process that may not be dumped to root.
        assert os.stat(f"/proc/{process.pid}/mem").st_uid == 0
        process.send_signal(signal.SIGQUIT)
        assert process.wait(timeout=30) == -signal.SIGQUIT
    finally:
        process.kill()
        process.wait()
    assert not [path.name for path in place.iterdir() if path.name.startswith("core")]


def alive(pid: int) -> bool:
    return status_of(pid)[0] != "Z"


def test_a_closed_pipe_ends_with_141(hashaudit: Tool, tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / str(number)).touch()
    process = hashaudit.start("scan", tmp_path, "--record", "all", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=30) == 141
    assert b"Traceback" not in err
    process.stderr.close()


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small tmpfs needs root on Linux")
def test_a_full_disk_ends_with_4_and_what_was_signed_verifies(hashaudit: Tool, tmp_path: Path) -> None:
    tree, small = tmp_path / "tree", tmp_path / "small"
    tree.mkdir()
    small.mkdir()
    for number in range(8000):
        (tree / f"{number:05d}").write_bytes(b"%d" % number)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        result = hashaudit("scan", tree, "--record", "all", "-o", small / "out")
        assert result.code == 4
        assert "No space left" in result.err
        verified = hashaudit("verify", small / "out")
        assert verified.code == 4
        assert b"records 1-" in verified.out
        assert b"no_final_checkpoint" in verified.out
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
def test_a_standard_error_that_is_gone_changes_nothing(
    stream: str, hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    words: list[str | Path] = [COMMAND, "scan", tmp_path / "file", "--list", make_list(b"wanted")]
    words += ["-o", tmp_path / "out"]
    done = subprocess.run(["sh", "-c", f'exec "$@" {stream}', "sh", *words], env=hashaudit.environment, check=False)
    assert done.returncode == 8
    assert hashaudit("verify", tmp_path / "out").code == 0


@pytest.mark.parametrize(("stream", "code"), [(">&-", 4), (">/dev/full", 4)])
def test_a_standard_output_that_is_gone_is_told(
    stream: str, code: int, hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    words: list[str | Path] = [COMMAND, "scan", tmp_path / "file", "--list", make_list(b"wanted")]
    for command in (words, [COMMAND, "verify", tmp_path / "gone"], [COMMAND, "keys", "new", tmp_path / f"key{code}"]):
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {stream}', "sh", *command],
            env=hashaudit.environment,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode in {0, code}
        if command is words:
            assert done.returncode == code


def test_nohup_is_honoured(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 33)
        file.seek(1 << 32)
        file.write(b"x")
    words: list[str | Path] = ["nohup", COMMAND, "scan", tmp_path, "--record", "all", "-a", "sha3-512", "-q"]
    words += ["-o", tmp_path / "out"]
    process = subprocess.Popen(words, env=hashaudit.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "out").exists)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
