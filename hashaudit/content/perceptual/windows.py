"""Finds the windows of an image that may hold another image: below a caption, in a collage, on a screenshot.

A list has the hash of the whole inner image, so a window must fit it within one or two per cent. The edges of an inner
image are lines at which neighbouring rows or columns differ over most of their length, or at which uniform rows end.
An image is cut at such lines, and its parts again. Halves and quadrants are tried without an edge.
"""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.content.images.border import Box

STEP_LEVELS = 10
"""Least difference of levels at an edge."""
MIN_EDGE_SHARE = 0.4
"""Share of a line over which neighbours differ at an edge."""
MIN_RISE = 0.2
"""Least difference of this share to that of the lines around, which texture has too."""
UNIFORM_DEVIATION = 6.0
"""Largest standard deviation of the levels of a uniform line. Compression smears an edge into the lines beside it."""
LOOSE_FACTOR = 0.4
"""Rates a window that begins or ends with uniform lines lower."""
NEIGHBOURHOOD_PX = 8
MAX_LINES = 5
"""Most edges in one direction at which a part is cut."""
MAX_DEPTH = 2
MIN_SIDE_SHARE = 0.2
"""Least share of a side of the image that a window has."""
MIN_SIDE_PX = 64
"""Least side of a window. PDQ scales to 64 x 64, and smaller images give unstable hashes."""
MAX_WINDOWS = 40

Plane = npt.NDArray[np.uint8]


class _Part(msgspec.Struct, frozen=True):
    box: Box
    strength: float
    """Strength of the weakest edge."""
    depth: int


def windows(plane: Plane) -> list[Box]:
    """Returns the windows of a plane, without the whole plane, at most :data:`MAX_WINDOWS`.

    Args:
        plane: luma, rows x columns.
    """
    rows, columns = plane.shape
    if min(rows, columns) < 2 * MIN_SIDE_PX:
        return []
    steps = _Steps(plane)
    whole = _Part(Box(0, rows, 0, columns), 1.0, 0)
    fixed = _fixed(rows, columns)
    found: dict[Box, float] = {}
    pending = [whole]
    while pending:
        part = pending.pop(0)
        for inner in steps.parts(part):
            if inner.box not in found:
                found[inner.box] = inner.strength
                if inner.depth < MAX_DEPTH:
                    pending.append(inner)
        if len(found) > 4 * MAX_WINDOWS:
            break
    ranked = sorted(found, key=lambda box: -found[box])
    return list(dict.fromkeys([*fixed, *ranked]))[:MAX_WINDOWS]


def _fixed(rows: int, columns: int) -> list[Box]:
    """Returns halves and quadrants."""
    middle, centre = rows // 2, columns // 2
    upright = [(0, rows), (0, middle), (middle, rows)]
    across = [(0, columns), (0, centre), (centre, columns)]
    return [Box(*rows_of, *columns_of) for rows_of in upright for columns_of in across][1:]


class _Steps:
    """The places at which neighbouring samples differ."""

    def __init__(self, plane: Plane) -> None:
        self._rows, self._columns = plane.shape
        signed = plane.astype(np.int16)
        down = np.abs(np.diff(signed, axis=0)) >= STEP_LEVELS
        across = np.abs(np.diff(signed, axis=1)) >= STEP_LEVELS
        # Sums along a line make the share and the deviation of any part of it a few look-ups.
        self._down = _sums(down)
        self._across = _sums(across.T)
        self._row_levels = _Levels(plane)
        self._column_levels = _Levels(plane.T)

    def parts(self, part: _Part) -> list[_Part]:
        """Returns the parts between the edges of a part."""
        box = part.box
        rows, columns = (box.top, box.bottom), (box.left, box.right)
        horizontal = _stretches(self._down, self._row_levels, rows, columns)
        vertical = _stretches(self._across, self._column_levels, columns, rows)
        return [
            *(_Part(Box(*at, *columns), min(strength, part.strength), part.depth + 1) for at, strength in horizontal),
            *(_Part(Box(*rows, *at), min(strength, part.strength), part.depth + 1) for at, strength in vertical),
        ]


class _Levels:
    """The deviation of the levels in each line."""

    def __init__(self, lines: Plane) -> None:
        # Levels around 0 keep the sums of squares small and exact.
        centred = lines.astype(np.int32) - 128
        self._sums = _sums(centred)
        self._squares = _sums(centred * centred)

    def uniform(self, lines: tuple[int, int], span: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """Returns which lines of a part are uniform."""
        (first, last), (start, stop) = lines, span
        count = stop - start
        mean = (self._sums[first:last, stop] - self._sums[first:last, start]) / count
        square = (self._squares[first:last, stop] - self._squares[first:last, start]) / count
        flat: npt.NDArray[np.bool_] = square - mean * mean <= UNIFORM_DEVIATION**2
        return flat


def _sums(values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    sums = np.zeros((values.shape[0], values.shape[1] + 1), dtype=np.int32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _stretches(
    between: npt.NDArray[np.int32], levels: _Levels, lines: tuple[int, int], span: tuple[int, int]
) -> list[tuple[tuple[int, int], float]]:
    """Returns the stretches of lines between any two edges or ends of a part, and the strength of their edges.

    Args:
        between: sums of the steps from each line to the next.
        levels: of each line.
        lines: first and last line of the part, exclusive.
        span: extent of its lines.
    """
    first, last = lines
    start, stop = span
    least = max(MIN_SIDE_PX, int(MIN_SIDE_SHARE * len(between)))
    if last - first < least or stop - start < MIN_SIDE_PX:
        return []
    share = (between[first : last - 1, stop] - between[first : last - 1, start]) / (stop - start)
    # Around an edge, texture has a share too: the edge rises above the median of its neighbourhood.
    high = np.flatnonzero(share >= MIN_EDGE_SHARE)
    rise = np.zeros(len(share))
    if len(high):
        padded = np.pad(share, NEIGHBOURHOOD_PX, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURHOOD_PX + 1)[high]
        rise[high] = share[high] - np.partition(around, NEIGHBOURHOOD_PX, axis=1)[:, NEIGHBOURHOOD_PX]
    peak = rise >= MIN_RISE
    strength = np.where(peak, np.minimum(rise + 0.3, 1.0), 0.0)
    uniform = levels.uniform(lines, span)
    strength[_changes(uniform)] += 0.5
    found: dict[int, float] = {}
    for place in np.argsort(-strength, kind="stable"):
        if strength[place] <= 0 or len(found) == MAX_LINES:
            break
        at = first + int(place) + 1
        if all(abs(at - other) > 3 for other in found):
            found[at] = min(float(strength[place]), 1.0)
    places = sorted([*found, first, last])
    stretches = []
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            if other - one < least or (one, other) == lines:
                continue
            # A stretch that begins or ends with uniform lines often has a tighter one inside.
            loose = int(uniform[one - first]) + int(uniform[other - 1 - first])
            strength_of = min(found.get(one, 1.0), found.get(other, 1.0))
            stretches.append(((one, other), strength_of * LOOSE_FACTOR**loose))
    return stretches


def _changes(uniform: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Returns the places at which a run of uniform lines begins or ends beside a long run of others."""
    changes = np.flatnonzero(uniform[1:] != uniform[:-1])
    bounds = np.concatenate([[-1], changes, [len(uniform) - 1]])
    lengths = np.diff(bounds)
    # The run before change i has lengths[i], the run behind it lengths[i + 1].
    longest = np.maximum(lengths[:-1] * ~uniform[changes], lengths[1:] * uniform[changes])
    kept: npt.NDArray[np.intp] = changes[longest >= MIN_SIDE_PX]
    return kept
