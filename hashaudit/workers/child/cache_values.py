"""The worker's side of the cache: what kept values say of a file, and what is to be kept of one that was read."""

import msgspec

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import (
    CachedFile,
    CachedValue,
    Values,
    pack_numbers,
    seal,
    state_of,
    unpack_faults,
    unpack_hashes,
    unseal,
)
from hashaudit.content.read import ReadOutcome
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import AlgorithmName, PerceptualHash
from hashaudit.workers.child.sink import Content


class CacheHit(msgspec.Struct, frozen=True):
    """All that is wanted of a file, without reading it."""

    digests: dict[AlgorithmName, bytes]
    is_picture: bool
    hashes: tuple[PerceptualHash, ...] = ()
    """Of all frames and variants."""
    faults: tuple[Fault, ...] = ()


class CacheReader:
    """Turns values into what is known of a file, and back."""

    def __init__(self, recipes: Fingerprints) -> None:
        self._recipes = recipes

    def recall(self, values: Values) -> CacheHit | None:
        """What values say of a file; ``None`` if they do not answer for all that is wanted."""
        recipes = self._recipes
        if not recipes.answer(values.keys()):
            return None
        digests = {name: values[number] for name, number in recipes.digests.items()}
        if not recipes.no_picture or recipes.no_picture in values:
            return CacheHit(digests, is_picture=False)
        try:
            faults = unpack_faults(values[recipes.decoder])
            return CacheHit(digests, is_picture=True, hashes=unpack_hashes(values, recipes.perceptual), faults=faults)
        except msgspec.DecodeError:
            return None

    def values_of(self, outcome: ReadOutcome[Content], entry: Entry, of_picture: Values | None) -> Values:
        """What may be kept of a file that was read: nothing unless one state of it was, and the one that is expected.

        Args:
            outcome: of the read.
            entry: as the walk saw it.
            of_picture: where the file is a picture, what came of that.
        """
        content, stat = outcome.sink, outcome.stat
        if (
            content is None
            or not isinstance(stat, Stat)
            or outcome.faults
            or outcome.consistency is not Consistency.STABLE
        ):
            return {}
        if state_of(stat) != state_of(entry.stat) or outcome.bytes_read != stat.size:
            return {}
        digests = content.digests()
        values = {number: digests[name] for name, number in self._recipes.digests.items()}
        if of_picture is not None:
            values |= of_picture
        elif self._recipes.no_picture and content.capture is not None and not content.capture.is_picture:
            values[self._recipes.no_picture] = b""
        return values

    def keep(self, item: int, entry: Entry, values: Values, before: Values) -> CachedValue:
        """What the cache is to keep: what was computed now, and of other algorithms what was known before."""
        others = {number: value for number, value in before.items() if number not in self._recipes.superseded}
        together = others | values
        return CachedValue(item, pack_numbers(together), seal(entry, together))


def opened(entry: Entry, known: CachedFile) -> Values | None:
    """The values that the cache gave along, none where it had none, ``None`` where they are damaged."""
    return unseal(entry, known.sealed) if known.sealed else {}


def mismatch(now: Values, before: Values, known: CachedFile) -> Fault | None:
    """The fault of a cache that held something else than what was read now."""
    if all(before.get(number, value) == value for number, value in now.items()):
        return None
    run = known.run_id or "this"
    message = f"the cache held other hashes of this state of the file, from run {run}; those of now are used"
    return Fault(Stage.HASH, FaultCode.CACHE_MISMATCH, message)
