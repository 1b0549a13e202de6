"""Hashes what copies of an image were before they were changed: negatives, small edits, windows."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from PIL import Image, ImageOps

from hashaudit.content.images.decode import Frame
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.apply_algorithm import Seen, apply_algorithm
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.content.perceptual.undone_edits import FREQUENT, RARE, SIDE, Grid, Grids, SmallPlane, uneven_border
from hashaudit.content.perceptual.windows import windows
from hashaudit.model.faults import Fault
from hashaudit.model.results import AlgorithmName, PerceptualHash

PDQ_NAME = AlgorithmName("pdq")
MIN_QUALITY = 50
"""Quality of PDQ below which no copy is matched: the image itself is not stable there."""
WINDOW_SIDE_PX = 512
"""Shortest side of the plane in which windows are looked for, if the image has it."""
_NEGATIVE, _WINDOW = "negative", "window"
_UPRIGHT = (Orientation.ORIGINAL, Orientation.FLIP_Y)
"""A copy is often mirrored, and seldom rotated by a quarter turn too."""


def hash_copies(
    frame: Frame,
    lumas: Sequence[Image.Image],
    found: Sequence[PerceptualHash],
    algorithms: Sequence[PerceptualAlgorithm],
    *,
    is_thorough: bool,
) -> Iterator[PerceptualHash | Fault]:
    """Yields the hashes of the negative, of the image before small edits, and of windows.

    Args:
        frame: the frame.
        lumas: its usual view, and what is inside a border, mode ``L``.
        found: its hashes in the usual view.
        algorithms: those of ``found``. PDQ sees all copies; those that cost more see negatives, and the rest in a
            thorough search.
        is_thorough: tries rare edits and windows too.
    """
    pdqs = [item for item in found if item.algorithm == PDQ_NAME]
    others = [algorithm for algorithm in algorithms if algorithm.sees_copies]
    if pdqs and max(item.quality or 0 for item in pdqs) < MIN_QUALITY:
        return
    yield from _negatives(pdqs)
    pdq_row = next((algorithm for algorithm in algorithms if algorithm.name == PDQ_NAME and pdqs), None)
    for number, luma in enumerate(lumas):
        if min(luma.size) < SIDE or not (pdq_row or others):
            continue
        plane = SmallPlane(luma)
        negative = Seen(frame, _NEGATIVE, trimmed=number > 0)
        for algorithm in others:
            yield from apply_algorithm(algorithm, ImageOps.invert(plane.image), _UPRIGHT, negative)
        # Looking for an uneven border costs as much as undoing all frequent edits.
        border = uneven_border(luma) if is_thorough else None
        edits = FREQUENT + RARE + ((border,) if border else ()) if is_thorough else FREQUENT
        for view, grids in plane.estimates(edits) + plane.without_corners():
            seen = Seen(frame, view, trimmed=number > 0)
            if pdq_row is not None:
                yield from _hash_grids(grids, pdq_row, seen, pdqs[0].quality)
            for algorithm in others if is_thorough else ():
                for grid in grids:
                    yield from apply_algorithm(algorithm, _image(grid), _UPRIGHT, seen)
    if is_thorough:
        yield from _hash_windows(frame, pdq_row, others)


def _negatives(found: Sequence[PerceptualHash]) -> Iterator[PerceptualHash]:
    """Yields the PDQ hashes of the negative: each coefficient changes its sign, so each bit does."""
    for item in found:
        if (item.quality or 0) >= MIN_QUALITY:
            value = bytes(byte ^ 0xFF for byte in bytes.fromhex(item.value)).hex()
            yield msgspec.structs.replace(item, value=value, view=_NEGATIVE)


def _hash_grids(
    grids: Grids, algorithm: PerceptualAlgorithm, seen: Seen, quality: int | None
) -> Iterator[PerceptualHash]:
    """Yields the PDQ hashes of images that are already reduced. Their quality is that of the image at hand."""
    for values in pdq.hashes_of_grids(grids, _UPRIGHT):
        for orientation, value in zip(_UPRIGHT, values, strict=True):
            yield seen.hashed(algorithm, orientation, value, quality)


def _image(grid: Grid) -> Image.Image:
    return Image.fromarray(np.rint(grid).clip(0, 255).astype(np.uint8))


def _hash_windows(
    frame: Frame, pdq_row: PerceptualAlgorithm | None, others: Sequence[PerceptualAlgorithm]
) -> Iterator[PerceptualHash | Fault]:
    """Yields the hashes of the windows of a frame."""
    factor = min(frame.luma.size) // WINDOW_SIDE_PX
    plane = np.asarray(frame.luma.reduce(factor) if factor > 1 else frame.luma)
    seen = Seen(frame, _WINDOW)
    for box in windows(plane):
        part = box.of(plane)
        transform = pdq.transform(part, is_exact=False)
        if transform is None or transform.quality < MIN_QUALITY:
            continue
        if pdq_row is not None:
            for orientation in _UPRIGHT:
                yield seen.hashed(pdq_row, orientation, transform.hash(orientation), transform.quality)
        for algorithm in others:
            yield from apply_algorithm(algorithm, Image.fromarray(part), _UPRIGHT, seen)
