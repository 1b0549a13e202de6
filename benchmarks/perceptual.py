"""Times perceptual hashing beside what it could cost at best: ``python benchmarks/perceptual.py [FOLDER]``.

Prints ratios of medians, each measured in turn in one run, so that a busy machine shifts both sides alike. FOLDER holds
JPEG photographs of 7 to 12 megapixels; without it, pictures of that size are made up. ``pdqhash`` is compared where it
is installed.
"""

import argparse
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# One thread, as a worker has it: set before numpy loads its BLAS library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ, algorithm_named

ROUNDS = 5
MIN_PIXELS, MAX_PIXELS = 7_000_000, 12_500_000
MAX_PHOTOGRAPHS = 24
MADE_UP = 6

Work = Callable[[bytes], object]


def large_jpegs(folder: Path | None) -> list[bytes]:
    """The JPEG photographs of the stated size, or made-up ones."""
    if folder is None:
        return [_made_up(number) for number in range(MADE_UP)]
    found = []
    for path in sorted(folder.rglob("*.jp*g")):
        with Image.open(path) as image:
            if MIN_PIXELS <= image.width * image.height <= MAX_PIXELS and image.mode == "RGB":
                found.append(path.read_bytes())
    return found[:MAX_PHOTOGRAPHS]


def _made_up(number: int) -> bytes:
    random = np.random.default_rng(number)
    cells = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    soft = np.asarray(Image.fromarray(cells).resize((4000, 3000), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = random.integers(-12, 13, (3000, 4000, 1), dtype=np.int16)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def scaled_luma(data: bytes, side_px: int) -> None:
    """The decoder of libjpeg-turbo alone, shrinking by up to eighths in luma."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.draft("L", (side_px, side_px))
        image.load()


def measured(tasks: dict[str, Work], pictures: list[bytes]) -> dict[str, float]:
    """Seconds of each task over all pictures: the median of rounds, the tasks taking turns at each picture."""
    totals: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        sums = dict.fromkeys(tasks, 0.0)
        for data in pictures:
            for name, task in tasks.items():
                begun = time.perf_counter()
                task(data)
                sums[name] += time.perf_counter() - begun
        for name, seconds in sums.items():
            totals[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in totals.items()}


def plane_ms() -> float:
    """Milliseconds of PDQ with all orientations of a decoded plane of one megapixel."""
    side = np.linspace(0, 9, 1000)
    plane = (127 + 100 * np.sin(side[:, None] * 3) * np.cos(side * 2) + 20 * np.sin(side * 31)).astype(np.uint8)
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        transformed = pdq.transform(plane)
        assert transformed is not None
        transformed.dihedral()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="JPEG photographs of 7 to 12 megapixels")
    pictures = large_jpegs(parser.parse_args().folder)
    if not pictures:
        print("no JPEG photograph of 7 to 12 megapixels there", file=sys.stderr)
        return 1
    phash = algorithm_named("phash")
    assert phash is not None
    everything, plain = HashOptions(Variants.ALL), HashOptions(Variants.NONE)

    def digests_too(data: bytes) -> None:
        for name in ("md5", "sha1", "sha256"):
            hashlib.new(name, data, usedforsecurity=False).digest()
        hash_image(data, [PDQ, phash], everything)

    tasks: dict[str, Work] = {
        "decode 1/8": lambda data: scaled_luma(data, 1),
        "decode to 512": lambda data: scaled_luma(data, 512),
        "pdq": lambda data: hash_image(data, [PDQ], plain),
        "pdq, all variants": lambda data: hash_image(data, [PDQ], everything),
        "md5, sha1, sha256, pdq, phash, all variants": digests_too,
    }
    if importlib.util.find_spec("pdqhash"):
        oracle = importlib.import_module("pdqhash")
        tasks["full decode and pdqhash"] = lambda data: oracle.compute(np.asarray(Image.open(io.BytesIO(data))))
    for task in tasks.values():
        task(pictures[0])
    seconds = measured(tasks, pictures)
    print(f"{len(pictures)} JPEG photographs, Pillow {importlib.metadata.version('pillow')}, numpy {np.__version__}")
    for name, spent in seconds.items():
        print(f"  {name:45} {spent / len(pictures) * 1000:8.1f} ms a picture")
    print(f"PDQ of a decoded plane of 1 MP, 8 orientations: {plane_ms():.2f} ms (to reach: 2)")
    _ratio("pdq, to scaled decode alone (at most 1.25)", seconds["pdq"], seconds["decode to 512"])
    _ratio("pdq with all variants, to scaled decode alone", seconds["pdq, all variants"], seconds["decode to 512"])
    _ratio("pdq, to a decode at 1/8", seconds["pdq"], seconds["decode 1/8"])
    together = seconds["md5, sha1, sha256, pdq, phash, all variants"]
    _ratio("three digests, pdq and phash, to pdq alone (at most 1.3)", together, seconds["pdq, all variants"])
    if "full decode and pdqhash" in seconds:
        _ratio("full decode and pdqhash, to pdq (at least 6)", seconds["full decode and pdqhash"], seconds["pdq"])
    return 0


def _ratio(what: str, first: float, second: float) -> None:
    print(f"  {what:60} {first / second:6.2f}")


if __name__ == "__main__":
    sys.exit(main())
