"""Computes the hashes of the ``imagehash`` library, as bytes, in every orientation.

The library is imported at its first hash, because it imports scipy and PyWavelets, which take longer to load than a
hundred images to hash. Its values differ between versions of it and of Pillow; :func:`versions` returns the versions.
"""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Protocol, cast

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.perceptual.interface import Hashed
from hashaudit.content.perceptual.orientation import Orientation

Bits = npt.NDArray[np.bool_]

_TRANSPOSES: dict[Orientation, Image.Transpose] = {
    Orientation.ROTATE_90: Image.Transpose.ROTATE_90,
    Orientation.ROTATE_180: Image.Transpose.ROTATE_180,
    Orientation.ROTATE_270: Image.Transpose.ROTATE_270,
    Orientation.FLIP_X: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.FLIP_Y: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.FLIP_PLUS_1: Image.Transpose.TRANSPOSE,
    Orientation.FLIP_MINUS_1: Image.Transpose.TRANSVERSE,
}
_SWAPPED = frozenset({Orientation.ROTATE_90, Orientation.ROTATE_270, Orientation.FLIP_PLUS_1, Orientation.FLIP_MINUS_1})


class _Hash(Protocol):
    hash: Bits


class _MultiHash(Protocol):
    segment_hashes: list[_Hash]


def _library() -> ModuleType:
    import imagehash  # noqa: PLC0415 # start-up time: see the module's docstring

    return imagehash


def versions() -> dict[str, str]:
    """Returns the versions of the packages that the values depend on, for the header of a scan."""
    from importlib.metadata import version  # noqa: PLC0415 # loads the package database's parser

    return {name: version(distribution) for name, distribution in (("imagehash", "ImageHash"), ("pillow", "pillow"))}


def packed(bits: Bits) -> bytes:
    """Packs bits in reading order into whole bytes, padded in front: the number that imagehash writes as hex."""
    flat = bits.ravel()
    return np.packbits(np.concatenate([np.zeros(-flat.size % 8, dtype=bool), flat])).tobytes()


class GridHash(msgspec.Struct, frozen=True):
    """A hash that imagehash computes from an image scaled to a few pixels: average, phash and dhash.

    The image is scaled once for all orientations, to the size that imagehash itself uses, so that the scaling in
    imagehash has no effect.
    """

    function: str
    """Name of the function in imagehash."""
    hash_size: int
    """Values along a side of the hash."""
    scaled_px: tuple[int, int]
    """Width and height to which imagehash scales."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes one hash for each orientation."""
        compute = cast("Callable[..., _Hash]", getattr(_library(), self.function))
        width, height = self.scaled_px
        scaled: dict[tuple[int, int], Image.Image] = {}
        found = []
        for orientation in orientations:
            size = (height, width) if orientation in _SWAPPED else (width, height)
            if size not in scaled:
                scaled[size] = image.resize(size, Image.Resampling.LANCZOS)
            oriented = _oriented(scaled[size], orientation)
            found.append(Hashed(orientation, packed(compute(oriented, hash_size=self.hash_size).hash)))
        return found


class WaveletHash(msgspec.Struct, frozen=True):
    """A hash that imagehash computes from wavelet coefficients."""

    mode: str
    """Name of the wavelet in imagehash."""
    hash_size: int
    """Values along a side of the hash."""
    bits: int
    """Bits of the hash of an image that is large enough."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes one hash for each orientation."""
        compute = cast("Callable[..., _Hash]", _library().whash)
        # imagehash's default: the largest power of two that fits, but not less than the size of the hash.
        scale = max(1 << (min(image.size).bit_length() - 1), self.hash_size)
        scaled = image.resize((scale, scale), Image.Resampling.LANCZOS)
        found = []
        for orientation in orientations:
            oriented = _oriented(scaled, orientation)
            with warnings.catch_warnings():
                # PyWavelets warns that the wavelet is longer than the data of the last steps, as this hash is defined.
                warnings.simplefilter("ignore")
                bits = compute(oriented, hash_size=self.hash_size, image_scale=scale, mode=self.mode).hash
            # With the longer wavelet, small images have fewer coefficients, which cannot be compared.
            if bits.size == self.bits:
                found.append(Hashed(orientation, packed(bits)))
        return found


class ColourHash(msgspec.Struct, frozen=True):
    """A hash of the shares of colours in an image. It is equal for every orientation."""

    bits_per_bin: int

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes one hash, for the first orientation only."""
        compute = cast("Callable[..., _Hash]", _library().colorhash)
        return [Hashed(orientations[0], packed(compute(image, binbits=self.bits_per_bin).hash))]


class SegmentHash(msgspec.Struct, frozen=True):
    """Separate hashes of the bright and dark regions of an image.

    Finding the regions takes a second, so only the first orientation is hashed.
    """

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes the distinct hashes of all regions, for the first orientation only."""
        compute = cast("Callable[..., _MultiHash]", _library().crop_resistant_hash)
        segments = [packed(segment.hash) for segment in compute(image).segment_hashes]
        return [Hashed(orientations[0], value) for value in dict.fromkeys(segments)]


def _oriented(image: Image.Image, orientation: Orientation) -> Image.Image:
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)
