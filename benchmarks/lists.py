"""Lists of millions of digests: building, opening and asking the compiled index, beside hashdeep and hfind.

Makes its own lists of random sha256 digests, runs every measurement in a process of its own, prints tables of medians
and ratios, and removes what it made.

    python benchmarks/lists.py [--millions 1,10] [--nsrl-millions 0] [--rounds 3] [--folder DIR]

``--millions 100`` needs 15 GB of space and some minutes. hashdeep and hfind are measured with one million entries,
which is what they take in reasonable time; those that are not installed are named and left out. ``--nsrl-millions``
compiles an SQLite database of so many rows in the shape of the NSRL's minimal sets (10 million: 4 GB).
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.match.exact_match import ExactMatcher
from hashaudit.model.results import AlgorithmName, Role

SHA256 = AlgorithmName("sha256")
DIGEST_BYTES = 32
CHUNK_ENTRIES = 25_000
"""So few that this process stays small: what it holds counts as the peak of each process that it starts."""
SINGLE_LOOKUPS = 300_000
BATCH_LOOKUPS = 1_000_000
HFIND_LOOKUPS = 100_000
LARGEST_REPEATED = 10_000_000
"""Larger lists are built once."""
SEED = 20_26

Item = TypeVar("Item")


class Ran(NamedTuple):
    """One run of a command."""

    wall_s: float
    peak_mib: float
    output: str


def main() -> None:
    """Measures for each size and prints tables; or, called by itself, does one task and prints its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--millions", default="1,10")
    parser.add_argument("--nsrl-millions", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where to make the lists; default: the system's temporary folder")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        name, *rest = arguments.task
        print(json.dumps(TASKS[name](*rest)))
        return
    print(f"{os.cpu_count()} processors, {platform_line()}, {time.strftime('%Y-%m-%d', time.gmtime())}")
    with tempfile.TemporaryDirectory(prefix="hashaudit-bench-", dir=arguments.folder) as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        for millions in (int(part) for part in arguments.millions.split(",") if part):
            bench_size(Path(folder), millions * 1_000_000, arguments.rounds)
        if arguments.nsrl_millions:
            bench_nsrl(Path(folder), arguments.nsrl_millions * 1_000_000)


def platform_line() -> str:
    """Processor and kernel."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")
    return f"{model}, Python {sys.version.split()[0]}"


def bench_size(folder: Path, entries: int, rounds: int) -> None:
    """All measurements with one number of entries."""
    text, index = folder / "list.txt", folder / "list.hai"
    make_text(text, entries)
    rounds = rounds if entries <= LARGEST_REPEATED else 1
    built = [task("build", str(text), str(index)) for _ in range(rounds)]
    used = [json.loads(task("use", str(text), str(index), str(entries)).output) for _ in range(rounds)]
    rows = [
        ("build from text", f"{median(run.wall_s for run in built):.1f} s"),
        ("build, peak memory", f"{max(run.peak_mib for run in built):.0f} MiB"),
        ("index", f"{index.stat().st_size / entries:.1f} bytes an entry (text: {text.stat().st_size / entries:.0f})"),
    ]
    rows += [
        (name, f"{median(run[name] for run in used):,.3g} {unit}") for name, unit in UNITS.items() if name in used[0]
    ]
    print(f"\n## {entries:,} sha256 entries\n\n| | median of {rounds} |\n|---|---:|")
    print("\n".join(f"| {name} | {value} |" for name, value in rows), flush=True)
    if entries == 1_000_000:
        bench_peers(folder, entries, rounds, used)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    text.unlink()
    index.unlink()


UNITS = {
    "open": "ms",
    "load as list of a run": "ms",
    "load the text, first time": "s",
    "load the text, cached": "s",
    "single lookup, miss": "us",
    "single lookup, hit": "us",
    "match of a file on no list": "us",
    "batch lookups, misses": "million/s",
    "memory of a process's own": "MiB",
    "verify": "s",
}


def digests_of_list(entries: int) -> Iterator[bytes]:
    """The list's digests, the same in each process, in chunks."""
    source = random.Random(SEED)
    for begin in range(0, entries, CHUNK_ENTRIES):
        yield source.randbytes(min(CHUNK_ENTRIES, entries - begin) * DIGEST_BYTES)


def make_text(path: Path, entries: int) -> None:
    """A plain list."""
    with path.open("wb") as file:
        path.chmod(0o600)
        for chunk in digests_of_list(entries):
            file.write(chunk.hex("\n", DIGEST_BYTES).encode("ascii") + b"\n")


def task(name: str, *arguments: str) -> Ran:
    """Runs one of :data:`TASKS` in a process of its own."""
    return run([sys.executable, __file__, "--task", name, *arguments])


def run(command: Sequence[str], *, accepted: Sequence[int] = (0,)) -> Ran:
    """Runs a command to its end and tells its wall time and peak memory."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Ran(time.perf_counter() - start, usage.ru_maxrss / 1024, output.decode())


def task_build(text: str, index: str) -> None:
    """Compiles a list."""
    from hashaudit.lists.index.build import build_index  # noqa: PLC0415 - a worker does not load numpy

    build_index([ListSpec(text, Role.DENY)], index)


def task_use(text: str, path: str, entries: str) -> dict[str, float]:
    """Opens the index and asks it, as a worker does; the keys are those of :data:`UNITS`."""
    figures = {"open": 1e3 * best(lambda: ListIndex.open(path))}
    listed = next(digests_of_list(int(entries)))
    hits = [listed[place : place + DIGEST_BYTES] for place in range(0, len(listed), DIGEST_BYTES)]
    source = random.Random(SEED + 1)
    missing = source.randbytes(SINGLE_LOOKUPS * DIGEST_BYTES)
    misses = [missing[place : place + DIGEST_BYTES] for place in range(0, len(missing), DIGEST_BYTES)]
    before_mib = own_memory_mib()
    index = ListIndex.open(path)
    matcher = ExactMatcher([index])
    for digest in misses:
        index.lookup(SHA256, digest)
    figures["memory of a process's own"] = own_memory_mib() - before_mib
    figures["single lookup, miss"] = each_us(lambda digest: index.lookup(SHA256, digest), misses)
    figures["single lookup, hit"] = each_us(lambda digest: index.lookup(SHA256, digest), hits)
    assert all(index.lookup(SHA256, digest) for digest in hits[:1000])
    files = [{SHA256: digest} for digest in misses]
    figures["match of a file on no list"] = each_us(lambda digests: matcher.match(digests, 1), files)
    figures["batch lookups, misses"] = batch_rate(index, source.randbytes(BATCH_LOOKUPS * DIGEST_BYTES), hits[0])
    from hashaudit.lists.load import load_lists  # noqa: PLC0415 - as in task_build

    figures["verify"] = timed(lambda: verify(path))
    figures["load as list of a run"] = 1e3 * best(lambda: load_lists([ListSpec(path, Role.DENY)]).close())
    if int(entries) > LARGEST_REPEATED:
        return figures
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    figures["load the text, first time"] = timed(lambda: load_lists([ListSpec(text, Role.DENY)]).close())
    figures["load the text, cached"] = timed(lambda: load_lists([ListSpec(text, Role.DENY)]).close())
    return figures


def verify(path: str) -> None:
    """Reads and checks the whole index."""
    from hashaudit.lists.index.verify_index import verify_index  # noqa: PLC0415 - as in task_build

    verify_index(ListIndex.open(path))


def batch_rate(index: ListIndex, digests: bytes, listed: bytes) -> float:
    """Million lookups a second, one digest among them that is on the list."""
    from hashaudit.lists.index.batch_lookup import lookup_many  # noqa: PLC0415 - as in task_build

    found: list[int] = []

    def ask() -> None:
        found[:] = [number for number, _ in lookup_many(index, SHA256, digests + listed)]

    seconds = best(ask, 3)
    assert found == [BATCH_LOOKUPS]
    return BATCH_LOOKUPS / seconds / 1e6


def own_memory_mib() -> float:
    """Memory of this process that is not shared with others through the page cache."""
    rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return int(rollup.partition("\nAnonymous:")[2].split()[0]) / 1024


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[], object], rounds: int = 9) -> float:
    """Median seconds over some rounds."""
    return median(timed(work) for _ in range(rounds))


def each_us(work: Callable[[Item], object], items: Sequence[Item]) -> float:
    """Microseconds for each item, the loop itself and the call of a lambda included."""

    def all_items() -> None:
        for item in items:
            work(item)

    return 1e6 * best(all_items, 3) / len(items)


def median(values: Iterator[float]) -> float:
    """Of some numbers."""
    return statistics.median(values)


TASKS: dict[str, Callable[..., object]] = {"build": task_build, "use": task_use}


def bench_peers(folder: Path, entries: int, rounds: int, used: Sequence[dict[str, float]]) -> None:
    """Measures hashdeep and hfind with as many entries: what it takes until one file, or each digest, is answered."""
    print("\n| beside | wall s | peak MiB | ratio |\n|---|---:|---:|---:|")
    ours = [task("answer", str(folder / "list.hai")) for _ in range(rounds)]
    base_s = median(run.wall_s for run in ours)
    show("hashaudit: start, open, one answer", ours, base_s)
    file = folder / "file"
    file.write_bytes(b"an ordinary file\n")
    if shutil.which("hashdeep"):
        listed = folder / "list.hashdeep"
        with listed.open("w", encoding="ascii") as target:
            target.write("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n")
            for chunk in digests_of_list(entries):
                target.writelines(f"1,{digest},f\n" for digest in chunk.hex("\n", DIGEST_BYTES).split("\n"))
        command = ["hashdeep", "-c", "sha256", "-m", "-k", str(listed), str(file)]
        show("hashdeep -m: start, load, one answer", [run(command, accepted=(0, 1, 2)) for _ in range(rounds)], base_s)
        listed.unlink()
    else:
        print("| hashdeep is not installed | | | |")
    if shutil.which("hfind"):
        bench_hfind(folder, entries, rounds, used)
    else:
        print("| hfind is not installed | | | |")


def show(name: str, runs: Sequence[Ran], base_s: float) -> None:
    """One line of the table of peers."""
    wall_s = median(run.wall_s for run in runs)
    print(f"| {name} | {wall_s:.2f} | {max(run.peak_mib for run in runs):.0f} | {wall_s / base_s:.1f} |", flush=True)


def bench_hfind(folder: Path, entries: int, rounds: int, used: Sequence[dict[str, float]]) -> None:
    """Measures hfind, which knows md5 and sha1 alone: its list has md5 digests."""
    listed, asked = folder / "list.md5", folder / "asked.txt"
    source = random.Random(SEED)
    with listed.open("w", encoding="ascii") as target:
        target.writelines(f"{source.randbytes(16).hex()}  f\n" for _ in range(entries))
    asked.write_text("".join(source.randbytes(16).hex() + "\n" for _ in range(HFIND_LOOKUPS)), encoding="ascii")
    indexed = run(["hfind", "-i", "md5sum", str(listed)])
    print(f"| hfind -i: index | {indexed.wall_s:.2f} | {indexed.peak_mib:.0f} | |")
    answered = [run(["hfind", "-f", str(asked), str(listed)], accepted=(0, 1)) for _ in range(rounds)]
    assert all(run.output.count("\n") == HFIND_LOOKUPS for run in answered)
    each_us = 1e6 * median(run.wall_s for run in answered) / HFIND_LOOKUPS
    ratio = each_us / median(run["single lookup, miss"] for run in used)
    name = f"hfind -f: start, {HFIND_LOOKUPS:,} misses, {each_us:.1f} us each; ratio to a single lookup"
    peak_mib = max(run.peak_mib for run in answered)
    print(f"| {name} | {median(run.wall_s for run in answered):.2f} | {peak_mib:.0f} | {ratio:.1f} |", flush=True)
    for path in folder.glob("list.md5*"):
        path.unlink()


NSRL_TABLE = """
CREATE TABLE FILE (sha256 VARCHAR NOT NULL, sha1 VARCHAR NOT NULL, md5 VARCHAR NOT NULL, crc32 VARCHAR NOT NULL,
    file_name VARCHAR NOT NULL, file_size INTEGER NOT NULL, package_id INTEGER NOT NULL,
    PRIMARY KEY (sha256, sha1, md5, crc32, file_name, file_size, package_id))
"""


def bench_nsrl(folder: Path, rows: int) -> None:
    """Compiles a database in the shape of an RDS version 3 minimal set."""
    database, index = folder / "nsrl.db", folder / "nsrl.hai"
    source = random.Random(SEED)

    def records() -> Iterator[tuple[object, ...]]:
        for number in range(rows):
            # Ascending, so that the primary key is filled from one end.
            hashes = (number << 32).to_bytes(8, "big") + source.randbytes(64)
            parts = (hashes[:32], hashes[32:52], hashes[52:68], hashes[68:])
            yield *(part.hex().upper() for part in parts), f"file-{number % 1000}.dll", number % 100_000, number % 500

    connection = sqlite3.connect(database)
    with connection:
        connection.execute(NSRL_TABLE)
        connection.executemany("INSERT INTO FILE VALUES (?, ?, ?, ?, ?, ?, ?)", records())
    connection.close()
    built = task("build", str(database), str(index))
    print(f"\n## NSRL-shaped database of {rows:,} rows, {database.stat().st_size / 1e9:.2f} GB\n\n| | |\n|---|---:|")
    print(f"| build | {built.wall_s:.0f} s |\n| build, peak memory | {built.peak_mib:.0f} MiB |")
    print(f"| index | {index.stat().st_size / rows:.1f} bytes a row |", flush=True)
    database.unlink()
    index.unlink()


def task_answer(path: str) -> bool:
    """Opens the index for a single question."""
    return bool(ExactMatcher([ListIndex.open(path)]).match({SHA256: bytes(DIGEST_BYTES)}, 1)[0])


TASKS["answer"] = task_answer

if __name__ == "__main__":
    main()
