"""Measures the cost for more files, list entries, workers, names in a directory, and levels of directories.

    python benchmarks/growth.py [--only files,lists,workers,names,levels] [--most N]

Prints wall time, processor time of all processes, and the peak memory of the main process. The trees are made below the
temporary directory. A scan has one list, and reads files of a few bytes. ``workers`` and ``names`` are the main process
alone, with workers that answer at once.
"""

import argparse
import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from dispatch import once

from hashaudit.scan.check_config import checked
from hashaudit.scan.config import RecordScope, ScanConfig

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
FILES_PER_DIRECTORY = 1000
LEVELS = 10_000


class Cost(NamedTuple):
    """The cost of one run."""

    wall_s: float
    processor_s: float
    peak_kib: int


def cost_of(words: Sequence[str | Path]) -> Cost:
    """Runs a program whose exit status is 0 or that of findings or faults."""
    begun_s = time.monotonic()
    process = subprocess.Popen([*map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak_kib = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        with contextlib.suppress(OSError, IndexError, ValueError):
            text = Path(f"/proc/{process.pid}/status").read_text()
            peak_kib = max(peak_kib, int(text.split("VmHWM:")[1].split()[0]))
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 8, 16, 24}:
        sys.exit(f"exit status {process.returncode}: {words}")
    return Cost(time.monotonic() - begun_s, usage.ru_utime + usage.ru_stime, peak_kib)


def scan(tree: Path, listed: Path, output: Path) -> Cost:
    """Scans a tree with a list."""
    for old in output.parent.glob(output.name + "*"):
        old.unlink()
    return cost_of([HASHAUDIT, "scan", tree, "--list", listed, "--output", output, "--unsigned", "--quiet"])


def row(name: str, cost: Cost, files: int) -> None:
    """Prints a row of a table."""
    each_us = cost.processor_s / files * 1e6
    print(
        f"| {name} | {cost.wall_s:.1f} | {cost.processor_s:.1f} | {each_us:.1f} | {cost.peak_kib / 1024:.0f} |",
        flush=True,
    )


def head(what: str) -> None:
    """Prints the head of a table."""
    print(f"\n| {what} | wall s | processor s | us a file | peak MiB |\n|---|---:|---:|---:|---:|", flush=True)


def make_files(tree: Path, first: int, end: int) -> None:
    """Makes files of a few bytes."""
    for number in range(first, end):
        below = tree / f"{number // FILES_PER_DIRECTORY:04d}"
        if number % FILES_PER_DIRECTORY == 0:
            below.mkdir(parents=True)
        (below / f"file-{number:07d}").write_bytes(b"%d" % number)


def make_list(path: Path, entries: int) -> Path:
    """Makes a list of MD5 digests of no file."""
    with path.open("w") as file:
        for number in range(entries):
            file.write(hashlib.md5(b"entry %d" % number).hexdigest() + "\n")  # noqa: S324 # nothing is protected
    return path


def bench_files(work: Path, most: int) -> None:
    """Scans trees of 10^4 files and more."""
    head("files")
    listed = make_list(work / "one", 1)
    done = 0
    for count in (10_000, 100_000, 1_000_000):
        if count <= most:
            make_files(work / "tree", done, count)
            done = count
            row(f"{count:,}", scan(work / "tree", listed, work / "out.jsonl"), count)


def bench_lists(work: Path, most: int) -> None:
    """Scans 10,000 files with lists of different sizes, the second time with the compiled list."""
    make_files(work / "few", 0, 10_000)
    head("list entries")
    for count in (1, 1_000_000, 10_000_000):
        if count <= most:
            listed = make_list(work / f"list-{count}", count)
            row(f"{count:,}, first time", scan(work / "few", listed, work / "out.jsonl"), 10_000)
            row(f"{count:,}, compiled", scan(work / "few", listed, work / "out.jsonl"), 10_000)
            listed.unlink()


def simulated(tree: Path, workers: int) -> Cost:
    """The main process alone, in a process of its own for its memory."""
    words = [sys.executable, __file__, "--simulate", str(workers), str(tree)]
    return cost_of(words)


def simulate(workers: int, tree: str) -> None:
    """Walks, distributes and counts."""
    config = checked(ScanConfig(roots=(os.fsencode(tree),), record=RecordScope.ALL))
    once(msgspec.structs.replace(config, record=RecordScope.FINDINGS), workers)


def bench_workers(work: Path, most: int) -> None:
    """The main process with workers that answer at once; start-up included."""
    count = min(most, 100_000)
    make_files(work / "walked", 0, count)
    simulated(work / "walked", 1)
    head("simulated workers")
    for workers in (1, 2, 4, 8, 16):
        row(str(workers), simulated(work / "walked", workers), count)


def bench_names(work: Path, most: int) -> None:
    """The main process with one directory of many names."""
    head("names in one directory")
    tree = work / "names"
    tree.mkdir()
    done = 0
    for count in (10_000, 100_000, 1_000_000):
        if count <= most:
            for number in range(done, count):
                os.close(os.open(tree / f"{number * 7919 % 1_000_003:07d}", os.O_CREAT | os.O_WRONLY))
            done = count
            row(f"{count:,}", simulated(tree, 16), count)


def bench_levels(work: Path, most: int) -> None:
    """Scans a path of many levels with a file in each."""
    listed = make_list(work / "one-level", 1)
    head("levels")
    for levels in (100, 1000, LEVELS):
        if levels <= most:
            tree = work / f"deep-{levels}"
            tree.mkdir()
            descend(tree, levels, make_level)
            row(f"{levels:,}", scan(tree, listed, work / "out.jsonl"), levels)
            descend(tree, levels, lambda _: None, remove=True)


def make_level(directory: int) -> None:
    """Makes a file and a directory."""
    descriptor = os.open(b"f", os.O_CREAT | os.O_WRONLY, dir_fd=directory)
    os.write(descriptor, b"some bytes")
    os.close(descriptor)
    os.mkdir(b"d", dir_fd=directory)


def descend(tree: Path, levels: int, make: Callable[[int], None], *, remove: bool = False) -> None:
    """Goes down, and up again if the levels are to be removed: no call takes a path of that length."""
    descriptor = os.open(tree, os.O_RDONLY)
    for _ in range(levels):
        make(descriptor)
        below = os.open(b"d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    for _ in range(levels if remove else 0):
        above = os.open(b"..", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = above
        os.unlink(b"f", dir_fd=descriptor)
        os.rmdir(b"d", dir_fd=descriptor)
    os.close(descriptor)


PARTS = {
    "files": bench_files,
    "lists": bench_lists,
    "workers": bench_workers,
    "names": bench_names,
    "levels": bench_levels,
}


def main() -> None:
    """Runs the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--most", type=int, default=10_000_000)
    parser.add_argument("--simulate", nargs=2, metavar=("WORKERS", "TREE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.simulate is not None:
        simulate(int(arguments.simulate[0]), arguments.simulate[1])
        return
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, page {resource.getpagesize()}")
    with tempfile.TemporaryDirectory() as place:
        for name in arguments.only.split(","):
            PARTS[name](Path(place), arguments.most)


if __name__ == "__main__":
    main()
