"""``make bench``: hashaudit beside its peers, in turn in one run; prints median ratios and peak memory.

Makes its own trees (40,000 small files of log-normal size; 8 x 256 MiB), warms the page cache, runs every command once
a round, and reports medians over the rounds. hashaudit runs as users run it: with a list to match, stability checks and
signing. Peers that are not installed are left out and named.

    python benchmarks/scan.py [--rounds 5] [--only start,small,large,memory,index,pictures] [--folder DIR]
                              [--against COMMAND]

``index`` and ``pictures`` scan with a list of one entry and one of ``--millions`` entries (10); pictures are made up.
"""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
BARE_LOOP = str(Path(__file__).with_name("bare_loop.py"))
SMALL_FILES = 40_000
LARGE_FILES, LARGE_BYTES = 8, 256 << 20
LIST_ENTRIES = 10_000
START_ENTRIES = (1, 10_000, 100_000)
MEMORY_FILES = (10_000, 1_000_000)
FINDINGS_EXIT = 8
SEED = 20_26
PICTURES, PICTURE_SIDES_PX = 100, (4000, 3000)


class Peer(NamedTuple):
    """One command to time."""

    name: str
    command: list[str]


class Timing(NamedTuple):
    """Medians over the rounds."""

    wall_s: float
    cpu_s: float
    peak_kib: int
    """Largest single process of the command."""


def main() -> None:
    """Runs what was asked for and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="start,small,large,memory")
    parser.add_argument("--folder", type=Path, help="where to make the trees; default: a temporary folder")
    parser.add_argument("--against", help="the hashaudit command of another environment, for the start-up")
    parser.add_argument("--millions", type=int, default=10, help="entries of the large lists")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    print(f"{os.cpu_count()} processors, {platform_line()}, {time.strftime('%Y-%m-%d', time.gmtime())}")
    with tempfile.TemporaryDirectory(prefix="hashaudit-bench-", dir=arguments.folder) as name:
        work = Path(name)
        os.environ["XDG_CONFIG_HOME"] = str(work / "config")
        subprocess.run([HASHAUDIT, "keys", "new"], check=True, stdout=subprocess.DEVNULL)
        listed = make_list(work / "list.txt")
        if "start" in wanted:
            bench_start(work, arguments.rounds, arguments.against)
        if "small" in wanted:
            make_small(work / "small")
            bench_tree(work, work / "small", listed, arguments.rounds)
            shutil.rmtree(work / "small")
        if "large" in wanted:
            make_large(work / "large")
            bench_tree(work, work / "large", listed, arguments.rounds)
            shutil.rmtree(work / "large")
        if "memory" in wanted:
            bench_memory(work, listed)
        if "index" in wanted:
            make_small(work / "small")
            bench_lists(work, work / "small", "sha256", arguments)
            shutil.rmtree(work / "small")
        if "pictures" in wanted:
            make_pictures(work / "pictures")
            bench_lists(work, work / "pictures", "pdq", arguments)


def platform_line() -> str:
    """Processor and kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, Linux {os.uname().release}"


def make_list(path: Path, entries: int = LIST_ENTRIES) -> Path:
    """A sha256 list of nothing that is in the trees."""
    path.write_text("".join(hashlib.sha256(b"absent %d" % number).hexdigest() + "\n" for number in range(entries)))
    path.chmod(0o600)
    return path


def make_small(folder: Path) -> None:
    """40,000 files in 100 folders; sizes log-normal around 5 KiB, at most 8 MiB."""
    source = random.Random(SEED)
    content = source.randbytes(16 << 20)
    for number in range(SMALL_FILES):
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


def hashaudit(work: Path, tree: Path, listed: Path, *more: str) -> list[str]:
    """A scan as users run it; its output is removed before each run."""
    output = str(work / "findings.jsonl")
    again = 'rm -f "$0" "$0.sig"; exec "$@"'
    return ["sh", "-c", again, output, HASHAUDIT, "scan", str(tree), "--list", str(listed), "-o", output, "-q", *more]


def bench_tree(work: Path, tree: Path, listed: Path, rounds: int) -> None:
    """sha256 beside all peers, then md5+sha1+sha256 beside hashdeep."""
    os.sync()  # the kernel would write the new files during the first rounds
    count = str(os.cpu_count() or 1)
    root = str(tree)
    per_call = "1" if tree.name == "large" else "200"

    def each(*program: str) -> list[str]:
        script = f'find "$0" -type f -print0 | xargs -0 -n {per_call} -P {count} "$@"'
        return ["sh", "-c", script, root, *program]

    one = [
        Peer("hashaudit", hashaudit(work, tree, listed)),
        Peer("bare loop in Python", [sys.executable, BARE_LOOP, root]),
        Peer("hashdeep", ["hashdeep", "-r", "-c", "sha256", root]),
        Peer("hashdeep -j0", ["hashdeep", "-j0", "-r", "-c", "sha256", root]),
        Peer("xargs sha256sum", each("sha256sum")),
        Peer("xargs openssl", each("openssl", "dgst", "-sha256")),
        Peer("rclone", ["rclone", "hashsum", "sha256", "--checkers", count, root]),
        Peer("b3sum (BLAKE3)", each("b3sum", "--num-threads", "1")),
    ]
    report(f"{tree.name} files, sha256", one, rounds)
    three = [
        Peer("hashaudit", hashaudit(work, tree, listed, "-a", "md5,sha1")),
        Peer("hashdeep", ["hashdeep", "-r", "-c", "md5,sha1,sha256", root]),
        Peer("hashdeep -j0", ["hashdeep", "-j0", "-r", "-c", "md5,sha1,sha256", root]),
    ]
    report(f"{tree.name} files, md5+sha1+sha256", three, rounds)


def bench_start(work: Path, rounds: int, against: str | None) -> None:
    """How long the command takes beside an empty Python, where it has next to nothing to do."""
    nothing = work / "one file"
    nothing.mkdir()
    (nothing / "file").write_bytes(b"x")
    lists = [make_list(work / f"{entries}.txt", entries) for entries in START_ENTRIES]
    peers = [Peer("python -c pass", [sys.executable, "-c", "pass"])]
    for label, program in (("", HASHAUDIT), *([("other ", against)] if against else [])):
        peers += [
            Peer(f"{label}--version", [program, "--version"]),
            Peer(f"{label}scan --help", [program, "scan", "--help"]),
        ]
        for path in lists:
            words = [program, "scan", str(nothing), "--list", str(path), "--unsigned", "-q"]
            peers.append(Peer(f"{label}scan of one file, list of {int(path.stem):,}", words))
    report("start", peers, max(rounds, 9))


def bench_memory(work: Path, listed: Path) -> None:
    """The parent's peak memory over trees of very different size."""
    print("\n## memory of the parent process\n\n| files | wall s | peak MiB |\n|---:|---:|---:|")
    peaks = []
    for count in MEMORY_FILES:
        tree = work / "many"
        for number in range(count):
            below = tree / f"{number // 100_000:03d}" / f"{number // 1000 % 100:03d}"
            if number % 1000 == 0:
                below.mkdir(parents=True)
            (below / f"file-{number:07d}").write_bytes(b"%d" % number)
        wall_s, peak_kib = watched(hashaudit(work, tree, listed))
        peaks.append(peak_kib)
        print(f"| {count:,} | {wall_s:.1f} | {peak_kib / 1024:.1f} |", flush=True)
        shutil.rmtree(tree)
    print(f"\ndifference: {(peaks[-1] - peaks[0]) / 1024:.1f} MiB")


def make_pictures(folder: Path) -> None:
    """Pictures of twelve megapixels: blurred noise, which compresses about as photographs do."""
    # Here, not above: a child's peak memory counts what this process holds when it starts it.
    import numpy as np  # noqa: PLC0415 # as above
    from PIL import Image  # noqa: PLC0415 # as above

    folder.mkdir()
    source = np.random.default_rng(SEED)
    for number in range(PICTURES):
        small = source.integers(0, 256, (90, 120, 3), np.uint8)
        picture = Image.fromarray(small).resize(PICTURE_SIDES_PX, Image.Resampling.BICUBIC)
        picture.save(folder / f"picture-{number:03d}.jpg", quality=85)


def make_large_list(work: Path, algorithm: str, millions: int) -> Path:
    """A compiled list of random hashes, each with half of its bits set where it is PDQ."""
    import numpy as np  # noqa: PLC0415 # as in make_pictures

    text = work / "large.txt"
    source = np.random.default_rng(SEED)
    with open(text, "w", encoding="ascii") as file:
        for _ in range(millions * 10):
            block = source.integers(0, 256, (100_000, 32), np.uint8)
            if algorithm == "pdq":
                block[:, 16:] = ~block[:, :16]
            digits = block.tobytes().hex()
            file.writelines(digits[place : place + 64] + "\n" for place in range(0, len(digits), 64))
    text.chmod(0o600)
    index = work / "large.hai"
    start_s = time.perf_counter()
    subprocess.run([HASHAUDIT, "lists", "build", f"{algorithm}={text}", "-o", str(index), "-q"], check=True)
    size = index.stat().st_size
    taken_s = time.perf_counter() - start_s
    print(f"\nbuilt {millions} M {algorithm} entries in {taken_s:.1f} s, {size / millions / 1e6:.1f} bytes each")
    text.unlink()
    return index


def bench_lists(work: Path, tree: Path, algorithm: str, arguments: argparse.Namespace) -> None:
    """The same scan with a list of one entry and with a large one; memory of a worker with each."""
    one = work / "one.txt"
    one.write_text("0f" * 32 + "\n")
    one.chmod(0o600)
    large = make_large_list(work, algorithm, arguments.millions)
    nothing = work / "one file"
    nothing.mkdir(exist_ok=True)
    (nothing / "file").write_bytes(b"x")
    lists = {"hashaudit, 1 entry": f"{algorithm}={one}", f"hashaudit, {arguments.millions} M": str(large)}
    report(
        f"{tree.name}: scan with a {algorithm} list",
        [Peer(name, hashaudit(work, tree, Path(spec))) for name, spec in lists.items()],
        arguments.rounds,
    )
    report(
        f"start: scan of one file with a {algorithm} list",
        [Peer(name, hashaudit(work, nothing, Path(spec))) for name, spec in lists.items()],
        arguments.rounds,
    )
    for name, spec in lists.items():
        print(f"private memory of a worker, {name}: {private_mib(hashaudit(work, tree, Path(spec))):.1f} MiB")
    large.unlink()


def private_mib(command: Sequence[str]) -> float:
    """The most memory that a child of the command is seen to have for itself, pages of a mapped list not counted."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most_kib = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                children = file.read().split()
            for child in children:
                with open(f"/proc/{child}/smaps_rollup") as file:
                    kib = sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))
                most_kib = max(most_kib, kib)
        except (FileNotFoundError, ProcessLookupError):
            continue
        time.sleep(0.02)
    process.wait()
    return most_kib / 1024


def watched(command: Sequence[str]) -> tuple[float, int]:
    """Wall time and peak resident size (KiB) of the command's own process, its children not counted."""
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak_kib = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        peak_kib = max(peak_kib, int(line.split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.02)
    process.wait()
    return time.perf_counter() - start_s, peak_kib


def report(title: str, peers: Sequence[Peer], rounds: int) -> None:
    """Times the peers in turn and prints medians, and each peer's time over hashaudit's, round by round."""
    here = [peer for peer in peers if is_installed(peer)]
    runs: dict[str, list[Timing]] = {peer.name: [] for peer in here}
    for turn in range(rounds + 1):
        for peer in here:
            timing = timed(peer.command)
            if turn:  # the first round warms the page cache
                runs[peer.name].append(timing)
    first = runs[here[0].name]
    print(f"\n## {title} ({rounds} rounds)\n\n| command | wall s | cpu s | peak MiB | times {here[0].name} |")
    print("|---|---:|---:|---:|---:|")
    for peer in here:
        mine = runs[peer.name]
        ratio = statistics.median(other.wall_s / own.wall_s for other, own in zip(mine, first, strict=True))

        def median(of: Callable[[Timing], float], timings: list[Timing] = mine) -> float:
            return statistics.median(of(timing) for timing in timings)

        wall_s, cpu_s, peak = median(lambda t: t.wall_s), median(lambda t: t.cpu_s), median(lambda t: t.peak_kib)
        print(f"| {peer.name} | {wall_s:.3f} | {cpu_s:.3f} | {peak / 1024:.0f} | {ratio:.2f} |", flush=True)
    for name in sorted({peer.name for peer in peers} - set(runs)):
        print(f"\nnot installed: {name}")


def is_installed(peer: Peer) -> bool:
    """Whether the program that a peer needs is on PATH."""
    program = peer.name.removeprefix("xargs ").split()[0].rstrip(",")
    return os.path.isabs(peer.command[0]) or program == "hashaudit" or shutil.which(program) is not None


def timed(command: Sequence[str]) -> Timing:
    """Runs a command once; an exit code that is neither 0 nor "findings" ends the benchmark."""
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, FINDINGS_EXIT}:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Timing(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


if __name__ == "__main__":
    main()
