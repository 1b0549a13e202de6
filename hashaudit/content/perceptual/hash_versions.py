"""Versions of everything but the image that determines its perceptual hashes.

It does not import the code that computes them, which loads slowly.
"""

from hashaudit.content.images.limits import DECODER_REVISION, DecodeLimits
from hashaudit.installed_versions import of_package
from hashaudit.model.results import AlgorithmName

REVISIONS: dict[str, int] = {}
"""Revisions by family; 1 if not listed. Raise one when this project's part of an algorithm computes another value for
the same pixels."""

_PDQ = "pdq"
_COLOUR_FAMILY = "colorhash"


def version_of(name: AlgorithmName) -> str:
    """Returns the version of an algorithm of the registry: its revision, and the packages that compute it."""
    family = name.partition("-")[0]
    packages = ("numpy",) if family == _PDQ else ("numpy", "imagehash", "scipy", "PyWavelets")
    return " ".join([str(REVISIONS.get(family, 1)), *map(_package, packages)])


def decoder_version(names: tuple[AlgorithmName, ...], limits: DecodeLimits, variants: str) -> str:
    """Returns the version of the input of algorithms: decoders, limits, variants.

    It depends on all algorithms together: if one needs colour, a JPEG is decoded in full size for all.
    """
    size = "full" if any(needs_colour(name) for name in names) else "draft"
    bounds = (limits.max_bytes, limits.max_pixels, limits.max_frames, limits.max_frames_passed)
    packages = ("pillow", "pillow-heif", "imagecodecs")
    return " ".join([str(DECODER_REVISION), size, variants, *map(str, bounds), *map(_package, packages)])


def needs_colour(name: AlgorithmName) -> bool:
    """Returns whether an algorithm needs colour."""
    return name.partition("-")[0] == _COLOUR_FAMILY


def _package(name: str) -> str:
    return f"{name}={of_package(name) or 'none'}"
