"""A scan with a cache: the first run, the second, and one without, over many small files and some pictures.

    python benchmarks/cache.py [--files 200000] [--pictures 200] [--rounds 3] [--folder DIR]

Prints wall and processor time, bytes read, the parent's peak memory, and the size of the cache: medians, and the least
processor time, which other load disturbs less. ``start`` is a scan of an empty directory with the cache.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
FILES_IN_FOLDER = 100
MEDIAN_BYTES = 5 * 1024
PICTURE_SIDE_PX = 1200
RACY_S = 2.5
"""Longer than a cache distrusts what has just been written."""
SEED = 20_26


class Measured(NamedTuple):
    """One run."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    bytes_read: int
    from_cache: int


def main() -> None:
    """Makes the trees, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to make the trees; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hashaudit-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        make_files(folder / "files", arguments.files)
        make_pictures(folder / "pictures", arguments.pictures)
        listed = folder / "list.txt"
        listed.touch(mode=0o600)
        listed.write_text(hashlib.sha256(b"never").hexdigest() + "\n")
        os.sync()  # nothing is cached of a file whose pages are not on storage
        time.sleep(RACY_S)
        words: list[str | Path] = [folder / "files", "--list", listed]
        report(f"{arguments.files:,} small files, sha256", folder, words, arguments)
        if not arguments.pictures:
            return
        words = [folder / "pictures", "--list", listed, "-a", "pdq"]
        report(f"{arguments.pictures:,} pictures, PDQ in all variants", folder, words, arguments)


def report(title: str, folder: Path, words: Sequence[str | Path], arguments: argparse.Namespace) -> None:
    """Runs each way in turn and prints medians."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    files = sum(1 for path in Path(words[0]).rglob("*") if path.is_file() and path.read_bytes())  # into memory
    ways: dict[str, list[Measured]] = {"start": [], "without": [], "first": [], "second": []}
    cache = folder / "cache.db"
    for _ in range(arguments.rounds):
        ways["without"].append(run(folder, words))
        cache.unlink(missing_ok=True)
        ways["first"].append(run(folder, [*words, "--cache", cache]))
        ways["second"].append(run(folder, [*words, "--cache", cache]))
        ways["start"].append(run(folder, [empty, *words[1:], "--cache", cache]))
    print(f"\n{title}; cache of {cache.stat().st_size / (1 << 20):.1f} MiB")
    print(
        "| run | wall s | processor s | parent's peak MiB | MiB read | from the cache |\n|---|---:|---:|---:|---:|---:|"
    )
    for name, measured in ways.items():
        wall, cpu, peak, read, from_cache = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.1f} | {read / (1 << 20):.1f} | {from_cache:,.0f} |")
    assert ways["second"][0].bytes_read == 0
    least = {name: min(one.cpu_s for one in measured) for name, measured in ways.items()}
    each_us = {name: (value - least["start"]) / files * 1e6 for name, value in least.items() if name != "start"}
    print(f"\nleast processor time: first / without {least['first'] / least['without']:.2f}; us a file without start: ")
    print(", ".join(f"{name} {value:.1f}" for name, value in each_us.items()))


def run(folder: Path, words: Sequence[str | Path]) -> Measured:
    """Scans once."""
    output = folder / "findings.jsonl"
    output.unlink(missing_ok=True)
    environment = {**os.environ, "HOME": str(folder)}
    start_s = time.monotonic()
    process = subprocess.Popen([HASHAUDIT, "scan", *words, "--unsigned", "-q", "-o", output], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - start_s
    assert process.returncode in {0, 16}  # a scan of nothing has a fault
    totals = json.loads(json.loads(output.read_text().splitlines()[-1])["body"])["totals"]
    # The workers are the parent's children: wait4 counts their processor time, and of memory the parent's alone.
    cpu_s = usage.ru_utime + usage.ru_stime
    return Measured(wall_s, cpu_s, usage.ru_maxrss / 1024, totals["bytes"], totals.get("from_cache", 0))


def make_files(folder: Path, count: int) -> None:
    """Files of log-normal size in folders of a hundred."""
    dice = random.Random(SEED)
    block = dice.randbytes(1 << 20)
    for number in range(count):
        place = folder / f"{number // FILES_IN_FOLDER:05d}"
        if number % FILES_IN_FOLDER == 0:
            place.mkdir(parents=True)
        size = min(int(dice.lognormvariate(0, 1) * MEDIAN_BYTES), len(block))
        (place / f"file-{number:07d}.dat").write_bytes(number.to_bytes(8) + block[:size])


def make_pictures(folder: Path, count: int) -> None:
    """JPEG pictures of smoothed noise."""
    folder.mkdir()
    dice = np.random.default_rng(SEED)
    for number in range(count):
        noise = Image.fromarray(dice.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        noise.resize((PICTURE_SIDE_PX, PICTURE_SIDE_PX * 3 // 4), Image.Resampling.BICUBIC).save(
            folder / f"picture-{number:05d}.jpg", quality=90
        )


if __name__ == "__main__":
    main()
