"""What the workers' sandbox costs: ``python benchmarks/sandbox.py [--rounds N] [--pictures N] [--files N]``.

The same pool examines the same generated tree with and without the layers, in turn and in changing order, from when the
workers are ready until the last answer. Prints the medians of processor time of the workers, which other load on the
machine disturbs less than wall time, and of each round's ratio.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hashaudit.host.files import stat_of
from hashaudit.host.sandbox import sandbox
from hashaudit.model.entry import Entry
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.local.pool import Pool
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.protocol import PerceptualConfig, WorkerConfig
from hashaudit.workers.tasks import Completed, Task

UNIT_FILES = 64
SIDE_PX = (1600, 1200)
FILE_BYTES = 4096


def make_pictures(folder: Path, count: int) -> None:
    """Photograph-like JPEGs: smooth with noise."""
    random = np.random.default_rng(1)
    width, height = SIDE_PX
    for number in range(count):
        coarse = random.integers(0, 255, (height // 100, width // 100, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize(SIDE_PX, Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = np.clip(smooth + random.integers(-8, 8, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.jpg", quality=85)


def make_files(folder: Path, count: int) -> None:
    """Small files of random bytes."""
    for number in range(count):
        (folder / str(number)).write_bytes(os.urandom(FILE_BYTES))


def tasks(folder: Path) -> list[Task[None]]:
    """One for each file."""
    above = os.stat(folder)
    ref = DirectoryRef(os.fsencode(folder), above.st_dev, above.st_ino)
    items = sorted(os.scandir(folder), key=lambda entry: entry.name)
    entries = (Entry(Location(ref, os.fsencode(item.name)), stat_of(item.stat())) for item in items)
    return [Task(None, entry, report=False) for entry in entries]


def processor_s(pids: list[int]) -> float:
    """Processor time that processes have used, by the scheduler's own count in nanoseconds."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def run(config: WorkerConfig, folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of one pass."""
    work = tasks(folder)
    with Pool[None](workers=1, deadlines=Deadlines(120, 60)) as pool:
        pool.begin(config)
        layers = pool.wait_ready()
        assert (config.sandbox is None) == bool(sandbox.missing(layers)), layers
        pids = [worker.process.process.pid for worker in pool._workers]  # noqa: SLF001 # a benchmark looks inside
        before = time.perf_counter(), processor_s(pids)
        for start in range(0, len(work), UNIT_FILES):
            pool.submit(work[start : start + UNIT_FILES])
        done = 0
        while not pool.idle:
            done += sum(len(event.tasks) for event in pool.collect() if isinstance(event, Completed))
        after = time.perf_counter(), processor_s(pids)
        assert done == len(work)
    return after[0] - before[0], after[1] - before[1]


def compare(name: str, folder: Path, plans: tuple[WorkerConfig, WorkerConfig], rounds: int) -> None:
    """Prints one row."""
    free: list[tuple[float, float]] = []
    caged: list[tuple[float, float]] = []
    for number in range(rounds):
        pair = ((plans[0], free), (plans[1], caged))
        for config, results in pair if number % 2 else reversed(pair):
            results.append(run(config, folder))
    wall, used = ([after[at] / before[at] for before, after in zip(free, caged, strict=True)] for at in (0, 1))
    medians = [statistics.median(row[1] for row in rows) for rows in (free, caged)]
    print(
        f"| {name} | {medians[0]:.2f} | {medians[1]:.2f} | {statistics.median(used):.3f}"
        f" ({min(used):.3f}-{max(used):.3f}) | {statistics.median(wall):.3f} |",
        flush=True,
    )


def main() -> None:
    """Makes the trees and compares."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--files", type=int, default=40_000)
    options = parser.parse_args()
    names = tuple(map(AlgorithmName, ("pdq",)))
    pictures = PerceptualConfig(names, {}, 50, 33, "all", 60.0, ())
    print(f"layers: {', '.join(sandbox.available())}")
    print("| | without, s | with, s | ratio, processor | ratio, wall |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        for name, make, count, perceptual in (
            (f"{options.pictures} pictures of 2 MP, PDQ", make_pictures, options.pictures, pictures),
            (f"{options.files} files of {FILE_BYTES} bytes, sha256", make_files, options.files, None),
        ):
            folder = Path(temporary, str(count))
            folder.mkdir()
            make(folder, count)
            algorithms = (AlgorithmName("sha256"),)
            free = WorkerConfig(algorithms, report_all=False, indexes=(), perceptual=perceptual)
            restricted = sandbox.Sandbox((os.fsencode(folder),), sandbox.DEFAULT_MEMORY_BYTES)
            caged = WorkerConfig(algorithms, report_all=False, indexes=(), perceptual=perceptual, sandbox=restricted)
            compare(name, folder, (free, caged), options.rounds)


if __name__ == "__main__":
    main()
