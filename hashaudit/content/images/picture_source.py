"""The file that is decoded, the interface of what reads its frames, and the checks that all readers share."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
from PIL import Image, UnidentifiedImageError

from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.images.refusal import RefusalError
from hashaudit.model.faults import FaultCode

_Decoded = TypeVar("_Decoded", Image.Image, Image.Image | None)
DECIDED = (RefusalError, MemoryError, Image.DecompressionBombError)
"""Errors that another attempt would only repeat."""


class Clock:
    """The time limit of one file, checked between frames."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def check(self) -> None:
        """Raises :class:`RefusalError` after the limit."""
        if time.monotonic() > self._end:
            raise RefusalError(FaultCode.DECODE_TIMEOUT, f"not decoded within {self._timeout_s:g} s")


class Source(msgspec.Struct, frozen=True):
    """A file and the settings for its decoding."""

    data: bytes
    kind: ImageFormat
    limits: DecodeLimits
    clock: Clock
    colour: bool
    """Full size and colours are required."""


class Picture(msgspec.Struct, frozen=True):
    """A decoded frame in the mode of its decoder."""

    image: Image.Image
    truncated: bool = False
    uncropped: Image.Image | None = None
    """The image beyond its clean aperture."""


class FrameReader(Protocol):
    """Decodes the frames of a file, in ascending order."""

    def count(self) -> int:
        """Returns the number of frames, at least 1, and at most one that is counted."""
        ...

    def read(self, number: int) -> Picture:
        """Decodes a frame. Errors of decoders propagate."""
        ...


def check_sides(image: Image.Image) -> None:
    """Raises :class:`RefusalError` if a side has no pixels."""
    if not image.width * image.height:
        raise RefusalError(FaultCode.DECODE_ERROR, "a side of the image has no pixels")


def check_size(image: Image.Image, limits: DecodeLimits) -> None:
    """Raises :class:`RefusalError` if an image is larger than its limit."""
    check_stated_size(image.width, image.height, limits)


def check_stated_size(width: int, height: int, limits: DecodeLimits) -> None:
    """Raises :class:`RefusalError` if an image that is not decoded yet is larger than its limit."""
    if width * height > limits.max_pixels:
        message = f"{width} x {height} pixels; at most {limits.max_pixels} are decoded"
        raise RefusalError(FaultCode.TOO_MANY_PIXELS, message)


def refuse_flat(image: Image.Image) -> None:
    """Raises :class:`ValueError` if the image has no content, as a decoder that gives up leaves it."""
    extremes = image.getextrema()
    bands = list(extremes) if isinstance(extremes[0], tuple) else [extremes]
    # An alpha channel alone is not content.
    colours = bands[:-1] if image.mode in {"RGBA", "LA", "PA"} else bands
    if all(band[0] == band[1] for band in colours):
        raise ValueError("no content could be decoded")


def as_far_as_intact(decode: Callable[..., _Decoded]) -> tuple[_Decoded, bool]:
    """Decodes strictly, then tolerantly. Returns the image, and whether it is truncated.

    Args:
        decode: takes ``is_tolerant``, whether it fills missing pixels. May return ``None`` to leave the file to another
            decoder.

    Raises:
        Exception: the first error, if neither attempt gives content.
    """
    try:
        return decode(is_tolerant=False), False
    except (*DECIDED, UnidentifiedImageError):
        raise
    except Exception as error:  # noqa: BLE001 # decoders of hostile files raise anything
        try:
            image = decode(is_tolerant=True)
            if image is not None:
                refuse_flat(image)
        except DECIDED:
            raise
        except Exception:  # noqa: BLE001 # as above
            raise error from None
        return image, True
