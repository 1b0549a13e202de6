"""Scans a million generated files twice with one cache, and says what each run read, took and held in memory.

The files are small or sparse, in nested folders. A tenth of them is scanned first, which shows whether the memory of
the parent process grows with the tree.

    python benchmarks/soak.py [--files 1000000] [--folder DIR]

A million files take about 5 GB of the disk, most of it for inodes and blocks of small files.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = str(Path(sys.executable).with_name("hashaudit"))
FILES_IN_FOLDER = 250
HIT_SHARE = 1000
"""One in so many files is looked for."""
BROKEN_SHARE = 2000
"""One in so many is a picture that cannot be decoded: a fault."""
SPARSE_SHARE = 500
"""One in so many is larger, and a hole but for its start."""
SPARSE_BYTES = 1 << 20
BROKEN_PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
POLL_S = 0.2
TENTH = "a-tenth"
"""Folder that holds the first tenth of the files."""


class Ran(NamedTuple):
    """One scan."""

    wall_s: float
    parent_kib: int
    """Its largest resident set."""
    workers_kib: int
    """That of the largest worker."""
    read_bytes: int
    """Read by the workers, caches of the system included."""
    totals: dict[str, Any]
    lines: int


def main() -> None:
    """Makes the files, scans a tenth of them, then all of them twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where to make them; default: the system's temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hashaudit-soak-", dir=options.folder) as folder:
        os.environ["HOME"] = folder
        begun_s = time.monotonic()
        tree = Path(folder) / "tree"
        wanted = make_tree(tree, options.files)
        print(f"made {options.files:,} files in {time.monotonic() - begun_s:.0f} s", flush=True)
        rows = [
            ("a tenth", scan(Path(folder), "tenth", tree / TENTH, wanted)),
            ("all", scan(Path(folder), "first", tree, wanted, cache="cache")),
            ("all again", scan(Path(folder), "second", tree, wanted, cache="cache")),
        ]
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d', time.gmtime())}")
        print("| run | files | lines | wall s | files/s | read by workers | read from files | parent | worker |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        for name, ran in rows:
            seen = ran.totals["seen"]
            print(
                f"| {name} | {seen:,} | {ran.lines:,} | {ran.wall_s:.0f} | {seen / ran.wall_s:,.0f} "
                f"| {ran.read_bytes / 1e6:,.1f} MB | {int(ran.totals['bytes']) / 1e6:,.1f} MB "
                f"| {ran.parent_kib / 1024:.0f} MiB | {ran.workers_kib / 1024:.0f} MiB |"
            )
        first, second = rows[1][1].totals, rows[2][1].totals
        changing = {"bytes", "recalled"}
        same = {name: first[name] == second.get(name) for name in first if name not in changing}
        assert all(same.values()), same


def make_tree(folder: Path, files: int) -> Path:
    """A tree of so many files, and a list of some of them."""
    source = random.Random(1)
    wanted = []
    for number in range(files):
        part = TENTH if number < files // 10 else "rest"
        below = (
            folder / part / f"{number // FILES_IN_FOLDER // 20:04}" / f"{number // FILES_IN_FOLDER % 20:02}" / "files"
        )
        if number % FILES_IN_FOLDER == 0:
            below.mkdir(parents=True)
        content = source.randbytes(source.choice([16, 200, 1000]))
        with open(below / f"{number:07}", "wb") as file:
            if number % BROKEN_SHARE == 1:
                content = BROKEN_PICTURE + content[:8]
            file.write(content)
            if number % SPARSE_SHARE == 2:
                file.truncate(SPARSE_BYTES)
        if number % HIT_SHARE == 0:
            wanted.append(hashlib.sha256(content).hexdigest())
    listed = folder.parent / "list.txt"
    listed.touch(0o600)
    listed.write_text("".join(f"{digest}\n" for digest in wanted))
    return listed


def scan(folder: Path, name: str, root: Path, wanted: Path, cache: str | None = None) -> Ran:
    """Scans and watches the processes."""
    output = folder / f"{name}.jsonl"
    words: list[str | Path] = [COMMAND, "scan", root, "--list", wanted, "-a", "pdq", "-q", "-o", output]
    if cache is not None:
        words += ["--cache", folder / cache]
    begun_s = time.monotonic()
    parent_kib = workers_kib = 0
    read: dict[int, int] = {}
    with subprocess.Popen(words) as process:
        while process.poll() is None:
            parent_kib = max(parent_kib, field(process.pid, "status", "VmHWM"))
            for worker in children(process.pid):
                workers_kib = max(workers_kib, field(worker, "status", "VmHWM"))
                read[worker] = max(read.get(worker, 0), field(worker, "io", "rchar"))
            time.sleep(POLL_S)
    assert process.returncode == 24, process.returncode
    wall_s = time.monotonic() - begun_s
    lines = output.read_bytes().splitlines()
    totals = json.loads(json.loads(lines[-1])["body"])["totals"]
    assert subprocess.run([COMMAND, "verify", "--json", output], stdout=subprocess.DEVNULL, check=False).returncode == 0
    return Ran(wall_s, parent_kib, workers_kib, sum(read.values()), totals, len(lines))


def children(pid: int) -> list[int]:
    """The worker processes."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def field(pid: int, name: str, wanted: str) -> int:
    """A number from one of a process's files."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii", errors="replace") as file:
            for line in file:
                key, _, rest = line.partition(":")
                if key == wanted:
                    return int(rest.split()[0])
    except (OSError, ValueError):
        pass
    return 0


if __name__ == "__main__":
    main()
