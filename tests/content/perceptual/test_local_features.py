import random

import pytest
from PIL import Image, ImageDraw, ImageOps

from hashaudit.content.perceptual.local_features import MIN_AGREEING, compare_features

pytest.importorskip("cv2", reason="OpenCV is not installed (PyPI: opencv-python-headless)")


def shapes(seed: int) -> Image.Image:
    source = random.Random(seed)
    image = Image.new("L", (640, 480), 128)
    draw = ImageDraw.Draw(image)
    for _ in range(150):
        x, y, width, height = (source.randrange(limit) for limit in (620, 460, 80, 60))
        draw.ellipse((x, y, x + width + 6, y + height + 6), source.randrange(256))
    return image


ONE, OTHER = shapes(1), shapes(2)


def collage() -> Image.Image:
    image = Image.new("L", (1280, 960), 255)
    image.paste(OTHER, (0, 0))
    image.paste(ONE.resize((600, 450)), (660, 490))
    return image


@pytest.mark.parametrize(
    ("copy", "changed"),
    [
        (ONE, ""),
        (ONE.crop((90, 60, 560, 430)), ""),
        (ONE.rotate(7, Image.Resampling.BICUBIC, expand=True), ""),
        (collage(), ""),
        (ImageOps.mirror(ONE), "mirrored"),
        (ImageOps.invert(ONE), "negative"),
    ],
)
def test_a_copy_has_many_places_in_common(copy: Image.Image, changed: str) -> None:
    found = compare_features(ONE, copy)
    assert found.is_common
    assert found.changed == changed
    assert found.agreeing <= found.pairs <= min(found.places_a, found.places_b)


def test_the_movement_is_that_of_the_copy() -> None:
    found = compare_features(ONE, ONE.rotate(20, Image.Resampling.BICUBIC, expand=True))
    assert found.degrees == pytest.approx(20, abs=0.5)
    found = compare_features(ONE, ONE.resize((320, 240)))
    assert found.scale == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("other", [OTHER, Image.new("L", (640, 480), 90), Image.new("L", (3, 3))])
def test_another_image_has_none(other: Image.Image) -> None:
    assert compare_features(ONE, other).agreeing < MIN_AGREEING
    assert not compare_features(other, ONE).is_common
