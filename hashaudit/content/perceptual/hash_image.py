"""Computes every perceptual hash of every frame and variant of a file.

It is a pure function: it prints and keeps nothing and starts no thread, and no file makes it raise. It is not
thread-safe, because Pillow keeps its limits in module globals.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import msgspec
import numpy as np
from PIL import Image

from hashaudit.content.images.border import content_box
from hashaudit.content.images.decode import Frame, SkippedFrames, View, decode
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.interface import Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.content.perceptual.windows import windows
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import AlgorithmName, ImageHashes, NoHash, PerceptualHash


class Variants(StrEnum):
    """The variants of an image that are hashed."""

    NONE = "none"
    """The image only."""
    DIHEDRAL = "dihedral"
    """All eight orientations."""
    ALL = "all"
    """All eight orientations of each way in which the image is seen and of its negative, and again without the uniform
    border if there is one."""
    THOROUGH = "thorough"
    """The same, and the windows that may hold another image: below a caption, in a collage, on a screenshot."""


_WITH_VIEWS = frozenset({Variants.ALL, Variants.THOROUGH})
_WINDOW_ORIENTATIONS = (Orientation.ORIGINAL, Orientation.FLIP_Y)
"""A window is seldom rotated: the image around it is upright."""
MIN_QUALITY = 50
"""Quality of PDQ below which neither a negative nor a window is matched: the image itself is not stable there."""
WINDOW_SIDE_PX = 512
"""Shortest side of the plane in which windows are looked for, if the image has it."""


PDQ_NAME = AlgorithmName("pdq")


class HashOptions(msgspec.Struct, frozen=True):
    """Options for hashing images."""

    variants: Variants = Variants.ALL
    limits: DecodeLimits = DecodeLimits()


def hash_image(data: bytes, algorithms: Sequence[PerceptualAlgorithm], options: HashOptions) -> ImageHashes:
    """Decodes an image once and hashes it with each of ``algorithms``.

    Skips frames without contrast, and values that images without content have in common.

    Args:
        data: the whole file, of any format.
        algorithms: rows of ``hashaudit.content.perceptual.perceptual_registry`` or of a plug-in.
        options: variants and limits.
    """
    if not algorithms:
        return ImageHashes()
    hashes: list[PerceptualHash] = []
    faults: list[Fault] = []
    skipped = 0
    reasons: set[NoHash] = set()
    colour = any(algorithm.needs is Needs.COLOUR for algorithm in algorithms)
    for item in decode(data, options.limits, colour=colour):
        if isinstance(item, SkippedFrames):
            skipped = item.count
            continue
        if isinstance(item, Frame):
            reasons.add(_reason(item))
        for found in [item] if isinstance(item, Fault) else _hash_frame(item, algorithms, options.variants):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                hashes.append(found)
    no_hash = None
    if reasons and not hashes and not faults:
        no_hash = next(iter(reasons)) if len(reasons) == 1 else NoHash.FLAT
    return ImageHashes(tuple(hashes), tuple(faults), no_hash, skipped)


def _reason(frame: Frame) -> NoHash:
    """Returns the reason why a frame has no hash, if it has none."""
    if min(frame.luma.size) < pdq.MIN_SIDE_PX:
        return NoHash.TOO_SMALL
    return NoHash.TRANSPARENT if frame.is_transparent else NoHash.FLAT


def _hash_frame(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], variants: Variants
) -> Iterator[PerceptualHash | Fault]:
    found: list[PerceptualHash] = []
    for item in _hash_ways(frame, algorithms, variants):
        yield item
        if isinstance(item, PerceptualHash) and not item.view:
            found.append(item)
    if variants in _WITH_VIEWS:
        yield from _negatives(found)
    if variants is Variants.THOROUGH and any(algorithm.name == PDQ_NAME for algorithm in algorithms):
        yield from _hash_windows(frame)


def _negatives(found: Sequence[PerceptualHash]) -> Iterator[PerceptualHash]:
    """Yields the PDQ hashes of the negative: each coefficient changes its sign, so each bit does."""
    for item in found:
        if item.algorithm == PDQ_NAME and (item.quality or 0) >= MIN_QUALITY:
            value = bytes(byte ^ 0xFF for byte in bytes.fromhex(item.value)).hex()
            yield msgspec.structs.replace(item, value=value, view="negative")


def _hash_windows(frame: Frame) -> Iterator[PerceptualHash]:
    """Yields the PDQ hashes of the windows of a frame."""
    factor = min(frame.luma.size) // WINDOW_SIDE_PX
    plane = np.asarray(frame.luma.reduce(factor) if factor > 1 else frame.luma)
    for box in windows(plane):
        transform = pdq.transform(box.of(plane), is_exact=False)
        if transform is None or transform.quality < MIN_QUALITY:
            continue
        for orientation in _WINDOW_ORIENTATIONS:
            value = transform.hash(orientation).hex()
            quality = transform.quality
            yield PerceptualHash(
                PDQ_NAME, value, quality, frame.number, orientation.value, truncated=frame.truncated, view="window"
            )


def _hash_ways(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], variants: Variants
) -> Iterator[PerceptualHash | Fault]:
    """Yields the hashes of each way in which a frame is seen, and of each without its border."""
    ways: list[tuple[str, Callable[[], View]]] = [("", lambda: frame), *frame.others]
    is_first = True
    for name, make in ways:
        if variants not in _WITH_VIEWS and not is_first:
            return
        view = make()
        if np.ptp(view.plane) == 0:
            continue
        # A white drawing has its first hash on black: one way of each frame is the usual one.
        seen = _Seen(frame, "" if is_first else name, trimmed=False)
        is_first = False
        orientations = ORIENTATIONS[:1] if variants is Variants.NONE else ORIENTATIONS
        yield from _hash_view(view, algorithms, orientations, seen)
        box = content_box(view.plane) if variants in _WITH_VIEWS else None
        if box is not None and np.ptp(box.of(view.plane)):
            bounds = (box.left, box.top, box.right, box.bottom)
            inner = View(view.luma.crop(bounds), view.colour.crop(bounds) if view.colour else None)
            yield from _hash_view(inner, algorithms, orientations, msgspec.structs.replace(seen, trimmed=True))


class _Seen(msgspec.Struct, frozen=True):
    """How a hash came about."""

    frame: Frame
    view: str
    trimmed: bool


def _hash_view(
    view: View, algorithms: Sequence[PerceptualAlgorithm], orientations: tuple[Orientation, ...], seen: _Seen
) -> Iterator[PerceptualHash | Fault]:
    for algorithm in algorithms:
        image = view.luma if algorithm.needs is Needs.LUMA or view.colour is None else view.colour
        yield from _apply(algorithm, image, orientations, seen)


def _apply(
    algorithm: PerceptualAlgorithm, image: Image.Image, orientations: tuple[Orientation, ...], seen: _Seen
) -> Iterator[PerceptualHash | Fault]:
    try:
        found = algorithm.hasher.hashes(image, orientations)
    except Exception as error:  # noqa: BLE001 # a plug-in may raise anything; the other hashes of the file still count
        code = FaultCode.OUT_OF_MEMORY if isinstance(error, MemoryError) else FaultCode.INTERNAL_ERROR
        yield Fault(Stage.HASH, code, f"{algorithm.name}, frame {seen.frame.number}: {type(error).__name__}")
        return
    for hashed in found:
        if not algorithm.is_constant(hashed.value):
            yield PerceptualHash(
                algorithm.name,
                hashed.value.hex(),
                hashed.quality,
                seen.frame.number,
                hashed.orientation.value,
                seen.trimmed,
                seen.frame.truncated,
                seen.view,
            )
