"""Compares decoding with three other decoders over corpora: ``python benchmarks/other_decoders.py FOLDER``.

Decodes every file of FOLDER here, with ImageMagick, ffmpeg and libvips. Prints for each corpus, a folder in FOLDER, how
many files there are, how many of them two others show, and what becomes of all here: hashed, a fault, without a hash
for a stated reason, no image by its content. A file is silent if two others show an image with content, and nothing is
said of it here. It is wrong if two others agree, and no view of it here is within 10 bits. Needs ImageMagick, ffmpeg
and pyvips.
"""

import argparse
import io
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pyvips
from PIL import Image

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ
from hashaudit.model.results import ImageHashes

TIMEOUT_S = 30
MAX_DISTANCE = 10
MIN_QUALITY = 50
IMAGEMAGICK = shutil.which("magick") or shutil.which("convert-im6.q16") or "convert"


def bits(image: Image.Image) -> int | None:
    """Returns the PDQ of an image with content and of sufficient quality."""
    pixels = np.asarray(image)
    transform = pdq.transform(pixels) if np.ptp(pixels) else None
    return None if transform is None or transform.quality < MIN_QUALITY else int.from_bytes(transform.hash())


def shown(command: list[str]) -> int | None:
    """Returns the PDQ of the image that a program writes; ``None`` if it writes none, -1 if it has no stable hash."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        with Image.open(io.BytesIO(done.stdout)) as image:
            found = bits(image.convert("RGB"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return -1 if found is None else found


def by_libvips(path: Path) -> int | None:
    """Returns the PDQ of the first frame as libvips shows it, as :func:`shown` does."""
    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential")
        if image.hasalpha():
            image = image.flatten(background=255)
        image = image.colourspace("srgb") if image.interpretation != "srgb" else image
        levels = np.asarray(image.cast("uchar").numpy()).squeeze()
        found = bits(Image.fromarray(np.ascontiguousarray(levels[..., :3])).convert("RGB"))
    except (pyvips.Error, ValueError, TypeError):
        return None
    return -1 if found is None else found


class Row(msgspec.Struct, frozen=True):
    """The results for one file."""

    corpus: str
    name: str
    shown: tuple[str, ...]
    """The others that show it."""
    outcome: str


def examine(path: Path, folder: Path) -> Row:
    """Examines a file."""
    options = ["-v", "error", "-threads", "1", "-i", str(path), "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm"]
    others = {
        "ImageMagick": shown([IMAGEMAGICK, f"{path}[0]", "-background", "white", "-flatten", "-depth", "8", "ppm:-"]),
        "ffmpeg": shown(["ffmpeg", *options, "-"]),
        "libvips": by_libvips(path),
    }
    found = hash_image(path.read_bytes(), [PDQ], HashOptions())
    inside = path.relative_to(folder)
    seen = tuple(name for name, one in others.items() if one is not None)
    return Row(inside.parts[0], str(inside), seen, _outcome(found, others))


def _outcome(found: ImageHashes, others: dict[str, int | None]) -> str:
    known = [one for one in others.values() if one is not None and one >= 0]
    if found.faults and not found.hashes:
        return f"fault {found.faults[0].code}"
    if not found.hashes:
        return f"no hash: {found.no_hash}" if found.no_hash else ("silent" if len(known) > 1 else "no image")
    own = {int(one.value, 16) for one in found.hashes}
    agreed = [one for one, other in combinations(known, 2) if (one ^ other).bit_count() <= MAX_DISTANCE]
    if agreed and all((one ^ other).bit_count() > MAX_DISTANCE for one in own for other in agreed):
        return "wrong"
    return "hashed"


def main() -> int:
    """Prints the table, and the files to look at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(partial(examine, folder=folder), paths, chunksize=4))
    print("| corpus | files | shown by two | hashed | fault | no hash, with reason | no image | silent | wrong |")
    print("|---|" + "---:|" * 8)
    for corpus in sorted({row.corpus for row in rows}):
        of_it = [row for row in rows if row.corpus == corpus]
        counts = Counter(row.outcome.partition(":")[0].partition(" ")[0] for row in of_it)
        no_image = sum(row.outcome == "no image" for row in of_it)
        no_hash = counts["no"] - no_image
        two = sum(len(row.shown) > 1 for row in of_it)
        cells = (
            len(of_it),
            two,
            counts["hashed"],
            counts["fault"],
            no_hash,
            no_image,
            counts["silent"],
            counts["wrong"],
        )
        print(f"| {corpus} | " + " | ".join(map(str, cells)) + " |")
    print()
    for row in rows:
        if row.outcome in {"wrong", "silent"} or (len(row.shown) > 1 and row.outcome.startswith("fault")):
            print(f"{row.name}: shown by {', '.join(row.shown) or 'none'}; {row.outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
