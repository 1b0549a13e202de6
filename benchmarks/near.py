"""Measures the search of PDQ hashes by distance: ``python benchmarks/near.py``.

Lists of random hashes, and one in which half of the entries are nearly equal. Each measurement runs in a process of its
own. faiss is measured beside it where it can be installed; it goes into a temporary environment.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

WIDTH_BYTES = 32
THRESHOLD = 31
BATCH = 8
"""A picture in its eight orientations."""
BATCHES = 100
PLANTED_SHARE = 4
"""One in so many queries is near to an entry."""
COMPARED_QUERIES = 80
"""As many are answered by comparing with all too: it takes seconds."""
PEER_QUERIES = 160
SEED = 20
CHUNK = 1 << 20
CROWD_BITS = 6
"""Bits in which the entries of the crowd differ from its middle, at most."""

Hashes = npt.NDArray[np.uint8]
LISTS = ("random", "crowded")


def main() -> None:
    """Runs all measurements and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", default="1,10", help="entries of the lists, in millions (default: 1,10)")
    parser.add_argument("--folder", help="where to make them; some gigabytes (default: the system's)")
    parser.add_argument("--no-faiss", action="store_true", help="measure nothing beside it")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        name, *rest = arguments.task
        print(json.dumps(TASKS[name](*rest)))
        return
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    print(f"radius {THRESHOLD}, batches of {BATCH}, one thread; times are of one query, median over {BATCHES} batches")
    with tempfile.TemporaryDirectory(prefix="hashaudit-bench-", dir=arguments.folder) as folder:
        peer = None if arguments.no_faiss else faiss_python(Path(folder))
        for millions in (int(part) for part in arguments.millions.split(",")):
            for kind in LISTS:
                bench(Path(folder), millions * 1_000_000, kind, peer)


def bench(folder: Path, entries: int, kind: str, peer: str | None) -> None:
    """All measurements with one list."""
    hashes, queries, index = folder / "hashes", folder / "queries", folder / "list.hai"
    make_list(hashes, queries, entries, kind)
    built = task(sys.executable, "build", hashes, index)
    used = task(sys.executable, "search", index, queries)
    print(f"\n## {entries:,} hashes, {kind}\n\n| | |\n|---|---:|")
    print(f"| build | {built['seconds']:.1f} s, {built['peak_mib']:.0f} MiB |")
    print(f"| mapped | {index.stat().st_size / entries:.1f} bytes an entry |")
    print(f"| open, first look | {used['open_ms']:.1f} ms |")
    print(f"| query that is near to nothing | {used['miss_us']:.0f} us ({used['miss_cpu_us']:.0f} us of processor) |")
    print(f"| query, one of {PLANTED_SHARE} near | {used['mixed_us']:.0f} us ({used['mixed_cpu_us']:.0f} us) |")
    if "inside_us" in used:
        print(f"| query in the crowd | {used['inside_us']:,.0f} us, {used['inside_found']:,.0f} entries found |")
    print(f"| comparing with all | {used['scan_us']:,.0f} us ({used['scan_cpu_us']:,.0f} us) |")
    print(f"| recall against comparing with all | {used['recall']:.3f} of {used['compared']:,.0f} pairs |", flush=True)
    index.unlink()
    if peer is not None and kind == "random":
        for name in ("flat", "multihash"):
            figures = task(peer, "faiss", hashes, queries, name)
            print(
                f"| faiss {name} | {figures['mixed_us']:,.0f} us ({figures['mixed_cpu_us']:,.0f} us), "
                f"{figures['bytes']:.0f} bytes an entry, found {figures['found']:.0f} of {used['found']:.0f} |",
                flush=True,
            )


def make_list(hashes: Path, queries: Path, entries: int, kind: str) -> None:
    """Writes the hashes of a list, and queries of which each fourth is up to the radius away from one of them."""
    source = np.random.default_rng(SEED)
    middle = source.integers(0, 256, WIDTH_BYTES, np.uint8)
    with hashes.open("wb") as file:
        for begin in range(0, entries, CHUNK):
            chunk = source.integers(0, 256, (min(CHUNK, entries - begin), WIDTH_BYTES), np.uint8)
            if kind == "crowded":
                chunk[::2] = middle
                flip(source, chunk[::2], CROWD_BITS)
            file.write(chunk.tobytes())
    stored = np.memmap(hashes, np.uint8, "r").reshape(entries, WIDTH_BYTES)
    asked = source.integers(0, 256, (BATCH * BATCHES, WIDTH_BYTES), np.uint8)
    # Of odd rows, which are never the crowd's.
    planted = stored[source.integers(0, entries // 2, len(asked[::PLANTED_SHARE])) * 2 + 1].copy()
    flip(source, planted, THRESHOLD)
    asked[::PLANTED_SHARE] = planted
    queries.write_bytes(asked.tobytes())


def flip(source: np.random.Generator, hashes: Hashes, most: int) -> None:
    """Flips bits of each hash, up to ``most``: some are chosen twice and stay."""
    for _ in range(most):
        places = source.integers(0, 8 * WIDTH_BYTES, len(hashes))
        hashes[np.arange(len(hashes)), places // 8] ^= (1 << (places % 8)).astype(np.uint8)


def task(python: str, name: str, *arguments: Path | str) -> dict[str, float]:
    """Runs one of :data:`TASKS` in a process of its own."""
    command = [python, __file__, "--task", name, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def task_build(hashes: str, path: str) -> dict[str, float]:
    """Compiles the list."""
    import resource  # noqa: PLC0415 - not on every system

    from hashaudit.lists.index.builder import IndexBuilder  # noqa: PLC0415 - faiss's environment has none
    from hashaudit.lists.index.index_writer import new_file  # noqa: PLC0415 - as above
    from hashaudit.lists.interface import DigestBlock, ListInfo  # noqa: PLC0415 - as above
    from hashaudit.model.results import AlgorithmName, Role  # noqa: PLC0415 - as above

    start = time.perf_counter()
    info = ListInfo(name="", path="", role=Role.DENY, size=0, sha256="", mtime_ns=0, format="")
    with new_file(path) as target, IndexBuilder(str(Path(path).parent)) as builder, Path(hashes).open("rb") as file:
        builder.begin(Role.DENY)
        line = 1
        while chunk := file.read(CHUNK * WIDTH_BYTES):
            builder.add_block(DigestBlock(AlgorithmName("pdq"), chunk, line))
            line += len(chunk) // WIDTH_BYTES
        builder.end(info)
        builder.write(target)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def task_search(path: str, asked: str) -> dict[str, float]:
    """Opens the index and searches it, as a worker does; and by comparing with all."""
    from hashaudit.content.perceptual.interface import Metric  # noqa: PLC0415 - as above
    from hashaudit.content.perceptual.perceptual_registry import PDQ  # noqa: PLC0415 - as above
    from hashaudit.lists.index.index_reader import ListIndex  # noqa: PLC0415 - as above
    from hashaudit.lists.index.near.linear_search import as_units, scan  # noqa: PLC0415 - as above
    from hashaudit.lists.index.near.near_search import NearIndex  # noqa: PLC0415 - faiss's environment has none

    start = time.perf_counter()
    index = ListIndex.open(path)
    near = NearIndex(index, PDQ)
    figures = {"open_ms": 1e3 * (time.perf_counter() - start)}
    queries = queries_of(asked)
    misses = [query for number, query in enumerate(queries) if number % PLANTED_SHARE]
    found: list[set[tuple[int, int]]] = []

    def search(batch: list[bytes]) -> None:
        found.extend({(item.distance, item.row) for item in group} for group in near.search(batch, THRESHOLD))

    for _ in range(2):
        found.clear()
        figures["mixed_us"], figures["mixed_cpu_us"] = each_us(search, queries)
    figures["found"] = sum(map(len, found[:PEER_QUERIES]))
    figures["miss_us"], figures["miss_cpu_us"] = each_us(lambda batch: near.search(batch, THRESHOLD), misses)
    section = index.sections[PDQ.name]
    stored = as_units(index.image, section.count, WIDTH_BYTES, section.digests.offset)
    few = queries[:COMPARED_QUERIES]
    scanned: list[set[tuple[int, int]]] = [set() for _ in few]
    done = 0

    def compare(batch: list[bytes]) -> None:
        nonlocal done
        pairs = scan(stored, as_units(b"".join(batch), len(batch), WIDTH_BYTES), THRESHOLD, Metric.HAMMING)
        for query, position, distance in zip(pairs.queries, pairs.positions, pairs.distances, strict=True):
            scanned[done + int(query)].add((int(distance), section.row(int(position))))
        done += len(batch)

    figures["scan_us"], figures["scan_cpu_us"] = each_us(compare, few)
    both = zip(found, scanned, strict=False)
    figures["compared"] = sum(map(len, scanned))
    figures["recall"] = sum(len(ours & all_near) for ours, all_near in both) / figures["compared"]
    assert all(ours == all_near for ours, all_near in zip(found, scanned, strict=False))
    # The first row is of the crowd, if there is one.
    first = next(position for position in range(section.count) if section.row(position) == 0)
    start = time.perf_counter()
    neighbours = near.search([section.digest(first)] * BATCH, THRESHOLD)
    if len(neighbours[0]) > 1:
        figures["inside_us"] = 1e6 * (time.perf_counter() - start) / BATCH
        figures["inside_found"] = len(neighbours[0])
    return figures


def task_faiss(hashes: str, asked: str, kind: str) -> dict[str, float]:
    """The same search by faiss, whose radius is exclusive."""
    import faiss  # type: ignore[import-not-found] # noqa: PLC0415 - is in a temporary environment alone

    stored = np.fromfile(hashes, np.uint8).reshape(-1, WIDTH_BYTES)
    bits = 8 * WIDTH_BYTES
    if kind == "flat":
        index = faiss.IndexBinaryFlat(bits)
    else:
        index = faiss.IndexBinaryMultiHash(bits, 16, 16)
        index.nflip = 1
    before = own_bytes()
    index.add(stored)
    held = own_bytes() - before
    queries = queries_of(asked)[:PEER_QUERIES]
    found: list[int] = []

    def search(batch: list[bytes]) -> None:
        limits, _, _ = index.range_search(
            np.frombuffer(b"".join(batch), np.uint8).reshape(-1, WIDTH_BYTES), THRESHOLD + 1
        )
        found.append(int(limits[-1]))

    mixed_us, cpu_us = each_us(search, queries)
    return {"mixed_us": mixed_us, "mixed_cpu_us": cpu_us, "bytes": held / len(stored), "found": sum(found)}


def queries_of(path: str) -> list[bytes]:
    """The queries, one by one."""
    raw = Path(path).read_bytes()
    return [raw[place : place + WIDTH_BYTES] for place in range(0, len(raw), WIDTH_BYTES)]


def each_us(work: Callable[[list[bytes]], object], queries: list[bytes]) -> tuple[float, float]:
    """Median microseconds for each query, in batches: by the clock, and of this process's processor time."""
    walls, processor = [], []
    for begin in range(0, len(queries), BATCH):
        batch = queries[begin : begin + BATCH]
        wall, cpu = time.perf_counter(), time.process_time()
        work(batch)
        processor.append((time.process_time() - cpu) / len(batch))
        walls.append((time.perf_counter() - wall) / len(batch))
    return 1e6 * statistics.median(walls), 1e6 * statistics.median(processor)


def own_bytes() -> int:
    """Memory that this process holds."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def faiss_python(folder: Path) -> str | None:
    """An interpreter that has faiss, or ``None`` where it cannot be installed."""
    environment = folder / "faiss"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "faiss-cpu", "numpy"]
    if subprocess.run(command, check=False).returncode:
        print("faiss cannot be installed here: nothing to measure beside")
        shutil.rmtree(environment)
        return None
    return python


TASKS: dict[str, Callable[..., dict[str, float]]] = {"build": task_build, "search": task_search, "faiss": task_faiss}

if __name__ == "__main__":
    main()
