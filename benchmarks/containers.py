"""Measures scans of archives beside bsdtar, the cost of looking for containers, and the memory for many members.

Processor time of all processes is compared, because the wall time of one archive is that of one worker. The programs
alternate; the least of all rounds counts, and that of ``--inside none`` is the start of a scan with its one file.

    python benchmarks/containers.py [--rounds 3] [--members 20000] [--memory 10000,100000,1000000] [--directory DIR]
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("hashaudit"))
PLAIN_FILES = 40_000


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--memory", default="10000,100000,1000000")
    parser.add_argument("--directory", default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        root = Path(directory)
        compare(root, given.members, given.rounds)
        memory(root, [int(count) for count in given.memory.split(",") if count])


def compare(root: Path, members: int, rounds: int) -> None:
    """Prints processor seconds of scans and of their peers."""
    listed = root / "list.txt"
    listed.write_text("a5" * 32 + "\n")
    listed.chmod(0o600)
    make_files(root / "files", members, random.Random(5))
    make_plain(root / "plain", random.Random(6))
    archives = {"zip": root / "zip" / "a.zip", "tar.gz": root / "tar" / "a.tar.gz"}
    for path in archives.values():
        path.parent.mkdir()
    with zipfile.ZipFile(archives["zip"], "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted((root / "files").iterdir()):
            zipped.write(file, file.name)
    with tarfile.open(archives["tar.gz"], "w:gz") as tarred:
        tarred.add(root / "files", "files")

    def scan(path: Path, *words: str) -> Callable[[], float]:
        return lambda: processor_s((COMMAND, "scan", str(path), "--list", str(listed), "--unsigned", "-q", *words))

    print(f"\n{members:,} members, processor seconds\n")
    print("| | hashaudit | of it, start | bsdtar -xO and sha256sum | ratio | without start |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, path in archives.items():
        peer = f"bsdtar -xOf '{path}' | sha256sum"
        ours, start, other = least(
            rounds, scan(path), scan(path, "--inside", "none"), partial(processor_s, ("sh", "-c", peer))
        )
        ratios = f"{ours / other:.2f} | {(ours - start) / other:.2f}"
        print(f"| {name} | {ours:.2f} | {start:.2f} | {other:.2f} | {ratios} |")
    with_, without = least(rounds, scan(root / "plain"), scan(root / "plain", "--inside", "none"))
    print(
        f"\n{PLAIN_FILES:,} plain files: {with_:.2f} s, with --inside none {without:.2f} s, {with_ / without - 1:+.1%}"
    )


def memory(root: Path, counts: Sequence[int]) -> None:
    """Prints the peak resident memory of scans of archives with more and more members."""
    print("\n| members | processor s | peak MiB by process |\n|---:|---:|---:|")
    for count in counts:
        path = root / f"many{count}" / "a.zip"
        path.parent.mkdir()
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(zipfile.ZipInfo(f"d/f{number:07}"), b"x%d" % number)
        peaks: dict[int, int] = {}
        output = root / f"{count}.jsonl"
        words = (COMMAND, "scan", str(path), "--record", "all", "--unsigned", "-q", "-o", str(output))
        taken_s = processor_s(words, peaks)
        output.unlink()
        shown = ", ".join(str(kib >> 10) for kib in sorted(peaks.values(), reverse=True)[:3])
        print(f"| {count:,} | {taken_s:.1f} | {shown} |")


def least(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Returns the least of each measure, which alternate."""
    found = [[measure() for measure in measures] for _ in range(rounds)]
    return [min(row[number] for row in found) for number in range(len(measures))]


def processor_s(words: Sequence[str], peaks: dict[int, int] | None = None) -> float:
    """Returns the processor seconds of a command with all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peaks, ended))
        if peaks is not None:
            watcher.start()
        process.wait()
        ended.set()
        if peaks is not None:
            watcher.join()
    if process.returncode not in {0, 16}:
        sys.exit(f"{' '.join(words)}: exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def watch(pid: int, peaks: dict[int, int] | None, ended: threading.Event) -> None:
    """Notes the resident memory of a process and its descendants, in KiB, until it ends."""
    while peaks is not None and not ended.wait(0.05):
        for each in family(pid):
            peaks[each] = max(peaks.get(each, 0), resident_kib(each))


def family(pid: int) -> list[int]:
    """Returns a process and its descendants."""
    try:
        children = [
            child
            for task in os.listdir(f"/proc/{pid}/task")
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        ]
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(int(child)))]


def resident_kib(pid: int) -> int:
    """Returns the resident memory of a process; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def make_files(root: Path, count: int, chance: random.Random, mean_bytes: int = 4200) -> None:
    """Makes files of some 4 KiB, or of another mean size, half of them text."""
    root.mkdir()
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3000)]
    for number in range(count):
        size = min(200_000, int(chance.expovariate(1 / mean_bytes)))
        text = b" ".join(chance.choices(words, k=size // 6 + 1))[:size]
        (root / f"f{number:06}").write_bytes(text if number % 2 else chance.randbytes(size))


def make_plain(root: Path, chance: random.Random) -> None:
    """Makes small text files that are no containers."""
    for number in range(PLAIN_FILES):
        directory = root / f"{number // 400:03}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"p{number:05}.txt").write_bytes(b"%d " % number + b"x" * chance.randrange(4000))


if __name__ == "__main__":
    main()
