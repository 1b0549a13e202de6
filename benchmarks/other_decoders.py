"""Compares decoding with two other decoders over a corpus: ``python benchmarks/other_decoders.py FOLDER``.

Decodes every file of FOLDER here, with ImageMagick and with ffmpeg, and prints how many files both others, one or none
of them show, and what becomes of them here: hashed, a fault, without a hash for a stated reason, or passed over. A file
is wrong if both others agree with each other and no view of it here is within 10 bits. Needs ImageMagick and ffmpeg.
"""

import argparse
import io
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ

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


def examine(path: Path) -> tuple[str, str, str]:
    """Returns the name of a file, how many others show it, and what becomes of it here."""
    magick = shown([IMAGEMAGICK, f"{path}[0]", "-background", "white", "-flatten", "-depth", "8", "ppm:-"])
    options = ["-v", "error", "-threads", "1", "-i", str(path), "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm"]
    ffmpeg = shown(["ffmpeg", *options, "-"])
    others = sum(one is not None for one in (magick, ffmpeg))
    found = hash_image(path.read_bytes(), [PDQ], HashOptions())
    if found.faults and not found.hashes:
        return path.name, str(others), f"fault {found.faults[0].code}"
    if not found.hashes:
        return path.name, str(others), f"no hash: {found.no_hash}" if found.no_hash else "passed over"
    own = {int(one.value, 16) for one in found.hashes}
    known = [one for one in (magick, ffmpeg) if one is not None and one >= 0]
    agree = len(known) == 2 and (known[0] ^ known[1]).bit_count() <= MAX_DISTANCE
    is_wrong = agree and all((one ^ known[0]).bit_count() > MAX_DISTANCE for one in own)
    return path.name, str(others), "wrong" if is_wrong else "hashed"


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(examine, paths, chunksize=4))
    counts = Counter((others, outcome) for _, others, outcome in rows)
    print(f"{len(rows)} files\n\n| shown by others | here | files |\n|---|---|---:|")
    for (others, outcome), count in sorted(counts.items(), reverse=True):
        print(f"| {others} | {outcome} | {count} |")
    print()
    for name, others, outcome in rows:
        if (
            outcome == "wrong"
            or (others == "2" and outcome != "hashed")
            or (others != "0" and outcome == "passed over")
        ):
            print(f"{name}: shown by {others} others, {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
