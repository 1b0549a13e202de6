import functools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, PDQ
from hashaudit.content.perceptual.undone_edits import FREQUENT, RARE, SIDE, SmallPlane, fill_corners
from hashaudit.model.results import VIEWS, AlgorithmName
from odd_images import encoded, scene

PHASH = ALGORITHMS[AlgorithmName("phash")]

MakeImage = Callable[[], Image.Image]
"""Images are made by the tests that need them, because every process collects all tests."""


@functools.cache
def whole() -> Image.Image:
    return scene(960, 640)


def cropped(share: float) -> Image.Image:
    across, down = round(whole().width * share / 2), round(whole().height * share / 2)
    return whole().crop((across, down, whole().width - across, whole().height - down))


def turned(degrees: float, *, is_expanded: bool = False) -> Image.Image:
    return whole().rotate(degrees, Image.Resampling.BICUBIC, expand=is_expanded)


def rounded(colour: str) -> Image.Image:
    mask = Image.new("L", whole().size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, whole().width - 1, whole().height - 1), 90, fill=255)
    return Image.composite(whole(), Image.new("RGB", whole().size, colour), mask)


def in_gradient() -> Image.Image:
    frame = Image.linear_gradient("L").resize((1060, 740)).point(lambda level: 190 + level // 4).convert("RGB")
    frame.paste(whole(), (50, 50))
    return frame


@functools.cache
def listed(name: AlgorithmName) -> int:
    return int(hash_image(encoded(whole(), "PNG"), [ALGORITHMS[name]], HashOptions(Variants.NONE)).hashes[0].value, 16)


def nearest(image: Image.Image, variants: Variants, algorithm: object = PDQ) -> tuple[int, str]:
    assert algorithm in {PDQ, PHASH}
    row = PDQ if algorithm is PDQ else PHASH
    found = hash_image(encoded(image, "JPEG", quality=85), [row], HashOptions(variants)).hashes
    return min(((int(one.value, 16) ^ listed(row.name)).bit_count(), one.view) for one in found)


@pytest.mark.parametrize(
    ("image", "view"),
    [
        (lambda: cropped(0.04), "widened"),
        (lambda: cropped(0.05), "widened"),
        (lambda: ImageOps.mirror(cropped(0.05)), "widened"),
        (lambda: turned(2), "straightened"),
        (lambda: turned(-1.6), "straightened"),
        (lambda: ImageOps.mirror(turned(2)), "straightened"),
        (lambda: rounded("white"), "filled"),
        (lambda: rounded("black"), "filled"),
    ],
)
def test_a_frequent_edit_is_undone_by_default(image: MakeImage, view: str) -> None:
    assert nearest(image(), Variants.DIHEDRAL)[0] > PDQ.threshold
    distance, seen = nearest(image(), Variants.ALL)
    assert distance <= PDQ.threshold
    assert seen == view


@pytest.mark.parametrize(
    ("image", "view"),
    [
        (lambda: cropped(0.1), "widened"),
        (lambda: whole().crop((0, 32, 960, 640)), "widened"),
        (lambda: whole().crop((0, 0, 912, 640)), "widened"),
        (lambda: turned(4), "straightened"),
        (lambda: turned(-2, is_expanded=True), "straightened"),
        # The band within the frame is a window too.
        (in_gradient, "inner|window"),
    ],
)
def test_a_rare_edit_is_undone_in_a_thorough_search(image: MakeImage, view: str) -> None:
    distance, seen = nearest(image(), Variants.THOROUGH)
    assert distance <= PDQ.threshold
    assert seen in view.split("|")


def test_another_hash_sees_edits_in_a_thorough_search() -> None:
    assert nearest(turned(-3), Variants.ALL, PHASH)[0] > PHASH.threshold
    assert nearest(turned(-3), Variants.THOROUGH, PHASH) <= (PHASH.threshold, "straightened")
    assert nearest(ImageOps.invert(whole()), Variants.ALL, PHASH) <= (PHASH.threshold, "negative")


def test_other_images_do_not_match() -> None:
    for seed in range(11, 13):
        assert nearest(scene(960, 640, seed), Variants.THOROUGH)[0] > PDQ.threshold


def test_an_image_without_rounded_corners_has_none_filled() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE)).astype(np.float32)
    assert fill_corners(noise) is None
    squares = np.kron(noise[:8, :8], np.ones((16, 16), dtype=np.float32))
    assert fill_corners(squares) is None
    assert fill_corners(np.full((SIDE, SIDE), 200, dtype=np.float32)) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 8, 32]), st.integers(128, 700), st.integers(128, 700))
def test_the_estimates_of_any_image_are_levels(seed: int, cells: int, width: int, height: int) -> None:
    tiles = np.random.default_rng(seed).integers(0, 256, (cells, cells), dtype=np.uint8)
    luma = Image.fromarray(tiles).resize((width, height), Image.Resampling.NEAREST)
    for view, grids in SmallPlane(luma).estimates(FREQUENT + RARE):
        assert view in VIEWS
        assert grids.shape[1:] == (64, 64)
        assert grids.min() > -0.01
        assert grids.max() < 255.01
