"""What decides, besides a picture, what its perceptual hashes are; without what computes them, which loads slowly."""

from importlib.metadata import PackageNotFoundError, version

from hashaudit.content.images.limits import DECODER_REVISION, DecodeLimits
from hashaudit.model.results import AlgorithmName

REVISIONS: dict[str, int] = {}
"""By family, 1 where none is given. To be raised when this project's own part of an algorithm gives another value for
the same pixels."""

_PDQ = "pdq"
_COLOUR_FAMILY = "colorhash"


def version_of(name: AlgorithmName) -> str:
    """The version of an algorithm of the table: its revision here, and the packages that compute it."""
    family = name.partition("-")[0]
    packages = ("numpy",) if family == _PDQ else ("numpy", "imagehash", "scipy", "PyWavelets")
    return " ".join([str(REVISIONS.get(family, 1)), *map(_package, packages)])


def decoder_version(names: tuple[AlgorithmName, ...], limits: DecodeLimits, variants: str) -> str:
    """The version of what algorithms are given: decoders, limits, variants.

    It depends on the algorithms together: where one looks at colours, a JPEG is decoded in full size for all.
    """
    size = "full" if any(needs_colour(name) for name in names) else "draft"
    bounds = (limits.max_bytes, limits.max_pixels, limits.max_frames, limits.max_frames_passed)
    parts = [str(DECODER_REVISION), size, variants, *map(str, bounds), _package("pillow"), _package("pillow-heif")]
    return " ".join(parts)


def needs_colour(name: AlgorithmName) -> bool:
    """Whether the algorithm of that name looks at colours."""
    return name.partition("-")[0] == _COLOUR_FAMILY


def _package(name: str) -> str:
    try:
        return f"{name}={version(name)}"
    except PackageNotFoundError:
        return f"{name}=none"
