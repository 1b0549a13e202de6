"""Scans on a Dask cluster of one and of two workers on this machine, beside scans without one; memory by entries.

    python benchmarks/cluster.py [--rounds 3] [--only small,large,pictures,waiting,memory] [--memory 10000,1000000]

The scheduler and the workers are programs of their own; each worker has one thread and examines with one process. The
time is of the whole command, with connecting, sending the list and leaving the cluster; ``start`` is that alone.
``waiting`` plugs a hasher in that waits 10 ms a picture: it shows what the engine adds where processors are not short.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
LARGE_FILES, LARGE_BYTES = 8, 256 << 20
PICTURES = 1000
LIST_ENTRIES = 10_000
SEED = 20_26
START_S = 60.0
WAITING = """
import time

class Waiting:
    name, length_bytes, needs, metric, threshold = "waiting", 8, "luma", "hamming", 4

    def hash(self, pixels):
        time.sleep(0.01 / 16)  # called for eight orientations, with a border and without
        return bytes(8)
"""


class Timing(NamedTuple):
    """Of one command."""

    wall_s: float
    peak_kib: int


def main() -> None:
    """Runs what was asked for and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="small,large,pictures,waiting,memory")
    parser.add_argument("--files", type=int, default=40_000)
    parser.add_argument("--memory", default="10000,1000000", help="numbers of entries")
    parser.add_argument("--folder", type=Path, help="where to make the trees; default: a temporary folder")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    with tempfile.TemporaryDirectory(prefix="hashaudit-bench-", dir=arguments.folder) as name:
        work = Path(name)
        os.environ["XDG_CONFIG_HOME"] = str(work / "config")
        subprocess.run([HASHAUDIT, "keys", "new"], check=True, stdout=subprocess.DEVNULL)
        listed = make_list(work / "list.txt")
        if "small" in wanted:
            make_small(work / "small", arguments.files)
            compare(work, work / "small", listed, arguments.rounds)
            shutil.rmtree(work / "small")
        if "large" in wanted:
            make_large(work / "large")
            compare(work, work / "large", listed, arguments.rounds)
            shutil.rmtree(work / "large")
        if "pictures" in wanted:
            make_pictures(work / "pictures")
            compare(work, work / "pictures", listed, arguments.rounds, "-a", "pdq")
            shutil.rmtree(work / "pictures")
        if "waiting" in wanted:
            make_pictures(work / "waiting", (32, 32))
            (work / "waiting_hasher.py").write_text(WAITING)
            os.environ["PYTHONPATH"] = str(work)
            compare(work, work / "waiting", listed, arguments.rounds, "--hasher", "waiting_hasher:Waiting")
        if "memory" in wanted:
            compare_memory(work, listed, [int(count) for count in arguments.memory.split(",")])


def make_list(path: Path) -> Path:
    """A list of nothing that is in the trees."""
    path.write_text("".join(hashlib.sha256(b"absent %d" % number).hexdigest() + "\n" for number in range(LIST_ENTRIES)))
    path.chmod(0o600)
    return path


def make_small(folder: Path, count: int) -> None:
    """Files of log-normal size around 5 KiB, 400 in a folder."""
    source = random.Random(SEED)
    content = source.randbytes(16 << 20)
    for number in range(count):
        below = folder / f"{number // 400:03d}"
        below.mkdir(parents=True, exist_ok=True)
        size = int(min(8 << 20, source.lognormvariate(8.5, 1.5)))
        start = source.randrange(len(content) - size)
        (below / f"file-{number:05d}").write_bytes(content[start : start + size])


def make_large(folder: Path) -> None:
    """Eight files of 256 MiB."""
    folder.mkdir()
    block = random.Random(SEED).randbytes(16 << 20)
    for number in range(LARGE_FILES):
        with open(folder / f"large-{number}", "wb") as file:
            file.write(number.to_bytes(8, "little"))
            file.writelines([block] * (LARGE_BYTES // len(block)))


def make_pictures(folder: Path, size_px: tuple[int, int] = (1632, 1224)) -> None:
    """Pictures, of two megapixels unless said otherwise: blurred noise, which compresses about as photographs do."""
    # Here, not above: a child's peak memory counts what this process holds when it starts it.
    import numpy as np  # noqa: PLC0415 # as above
    from PIL import Image  # noqa: PLC0415 # as above

    folder.mkdir()
    source = np.random.default_rng(SEED)
    for number in range(PICTURES):
        small = source.integers(0, 256, (45, 60, 3), np.uint8)
        picture = Image.fromarray(small).resize(size_px, Image.Resampling.BICUBIC)
        picture.save(folder / f"picture-{number:04d}.jpg", quality=85)


def make_many(folder: Path, count: int) -> None:
    """Files of a few bytes."""
    for number in range(count):
        below = folder / f"{number // 1000:04d}"
        if number % 1000 == 0:
            below.mkdir(parents=True)
        (below / f"{number:07d}").write_bytes(b"%d" % number)


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, int]]:
    """A cluster on loopback: the scheduler's address and process."""
    folder.mkdir(exist_ok=True)
    told = folder / "scheduler.json"
    told.unlink(missing_ok=True)
    log = open(folder / "log", "wb")  # noqa: SIM115 # closed with the programs
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told), "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(log)

        def start(kind: str, *words: str) -> int:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
            program = stack.enter_context(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
            stack.callback(program.kill)
            return program.pid

        pid = start(*scheduler)
        wait_for(told.exists)
        time.sleep(0.2)
        address = str(json.loads(told.read_text())["address"])
        for _ in range(workers):
            start("worker", address, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        wait_for(lambda: (folder / "log").read_bytes().count(b"Register worker addr") == workers)
        yield address, pid


def wait_for(condition: object) -> None:
    """Waits until a condition holds."""
    assert callable(condition)
    end_s = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def scan(work: Path, tree: Path, listed: Path, *words: str) -> Timing:
    """One scan, and what it took."""
    output = work / "findings.jsonl"
    for path in work.glob("findings.jsonl*"):
        path.unlink()
    begun_s = time.monotonic()
    process = subprocess.Popen([HASHAUDIT, "scan", tree, "--list", listed, "-o", output, "-q", *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Timing(time.monotonic() - begun_s, usage.ru_maxrss)


def compare(work: Path, tree: Path, listed: Path, rounds: int, *more: str) -> None:
    """The same tree with one and two processes, here and on a cluster; in turn."""
    nothing = work / "one file"
    nothing.mkdir(exist_ok=True)
    (nothing / "file").write_bytes(b"x")
    times: dict[str, list[float]] = {}
    for _ in range(rounds + 1):  # the first round warms the page cache
        for count in (1, 2):
            times.setdefault(f"here, {count}", []).append(scan(work, tree, listed, "-j", str(count), *more).wall_s)
            with cluster(work / "cluster", count) as (address, _):
                words = ["--executor", "dask", "--scheduler", address, *more]
                scan(work, nothing, listed, *words)  # workers import the program at the first run
                start_s = scan(work, nothing, listed, *words).wall_s
                times.setdefault(f"Dask, {count}", []).append(scan(work, tree, listed, *words).wall_s)
                times.setdefault(f"Dask, {count}, start alone", []).append(start_s)
    print(f"\n## {tree.name} files\n\n| processes | wall s | without the start |\n|---|---:|---:|")
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    for name, median_s in medians.items():
        rest_s = median_s - medians.get(f"{name}, start alone", 0.0)
        print(
            f"| {name} | {median_s:.2f} | {rest_s:.2f} |" if "start" not in name else f"| {name} | {median_s:.2f} | |"
        )
    one, two = (medians[f"Dask, {count}"] - medians[f"Dask, {count}, start alone"] for count in (1, 2))
    print(f"\nfrom one worker to two: {one / two:.2f} times as fast", flush=True)


def compare_memory(work: Path, listed: Path, counts: list[int]) -> None:
    """Peak memory of the command and resident memory of the scheduler, by the number of entries."""
    print("\n## memory\n\n| entries | wall s | command, peak MiB | scheduler, MiB |\n|---:|---:|---:|---:|")
    for count in counts:
        tree = work / "many"
        make_many(tree, count)
        with cluster(work / "cluster", 2) as (address, pid):
            wall_s, peak_kib = scan(work, tree, listed, "--executor", "dask", "--scheduler", address)
            print(f"| {count:,} | {wall_s:.1f} | {peak_kib / 1024:.1f} | {resident_mib(pid):.1f} |", flush=True)
        shutil.rmtree(tree)


def resident_mib(pid: int) -> float:
    """Memory of a process."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
