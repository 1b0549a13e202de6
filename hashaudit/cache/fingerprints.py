"""By what a kept value was computed. A cache numbers recipes; a value counts only under the number that is wanted now.

A recipe is text: the algorithm's name, a slash, and all that decides its value besides the file's content.
"""

from collections.abc import Collection, Mapping

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.images.formats import SNIFF_REVISION
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual.hash_versions import decoder_version, version_of
from hashaudit.model.results import AlgorithmName

_DECODER = "decoder"
_NO_PICTURE = "no-picture"


class PictureSpec(msgspec.Struct, frozen=True):
    """How a run hashes pictures."""

    algorithms: tuple[AlgorithmName, ...]
    variants: str
    max_frames: int
    plugged: bool
    """The user brings a hash along. Nothing tells when its code changes, so what it gives is never kept."""


class HashSpec(msgspec.Struct, frozen=True):
    """The recipes of a run, as text."""

    digests: dict[AlgorithmName, str]
    perceptual: dict[AlgorithmName, str] = {}
    decoder: str | None = None
    no_picture: str | None = None

    def texts(self) -> tuple[str, ...]:
        """All of them."""
        others = [text for text in (self.decoder, self.no_picture) if text is not None]
        return (*self.digests.values(), *self.perceptual.values(), *others)


class Fingerprints(msgspec.Struct, frozen=True, array_like=True):
    """The recipes of a run by the numbers that its cache has for them."""

    digests: dict[AlgorithmName, int]
    perceptual: dict[AlgorithmName, int] = {}
    decoder: int = 0
    """Under it stands what kept pictures from being examined. 0: results of pictures are not kept."""
    no_picture: int = 0
    """Stands for a file that does not begin like a picture. 0: pictures are not looked at."""
    superseded: frozenset[int] = frozenset()
    """Other versions of the same algorithms."""

    def answer(self, kept: Collection[int]) -> bool:
        """Tells if values under these numbers are all that a run needs to know of a file."""
        if not kept or any(number not in kept for number in self.digests.values()):
            return False
        if not self.no_picture or self.no_picture in kept:
            return True
        return self.decoder > 0 and self.decoder in kept and all(number in kept for number in self.perceptual.values())


def wanted(digests: Collection[AlgorithmName], pictures: PictureSpec | None) -> HashSpec:
    """The recipes of a run that computes ``digests``, and hashes pictures so if at all."""
    of_digests = {name: f"{name}/{DIGESTS[name].revision}" for name in digests}
    if pictures is None:
        return HashSpec(of_digests)
    no_picture = f"{_NO_PICTURE}/{SNIFF_REVISION}"
    if pictures.plugged:
        return HashSpec(of_digests, no_picture=no_picture)
    limits = DecodeLimits(max_frames=pictures.max_frames)
    decoder = decoder_version(pictures.algorithms, limits, pictures.variants)
    of_pictures = {name: f"{name}/{version_of(name)}; {decoder}" for name in pictures.algorithms}
    return HashSpec(of_digests, of_pictures, f"{_DECODER}/{decoder}", no_picture)


def numbered(recipes: HashSpec, numbers: Mapping[str, int]) -> Fingerprints:
    """The same recipes by number.

    Args:
        recipes: of the run.
        numbers: of all recipes that the cache knows, those of the run among them.
    """
    current = set(recipes.texts())
    families = {_family(text) for text in current}
    return Fingerprints(
        {name: numbers[text] for name, text in recipes.digests.items()},
        {name: numbers[text] for name, text in recipes.perceptual.items()},
        numbers[recipes.decoder] if recipes.decoder is not None else 0,
        numbers[recipes.no_picture] if recipes.no_picture is not None else 0,
        frozenset(number for text, number in numbers.items() if _family(text) in families and text not in current),
    )


def _family(text: str) -> str:
    return text.partition("/")[0]
