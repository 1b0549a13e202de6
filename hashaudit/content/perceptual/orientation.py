"""The eight orientations of an image: four rotations, each plain and mirrored.

Source of the names: the dihedral hashes of PDQ's reference implementation.
"""

from enum import StrEnum


class Orientation(StrEnum):
    """The transformation of an image before it is hashed."""

    ORIGINAL = "original"
    ROTATE_90 = "rotate_90"
    """A quarter turn counter-clockwise."""
    ROTATE_180 = "rotate_180"
    ROTATE_270 = "rotate_270"
    """A quarter turn clockwise."""
    FLIP_X = "flip_x"
    """Upside down: the first row becomes the last."""
    FLIP_Y = "flip_y"
    """Mirrored: left becomes right."""
    FLIP_PLUS_1 = "flip_plus_1"
    """Transposed: rows become columns."""
    FLIP_MINUS_1 = "flip_minus_1"
    """Transposed across the other diagonal."""


ORIENTATIONS = tuple(Orientation)
