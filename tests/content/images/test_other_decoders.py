"""Decodes the same files with ImageMagick, libvips and ffmpeg: no file that they show is passed over or seen otherwise.

A difference is a failure, or it has a reason below.
"""

import functools
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from odd_images import decodable, encoded, reduced, scene, undecodable

pytestmark = pytest.mark.slow

MAX_DISTANCE = 10
"""Bits; the published rule for one's own decoding."""
TIMEOUT_S = 60
IMAGE = scene()

_AS_UNSIGNED = "reads signed samples as unsigned ones"
_DARK = "shows ten bits of sixteen as nearly black, with four levels"
REASONS: dict[tuple[str, str], str] = {
    ("signed-8.tif", "imagemagick"): _AS_UNSIGNED,
    ("signed-16.tif", "libvips"): _AS_UNSIGNED,
    ("ten-of-16.tif", "imagemagick"): _DARK,
    ("ten-of-16.tif", "libvips"): _DARK,
    ("float-16.tif", "libvips"): "does not scale floating-point levels of 0 to 1",
    ("cmyk-alpha.tif", "libvips"): "converts CMYK by a colour profile",
    ("plain.tga", "imagemagick"): "version 6 turns images that begin at the top upside down",
    ("runs.tga", "imagemagick"): "version 6 turns images that begin at the top upside down",
    ("runs-of-four-bits.bmp", "ffmpeg"): "shifts the rows after a run that is longer than its row",
    ("colour.pfm", "ffmpeg"): "version 5 shows the rows in the order of the file; the lowest is the first",
}
"""By file and decoder: why the other decoder shows another image."""
ONLY_OTHERS: dict[str, str] = {
    "garbage.png": "they show the rows before the damage, which Pillow drops",
}
"""Files that are a fault here although two others decode them."""
NOT_TO_FFMPEG = (".tif", "plain.pfm")
"""Its decoder of TIFF reads few kinds, and misplaces tiles and strips."""


def ordinary(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yields files in the common forms of the common formats."""
    grey, turned = image.convert("L"), ImageOps.mirror(image)
    yield "baseline.jpg", encoded(image, "JPEG", quality=85)
    yield "progressive.jpg", encoded(image, "JPEG", quality=85, progressive=True)
    yield "grey.jpg", encoded(grey, "JPEG", quality=85)
    yield "full-chroma.jpg", encoded(image, "JPEG", quality=85, subsampling=0)
    yield "colour.png", encoded(image, "PNG")
    yield "palette.png", encoded(reduced(image), "PNG")
    yield "one-bit.png", encoded(image.convert("1"), "PNG")
    yield "deep.png", encoded(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG")
    yield "still.gif", encoded(reduced(image), "GIF")
    yield "animated.gif", encoded(reduced(image), "GIF", save_all=True, append_images=[reduced(turned)])
    yield "lossy.webp", encoded(image, "WEBP", quality=80)
    yield "lossless.webp", encoded(image, "WEBP", lossless=True)
    yield "colour.bmp", encoded(image, "BMP")
    yield "palette.bmp", encoded(reduced(image), "BMP")
    for name, options in (("plain", {}), ("lzw", {"compression": "tiff_lzw"}), ("jpeg", {"compression": "jpeg"})):
        yield f"{name}.tif", encoded(image, "TIFF", **options)
    yield "fax.tif", encoded(image.convert("1"), "TIFF", compression="group4")
    yield "colour.jp2", encoded(image, "JPEG2000")
    yield "colour.avif", encoded(image, "AVIF", quality=85, speed=9)


@functools.cache
def files() -> dict[str, bytes]:
    """All files by name. Made by the test that needs them, because every process collects all tests."""
    return dict(decodable(IMAGE)) | dict(ordinary(IMAGE))


def bits(image: Image.Image) -> int:
    transform = pdq.transform(np.asarray(image.convert("RGB")))
    assert transform is not None
    return int.from_bytes(transform.hash())


def by_imagemagick(path: Path) -> Image.Image | None:
    """Returns the first frame as ImageMagick shows it."""
    program = shutil.which("magick") or shutil.which("convert-im6.q16")
    if program is None:
        pytest.skip("ImageMagick is not installed")
    return _shown([program, f"{path}[0]", "-depth", "8", "ppm:-"])


def by_ffmpeg(path: Path) -> Image.Image | None:
    """Returns the first frame as ffmpeg shows it."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed")
    return _shown(
        [
            program,
            "-v",
            "error",
            "-threads",
            "1",
            "-i",
            str(path),
            "-frames:v",
            "1",
            "-f",
            "image2pipe",
            "-c:v",
            "ppm",
            "-",
        ]
    )


def _shown(command: list[str]) -> Image.Image | None:
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    if done.returncode or not done.stdout:
        return None
    with Image.open(io.BytesIO(done.stdout)) as image:
        return image.convert("RGB")


def by_libvips(path: Path) -> Image.Image | None:
    """Returns the first frame as libvips shows it."""
    vips: Any = pytest.importorskip("pyvips", reason="pyvips is not installed")
    try:
        image = vips.Image.new_from_file(str(path), access="sequential")
        if image.hasalpha():
            image = image.flatten(background=255)
        if image.format != "uchar" or image.interpretation != "srgb":
            image = image.colourspace("srgb")
        if image.format != "uchar":
            return None
        levels = np.asarray(image.numpy())
    except vips.Error:
        return None
    return Image.fromarray(np.ascontiguousarray(levels.squeeze()[..., :3] if levels.ndim == 3 else levels))


DECODERS: dict[str, Callable[[Path], Image.Image | None]] = {
    "imagemagick": by_imagemagick,
    "ffmpeg": by_ffmpeg,
    "libvips": by_libvips,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files")
    for name, data in (files() | dict(undecodable(IMAGE))).items():
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("decoder", DECODERS)
def test_others_show_the_same_image(decoder: str, folder: Path) -> None:
    differences = {}
    shown = 0
    for name, data in files().items():
        is_asked = decoder != "ffmpeg" or not name.endswith(NOT_TO_FFMPEG)
        other = DECODERS[decoder](folder / name) if is_asked else None
        if other is None:
            continue
        shown += 1
        frame = next(iter(decode(data, DecodeLimits())))
        assert isinstance(frame, Frame), (name, frame)
        distance = (bits(frame.colour or frame.luma) ^ bits(other)).bit_count()
        if (distance > MAX_DISTANCE) != ((name, decoder) in REASONS):
            differences[name] = distance
    assert not differences
    assert shown > len(files()) // 4


def test_what_two_others_decode_is_not_a_fault_here(folder: Path) -> None:
    missed = {}
    for name, data in undecodable(IMAGE):
        if name.startswith("x."):
            # These hold no image, only the signature of one.
            continue
        images = {decoder: show(folder / name) for decoder, show in DECODERS.items()}
        # A decoder that gives up without an error shows one level.
        good = [decoder for decoder, image in images.items() if image is not None and np.ptp(np.asarray(image)) > 0]
        here = [item for item in decode(data, DecodeLimits()) if isinstance(item, Frame)]
        if len(good) >= 2 and not here and name not in ONLY_OTHERS:
            missed[name] = good
    assert not missed
