"""Measures scans of disk images beside tsk_recover with sha256sum, and one large image on one and on two workers.

Processor time of all processes is compared. Of the scan on two workers, wall time is given too, and the processor time
of the worker with most of it, because wall time depends on what else the machine does. The programs alternate; the
least of all rounds counts.

    python benchmarks/disk_images.py [--rounds 3] [--files 20000] [--large-mib 2048] [--directory DIR] [IMAGE ...]

Without IMAGE, ext4 images are made, which needs mke2fs.
"""

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

from containers import COMMAND, family, least, make_files, processor_s

TICKS = 100


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--large-mib", type=int, default=2048)
    parser.add_argument("--directory", default=None)
    parser.add_argument("images", nargs="*", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        root = Path(directory)
        listed = root / "list.txt"
        listed.write_text("a5" * 32 + "\n")
        listed.chmod(0o600)
        print("| image | hashaudit | of it with --inside none | tsk_recover and sha256sum | ratio |")
        print("|---|---:|---:|---:|---:|")
        for image in given.images or [make_ext(root / "small.img", given.files, 600)]:
            compare(root, image, given.rounds)
        if given.large_mib:
            share(root, make_ext(root / "large.img", 4 * given.files, given.large_mib), given.rounds)


def compare(root: Path, image: Path, rounds: int) -> None:
    """Prints processor seconds of a scan and of its peer."""
    form = "-i ewf" if image.suffix == ".E01" else ""
    target = root / "recovered"

    def peer() -> float:
        target.mkdir()
        words = f"tsk_recover {form} -a '{image}' '{target}'; find '{target}' -type f -print0 | xargs -0 sha256sum"
        try:
            return processor_s(("sh", "-c", words))
        finally:
            shutil.rmtree(target)

    def scan(*words: str) -> float:
        return processor_s(scan_words(root, image, *words))

    ours, start, other = least(rounds, partial(scan, "--inside", "images"), partial(scan, "--inside", "none"), peer)
    print(f"| {image.name} | {ours:.2f} | {start:.2f} | {other:.2f} | {other / ours:.2f} |", flush=True)


def share(root: Path, image: Path, rounds: int) -> None:
    """Prints how long a large image takes on one worker and on two."""
    print("\n| workers | wall s | busiest worker, processor s |\n|---:|---:|---:|")
    rows: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, row in rows.items():
            row.append(timed(scan_words(root, image, "--inside", "images", "-j", str(workers))))
    for workers, row in rows.items():
        print(f"| {workers} | {min(wall for wall, _ in row):.2f} | {min(busy for _, busy in row):.2f} |")


def timed(words: tuple[str, ...]) -> tuple[float, float]:
    """Returns the wall seconds of a command, and the processor seconds of the busiest of its descendants."""
    begun = time.monotonic()
    busy: dict[int, float] = {}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for each in family(process.pid)[1:]:
                busy[each] = max(busy.get(each, 0.0), spent_s(each))
            time.sleep(0.02)
    return time.monotonic() - begun, max(busy.values(), default=0.0)


def spent_s(pid: int) -> float:
    """Returns the processor seconds of a process; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def scan_words(root: Path, image: Path, *words: str) -> tuple[str, ...]:
    """Returns the command of a scan."""
    return (COMMAND, "scan", str(image), "--list", str(root / "list.txt"), "--unsigned", "-q", *words)


def make_ext(image: Path, files: int, mib: int) -> Path:
    """Makes an ext4 image with files of some 20 KiB in directories of 200."""
    tree = image.with_suffix(".tree")
    make_files(tree, files, random.Random(7), mean_bytes=20_000)
    for number, file in enumerate(sorted(tree.iterdir())):
        (tree / f"d{number // 200:04}").mkdir(exist_ok=True)
        file.rename(tree / f"d{number // 200:04}" / file.name)
    words = ("mke2fs", "-q", "-t", "ext4", "-N", str(files + 10_000), "-d", str(tree), str(image), f"{mib}M")
    subprocess.run(words, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    shutil.rmtree(tree)
    return image


if __name__ == "__main__":
    main()
