"""The uniform border of a picture: letterbox bars, a white or black frame.

PDQ sees a border of two per cent as another picture; trimmed, the same picture is found.
"""

import msgspec
import numpy as np
import numpy.typing as npt

TOLERANCE = 20
"""Levels of 255 within which a border is one colour. Lossy compression at quality 50 stays within."""
STRAY_SHARE = 0.01
"""Pixels of a line that may be off by more: compression smears the picture's edge into the border."""
MIN_KEPT_SHARE = 0.4
"""Of either side. Where less would stay, the picture itself is flat and nothing is a border."""
MIN_BORDER_PX = 2
"""Of both edges of one direction together: less moves no hash."""

Plane = npt.NDArray[np.uint8]


class Box(msgspec.Struct, frozen=True):
    """What stays of a plane, in pixels; the upper bounds are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, plane: Plane) -> Plane:
        """The part of ``plane`` inside, without copying."""
        return plane[self.top : self.bottom, self.left : self.right]


def content_box(plane: Plane) -> Box | None:
    """The part of a plane inside its uniform border; ``None`` where it has none.

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
    """Lines from the first on that have one colour and the same one."""
    if not lines.size:
        return 0
    colour = int(np.median(lines[0]))
    low, high = max(colour - TOLERANCE, 0), min(colour + TOLERANCE, 255)
    allowed = int(lines.shape[1] * STRAY_SHARE)
    for number, line in enumerate(lines):
        # One subtraction that wraps around tells both bounds at once.
        if np.count_nonzero(line - np.uint8(low) > high - low) > allowed:
            return number
    return len(lines)
