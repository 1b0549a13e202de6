"""Computes every perceptual hash of every frame and variant of a file.

It is a pure function: it prints and keeps nothing and starts no thread, and no file makes it raise. It is not
thread-safe, because Pillow keeps its limits in module globals.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
import numpy as np
from PIL import Image

from hashaudit.content.images.border import content_box
from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual.interface import Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import PerceptualHash


class Variants(StrEnum):
    """The variants of an image that are hashed."""

    NONE = "none"
    """The image only."""
    DIHEDRAL = "dihedral"
    """All eight orientations."""
    ALL = "all"
    """All eight orientations, and again without the uniform border if there is one."""


class HashOptions(msgspec.Struct, frozen=True):
    """Options for hashing images."""

    variants: Variants = Variants.ALL
    limits: DecodeLimits = DecodeLimits()


def hash_image(
    data: bytes, algorithms: Sequence[PerceptualAlgorithm], options: HashOptions
) -> tuple[tuple[PerceptualHash, ...], tuple[Fault, ...]]:
    """Decodes an image once and hashes it with each of ``algorithms``.

    Skips frames without contrast, and values that images without content have in common.

    Args:
        data: the whole file, of any format.
        algorithms: rows of ``hashaudit.content.perceptual.perceptual_registry`` or of a plug-in.
        options: variants and limits.

    Returns:
        The hashes by frame, untrimmed before trimmed, in the order of ``algorithms``; and the faults. Both are empty if
        ``data`` is not an image.
    """
    if not algorithms:
        return (), ()
    hashes: list[PerceptualHash] = []
    faults: list[Fault] = []
    colour = any(algorithm.needs is Needs.COLOUR for algorithm in algorithms)
    for item in decode(data, options.limits, colour=colour):
        for found in [item] if isinstance(item, Fault) else _hash_frame(item, algorithms, options.variants):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                hashes.append(found)
    return tuple(hashes), tuple(faults)


def _hash_frame(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], variants: Variants
) -> Iterator[PerceptualHash | Fault]:
    plane = frame.plane
    if plane.min() == plane.max():
        return
    orientations = ORIENTATIONS[:1] if variants is Variants.NONE else ORIENTATIONS
    yield from _hash_view(frame, algorithms, orientations, trimmed=False)
    box = content_box(plane) if variants is Variants.ALL else None
    if box is not None and np.ptp(box.of(plane)):
        bounds = (box.left, box.top, box.right, box.bottom)
        view = msgspec.structs.replace(
            frame, luma=frame.luma.crop(bounds), colour=frame.colour.crop(bounds) if frame.colour else None
        )
        yield from _hash_view(view, algorithms, orientations, trimmed=True)


def _hash_view(
    frame: Frame, algorithms: Sequence[PerceptualAlgorithm], orientations: tuple[Orientation, ...], *, trimmed: bool
) -> Iterator[PerceptualHash | Fault]:
    for algorithm in algorithms:
        image = frame.luma if algorithm.needs is Needs.LUMA or frame.colour is None else frame.colour
        yield from _apply(algorithm, image, orientations, frame, trimmed=trimmed)


def _apply(
    algorithm: PerceptualAlgorithm,
    image: Image.Image,
    orientations: tuple[Orientation, ...],
    frame: Frame,
    *,
    trimmed: bool,
) -> Iterator[PerceptualHash | Fault]:
    try:
        found = algorithm.hasher.hashes(image, orientations)
    except Exception as error:  # noqa: BLE001 # a plug-in may raise anything; the other hashes of the file still count
        code = FaultCode.OUT_OF_MEMORY if isinstance(error, MemoryError) else FaultCode.INTERNAL_ERROR
        yield Fault(Stage.HASH, code, f"{algorithm.name}, frame {frame.number}: {type(error).__name__}")
        return
    for hashed in found:
        if not algorithm.is_constant(hashed.value):
            yield PerceptualHash(
                algorithm.name,
                hashed.value.hex(),
                hashed.quality,
                frame.number,
                hashed.orientation.value,
                trimmed,
                frame.truncated,
            )
