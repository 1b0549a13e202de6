"""Loads a plug-in that computes a custom perceptual hash, for example one that needs a licence, such as PhotoDNA.

Nothing is discovered or loaded automatically: the user names ``module:callable`` and trusts its code as much as this
project's. The worker calls it, and an error is a fault of the examined file.
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
    """The object that the named callable returns. It is called without arguments."""

    name: str
    """Name in lists and findings: lower-case letters, digits and underscores."""
    length_bytes: int
    """Length of every value: 144 for PhotoDNA."""
    needs: str
    """``luma`` or ``colour``."""
    metric: str
    """``hamming`` or ``squared``."""
    threshold: int
    """The largest distance of a match, inclusive; 40000 is common for PhotoDNA."""

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        """Computes the value of an image: rows x columns, and x 3 for colour. Returns ``None`` if it has no value."""
        ...


class _PluginHasher:
    """A plug-in as a hasher of the registry."""

    def __init__(self, plugin: HasherPlugin) -> None:
        self._plugin = plugin

    def hashes(self, image: Image.Image, orientations: tuple[Orientation, ...]) -> list[Hashed]:
        """Computes the plug-in's value for each orientation.

        Raises:
            ValueError: a value does not have the length that the plug-in states.
        """
        found = []
        pixels = np.asarray(image)
        for orientation in orientations:
            value = self._plugin.hash(np.ascontiguousarray(_oriented(pixels, orientation)))
            if value is None:
                continue
            if len(value) != self._plugin.length_bytes:
                raise ValueError("a value does not have the length that the plug-in states")
            found.append(Hashed(orientation, bytes(value)))
        return found


def _oriented(pixels: npt.NDArray[np.uint8], orientation: Orientation) -> npt.NDArray[np.uint8]:
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
    """Loads the algorithm that a user names as ``module:callable``.

    Raises:
        UsageError: there is no such module or callable, or its result is not a valid hasher.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise UsageError(f"invalid hasher: '{reference}'", hint="write module:callable")
    try:
        plugin = getattr(importlib.import_module(parts["module"]), parts["callable"])()
    except Exception as error:
        raise UsageError(f"cannot load hasher: '{reference}'; {type(error).__name__}: {error}") from error
    if not isinstance(plugin, HasherPlugin):
        raise UsageError(
            f"invalid hasher: '{reference}'; a member is missing",
            hint="it needs name, length_bytes, needs, metric, threshold and hash",
        )
    return _row(reference, plugin)


def _row(reference: str, plugin: HasherPlugin) -> PerceptualAlgorithm:
    if not _NAME.fullmatch(plugin.name) or algorithm_named(plugin.name):
        raise UsageError(
            f"invalid hasher: '{reference}'; its name is malformed or already in use",
            hint="use lower-case letters, digits and underscores",
        )
    if not 0 < plugin.length_bytes <= MAX_LENGTH_BYTES or plugin.threshold < 0:
        raise UsageError(f"invalid hasher: '{reference}'; its length or threshold is out of range")
    try:
        needs, metric = Needs(plugin.needs), Metric(plugin.metric)
    except ValueError as error:
        raise UsageError(f"invalid hasher: '{reference}'; {error}") from error
    return PerceptualAlgorithm(
        AlgorithmName(plugin.name), 8 * plugin.length_bytes, needs, plugin.threshold, _PluginHasher(plugin), metric
    )
