"""Computes every perceptual hash of every frame and variant of a file.

It is a pure function: it prints and keeps nothing and starts no thread, and no file makes it raise. It is not
thread-safe, because Pillow keeps its limits in module globals.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import msgspec
from PIL import Image

from hashaudit.content.images.border import content_box
from hashaudit.content.images.decode import Frame, SkippedFrames, View, decode
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.apply_algorithm import Seen, apply_algorithm
from hashaudit.content.perceptual.hash_copies import hash_copies
from hashaudit.content.perceptual.interface import Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.model.faults import Fault
from hashaudit.model.results import ImageHashes, NoHash, PerceptualHash, in_order


class Variants(StrEnum):
    """The variants of an image that are hashed."""

    NONE = "none"
    """The image only."""
    DIHEDRAL = "dihedral"
    """All eight orientations."""
    ALL = "all"
    """All eight orientations of each way in which the image is seen and of its negative, and again without the uniform
    border if there is one; the image before narrow crops, rotations by few degrees and rounded corners."""
    THOROUGH = "thorough"
    """The same, more of such edits, and the windows that may hold another image: below a caption, in a collage, on a
    screenshot."""


_WITH_VIEWS = frozenset({Variants.ALL, Variants.THOROUGH})


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
    ordered = in_order(hashes, [algorithm.name for algorithm in algorithms])
    return ImageHashes(ordered, tuple(faults), no_hash, skipped)


def _reason(frame: Frame) -> NoHash:
    """Returns the reason why a frame has no hash, if it has none."""
    if min(frame.luma.size) < pdq.MIN_SIDE_PX:
        return NoHash.TOO_SMALL
    return NoHash.TRANSPARENT if frame.is_transparent else NoHash.FLAT


def _hash_frame(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], variants: Variants
) -> Iterator[PerceptualHash | Fault]:
    found: list[PerceptualHash] = []
    seen_as: list[View] = []
    for item in _hash_ways(frame, algorithms, variants):
        if isinstance(item, View):
            seen_as.append(item)
            continue
        yield item
        if isinstance(item, PerceptualHash) and not item.view:
            found.append(item)
    if variants in _WITH_VIEWS and found:
        lumas = [usual.luma for usual in seen_as]
        yield from hash_copies(frame, lumas, found, algorithms, is_thorough=variants is Variants.THOROUGH)


def _hash_ways(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], variants: Variants
) -> Iterator[PerceptualHash | Fault | View]:
    """Yields the hashes of each way in which a frame is seen, and of each without its border.

    Yields the usual view too, and what is inside its border.
    """
    ways: list[tuple[str, Callable[[], View]]] = [("", lambda: frame), *frame.others]
    is_first = True
    for name, make in ways:
        if variants not in _WITH_VIEWS and not is_first:
            return
        view = make()
        if is_flat(view.luma):
            continue
        # A white drawing has its first hash on black: one way of each frame is the usual one.
        seen = Seen(frame, "" if is_first else name)
        orientations = ORIENTATIONS[:1] if variants is Variants.NONE else ORIENTATIONS
        yield from _hash_view(view, algorithms, orientations, seen)
        if variants in _WITH_VIEWS:
            inner = _without_border(view)
            if inner is not None:
                yield from _hash_view(inner, algorithms, orientations, msgspec.structs.replace(seen, trimmed=True))
            if is_first:
                yield view
                if inner is not None:
                    yield inner
        is_first = False


def _without_border(view: View) -> View | None:
    box = content_box(view.luma)
    if box is None:
        return None
    bounds = (box.left, box.top, box.right, box.bottom)
    inner = View(view.luma.crop(bounds), view.colour.crop(bounds) if view.colour else None)
    return None if is_flat(inner.luma) else inner


def is_flat(luma: Image.Image) -> bool:
    """Returns whether an image of mode ``L`` has one level only."""
    low, high = luma.getextrema()
    return low == high


def _hash_view(
    view: View, algorithms: Sequence[PerceptualAlgorithm], orientations: tuple[Orientation, ...], seen: Seen
) -> Iterator[PerceptualHash | Fault]:
    for algorithm in algorithms:
        image = view.luma if algorithm.needs is Needs.LUMA or view.colour is None else view.colour
        yield from apply_algorithm(algorithm, image, orientations, seen)
