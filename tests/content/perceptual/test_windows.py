import functools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ
from hashaudit.content.perceptual.windows import MAX_WINDOWS, windows
from odd_images import encoded, scene


@functools.cache
def whole() -> Image.Image:
    """Made by the tests that need it, because every process collects all tests."""
    return scene(640, 480)


@functools.cache
def others() -> list[Image.Image]:
    return [scene(640, 480, seed) for seed in (11, 12, 13)]


def value(image: Image.Image) -> int:
    transform = pdq.transform(np.asarray(image.convert("RGB")))
    assert transform is not None
    return int.from_bytes(transform.hash())


def nearest(image: Image.Image, variants: Variants) -> tuple[int, str]:
    found = hash_image(encoded(image, "JPEG", quality=85), [PDQ], HashOptions(variants)).hashes
    return min(((int(one.value, 16) ^ value(whole())).bit_count(), one.view) for one in found)


def captioned() -> Image.Image:
    image = Image.new("RGB", (640, 570), "white")
    image.paste(whole(), (0, 90))
    ImageDraw.Draw(image).text((20, 20), "seen from the other side", fill="black", font_size=30)
    return image


def collage(gap: int) -> Image.Image:
    image = Image.new("RGB", (640 + 3 * gap, 480 + 3 * gap), "white")
    for number, tile in enumerate([others()[0], whole(), others()[1], others()[2]]):
        place = (gap + number % 2 * (320 + gap), gap + number // 2 * (240 + gap))
        image.paste(tile.resize((320, 240)), place)
    return image


def beside() -> Image.Image:
    image = Image.new("RGB", (1280, 480))
    image.paste(others()[0], (0, 0))
    image.paste(ImageOps.mirror(whole()), (640, 0))
    return image


def screenshot() -> Image.Image:
    image = Image.new("RGB", (720, 1400), (18, 18, 20))
    draw = ImageDraw.Draw(image)
    draw.text((30, 20), "12:41", fill="white", font_size=30)
    draw.ellipse((30, 90, 90, 150), fill=(80, 120, 200))
    image.paste(whole().resize((720, 540)), (0, 200))
    draw.text((30, 780), "somebody: what a lovely view", fill="white", font_size=30)
    return image


@pytest.mark.parametrize("image", [captioned, partial(collage, 0), partial(collage, 12), beside, screenshot])
def test_an_image_inside_another_is_found_by_its_window(image: Callable[[], Image.Image]) -> None:
    assert nearest(image(), Variants.ALL)[0] > PDQ.threshold
    distance, view = nearest(image(), Variants.THOROUGH)
    assert distance <= PDQ.threshold
    assert view == "window"


@pytest.mark.parametrize("variants", [Variants.ALL, Variants.THOROUGH])
def test_a_negative_matches(variants: Variants) -> None:
    distance, view = nearest(ImageOps.invert(whole()), variants)
    assert distance <= PDQ.threshold
    assert view == "negative"
    assert nearest(ImageOps.invert(whole()), Variants.DIHEDRAL)[0] > PDQ.threshold


def test_windows_of_other_images_do_not_match() -> None:
    for other in others():
        assert nearest(other, Variants.THOROUGH)[0] > PDQ.threshold


@pytest.mark.parametrize("size", [(1, 1), (127, 900), (64, 64)])
def test_a_small_image_has_no_windows(size: tuple[int, int]) -> None:
    assert windows(np.zeros(size, dtype=np.uint8)) == []


@given(st.integers(0, 2**32), st.sampled_from([2, 8, 40]))
def test_the_windows_of_any_image_are_few_and_inside(seed: int, cells: int) -> None:
    random = np.random.default_rng(seed)
    tiles = random.integers(0, 256, (cells, cells), dtype=np.uint8)
    plane = np.kron(tiles, np.ones((320 // cells, 400 // cells), dtype=np.uint8))
    found = windows(plane)
    assert len(found) <= MAX_WINDOWS
    for box in found:
        assert 0 <= box.top < box.bottom <= plane.shape[0]
        assert 0 <= box.left < box.right <= plane.shape[1]
        assert min(box.of(plane).shape) >= 64


def test_an_inexact_transform_is_as_good() -> None:
    for seed in range(20):
        plane = np.asarray(scene(300, 200, seed).convert("L"))
        exact, fast = pdq.transform(plane), pdq.transform(plane, is_exact=False)
        assert exact is not None
        assert fast is not None
        assert (int.from_bytes(exact.hash()) ^ int.from_bytes(fast.hash())).bit_count() <= 4
        assert abs(exact.quality - fast.quality) <= 1
