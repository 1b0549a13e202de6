"""The hashes of the ``imagehash`` library, as bytes, in every orientation.

The library is imported when the first of its hashes is computed: it brings scipy and PyWavelets, which take longer to
load than a hundred pictures to hash. Its values shift between versions of it and of Pillow; :func:`versions` says which
they are.
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
    import imagehash  # noqa: PLC0415 # for start-up time: see the module's docstring

    return imagehash


def versions() -> dict[str, str]:
    """Versions of what the values depend on, for the header of a run."""
    from importlib.metadata import version  # noqa: PLC0415 # loads the package database's parser

    return {name: version(distribution) for name, distribution in (("imagehash", "ImageHash"), ("pillow", "pillow"))}


def packed(bits: Bits) -> bytes:
    """Bits in reading order as whole bytes, zeros in front: the number that imagehash's hex stands for."""
    flat = bits.ravel()
    return np.packbits(np.concatenate([np.zeros(-flat.size % 8, dtype=bool), flat])).tobytes()


class GridHash(msgspec.Struct, frozen=True):
    """A hash that imagehash computes from a picture scaled to a few pixels: average, phash and dhash.

    The picture is scaled once for all orientations. Scaling to the size that imagehash scales to itself leaves that
    second step without effect.
    """

    function: str
    """In imagehash."""
    hash_size: int
    scaled_px: tuple[int, int]
    """Width and height that imagehash scales to."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """One hash of each orientation."""
        compute = cast("Callable[..., _Hash]", getattr(_library(), self.function))
        width, height = self.scaled_px
        scaled: dict[tuple[int, int], Image.Image] = {}
        found = []
        for orientation in orientations:
            size = (height, width) if orientation in _SWAPPED else (width, height)
            if size not in scaled:
                scaled[size] = image.resize(size, Image.Resampling.LANCZOS)
            turned = _turned(scaled[size], orientation)
            found.append(Hashed(orientation, packed(compute(turned, hash_size=self.hash_size).hash)))
        return found


class WaveletHash(msgspec.Struct, frozen=True):
    """A hash that imagehash computes from wavelet coefficients."""

    mode: str
    hash_size: int
    bits: int
    """Of every picture that is large enough."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """One hash of each orientation."""
        compute = cast("Callable[..., _Hash]", _library().whash)
        # imagehash's own default: the largest power of two that fits, and no less than the hash.
        scale = max(1 << (min(image.size).bit_length() - 1), self.hash_size)
        scaled = image.resize((scale, scale), Image.Resampling.LANCZOS)
        found = []
        for orientation in orientations:
            turned = _turned(scaled, orientation)
            with warnings.catch_warnings():
                # The wavelet is longer than what the last steps leave of a picture: so is this hash defined.
                warnings.simplefilter("ignore")
                bits = compute(turned, hash_size=self.hash_size, image_scale=scale, mode=self.mode).hash
            # The longer wavelet gives small pictures fewer coefficients: nothing that could be compared.
            if bits.size == self.bits:
                found.append(Hashed(orientation, packed(bits)))
        return found


class ColourHash(msgspec.Struct, frozen=True):
    """Shares of colours in a picture; the same in every orientation."""

    bits_per_bin: int

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """One hash, of the first orientation alone."""
        compute = cast("Callable[..., _Hash]", _library().colorhash)
        return [Hashed(orientations[0], packed(compute(image, binbits=self.bits_per_bin).hash))]


class SegmentHash(msgspec.Struct, frozen=True):
    """Hashes of the bright and dark regions of a picture, each a hash of its own.

    Finding the regions takes a second, so it is done for the first orientation alone.
    """

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """The distinct hashes of all regions, of the first orientation alone."""
        compute = cast("Callable[..., _MultiHash]", _library().crop_resistant_hash)
        segments = [packed(segment.hash) for segment in compute(image).segment_hashes]
        return [Hashed(orientations[0], value) for value in dict.fromkeys(segments)]


def _turned(image: Image.Image, orientation: Orientation) -> Image.Image:
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)
