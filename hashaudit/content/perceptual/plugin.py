"""The point at which a hash that is not part of this project is plugged in: one that needs a licence, such as PhotoDNA.

Nothing is searched for or loaded by itself: the user names ``module:callable``, and what it computes is code that the
user trusts as much as this one. It is called in the worker, and a failure is a fault of the file that it happened on.
"""

import importlib
import re
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.perceptual.interface import Hashed, Metric, Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.content.perceptual.perceptual_registry import algorithm_named
from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName

MAX_LENGTH_BYTES = 1024
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_REFERENCE = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<callable>[A-Za-z_]\w*)", re.ASCII)


@runtime_checkable
class HasherPlugin(Protocol):
    """What the named callable returns when it is called without arguments."""

    name: str
    """As lists and findings name it: lower-case letters, digits and underscores."""
    length_bytes: int
    """Of every value: 144 for PhotoDNA."""
    needs: str
    """``luma`` or ``colour``."""
    metric: str
    """``hamming`` or ``squared``."""
    threshold: int
    """The largest distance that is a match; 40000 is in use for PhotoDNA."""

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        """The value of a picture: rows x columns, and x 3 for colour. ``None`` where it has none."""
        ...


class _Plugged:
    """A plug-in as a row of the table."""

    def __init__(self, plugin: HasherPlugin) -> None:
        self._plugin = plugin

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """The plug-in's value of each orientation.

        Raises:
            ValueError: it is not of the length that the plug-in states.
        """
        found = []
        pixels = np.asarray(image)
        for orientation in orientations:
            value = self._plugin.hash(np.ascontiguousarray(_turned(pixels, orientation)))
            if value is None:
                continue
            if len(value) != self._plugin.length_bytes:
                raise ValueError("a value is not of the length that the plug-in states")
            found.append(Hashed(orientation, bytes(value)))
        return found


def _turned(pixels: npt.NDArray[np.uint8], orientation: Orientation) -> npt.NDArray[np.uint8]:
    swapped = pixels.swapaxes(0, 1)
    return {
        Orientation.ORIGINAL: pixels,
        Orientation.ROTATE_90: swapped[::-1],
        Orientation.ROTATE_180: pixels[::-1, ::-1],
        Orientation.ROTATE_270: swapped[:, ::-1],
        Orientation.FLIP_X: pixels[::-1],
        Orientation.FLIP_Y: pixels[:, ::-1],
        Orientation.FLIP_PLUS_1: swapped,
        Orientation.FLIP_MINUS_1: swapped[::-1, ::-1],
    }[orientation]


def load_hasher(reference: str) -> PerceptualAlgorithm:
    """The algorithm that a user names as ``module:callable``.

    Raises:
        UsageError: there is no such module or callable, or what it gives is no hasher.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise UsageError("a hasher is named as module:callable")
    try:
        plugin = getattr(importlib.import_module(parts["module"]), parts["callable"])()
    except Exception as error:
        raise UsageError(f"the hasher {reference} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(plugin, HasherPlugin):
        raise UsageError(f"the hasher {reference} lacks one of name, length_bytes, needs, metric, threshold, hash")
    return _row(reference, plugin)


def _row(reference: str, plugin: HasherPlugin) -> PerceptualAlgorithm:
    if not _NAME.fullmatch(plugin.name) or algorithm_named(plugin.name):
        raise UsageError(f"the hasher {reference} needs a name of its own: lower-case letters, digits, underscores")
    if not 0 < plugin.length_bytes <= MAX_LENGTH_BYTES or plugin.threshold < 0:
        raise UsageError(f"the hasher {reference} states a length or threshold that is out of range")
    try:
        needs, metric = Needs(plugin.needs), Metric(plugin.metric)
    except ValueError as error:
        raise UsageError(f"the hasher {reference}: {error}") from error
    return PerceptualAlgorithm(
        AlgorithmName(plugin.name), 8 * plugin.length_bytes, needs, plugin.threshold, _Plugged(plugin), metric
    )
