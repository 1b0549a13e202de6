import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from hashaudit.content.images.border import Box, content_box


def plane_of(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(image.convert("L"))


@pytest.mark.parametrize("colour", ["white", "black", "grey"])
def test_a_frame_is_found_to_the_pixel(colour: str, photo: Image.Image) -> None:
    framed = ImageOps.expand(photo, border=30, fill=colour)
    assert content_box(framed.convert("L")) == Box(30, 510, 30, 670)


def test_bars_above_and_below(photo: Image.Image) -> None:
    barred = Image.new("RGB", (640, 640))
    barred.paste(photo, (0, 80))
    box = content_box(barred.convert("L"))
    assert box is not None
    assert (box.top, box.bottom) == (80, 560)
    assert np.array_equal(box.of(plane_of(barred))[:, 5:-5], plane_of(photo)[:, box.left : box.right][:, 5:-5])


def test_two_bars_of_different_colours(photo: Image.Image) -> None:
    barred = ImageOps.expand(photo, border=(0, 40, 0, 0), fill="white")
    barred = ImageOps.expand(barred, border=(0, 0, 0, 60), fill="black")
    box = content_box(barred.convert("L"))
    assert box is not None
    assert (box.top, box.bottom) == (40, 520)


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_a_compressed_frame_is_found_within_a_block(quality: int, photo: Image.Image) -> None:
    buffer = io.BytesIO()
    ImageOps.expand(photo, border=35, fill="white").save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as framed:
        box = content_box(framed.convert("L"))
    assert box is not None
    for found, true in zip((box.top, box.bottom, box.left, box.right), (35, 515, 35, 675), strict=True):
        assert abs(found - true) <= 8


def test_specks_on_a_border_belong_to_the_border(photo: Image.Image) -> None:
    framed = ImageOps.expand(photo, border=30, fill="white")
    for number in range(5):
        framed.putpixel((100 * number + 40, 12), (0, 0, 0))
    assert content_box(framed.convert("L")) == Box(30, 510, 30, 670)
    for number in range(40):
        framed.putpixel((15 * number + 40, 12), (0, 0, 0))
    box = content_box(framed.convert("L"))
    assert box is not None
    assert box.top == 12


def test_an_image_without_a_border_has_no_box(photo: Image.Image) -> None:
    assert content_box(photo.convert("L")) is None


def test_an_image_that_is_nearly_all_border_is_not_trimmed() -> None:
    plane = np.full((100, 100), 255, dtype=np.uint8)
    assert content_box(Image.fromarray(plane)) is None
    plane[40:70, 40:70] = np.arange(30, dtype=np.uint8) * 5
    assert content_box(Image.fromarray(plane)) is None


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 256]))
def test_any_plane_keeps_at_least_its_share(rows: int, columns: int, seed: int, levels: int) -> None:
    plane = np.random.default_rng(seed).integers(0, levels, (rows, columns), dtype=np.uint8)
    box = content_box(Image.fromarray(plane))
    if box is not None:
        kept = box.of(plane)
        assert kept.shape[0] >= 0.4 * rows
        assert kept.shape[1] >= 0.4 * columns
