"""Converts images from every colour mode of the decoders to luma and to RGB.

Transparent images are composed on white, as a web page shows them. Colour profiles are not applied, because PDQ's
reference implementation does not apply them.

Source of the luma weights: ITU-R BT.601 (0.299, 0.587, 0.114).
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

BACKGROUND = 255
"""White, in each channel."""
_SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_GREY = frozenset({"1", "L", "I", "F"}) | _SIXTEEN_BIT
_TRANSPARENT = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_DIRECT = frozenset({"1", "L", "RGB", "RGBX", "YCbCr", "P", "CMYK", "HSV"})
"""Modes that Pillow converts to RGB correctly."""


class UnsupportedModeError(ValueError):
    """The colour mode is not one of those that decoders of photographs deliver."""


def is_grey(image: Image.Image) -> bool:
    """Returns whether the image has one opaque channel."""
    return image.mode in _SIXTEEN_BIT or (image.mode in _GREY and not _is_transparent(image))


def to_luma(image: Image.Image) -> Image.Image:
    """Converts a grey image to mode ``L``, 0 to 255."""
    plane = _wide_plane(image)
    if plane is not None:
        return Image.fromarray(plane)
    return image if image.mode == "L" else image.convert("L")


def to_colour(image: Image.Image) -> Image.Image:
    """Converts an image to mode ``RGB``.

    Raises:
        UnsupportedModeError: the mode is unknown.
    """
    plane = _wide_plane(image)
    if plane is not None:
        return Image.fromarray(plane).convert("RGB")
    if _is_transparent(image):
        return _on_white(_with_alpha(image))
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in _DIRECT:
        return image if image.mode == "RGB" else image.convert("RGB")
    raise UnsupportedModeError(f"colour mode {image.mode}")


def _is_transparent(image: Image.Image) -> bool:
    """Returns whether a pixel may be transparent.

    Later frames of a GIF may have their palette only in the decoder, and Pillow's own property fails for them.
    """
    palette = image.palette
    in_palette = image.mode == "P" and palette is not None and palette.mode.endswith("A")
    return image.mode in _TRANSPARENT or "transparency" in image.info or in_palette


def _with_alpha(image: Image.Image) -> Image.Image:
    # Pillow converts premultiplied modes only to their plain forms.
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _on_white(image: Image.Image) -> Image.Image:
    if image.getchannel("A").getextrema() == (BACKGROUND, BACKGROUND):
        return image.convert("RGB")
    background = Image.new("RGB", image.size, (BACKGROUND, BACKGROUND, BACKGROUND))
    background.paste(image, mask=image.getchannel("A"))
    return background


def _wide_plane(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Returns the 8-bit plane of a grey image of more than 8 bits; ``None`` for all other modes."""
    if image.mode in _SIXTEEN_BIT:
        wide: npt.NDArray[np.uint16] = np.asarray(image)
        return (wide >> 8).astype(np.uint8)
    if image.mode == "I":
        return _from_integers(np.asarray(image))
    if image.mode == "F":
        return _from_fractions(np.asarray(image, dtype=np.float32))
    return None


def _from_integers(values: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Returns the upper eight bits of 16, or of the length of the largest value if that is more. 8 bits stay."""
    largest = int(values.max(initial=0))
    shift = 0 if largest <= 0xFF else max(largest.bit_length(), 16) - 8
    return (np.maximum(values, 0) >> shift).astype(np.uint8)


def _from_fractions(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Scales 0..1 to 0..255 if no value exceeds 1, keeps 0..255 if none exceeds 255, else scales the largest to 255."""
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
