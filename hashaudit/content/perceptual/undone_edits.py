"""Estimates what an image was before a small edit: a narrow crop, a rotation by few degrees, rounded corners, a border.

A crop by two per cent or a rotation by two degrees moves the content beyond what a hash tolerates. Moved back, it
matches again, and the missing edge hardly matters: PDQ describes the image by its coarse structure. The angle and the
width are unknown, so the frequent ones are tried, all on one small plane.
"""

from functools import lru_cache
from math import ceil, cos, log, radians, sin

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images.border import UNEVEN, content_box
from hashaudit.content.perceptual.pdq_downsample import GRID

SIDE = 128
"""Values along a side of the small plane. Its filter is that of PDQ; 64 values lose a fifth of the rotated copies."""
ASPECT_ERROR = 0.05
"""Largest relative error of the aspect ratio with which a rotation is undone. It moves the content by 0.2 % at most."""
MAX_LOG_ASPECT = 1.5
"""Logarithm of the largest aspect ratio, 4.5, that is distinguished."""
MAX_MAPS = 32
"""Cached maps, of up to 800 KiB each."""
CORNER_LEVELS = 24.0
"""Levels of 255 within which a corner is one colour."""
CORNER_SHARE = 5 / 16
"""Largest share of a side that a corner covers."""
MIN_CORNER_ROWS = 2
MAX_CORNER_STEP = 2
"""Most values by which the edge of a corner moves outward from one row to the next."""
CORNER_MARGIN = 2
"""Values beside a corner that its colour has reached by filtering."""
_REDUCING_GAP = 1.0
"""The image is first reduced by whole factors, which costs a quarter of the filter in full size."""
INNER, FILLED = "inner", "filled"

Grid = npt.NDArray[np.float32]
"""64 x 64 values, or those of the small plane."""
Grids = npt.NDArray[np.float32]
"""Images x 64 x 64 values."""


class Edit(msgspec.Struct, frozen=True):
    """An edit that is undone. Shares are of the image at hand, not of the one before."""

    view: str
    degrees: float = 0.0
    """Counter-clockwise, as the copy was rotated."""
    above: float = 0.0
    below: float = 0.0
    left: float = 0.0
    right: float = 0.0
    """Shares that were cut off. The outermost values continue there."""
    is_expanded: bool = False
    """The rotation enlarged the canvas so that it holds every corner."""


def _crop(share: float) -> Edit:
    return Edit("widened", above=share, below=share, left=share, right=share)


FREQUENT = (
    _crop(0.0075),
    _crop(0.026),
    *(Edit("straightened", degrees) for degrees in (-2.0, -1.0, 1.0, 2.0)),
)
"""Edits that cost little to undo: crops by 1 to 6 % of a side in total, rotations by 0.5 to 2.5 degrees."""
RARE = (
    _crop(0.05),
    Edit("widened", above=0.05),
    Edit("widened", below=0.05),
    Edit("widened", left=0.05),
    Edit("widened", right=0.05),
    *(Edit("straightened", degrees) for degrees in (-4.0, -3.0, 3.0, 4.0)),
    *(Edit("straightened", degrees, is_expanded=True) for degrees in (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)),
    *(Edit("straightened", degrees, 0.035, 0.035, 0.035, 0.035) for degrees in (-2.0, -1.0, 1.0, 2.0)),
)
"""Edits that only a thorough search undoes."""


class SmallPlane:
    """An image in :data:`SIDE` x :data:`SIDE` values, filtered as PDQ does.

    Args:
        luma: mode ``L``, at least :data:`SIDE` on either side.
    """

    def __init__(self, luma: Image.Image) -> None:
        small = luma.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP)
        self._plane = np.asarray(small).astype(np.float32)
        self._aspect = luma.width / luma.height

    @property
    def image(self) -> Image.Image:
        """The small plane as an image of mode ``L``."""
        return Image.fromarray(self._plane.astype(np.uint8))

    def estimates(self, edits: tuple[Edit, ...]) -> list[tuple[str, Grids]]:
        """Returns the 64 x 64 values of the image before each edit, by view."""
        known = tuple(edit for edit in edits if edit.view != INNER)
        grids = _sampled(self._plane, _map(known, _rounded(self._aspect)))
        views = dict.fromkeys(edit.view for edit in known)
        found = [(view, grids[[edit.view == view for edit in known]]) for view in views]
        # The map of a border serves one image only.
        found += [(INNER, _sampled(self._plane, _made_map((edit,), 1.0))) for edit in edits if edit.view == INNER]
        return found

    def without_corners(self) -> list[tuple[str, Grids]]:
        """Returns the same for an image with rounded corners; nothing without them."""
        filled = fill_corners(self._plane)
        return [] if filled is None else [(FILLED, _sampled(filled, _map((Edit(FILLED),), 1.0)))]


def uneven_border(luma: Image.Image) -> Edit | None:
    """Returns the edit that removes an uneven border, as a widening by negative shares; ``None`` without one."""
    box = content_box(luma, UNEVEN)
    if box is None:
        return None
    width, height = luma.size
    return Edit(INNER, 0.0, -box.top / height, box.bottom / height - 1, -box.left / width, box.right / width - 1)


def _rounded(aspect: float) -> float:
    """Returns an aspect ratio of which there are few."""
    step = log(1 + 2 * ASPECT_ERROR)
    return float(np.exp(round(float(np.clip(log(aspect), -MAX_LOG_ASPECT, MAX_LOG_ASPECT)) / step) * step))


class _Map(msgspec.Struct, frozen=True):
    """Where values lie on the small plane: each between four others."""

    base: npt.NDArray[np.uint16]
    """Position of the upper left one of the four; edits x 64 x 64."""
    right: Grid
    """Distance from it to the right, 0 to 1."""
    down: Grid


def _made_map(edits: tuple[Edit, ...], aspect: float) -> _Map:
    places = [_places(edit, aspect) for edit in edits]
    columns, rows = (np.clip(np.stack(axis), 0, SIDE - 1) for axis in zip(*places, strict=True))
    left, top = (np.minimum(axis.astype(np.intp), SIDE - 2) for axis in (columns, rows))
    base = (top * SIDE + left).astype(np.uint16)
    return _Map(base, (columns - left).astype(np.float32), (rows - top).astype(np.float32))


_map = lru_cache(maxsize=MAX_MAPS)(_made_map)


def _places(edit: Edit, aspect: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the column and the row on the small plane of each of 64 x 64 values of the image before an edit."""
    centres = (np.arange(GRID) + 0.5) / GRID
    across = centres * (1 + edit.left + edit.right) - edit.left - 0.5
    along = centres * (1 + edit.above + edit.below) - edit.above - 0.5
    turn = radians(edit.degrees)
    if edit.is_expanded:
        # The image before covers the centre of a larger canvas. For small angles both have the same aspect ratio.
        across = across / (cos(turn) + abs(sin(turn)) / aspect)
        along = along / (cos(turn) + abs(sin(turn)) * aspect)
    # In units of the height, so that a rotation is one.
    y, x = np.meshgrid(along, across * aspect, indexing="ij")
    column = ((cos(turn) * x - sin(turn) * y) / aspect + 0.5) * SIDE - 0.5
    row = (sin(turn) * x + cos(turn) * y + 0.5) * SIDE - 0.5
    return column, row


def _sampled(plane: Grid, places: _Map) -> Grid:
    """Returns the values at places of a plane; edits x 64 x 64."""
    values, at = plane.ravel(), places.base.astype(np.intp)
    upper, lower = values.take(at), values.take(at + SIDE)
    upper += places.right * (values.take(at + 1) - upper)
    lower += places.right * (values.take(at + SIDE + 1) - lower)
    grid: Grid = upper + places.down * (lower - upper)
    return grid


def fill_corners(plane: Grid) -> Grid | None:
    """Returns a square plane whose rounded corners continue the rows inside; ``None`` without such a corner.

    In a rounded corner, each row further inside has a shorter run of the corner's colour.
    """
    side = len(plane)
    reach = ceil(side * CORNER_SHARE)
    filled = plane.copy()
    found = False
    for rows in (slice(None), slice(None, None, -1)):
        for columns in (slice(None), slice(None, None, -1)):
            corner = filled[rows, columns]
            is_other = np.abs(corner[:reach, :reach] - corner[0, 0]) > CORNER_LEVELS
            runs = np.where(is_other.any(axis=1), is_other.argmax(axis=1), reach)
            ends = np.flatnonzero(runs == 0)
            height = int(ends[0]) if len(ends) else reach
            if not MIN_CORNER_ROWS <= height < reach or runs[0] >= reach:
                continue
            if np.diff(runs[:height]).max() > MAX_CORNER_STEP or 2 * runs[height - 1] > runs[0]:
                continue
            found = True
            for number in range(height + CORNER_MARGIN):
                run = (int(runs[number]) if number < height else 0) + CORNER_MARGIN
                corner[number, :run] = corner[number, run]
    return filled if found else None
