"""Start-up: processor time from the command to the first file that a worker opens, and the time of an empty scan.

    python benchmarks/start_up.py [--rounds 15] [--against COMMAND] [--entries 1,10000,100000]

The first opened file is seen through inotify(7). The command is killed at that moment, and the processor time of all
its processes, user and system, is summed. Beside it, in turn: an empty Python, one without site packages, and one that
imports the modules of a scan and nothing more. Prints medians and the least of all rounds, because other load makes
each figure larger. A first run in each environment is not counted: it fills caches, that of compiled lists too.
"""

import argparse
import ctypes
import hashlib
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
IN_OPEN = 0x20
PR_SET_CHILD_SUBREAPER = 36
TIMEOUT_MS = 60_000
MODULES = "hashaudit_cli.arguments, hashaudit_cli.command, hashaudit_cli.commands.scan, hashaudit.scan.scan_run"

Taken = tuple[float, float]
"""Wall and processor seconds."""


def main() -> None:
    """Prints a table of all commands."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--against", help="the hashaudit command of another environment")
    parser.add_argument("--entries", default="1,10000,100000", help="lengths of the lists")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # the command's processes become ours at its end
    with tempfile.TemporaryDirectory(prefix="hashaudit-start-") as name:
        work = Path(name)
        os.environ.update(XDG_CONFIG_HOME=f"{name}/config", XDG_CACHE_HOME=f"{name}/cache")
        subprocess.run([HASHAUDIT, "keys", "new"], check=True, stdout=subprocess.DEVNULL)
        runs = commands(work, arguments.against, [int(count) for count in arguments.entries.split(",")])
        taken: dict[str, list[Taken]] = {label: [] for label in runs}
        for turn in range(arguments.rounds + 1):
            for label, run in runs.items():
                found = run()
                if turn:
                    taken[label].append(found)
    print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}, ms")
    print("\n| | wall | least | processor | least |\n|---|---:|---:|---:|---:|")
    for label, values in taken.items():
        columns = ([1000 * value[column] for value in values] for column in range(2))
        print("|", label, "|", " | ".join(f"{statistics.median(one):.0f} | {min(one):.0f}" for one in columns), "|")


def commands(work: Path, against: str | None, lengths: list[int]) -> dict[str, Callable[[], Taken]]:
    """Returns what to measure, by its label."""
    empty, tree = work / "empty", work / "tree"
    empty.mkdir()
    tree.mkdir()
    (tree / "file").write_bytes(b"content")
    lists = {count: make_list(work / f"{count}.txt", count) for count in lengths}
    runs: dict[str, Callable[[], Taken]] = {
        "python -c pass": lambda: whole([sys.executable, "-c", "pass"]),
        "python -S -c pass": lambda: whole([sys.executable, "-S", "-c", "pass"]),
        "imports of a scan": lambda: whole([sys.executable, "-c", f"import {MODULES}"]),
    }

    def scan(program: str, root: Path, count: int) -> list[str]:
        for path in work.glob("findings.jsonl*"):
            path.unlink()
        listed, output = str(lists[count]), str(work / "findings.jsonl")
        return [program, "scan", str(root), "--list", listed, "-q", "-o", output]

    def of_empty(program: str) -> Taken:
        return whole(scan(program, empty, min(lengths)))

    def of_first(program: str, count: int) -> Taken:
        return to_first_open(scan(program, tree, count), tree / "file")

    for name, program in (("", HASHAUDIT), *([("other ", against)] if against else [])):
        runs[f"{name}scan of an empty directory"] = partial(of_empty, program)
        for count in lengths:
            runs[f"{name}to the first file, list of {count:,}"] = partial(of_first, program, count)
    return runs


def make_list(path: Path, count: int) -> Path:
    """Writes a list of digests that match nothing."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{hashlib.sha256(b'start %d' % number).hexdigest()}\n" for number in range(count)))
    return path


def whole(command: list[str]) -> Taken:
    """Runs a command to its end."""
    start_s = time.perf_counter()
    process = start(command)
    _, _, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = 0
    return wall_s, usage.ru_utime + usage.ru_stime


def to_first_open(command: list[str], file: Path) -> Taken:
    """Runs a command until a process opens the file."""
    library = ctypes.CDLL(None, use_errno=True)
    watch = library.inotify_init1(os.O_CLOEXEC)
    try:
        if library.inotify_add_watch(watch, os.fsencode(file), IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        start_s = time.perf_counter()
        process = start(command)
        if not poll.poll(TIMEOUT_MS):
            raise SystemExit(f"no process has opened {file}")
        # Its processes end with it: the kernel signals them (PR_SET_PDEATHSIG).
        process.send_signal(signal.SIGKILL)
        wall_s = time.perf_counter() - start_s
    finally:
        os.close(watch)  # takes so long that the command could end meanwhile
    processor_s = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        processor_s += usage.ru_utime + usage.ru_stime
    process.returncode = 0
    return wall_s, processor_s


def start(command: list[str]) -> "subprocess.Popen[bytes]":
    """Starts a command without output."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
