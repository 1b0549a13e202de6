"""What a perceptual algorithm is to the rest of the program."""

from enum import StrEnum
from typing import Protocol

import msgspec
from PIL import Image

from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.model.results import AlgorithmName


class Needs(StrEnum):
    """What of a decoded picture an algorithm looks at. Where none needs colour, JPEG is decoded shrunk and in luma."""

    LUMA = "luma"
    COLOUR = "colour"
    UNROUNDED_LUMA = "unrounded_luma"
    """Luma that the algorithm takes from RGB itself where the decoder gives that, and else luma as decoded."""


class Metric(StrEnum):
    """How the distance of two values is measured."""

    HAMMING = "hamming"
    """Bits that differ."""
    SQUARED = "squared"
    """Sum of the squared differences of the bytes."""


class Hashed(msgspec.Struct, frozen=True):
    """One value of one orientation."""

    orientation: Orientation
    value: bytes
    quality: int | None = None
    """0..100, where the algorithm tells."""


class Hasher(Protocol):
    """Computes one kind of hash."""

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """The values of ``image`` (mode ``L`` or ``RGB``, as the algorithm needs) in each of ``orientations``.

        An algorithm that is blind to orientation gives the first alone; a picture that it cannot hash gives none.
        """
        ...


class PerceptualAlgorithm(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: AlgorithmName
    bits: int
    """Of a value; it is kept in whole bytes, zeros in front."""
    needs: Needs
    threshold: int
    """The largest distance at which a match is reported unless the user says otherwise; inclusive."""
    hasher: Hasher
    metric: Metric = Metric.HAMMING
    idle_bits: int = 0
    """Bits at the end without any of which a value says nothing."""

    @property
    def length_bytes(self) -> int:
        """Bytes of a value."""
        return -(-self.bits // 8)

    def is_constant(self, value: bytes) -> bool:
        """Tells if ``value`` is what pictures without any content have: it is neither computed nor matched."""
        if self.metric is Metric.SQUARED:
            return not any(value)
        number = int.from_bytes(value)
        if self.idle_bits and not number & ((1 << self.idle_bits) - 1):
            return True
        return number in {0, 1 << (self.bits - 1), (1 << self.bits) - 1}
