"""Finds the uniform border of an image: letterbox bars, a white or black frame.

With a border of two per cent, PDQ no longer matches an image. It matches again once the border is removed.
"""

import msgspec
import numpy as np
import numpy.typing as npt

TOLERANCE = 20
"""Levels of 255 within which a border is one colour. Lossy compression at quality 50 stays within."""
STRAY_SHARE = 0.01
"""Share of the pixels of a line that may exceed the tolerance: compression smears the image's edge into the border."""
MIN_KEPT_SHARE = 0.4
"""Least share of each side that stays. If less would stay, the image itself is uniform and has no border."""
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


def content_box(plane: Plane) -> Box | None:
    """Returns the part of a plane inside its uniform border; ``None`` without a border.

    Args:
        plane: luma, rows x columns.
    """
    rows, columns = plane.shape
    top, bottom = _border(plane), _border(plane[::-1])
    across = plane[top : rows - bottom].T
    left, right = _border(across), _border(across[::-1])
    box = Box(top, rows - bottom, left, columns - right)
    if max(top + bottom, left + right) < MIN_BORDER_PX:
        return None
    if box.bottom - box.top < MIN_KEPT_SHARE * rows or box.right - box.left < MIN_KEPT_SHARE * columns:
        return None
    return box


def _border(lines: Plane) -> int:
    """Returns the number of lines from the first on that have one common colour."""
    if not lines.size:
        return 0
    colour = int(np.median(lines[0]))
    low, high = max(colour - TOLERANCE, 0), min(colour + TOLERANCE, 255)
    allowed = int(lines.shape[1] * STRAY_SHARE)
    for number, line in enumerate(lines):
        # One unsigned subtraction checks both bounds, because it wraps around.
        if np.count_nonzero(line - np.uint8(low) > high - low) > allowed:
            return number
    return len(lines)
