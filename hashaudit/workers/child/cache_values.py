"""Converts between cached values and the results of an entry, in the worker."""

import msgspec

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import (
    CachedFile,
    CachedValue,
    Values,
    pack_container,
    pack_numbers,
    seal,
    state_key,
    unpack_container,
    unpack_picture,
    unseal,
)
from hashaudit.content.read import ReadOutcome
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Kind
from hashaudit.model.results import AlgorithmName, ImageHashes
from hashaudit.workers.child.sink import Content


class CacheHit(msgspec.Struct, frozen=True):
    """All requested hashes of a file, from the cache."""

    digests: dict[AlgorithmName, bytes]
    picture: ImageHashes | None
    """``None`` if the file is not an image."""
    container: ContainerKind | None = None
    """``None`` if the file is not a container."""


class CacheReader:
    """Converts cached values to hashes and back."""

    def __init__(self, recipes: Fingerprints) -> None:
        self._recipes = recipes

    def recall(self, values: Values) -> CacheHit | None:
        """Returns the hashes from cached values, or ``None`` if one is missing."""
        recipes = self._recipes
        if not recipes.answer(values.keys()):
            return None
        digests = {name: values[number] for name, number in recipes.digests.items()}
        try:
            container = unpack_container(values[recipes.container])
            if not recipes.no_picture or recipes.no_picture in values:
                return CacheHit(digests, None, container)
            return CacheHit(digests, unpack_picture(values, recipes.perceptual, recipes.decoder), container)
        except (msgspec.DecodeError, ValueError):
            return None

    def values_of(self, outcome: ReadOutcome[Content], entry: Entry, of_picture: Values | None) -> Values:
        """Returns the values to cache: none unless the file was read in one state, and that state was expected.

        Args:
            outcome: of the read.
            entry: as listed by the source.
            of_picture: values of the image; ``None``: the file is not an image.
        """
        content, stat = outcome.sink, outcome.stat
        if (
            content is None
            or stat is None
            or stat.kind is not Kind.FILE
            or outcome.faults
            or outcome.consistency is not Consistency.STABLE
        ):
            return {}
        if state_key(stat) != state_key(entry.stat) or outcome.bytes_read != stat.size:
            return {}
        is_no_picture = content.capture is not None and not content.capture.is_picture
        values = self._of_digests(content.digests(), content.probe.kind, is_no_picture=is_no_picture)
        return values if of_picture is None else values | of_picture

    def values_of_plain(
        self, digests: dict[AlgorithmName, bytes], stat: Stat, entry: Entry, *, is_no_picture: bool
    ) -> Values:
        """Returns the values to cache of a file that is not a container: none if it changed after it was listed.

        Args:
            digests: of the content.
            stat: the state that was read.
            entry: as listed by the source.
            is_no_picture: it would have been decoded otherwise.
        """
        if state_key(stat) != state_key(entry.stat):
            return {}
        return self._of_digests(digests, None, is_no_picture=is_no_picture)

    def _of_digests(
        self, digests: dict[AlgorithmName, bytes], container: ContainerKind | None, *, is_no_picture: bool
    ) -> Values:
        values = {number: digests[name] for name, number in self._recipes.digests.items()}
        values[self._recipes.container] = pack_container(container)
        if self._recipes.no_picture and is_no_picture:
            values[self._recipes.no_picture] = b""
        return values

    def keep(self, item: int, entry: Entry, values: Values, before: Values) -> CachedValue:
        """Returns the value to cache: the new hashes, and earlier ones of other algorithms."""
        others = {number: value for number, value in before.items() if number not in self._recipes.superseded}
        together = others | values
        return CachedValue(item, pack_numbers(together), seal(entry, together))


def opened(entry: Entry, known: CachedFile) -> Values | None:
    """Returns the cached values of a file: empty if there are none, ``None`` if they are damaged."""
    return unseal(entry, known.sealed) if known.sealed else {}


def mismatch(now: Values, before: Values, known: CachedFile) -> Fault | None:
    """Returns the fault if cached hashes differ from those just computed."""
    if all(before.get(number, value) == value for number, value in now.items()):
        return None
    run = known.run_id or "this"
    message = f"the cache had other hashes for this state of the file, from run {run}; the new ones are used"
    return Fault(Stage.HASH, FaultCode.CACHE_MISMATCH, message)
