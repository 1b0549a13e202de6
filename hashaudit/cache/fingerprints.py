"""The fingerprint of a cached value: the algorithm and the versions that computed it.

A fingerprint is text: the algorithm's name, a slash, and everything besides the content that decides the value. A cache
numbers its fingerprints; a value counts only under a number that the scan asks for.
"""

from collections.abc import Collection, Mapping

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.model.results import AlgorithmName

_DECODER = "decoder"
_NO_PICTURE = "no-picture"
_CONTAINER = "container"


class PictureSpec(msgspec.Struct, frozen=True):
    """Settings of a scan for perceptual hashes."""

    algorithms: tuple[AlgorithmName, ...]
    variants: str
    max_frames: int
    plugged: bool
    """True if there is a plug-in hash. A change of its code cannot be detected, so its values are never cached."""


class HashSpec(msgspec.Struct, frozen=True):
    """The fingerprints of a scan, as text."""

    digests: dict[AlgorithmName, str]
    container: str
    perceptual: dict[AlgorithmName, str] = {}
    decoder: str | None = None
    no_picture: str | None = None

    def texts(self) -> tuple[str, ...]:
        """All fingerprints."""
        others = [text for text in (self.decoder, self.no_picture) if text is not None]
        return (*self.digests.values(), self.container, *self.perceptual.values(), *others)


class Fingerprints(msgspec.Struct, frozen=True, array_like=True):
    """The fingerprints of a scan, by their numbers in its cache."""

    digests: dict[AlgorithmName, int]
    container: int
    """Number for the kind of container that a file is, if it is one."""
    perceptual: dict[AlgorithmName, int] = {}
    decoder: int = 0
    """Number for faults of decoding. 0: results of images are not cached."""
    no_picture: int = 0
    """Number for a file that does not begin like an image. 0: images are not examined."""
    superseded: frozenset[int] = frozenset()
    """Numbers of other versions of the same algorithms."""

    @property
    def numbers(self) -> frozenset[int]:
        """All numbers of this scan."""
        others = (self.container, self.decoder, self.no_picture)
        return frozenset((*self.digests.values(), *self.perceptual.values(), *others)) - {0}

    def answer(self, kept: Collection[int]) -> bool:
        """Returns whether values under these numbers are all that the scan needs of a file."""
        if self.container not in kept or any(number not in kept for number in self.digests.values()):
            return False
        if not self.no_picture or self.no_picture in kept:
            return True
        return self.decoder > 0 and self.decoder in kept and all(number in kept for number in self.perceptual.values())


def wanted(digests: Collection[AlgorithmName], pictures: PictureSpec | None) -> HashSpec:
    """Returns the fingerprints of a scan that computes ``digests`` and, if given, hashes images."""
    of_digests = {name: f"{name}/{DIGESTS[name].revision}" for name in digests}
    # Start-up: most scans have no cache, and every process knows the fingerprints' type.
    from hashaudit.content.containers import sniff  # noqa: PLC0415 # as above

    container = f"{_CONTAINER}/{sniff.SNIFF_REVISION}"
    if pictures is None:
        return HashSpec(of_digests, container)
    from hashaudit.content.images import formats  # noqa: PLC0415 # as above
    from hashaudit.content.images.limits import DecodeLimits  # noqa: PLC0415 # as above
    from hashaudit.content.perceptual.hash_versions import decoder_version, version_of  # noqa: PLC0415 # as above

    no_picture = f"{_NO_PICTURE}/{formats.SNIFF_REVISION}"
    if pictures.plugged:
        return HashSpec(of_digests, container, no_picture=no_picture)
    limits = DecodeLimits(max_frames=pictures.max_frames)
    decoder = decoder_version(pictures.algorithms, limits, pictures.variants)
    of_pictures = {name: f"{name}/{version_of(name)}; {decoder}" for name in pictures.algorithms}
    return HashSpec(of_digests, container, of_pictures, f"{_DECODER}/{decoder}", no_picture)


def numbered(recipes: HashSpec, numbers: Mapping[str, int]) -> Fingerprints:
    """Returns the same fingerprints by number.

    Args:
        recipes: of the scan.
        numbers: of all fingerprints in the cache, those of the scan included.
    """
    current = set(recipes.texts())
    families = {_family(text) for text in current}
    return Fingerprints(
        {name: numbers[text] for name, text in recipes.digests.items()},
        numbers[recipes.container],
        {name: numbers[text] for name, text in recipes.perceptual.items()},
        numbers[recipes.decoder] if recipes.decoder is not None else 0,
        numbers[recipes.no_picture] if recipes.no_picture is not None else 0,
        frozenset(number for text, number in numbers.items() if _family(text) in families and text not in current),
    )


def _family(text: str) -> str:
    return text.partition("/")[0]
