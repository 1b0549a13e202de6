"""The interface of a perceptual algorithm."""

from enum import StrEnum
from typing import Protocol

import msgspec
from PIL import Image

from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.model.results import AlgorithmName


class Needs(StrEnum):
    """The input of an algorithm. If no algorithm needs colour, JPEG images are decoded shrunk and in luma."""

    LUMA = "luma"
    COLOUR = "colour"
    UNROUNDED_LUMA = "unrounded_luma"
    """Luma that the algorithm computes from RGB if the decoder delivers RGB, else luma as decoded."""


class Metric(StrEnum):
    """The metric for the distance of two values."""

    HAMMING = "hamming"
    """Number of different bits."""
    SQUARED = "squared"
    """Sum of the squared differences of the bytes."""


class Hashed(msgspec.Struct, frozen=True):
    """One value for one orientation."""

    orientation: Orientation
    value: bytes
    quality: int | None = None
    """0..100; ``None`` if the algorithm has no quality."""


class Hasher(Protocol):
    """Computes one type of hash."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes the values of an image for each of ``orientations``.

        An algorithm without orientations returns only the first. It returns nothing for an image that it cannot hash.

        Args:
            image: mode ``L`` or ``RGB``, as the algorithm needs.
            orientations: at least one orientation.
        """
        ...


class PerceptualAlgorithm(msgspec.Struct, frozen=True):
    """One row of the registry."""

    name: AlgorithmName
    bits: int
    """Bits of a value. It is stored in whole bytes, padded in front."""
    needs: Needs
    threshold: int
    """Default for the largest distance of a match, inclusive."""
    hasher: Hasher
    metric: Metric = Metric.HAMMING
    idle_bits: int = 0
    """Bits at the end of a value. A value in which all of them are 0 describes no content."""
    sees_copies: bool = False
    """Negatives, images before small edits, and windows are hashed too. PDQ, which sees them at less cost, has its own
    way."""

    @property
    def length_bytes(self) -> int:
        """Bytes of a value."""
        return -(-self.bits // 8)

    def is_constant(self, value: bytes) -> bool:
        """Returns whether images without content have this value. Such a value is neither reported nor matched."""
        if self.metric is Metric.SQUARED:
            return not any(value)
        number = int.from_bytes(value)
        if self.idle_bits and not number & ((1 << self.idle_bits) - 1):
            return True
        return number in {0, 1 << (self.bits - 1), (1 << self.bits) - 1}
