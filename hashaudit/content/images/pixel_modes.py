"""Converts images from every colour mode of the decoders to luma and to RGB.

Transparent images are composed on white, as a web page shows them, on black, as a viewer shows them, and once more
without their alpha channel, as the reference implementations of the hashes see them. Colour profiles are not applied,
because PDQ's reference implementation does not apply them.

Source of the luma weights: ITU-R BT.601 (0.299, 0.587, 0.114).
"""

import functools

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from hashaudit.content.images.refusal import unsupported
from hashaudit.content.images.sample_depth import from_fractions, from_integers

WHITE, BLACK = 255, 0
"""Backgrounds, in each channel."""
_OPAQUE = 255
_SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_GREY = frozenset({"1", "L", "I", "F"}) | _SIXTEEN_BIT
_WIDE = _SIXTEEN_BIT | {"I", "F"}
_TRANSPARENT = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_DIRECT = frozenset({"1", "L", "RGB", "RGBX", "YCbCr", "P", "CMYK", "HSV"})
"""Modes that Pillow converts to RGB correctly."""


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
        RefusalError: the mode is unknown.
    """
    plane = _wide_plane(image)
    if plane is not None:
        return Image.fromarray(plane).convert("RGB")
    if _is_transparent(image):
        return compositions(image)[0].make()
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in _DIRECT:
        return image if image.mode == "RGB" else image.convert("RGB")
    raise unsupported(f"colour mode {image.mode} is not decoded")


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


def compositions(image: Image.Image, *, clear_is_opaque: bool = False) -> tuple["Composition", ...]:
    """Returns the ways to show a transparent image: on white, on black, and without alpha; none if it is opaque.

    Args:
        image: of any mode.
        clear_is_opaque: a format in which an alpha channel of zeros means an opaque image.
    """
    if image.mode in _WIDE or not _is_transparent(image):
        return ()
    with_alpha = _with_alpha(image)
    low, high = with_alpha.getchannel("A").getextrema()
    if low == _OPAQUE or (high == 0 and clear_is_opaque):
        return (Composition("", with_alpha, None),)
    return (
        Composition("", with_alpha, WHITE),
        Composition("black", with_alpha, BLACK),
        Composition("no_alpha", with_alpha, None),
    )


class Composition(msgspec.Struct, frozen=True):
    """One way to show a transparent image."""

    name: str
    """Empty for the usual way."""
    image: Image.Image
    """Mode ``RGBA``."""
    background: int | None = None
    """``None``: the alpha channel is dropped."""

    def make(self) -> Image.Image:
        """Returns the image in mode ``RGB``."""
        if self.background is None:
            return self.image.convert("RGB")
        canvas = Image.new("RGB", self.image.size, (self.background,) * 3)
        canvas.paste(self.image, mask=self.image.getchannel("A"))
        return canvas


def _wide_plane(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Returns the 8-bit plane of a grey image of more than 8 bits; ``None`` for all other modes."""
    if image.mode in _SIXTEEN_BIT:
        wide: npt.NDArray[np.uint16] = np.asarray(image)
        return (wide >> 8).astype(np.uint8)
    if image.mode == "I":
        return from_integers(np.asarray(image))
    if image.mode == "F":
        return from_fractions(np.asarray(image, dtype=np.float32))
    return None


@functools.cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    """Kept, because making it takes as long as decoding an image of a megapixel."""
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, _lab_transform())
    if converted is None:
        raise unsupported("colour mode LAB is not decoded")
    return converted
