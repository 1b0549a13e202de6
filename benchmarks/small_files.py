"""A worker's cost for a small file, beside a bare loop with the same system calls and digests, in one process.

python benchmarks/small_files.py [--files N] [--rounds N] [--profile]

Prints the processor time of both for each file and their ratio: medians of rounds in turn, and the least of each.
"""

import argparse
import array
import cProfile
import hashlib
import os
import pstats
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bare_loop import read_directories

from hashaudit.host.files import stat_of
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import DirectoryRef
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    BATCH_DECODER,
    ENCODER,
    PROGRESS_WORDS,
    WorkBatch,
    WorkerConfig,
)

FILES_PER_DIRECTORY = 250
LIST_ENTRIES = 10_000
OLD_NS = 10**18


def make_tree(folder: Path, files: int) -> list[Path]:
    """Files of log-normal size, median 5 KiB, that changed long ago."""
    source = random.Random(files)
    directories = []
    for first in range(0, files, FILES_PER_DIRECTORY):
        below = folder / f"d{first // FILES_PER_DIRECTORY:05}"
        below.mkdir()
        directories.append(below)
        for number in range(first, min(files, first + FILES_PER_DIRECTORY)):
            path = below / f"f{number}"
            path.write_bytes(source.randbytes(min(int(source.lognormvariate(8.5, 1.3)), 1 << 20)))
            os.utime(path, ns=(OLD_NS, OLD_NS))
    return directories


def batches_of(directories: list[Path]) -> list[bytes]:
    """The messages that a worker would get, one a directory."""
    messages = []
    for number, below in enumerate(directories, 1):
        status = os.stat(below)
        names = sorted(os.listdir(below))
        states = tuple([stat_of(os.lstat(below / name)) for name in names])
        place = DirectoryRef(os.fsencode(below), status.st_dev, status.st_ino)
        run = FileRun(place, 0, tuple(map(os.fsencode, names)), states)
        messages.append(ENCODER.encode(WorkBatch(number, (run,))))
    return messages


def examine(examiner: Examiner, messages: list[bytes]) -> None:
    """Does what a worker does with its messages."""
    for message in messages:
        ENCODER.encode(examiner.examine_batch(BATCH_DECODER.decode(message)))


def processor_s(act: Callable[[], None]) -> float:
    """Processor seconds of one call."""
    begun_s = time.process_time()
    act()
    return time.process_time() - begun_s


def main() -> None:
    """Measures both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--profile", action="store_true", help="print where the time of one round goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "tree").mkdir()
        directories = make_tree(folder / "tree", arguments.files)
        entries = folder / "list"
        entries.touch(0o600)
        entries.write_text("".join(f"{hashlib.sha256(b'%d' % number).hexdigest()}\n" for number in range(LIST_ENTRIES)))
        words = array.array("q", [0] * PROGRESS_WORDS)
        words[ALLOWED_BYTES] = 1 << 62
        with load_lists([ListSpec(str(entries))]) as loaded:
            config = WorkerConfig((AlgorithmName("sha256"),), report_all=False, indexes=tuple(loaded.images))
            examiner = Examiner(config, memoryview(words))
            messages = batches_of(directories)
            acts: dict[str, Callable[[], None]] = {
                "bare loop": lambda: read_directories(directories),
                "worker": lambda: examine(examiner, messages),
            }
            for act in acts.values():
                act()
            if arguments.profile:
                profile = cProfile.Profile()
                profile.runcall(acts["worker"])
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            taken: dict[str, list[float]] = {name: [] for name in acts}
            for _ in range(arguments.rounds):
                for name, act in acts.items():
                    taken[name].append(processor_s(act) / arguments.files * 1e6)
    for name, values in taken.items():
        print(f"{name:10} {statistics.median(values):6.1f} us a file, at least {min(values):.1f}")
    ratios = [mine / other for mine, other in zip(taken["worker"], taken["bare loop"], strict=True)]
    least = min(taken["worker"]) / min(taken["bare loop"])
    print(f"worker / bare loop: {statistics.median(ratios):.2f}; of the least of each: {least:.2f}")


if __name__ == "__main__":
    main()
