"""Compares PDQ with the reference implementation, pixel for pixel: ``python benchmarks/pdq_conformance.py FOLDER``.

Needs ``pdqhash`` (docs/concepts/perceptual.md was measured with 0.2.8), which the project itself does not depend on: it
has no Linux wheel and takes a C++ compiler to install.
"""

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.interface import Metric
from hashaudit.content.perceptual.orientation import ORIENTATIONS

Rgb = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp"})
FIXED_SHAPES = ((5, 5), (5, 300), (63, 65), (64, 64), (65, 64), (127, 129), (128, 128), (480, 640), (3000, 4000))
MAX_RANDOM_SIDE_PX = 700
STATED_QUALITY = 80
STATED_DISTANCE = 10
"""PDQ's own rule for decoders that differ: within 10 bits at a quality of 80 or more."""


def generated(number: int) -> Rgb:
    """Picture ``number`` of an endless series of sizes and kinds."""
    random = np.random.default_rng(number)
    if number < 7 * len(FIXED_SHAPES):
        rows, columns = FIXED_SHAPES[number // 7]
    else:
        rows, columns = (int(side) for side in random.integers(5, MAX_RANDOM_SIDE_PX, 2))
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    kinds: dict[int, Callable[[], npt.ArrayLike]] = {
        0: lambda: random.integers(0, 256, (rows, columns, 3)),
        1: lambda: np.broadcast_to(random.integers(0, 256, 3), (rows, columns, 3)),
        2: lambda: x * 255 / max(columns - 1, 1),
        3: lambda: 127 + 100 * np.sin(x / random.integers(3, 40)) * np.cos(y / random.integers(3, 40)),
        4: lambda: ((x // 16 + y // 16) % 2) * 255,
        5: lambda: np.stack([x / columns * 255, y / rows * 255, np.abs(np.sin(x * y / 5000)) * 255], axis=-1),
        6: lambda: np.where((x > columns / 3) & (y > rows / 4) & (x < columns / 2), random.integers(0, 200), 255),
    }
    values = np.asarray(kinds[number % 7](), dtype=np.float64).astype(np.uint8)
    return np.ascontiguousarray(values if values.ndim == 3 else np.repeat(values[:, :, None], 3, axis=2))


def compare(pixels: Rgb, oracle: object, tally: Counter[str]) -> pdq.PdqTransform | None:
    """Adds up bits and quality points that differ on the same pixels, in all orientations; gives the full hash."""
    ours = pdq.transform(pixels)
    tally["pictures"] += 1
    if ours is None:
        return None
    bits, quality = oracle.compute(pixels)  # type: ignore[attr-defined] # a compiled module without types
    tally["bits"] += distance(Metric.HAMMING, ours.hash(), np.packbits(bits).tobytes())
    tally["quality points"] += abs(ours.quality - quality)
    if pixels.shape[:2] != (64, 64):  # there the reference filters for its dihedral hashes, and not for the plain one
        turned, _ = oracle.compute_dihedral(pixels)  # type: ignore[attr-defined] # as above
        for orientation, theirs in zip(ORIENTATIONS, turned, strict=True):
            packed = np.packbits(theirs).tobytes()
            tally["dihedral bits"] += distance(Metric.HAMMING, ours.hash(orientation), packed)
    return ours


def photographs(folder: Path) -> list[Path]:
    """The files of pictures below ``folder``, without links to others."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_symlink())


def main() -> int:
    """Prints what differs; the exit status says if anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="photographs, at any depth")
    parser.add_argument("--generated", type=int, default=1000, help="generated pictures to compare")
    arguments = parser.parse_args()
    oracle = importlib.import_module("pdqhash")

    made: Counter[str] = Counter()
    for number in range(arguments.generated):
        compare(generated(number), oracle, made)
    print("generated, same pixels:", dict(made))

    same: Counter[str] = Counter()
    own: list[int] = []
    for path in photographs(arguments.folder):
        with Image.open(path) as image:
            opaque = not image.has_transparency_data
            full = compare(np.asarray(image.convert("RGBA").convert("RGB")), oracle, same)
        frame = next(iter(decode(path.read_bytes(), DecodeLimits()))) if opaque else None
        if isinstance(frame, Frame) and full is not None and full.quality >= STATED_QUALITY:
            decoded = pdq.transform(np.asarray(frame.colour or frame.luma))
            if decoded is not None:
                own.append(distance(Metric.HAMMING, full.hash(), decoded.hash()))
    print("photographs, same pixels:", dict(same))
    print(
        f"opaque photographs, own decoding, quality >= {STATED_QUALITY}: {len(own)}, "
        f"distances {sorted(Counter(own).items())}"
    )
    differ = made["bits"] + made["dihedral bits"] + same["bits"] + same["dihedral bits"]
    return 1 if differ + made["quality points"] + same["quality points"] or max(own) > STATED_DISTANCE else 0


if __name__ == "__main__":
    sys.exit(main())
