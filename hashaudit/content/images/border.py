"""Finds the uniform border of an image: letterbox bars, a white or black frame.

With a border of two per cent, PDQ no longer matches an image. It matches again once the border is removed.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

TOLERANCE = 20
"""Levels of 255 within which a border is one colour. Lossy compression at quality 50 stays within."""
STRAY_SHARE = 0.01
"""Share of the pixels of a line that may exceed the tolerance: compression smears the image's edge into the border."""
MIN_KEPT_SHARE = 0.4
"""Least share of each side that stays. If less would stay, the image itself is uniform and has no border."""
FIRST_LINES = 16
"""Lines that are examined before all others."""
MIN_BORDER_PX = 2
"""Least width of both borders of one direction together. Narrower borders change no hash."""

Plane = npt.NDArray[np.uint8]


class Box(msgspec.Struct, frozen=True):
    """The part of a plane inside its border, in pixels. The upper bounds are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, plane: Plane) -> Plane:
        """Returns the part of ``plane`` inside the box, without copying."""
        return plane[self.top : self.bottom, self.left : self.right]


class Uniformity(msgspec.Struct, frozen=True):
    """How uniform a line of a border is."""

    tolerance: int = TOLERANCE
    stray_share: float = STRAY_SHARE


EVEN = Uniformity()
UNEVEN = Uniformity(tolerance=40, stray_share=0.05)
"""Lines of a gradient, a shadow or a vignette. Many images without a border have some at their edge."""


def content_box(luma: Image.Image, uniformity: Uniformity = EVEN) -> Box | None:
    """Returns the part of an image of mode ``L`` inside its uniform border; ``None`` without a border."""
    columns, rows = luma.size

    def depth_of(lines: int, strip: _Strip, turn: Callable[[Plane], Plane]) -> int:
        return _depth(luma, (lines, strip, turn), uniformity)

    top = depth_of(rows, lambda depth: (0, 0, columns, depth), lambda lines: lines)
    bottom = depth_of(rows, lambda depth: (0, rows - depth, columns, rows), lambda lines: lines[::-1])
    if rows - top - bottom < MIN_KEPT_SHARE * rows:
        return None
    below = rows - bottom
    left = depth_of(columns, lambda depth: (0, top, depth, below), lambda lines: lines.T)
    right = depth_of(columns, lambda depth: (columns - depth, top, columns, below), lambda lines: lines.T[::-1])
    if max(top + bottom, left + right) < MIN_BORDER_PX or columns - left - right < MIN_KEPT_SHARE * columns:
        return None
    return Box(top, below, left, columns - right)


_Strip = Callable[[int], tuple[int, int, int, int]]


def _depth(luma: Image.Image, side: tuple[int, _Strip, Callable[[Plane], Plane]], uniformity: Uniformity) -> int:
    """Returns the depth of the border on one side, in lines.

    Args:
        luma: the image.
        side: the number of lines in this direction, a function that returns the bounds of so many outermost lines, and
            one that puts the outermost line first.
        uniformity: of the border.
    """
    lines, strip, turn = side
    # Most images have no border, and a copy of the whole plane costs more than the search.
    first = min(FIRST_LINES, lines)
    found = _border(turn(np.asarray(luma.crop(strip(first)))), uniformity)
    return found if found < first else _border(turn(np.asarray(luma.crop(strip(lines)))), uniformity)


def _border(lines: Plane, uniformity: Uniformity) -> int:
    """Returns the number of lines from the first on that have one common colour."""
    if not lines.size:
        return 0
    middle = len(lines[0]) // 2
    colour = int(np.partition(lines[0], middle)[middle])
    low, high = max(colour - uniformity.tolerance, 0), min(colour + uniformity.tolerance, 255)
    allowed = int(lines.shape[1] * uniformity.stray_share)
    for number, line in enumerate(lines):
        # One unsigned subtraction checks both bounds, because it wraps around.
        if np.count_nonzero(line - np.uint8(low) > high - low) > allowed:
            return number
    return len(lines)
