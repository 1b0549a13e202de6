import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from hashaudit.content.images.pixel_modes import is_grey, to_colour, to_luma
from hashaudit.content.images.refusal import RefusalError
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.fault_texts import worded

ALIKE = ["RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "CMYK", "HSV", "LAB"]


def levels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(image).astype(np.int16)


def lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


@pytest.mark.parametrize("mode", ALIKE)
def test_colours_survive_every_mode(mode: str, photo: Image.Image) -> None:
    image = photo.convert("RGBA").convert("RGBa") if mode == "RGBa" else lab(photo) if mode == "LAB" else None
    colour = to_colour(image or photo.convert(mode))
    assert colour.mode == "RGB"
    assert np.abs(levels(colour) - levels(photo)).mean() < 3


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (2, 2), 77), 77),
        (Image.new("1", (2, 2), 1), 255),
        (Image.new("I;16", (2, 2), 77 << 8 | 255), 77),
        (Image.new("I;16B", (2, 2), 77 << 8 | 255), 77),
        (Image.new("I", (2, 2), 77), 77),
        (Image.new("I", (2, 2), 77 << 8 | 255), 77),
        (Image.new("I", (2, 2), 77 << 23), 154),
        (Image.new("I", (2, 2), -5), 0),
        (Image.new("F", (2, 2), 0.2), 51),
        (Image.new("F", (2, 2), 77.2), 77),
        (Image.new("F", (2, 2), 1000.0), 255),
        (Image.new("F", (2, 2), -3.0), 0),
        (Image.new("F", (2, 2), float("nan")), 0),
        (Image.new("F", (2, 2), float("inf")), 0),
    ],
)
def test_grey_of_any_depth(image: Image.Image, expected: int) -> None:
    assert is_grey(image)
    assert to_luma(image).mode == "L"
    assert to_luma(image).getextrema() == (expected, expected)
    assert to_colour(image).getextrema() == ((expected, expected),) * 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_transparency_is_composed_on_white(mode: str) -> None:
    base = "LA" if mode in {"LA", "La"} else "RGBA"
    image = Image.new(base, (4, 4), (0, 0) if base == "LA" else (0, 0, 0, 0))
    half = (0, 128) if base == "LA" else (0, 0, 0, 128)
    image.paste(half, (0, 0, 2, 4))
    colour = to_colour(image.convert(mode))
    assert not is_grey(image.convert(mode))
    assert colour.getpixel((3, 3)) == (255, 255, 255)
    if mode != "PA":  # a palette's conversion rounds what is half transparent
        assert all(abs(channel - 127) <= 1 for channel in np.asarray(colour)[0, 0])


def test_a_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 200, 30, 40])
    image.putpixel((1, 1), 1)
    image.info["transparency"] = 0
    assert to_colour(image).getpixel((0, 0)) == (255, 255, 255)
    assert to_colour(image).getpixel((1, 1)) == (200, 30, 40)


def test_a_palette_that_only_the_decoder_has() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 30, 40])
    image.load()
    image.palette = None
    assert not is_grey(image)
    assert to_colour(image).getpixel((0, 0)) == (200, 30, 40)


def test_a_transparent_grey_level_is_white() -> None:
    image = Image.new("L", (4, 4), 9)
    image.info["transparency"] = 9
    assert not is_grey(image)
    assert to_colour(image).getpixel((0, 0)) == (255, 255, 255)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(RefusalError, match="colour mode XYZ") as refused:
        to_colour(FakeImage())
    fault = Fault(Stage.DECODE, refused.value.code, f"tiff: {refused.value}")
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE
    assert worded(fault) == fault


class FakeImage(Image.Image):
    """What a decoder to come might give."""

    mode = "XYZ"


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(kind: str, encode: Callable[..., bytes], photo: Image.Image) -> None:
    with Image.open(io.BytesIO(encode(photo.convert("CMYK"), kind))) as image:
        assert image.mode == "CMYK"
        assert np.abs(levels(to_colour(image)) - levels(photo)).mean() < 6
