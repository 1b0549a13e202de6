"""Which changed copies of photographs are found: ``python benchmarks/robustness.py FOLDER [--workers N]``.

FOLDER holds photographs that are unrelated to each other. Each is scaled to at most ``--side`` pixels, listed, changed
in many ways, and looked for at the default thresholds. Prints a table of recall, as Markdown, and the matches between
unrelated pictures. Pictures on which PDQ states a quality below 50 are left out: by its own word it is unstable there.
"""

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path

# One thread, as a worker has it: set before numpy loads its BLAS library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.perceptual_registry import algorithm_named
from hashaudit.model.results import PerceptualHash

NAMES = ("pdq", "phash", "dhash", "ahash")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff"})
DEFAULT_SIDE_PX = 1024
MIN_SIDE_PX = 300
MIN_QUALITY = 50
MUST_MATCH = 1.0
MUST_MATCH_FRAMED = 0.95

Copy = Callable[[Image.Image], bytes]
Values = dict[str, list[int]]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    """As pictures are usually passed on."""
    return encoded(image, "JPEG", quality=85)


def gamma(image: Image.Image, power: float) -> Image.Image:
    """Every level raised to ``power`` of the full range."""
    return image.point([round(255 * (level / 255) ** power) for level in range(256)] * 3)


def framed(image: Image.Image, share: float, colour: str) -> Image.Image:
    """A border of ``share`` of the longer side."""
    return ImageOps.expand(image, border=round(max(image.size) * share), fill=colour)


def cropped(image: Image.Image, share: float) -> Image.Image:
    """``share`` of each side cut off at all edges."""
    width, height = image.size
    return image.crop(
        (round(width * share), round(height * share), round(width * (1 - share)), round(height * (1 - share)))
    )


def noisy(image: Image.Image) -> Image.Image:
    """Gaussian noise of 8 levels."""
    values = np.asarray(image).astype(np.float64) + np.random.default_rng(1).normal(
        0, 8, (image.height, image.width, 3)
    )
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def captioned(image: Image.Image) -> Image.Image:
    """A line of text near the lower edge."""
    copy = image.copy()
    size = image.height // 16
    ImageDraw.Draw(copy).text((size, image.height - 2 * size), "seen somewhere", fill="white", font_size=size)
    return copy


def animated(image: Image.Image, place: int) -> bytes:
    """A GIF of nine frames, of which one is the picture."""
    small = image.convert("L").resize((image.width // 2, image.height // 2))
    pages = [Image.linear_gradient("L").rotate(20 * number).resize(small.size) for number in range(9)]
    pages[place] = small
    return encoded(pages[0], "GIF", save_all=True, append_images=pages[1:])


def sixteen_bit(image: Image.Image) -> bytes:
    """A grey PNG of 16 bits."""
    return encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG")


def scaled(image: Image.Image, width: float, height: float) -> Image.Image:
    """Either side times a factor."""
    return image.resize((round(image.width * width), round(image.height * height)), Image.Resampling.LANCZOS)


MUST: dict[str, Copy] = {
    "JPEG 95": lambda image: encoded(image, "JPEG", quality=95),
    "JPEG 75": lambda image: encoded(image, "JPEG", quality=75),
    "JPEG 50": lambda image: encoded(image, "JPEG", quality=50),
    "WebP 50": lambda image: encoded(image, "WEBP", quality=50),
    "AVIF 50": lambda image: encoded(image, "AVIF", quality=50, speed=9),
    "grey": lambda image: jpeg(image.convert("L")),
    "gamma 0.5": lambda image: jpeg(gamma(image, 0.5)),
    "gamma 2": lambda image: jpeg(gamma(image, 2.0)),
    "brightness +10 %": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.1)),
    "brightness -10 %": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(0.9)),
    "blur, radius 2": lambda image: jpeg(image.filter(ImageFilter.GaussianBlur(2))),
    "half size": lambda image: jpeg(scaled(image, 0.5, 0.5)),
    "quarter size": lambda image: jpeg(scaled(image, 0.25, 0.25)),
    "mirrored": lambda image: jpeg(ImageOps.mirror(image)),
    "upside down": lambda image: jpeg(ImageOps.flip(image)),
    "rotated left by 90 degrees": lambda image: jpeg(image.transpose(Image.Transpose.ROTATE_90)),
    "rotated right by 90 degrees": lambda image: jpeg(image.transpose(Image.Transpose.ROTATE_270)),
    "GIF": lambda image: encoded(image, "GIF"),
    "PNG-8": lambda image: encoded(image.quantize(256), "PNG"),
    "CMYK JPEG": lambda image: encoded(image.convert("CMYK"), "JPEG", quality=85),
    "16-bit PNG": sixteen_bit,
    "first frame of nine": partial(animated, place=0),
    "middle frame of nine": partial(animated, place=4),
    "last frame of nine": partial(animated, place=8),
}
FRAMED: dict[str, Copy] = {
    "white border 5 %": lambda image: jpeg(framed(image, 0.05, "white")),
    "white border 10 %": lambda image: jpeg(framed(image, 0.1, "white")),
    "black border 5 %": lambda image: jpeg(framed(image, 0.05, "black")),
    "black border 10 %": lambda image: jpeg(framed(image, 0.1, "black")),
}
OTHERS: dict[str, Copy] = {
    "JPEG 20": lambda image: encoded(image, "JPEG", quality=20),
    "brightness +30 %": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.3)),
    "contrast +30 %": lambda image: jpeg(ImageEnhance.Contrast(image).enhance(1.3)),
    "noise of 8 levels": lambda image: jpeg(noisy(image)),
    "line of text added": lambda image: jpeg(captioned(image)),
    "10 % wider": lambda image: jpeg(scaled(image, 1.1, 1.0)),
    "crop 1 %": lambda image: jpeg(cropped(image, 0.01)),
    "crop 2 %": lambda image: jpeg(cropped(image, 0.02)),
    "crop 5 %": lambda image: jpeg(cropped(image, 0.05)),
    "crop 10 %": lambda image: jpeg(cropped(image, 0.1)),
    "rotated by 1 degree": lambda image: jpeg(image.rotate(1, Image.Resampling.BICUBIC)),
    "rotated by 2 degrees": lambda image: jpeg(image.rotate(2, Image.Resampling.BICUBIC)),
    "rotated by 5 degrees": lambda image: jpeg(image.rotate(5, Image.Resampling.BICUBIC)),
}


def algorithms() -> list[PerceptualAlgorithm]:
    """The rows of the table that are compared."""
    return [row for name in NAMES if (row := algorithm_named(name)) is not None]


def values_of(data: bytes, variants: Variants) -> Values:
    """The hashes of a file, by algorithm."""
    found: Values = {name: [] for name in NAMES}
    for one in hash_image(data, algorithms(), HashOptions(variants)).hashes:
        found[one.algorithm].append(int(one.value, 16))
    return found


def nearest(first: list[int], second: list[int]) -> int:
    """The smallest distance between two sets of hashes."""
    return min(((one ^ other).bit_count() for one in first for other in second), default=10_000)


def examine(path: Path, side_px: int) -> tuple[Path, Values, Values, dict[str, dict[str, int]]] | None:
    """A picture's listed hashes, its hashes in all variants, and the distance of each changed copy."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    original = encoded(image, "PNG")
    plain = hash_image(original, algorithms(), HashOptions(Variants.NONE)).hashes
    if min(image.size) < MIN_SIDE_PX or not _is_stable(plain):
        return None
    listed = values_of(original, Variants.NONE)
    distances = {}
    for name, copy in (MUST | FRAMED | OTHERS).items():
        found = values_of(copy(image), Variants.ALL)
        distances[name] = {algorithm: nearest(listed[algorithm], found[algorithm]) for algorithm in NAMES}
    return path, listed, values_of(original, Variants.ALL), distances


def _is_stable(hashes: tuple[PerceptualHash, ...]) -> bool:
    return any(one.quality is not None and one.quality >= MIN_QUALITY for one in hashes)


def unrelated_matches(listed: list[Values], turned: list[Values]) -> Iterator[tuple[str, int, int]]:
    """Pairs of different pictures within an algorithm's threshold in any variant."""
    for algorithm in algorithms():
        for one, other in combinations(range(len(listed)), 2):
            if nearest(listed[one][algorithm.name], turned[other][algorithm.name]) <= algorithm.threshold:
                yield algorithm.name, one, other


def main() -> int:
    """Prints the tables; the exit status says if what must match did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--side", type=int, default=DEFAULT_SIDE_PX, help="longer side that pictures are scaled to")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    with ProcessPoolExecutor(arguments.workers) as pool:
        done = [one for one in pool.map(partial(examine, side_px=arguments.side), paths) if one is not None]
    if not done:
        print("no photograph there", file=sys.stderr)
        return 1
    rows = {name: _recall([distances[name] for *_, distances in done]) for name in done[0][3]}
    print(f"{len(done)} photographs of {len(paths)}, longer side at most {arguments.side} px\n")
    print(
        "| copy | " + " | ".join(f"{row.name} <= {row.threshold}" for row in algorithms()) + " | largest PDQ distance |"
    )
    print("|---|" + "---:|" * (len(NAMES) + 1))
    for name, recall in rows.items():
        furthest = max(distances[name]["pdq"] for *_, distances in done)
        print(f"| {name} | " + " | ".join(f"{100 * recall[row]:.1f}" for row in NAMES) + f" | {furthest} |")
    listed, turned = [one[1] for one in done], [one[2] for one in done]
    false = list(unrelated_matches(listed, turned))
    counts = Counter(name for name, _, _ in false)
    print(f"\nMatches between different images, of {len(done) * (len(done) - 1) // 2} pairs:")
    print(", ".join(f"{name} {counts[name]}" for name in NAMES))
    for name, one, other in false:
        if name == "pdq":
            print(f"  pdq: {done[one][0].name} and {done[other][0].name}")
    missed = [name for name in MUST if rows[name]["pdq"] < MUST_MATCH]
    missed += [name for name in FRAMED if rows[name]["pdq"] < MUST_MATCH_FRAMED]
    print("\nmissed: " + (", ".join(missed) or "nothing that must match"))
    for name in missed:
        far = [(one[3][name]["pdq"], one[0].name) for one in done if one[3][name]["pdq"] > algorithms()[0].threshold]
        print(f"  {name}: {sorted(far, reverse=True)}")
    return 1 if missed else 0


def _recall(distances: list[dict[str, int]]) -> dict[str, float]:
    limits = {row.name: row.threshold for row in algorithms()}
    return {name: sum(one[name] <= limit for one in distances) / len(distances) for name, limit in limits.items()}


if __name__ == "__main__":
    sys.exit(main())
