"""From every colour mode that a decoder gives to luma and to RGB.

Transparency is composed on white, as a page shows it. Colour profiles are not applied: the reference of PDQ does not
either.

Source of the luma weights: ITU-R BT.601 (0.299, 0.587, 0.114).
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

GROUND = 255
"""White, in each channel."""
_SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_GREY = frozenset({"1", "L", "I", "F"}) | _SIXTEEN_BIT
_TRANSPARENT = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_DIRECT = frozenset({"1", "L", "RGB", "RGBX", "YCbCr", "P", "CMYK", "HSV"})
"""Modes whose own conversion to RGB is right."""


class UnsupportedModeError(ValueError):
    """A colour mode that is none of those that decoders of photographs give."""


def is_grey(image: Image.Image) -> bool:
    """Tells if the picture has one opaque channel."""
    return image.mode in _SIXTEEN_BIT or (image.mode in _GREY and not _is_transparent(image))


def to_luma(image: Image.Image) -> Image.Image:
    """A grey picture in mode ``L``, 0 to 255."""
    plane = _wide_plane(image)
    if plane is not None:
        return Image.fromarray(plane)
    return image if image.mode == "L" else image.convert("L")


def to_colour(image: Image.Image) -> Image.Image:
    """The picture in mode ``RGB``.

    Raises:
        UnsupportedModeError: the mode is unknown.
    """
    plane = _wide_plane(image)
    if plane is not None:
        return Image.fromarray(plane).convert("RGB")
    if _is_transparent(image):
        return _composed(_with_alpha(image))
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in _DIRECT:
        return image if image.mode == "RGB" else image.convert("RGB")
    raise UnsupportedModeError(f"colour mode {image.mode}")


def _is_transparent(image: Image.Image) -> bool:
    """Tells if a pixel may be transparent.

    Later frames of a GIF may have a palette in the decoder alone, for which Pillow's own property fails.
    """
    palette = image.palette
    in_palette = image.mode == "P" and palette is not None and palette.mode.endswith("A")
    return image.mode in _TRANSPARENT or "transparency" in image.info or in_palette


def _with_alpha(image: Image.Image) -> Image.Image:
    # Premultiplied modes convert to their plain forms only.
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _composed(image: Image.Image) -> Image.Image:
    if image.getchannel("A").getextrema() == (GROUND, GROUND):
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, (GROUND, GROUND, GROUND))
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _wide_plane(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """The 8-bit plane of a grey picture of more than 8 bits; ``None`` for all other modes."""
    if image.mode in _SIXTEEN_BIT:
        wide: npt.NDArray[np.uint16] = np.asarray(image)
        return (wide >> 8).astype(np.uint8)
    if image.mode == "I":
        return _from_integers(np.asarray(image))
    if image.mode == "F":
        return _from_fractions(np.asarray(image, dtype=np.float32))
    return None


def _from_integers(values: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """The upper eight of 16 bits, or of as many as the largest value takes where that is more; 8 bits stay."""
    largest = int(values.max(initial=0))
    shift = 0 if largest <= 0xFF else max(largest.bit_length(), 16) - 8
    return (np.maximum(values, 0) >> shift).astype(np.uint8)


def _from_fractions(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """0..1 where nothing is above 1, 0..255 where nothing is above that, else 0..the largest value."""
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(finite.max(initial=0.0))
    full = 1.0 if largest <= 1.0 else max(largest, 255.0)
    scaled: npt.NDArray[np.uint8] = np.clip(np.rint(finite * np.float32(255.0 / full)), 0, 255).astype(np.uint8)
    return scaled


def _from_lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise UnsupportedModeError("colour mode LAB")
    return converted
