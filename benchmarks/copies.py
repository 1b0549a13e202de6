"""Which copies of the kinds that people make are found: ``python benchmarks/copies.py FOLDER [--workers N]``.

FOLDER holds images that are unrelated to each other. Each is scaled to at most 1,024 pixels, listed by its plain hash,
copied, and looked for with the plain hash, with ``--variants all`` and with ``--variants thorough``; the same by phash.
Prints the recall and the cost as Markdown, then the matches between parts of different images.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

# One thread, as a worker has it: set before numpy loads its BLAS library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, PDQ
from hashaudit.model.results import VIEWS, AlgorithmName

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
SIDE_PX = 1024
TILES = 5
TILE_PX = (480, 360)
MIN_QUALITY = 50
ROUNDS = 3
PHASH = ALGORITHMS[AlgorithmName("phash")]
COLUMNS = tuple((row, level) for row in (PDQ, PHASH) for level in (Variants.NONE, Variants.ALL, Variants.THOROUGH))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """Returns the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 85} if kind == "JPEG" else {}) | options)
    return buffer.getvalue()


def captioned(image: Image.Image, *, above: bool, share: float, colour: str) -> Image.Image:
    """Returns the image with a bar of text."""
    height = round(image.height * share)
    copy = Image.new("RGB", (image.width, image.height + height), colour)
    copy.paste(image, (0, height if above else 0))
    size, top = max(height // 4, 10), 0 if above else image.height
    draw, ink = ImageDraw.Draw(copy), "black" if colour == "white" else "white"
    draw.text((size, top + size // 2), "when you look at the whole picture", fill=ink, font_size=size)
    draw.text((size, top + 2 * size), "and then once more, slowly", fill=ink, font_size=size)
    return copy


def collage(image: Image.Image, others: list[Image.Image], gap: int) -> Image.Image:
    """Returns four images in two rows; the image is the second."""
    width, height = image.width // 2, image.height // 2
    copy = Image.new("RGB", (2 * width + 3 * gap, 2 * height + 3 * gap), "white")
    for number, tile in enumerate([others[0], image, *others[1:3]]):
        place = (gap + number % 2 * (width + gap), gap + number // 2 * (height + gap))
        copy.paste(tile.resize((width, height)), place)
    return copy


def beside(image: Image.Image, other: Image.Image) -> Image.Image:
    """Returns two images side by side; the image is the right one."""
    copy = Image.new("RGB", (2 * image.width, image.height))
    copy.paste(other.resize(image.size), (0, 0))
    copy.paste(image, (image.width, 0))
    return copy


def screenshot(image: Image.Image) -> Image.Image:
    """Returns the image as a telephone shows it in a feed."""
    width, height = 1080, 2340
    copy = Image.new("RGB", (width, height), (18, 18, 20))
    draw = ImageDraw.Draw(copy)
    draw.text((40, 20), "12:41", fill="white", font_size=36)
    draw.ellipse((40, 120, 120, 200), fill=(90, 120, 200))
    draw.text((150, 140), "somebody", fill="white", font_size=40)
    shown = image.resize((width, round(image.height * width / image.width)))
    if shown.height > 1800:
        shown = image.resize((round(image.width * 1800 / image.height), 1800))
    copy.paste(shown, ((width - shown.width) // 2, 240))
    below = 240 + shown.height + 30
    for number in range(4):
        draw.ellipse((40 + number * 120, below, 100 + number * 120, below + 60), outline="white", width=5)
    draw.text((40, below + 90), "2,345 likes", fill="white", font_size=40)
    draw.rectangle((0, height - 140, width, height), fill=(0, 0, 0))
    return copy


def story(image: Image.Image) -> Image.Image:
    """Returns the image on an upright canvas, over a blurred copy of itself."""
    width, height = 1080, 1920
    canvas = ImageOps.fit(image, (width, height)).filter(ImageFilter.GaussianBlur(40))
    canvas = ImageEnhance.Brightness(canvas).enhance(0.8)
    shown = ImageOps.contain(image, (width, height))
    canvas.paste(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    return canvas


def rounded(image: Image.Image, *, transparent: bool) -> Image.Image:
    """Returns the image with rounded corners."""
    mask = Image.new("L", image.size, 0)
    radius = round(min(image.size) * 0.08)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius, fill=255)
    copy = image.convert("RGBA") if transparent else Image.new("RGB", image.size, "white")
    if transparent:
        copy.putalpha(mask)
    else:
        copy.paste(image, mask=mask)
    return copy


def in_gradient(image: Image.Image) -> Image.Image:
    """Returns the image in a frame of grey that becomes white."""
    width = max(image.size) // 20
    size = image.width + 2 * width, image.height + 2 * width
    frame = Image.linear_gradient("L").resize(size).point(lambda level: 200 + level * 55 // 255).convert("RGB")
    frame.paste(image, (width, width))
    return frame


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Returns the image without ``share`` of each side, half of it at either end."""
    across, down = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((across, down, image.width - across, image.height - down))


def turned(image: Image.Image, *, is_expanded: bool = False) -> Image.Image:
    """Returns the image rotated by two degrees, with black corners."""
    return image.rotate(2, Image.Resampling.BICUBIC, expand=is_expanded)


Copy = Callable[[Image.Image, list[Image.Image]], bytes]
COPIES: dict[str, Copy] = {
    "crop 2 % in total": lambda image, _: encoded(cropped(image, 0.02)),
    "crop 5 % in total": lambda image, _: encoded(cropped(image, 0.05)),
    "crop 10 % in total": lambda image, _: encoded(cropped(image, 0.1)),
    "crop 5 % at the top": lambda image, _: encoded(image.crop((0, image.height // 20, image.width, image.height))),
    "caption above": lambda image, _: encoded(captioned(image, above=True, share=0.14, colour="white")),
    "caption below": lambda image, _: encoded(captioned(image, above=False, share=0.2, colour="black")),
    "collage of four": lambda image, others: encoded(collage(image, others, 0)),
    "collage with gaps": lambda image, others: encoded(collage(image, others, 10)),
    "side by side": lambda image, others: encoded(beside(image, others[0])),
    "phone screenshot": lambda image, _: encoded(screenshot(image)),
    "story with blurred bars": lambda image, _: encoded(story(image)),
    "rounded corners, white": lambda image, _: encoded(rounded(image, transparent=False)),
    "rounded corners, transparent": lambda image, _: encoded(rounded(image, transparent=True), "PNG"),
    "dark border 5 %": lambda image, _: encoded(ImageOps.expand(image, round(max(image.size) / 20), (16, 16, 16))),
    "border with a gradient": lambda image, _: encoded(in_gradient(image)),
    "rotated by 2 degrees": lambda image, _: encoded(turned(image)),
    "rotated by 2 degrees, larger canvas": lambda image, _: encoded(turned(image, is_expanded=True)),
    "rotated by 2 degrees, corners cropped": lambda image, _: encoded(cropped(turned(image), 0.07)),
    "negative": lambda image, _: encoded(ImageOps.invert(image)),
}


class Outcome(msgspec.Struct):
    """The distances and costs for one image."""

    distances: dict[str, list[int]]
    """By copy: one of each column."""
    seconds: list[float]
    tiles: list[tuple[dict[AlgorithmName, str], dict[AlgorithmName, dict[str, list[str]]]]]
    """Listed hashes by algorithm, and all hashes by algorithm and view, of each part."""


def load(path: Path) -> Image.Image:
    """Returns an image of at most 1,024 pixels."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    return image


def nearest(data: bytes, algorithm: PerceptualAlgorithm, level: Variants, listed: int) -> int:
    """Returns the least distance of a file's hashes to a listed one."""
    found = hash_image(data, [algorithm], HashOptions(level)).hashes
    return min(((int(one.value, 16) ^ listed).bit_count() for one in found), default=algorithm.bits)


def examine(number: int, paths: list[Path]) -> Outcome:
    """Examines one image of all."""
    image = load(paths[number])
    others = [load(paths[(number + step) % len(paths)]) for step in (7, 19, 31)]
    plain = encoded(image, "PNG")
    listed = {
        row.name: int(hash_image(plain, [row], HashOptions(Variants.NONE)).hashes[0].value, 16) for row, _ in COLUMNS
    }
    distances = {}
    for name, copy in COPIES.items():
        data = copy(image, others)
        distances[name] = [nearest(data, row, level, listed[row.name]) for row, level in COLUMNS]
    return Outcome(distances, _seconds(paths[number]), _tiles(paths[number]))


def _seconds(path: Path) -> list[float]:
    """Measures a file as it is, the fastest of a few rounds."""
    data = path.read_bytes()
    seconds = [1e9] * len(COLUMNS)
    for _ in range(ROUNDS):
        for column, (row, level) in enumerate(COLUMNS):
            begun = time.process_time()
            hash_image(data, [row], HashOptions(level))
            seconds[column] = min(seconds[column], time.process_time() - begun)
    return seconds


def _tiles(path: Path) -> list[tuple[dict[AlgorithmName, str], dict[AlgorithmName, dict[str, list[str]]]]]:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = image.width // TILES, image.height // TILES
    tiles = []
    for number in range(TILES * TILES):
        left, top = number % TILES * width, number // TILES * height
        tile = image.crop((left, top, left + width, top + height)).resize(TILE_PX)
        found = hash_image(encoded(tile, "PNG"), [PDQ, PHASH], HashOptions(Variants.THOROUGH)).hashes
        main = {one.algorithm: one for one in found if one.variant == "original" and not one.view and not one.trimmed}
        if PDQ.name not in main or (main[PDQ.name].quality or 0) < MIN_QUALITY:
            continue
        by_view: dict[AlgorithmName, dict[str, list[str]]] = {PDQ.name: {}, PHASH.name: {}}
        for one in found:
            by_view[one.algorithm].setdefault(one.view or ("trimmed" if one.trimmed else "image"), []).append(one.value)
        tiles.append(({name: one.value for name, one in main.items()}, by_view))
    return tiles


def unrelated(outcomes: list[Outcome], row: PerceptualAlgorithm) -> None:
    """Prints the matches between parts of different images."""
    tiles = [
        (number, *tile) for number, outcome in enumerate(outcomes) for tile in outcome.tiles if row.name in tile[0]
    ]
    owners = np.array([owner for owner, *_ in tiles])
    listed = _words([values[row.name] for _, values, _ in tiles], row)
    pairs = sum(int((owners != owner).sum()) for owner, *_ in tiles)
    matched = dict.fromkeys(["image", "trimmed", *VIEWS[4:]], 0)
    nearest = dict.fromkeys(matched, row.bits)
    for owner, _, by_view in tiles:
        for view, values in by_view[row.name].items():
            apart = np.full(len(listed), row.bits, dtype=np.intp)
            for one in _words(values, row):
                np.minimum(apart, np.bitwise_count(listed ^ one).sum(axis=1, dtype=np.intp), out=apart)
            apart[owners == owner] = row.bits
            nearest[view] = min(nearest[view], int(apart.min()))
            matched[view] += int((apart <= row.threshold).sum())
    print(f"\n{row.name}: {len(tiles)} parts of {len(outcomes)} images, {pairs} pairs of parts of different images\n")
    print("| view | matches | nearest |\n|---|---:|---:|")
    for view, count in matched.items():
        print(f"| {view} | {count} | {nearest[view]} |")


def _words(values: list[str], row: PerceptualAlgorithm) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return np.frombuffer(bytes.fromhex("".join(values)), dtype=np.uint64).reshape(-1, row.bits // 64)


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    with ProcessPoolExecutor(arguments.workers) as pool:
        outcomes = list(pool.map(partial(examine, paths=paths), range(len(paths))))
    if not outcomes:
        print("no image there", file=sys.stderr)
        return 1
    heads = [f"{row.name} {level}" for row, level in COLUMNS]
    print(f"{len(outcomes)} images\n\n| copy | " + " | ".join(heads) + " |\n|---|" + "---:|" * len(COLUMNS))
    for name in COPIES:
        found = [
            sum(one.distances[name][column] <= row.threshold for one in outcomes)
            for column, (row, _) in enumerate(COLUMNS)
        ]
        print(f"| {name} | " + " | ".join(f"{100 * count / len(outcomes):.1f}" for count in found) + " |")
    costs = [1000 * float(np.mean([one.seconds[column] for one in outcomes])) for column in range(len(COLUMNS))]
    print("| processor time an image, ms | " + " | ".join(f"{cost:.1f}" for cost in costs) + " |")
    for row in (PDQ, PHASH):
        unrelated(outcomes, row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
