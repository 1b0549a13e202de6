"""Near matching: finds the list entries with a perceptual hash within the radius of one of a file's.

Reports all entries of all lists within the radius, each once for an algorithm, at the smallest distance over the
file's frames and variants.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.lists.index.index_reader import Hit, ListIndex
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, PerceptualHash, Role

if TYPE_CHECKING:
    from hashaudit.content.perceptual.interface import PerceptualAlgorithm
    from hashaudit.lists.index.near.near_search import NearIndex

Outcome = tuple[tuple[Match, ...], tuple[Caveat, ...]]

NOTHING: Outcome = ((), ())

DEFAULT_MIN_QUALITY = 50
"""Default minimum quality, of 100. A PDQ hash of lower quality moves by more than the radius when its image is
encoded again."""

MAX_QUALITY = 100
"""Quality of a hash whose algorithm gives none."""


class _Probe(msgspec.Struct, frozen=True):
    """The hashes of one algorithm in one index."""

    algorithm: "PerceptualAlgorithm"
    threshold: int
    index: ListIndex
    near: "NearIndex"


class _Near(msgspec.Struct, frozen=True):
    """An entry within the radius."""

    probe: _Probe
    hit: Hit
    distance: int
    quality: int
    """Quality of the file's hash."""


class NearMatcher:
    """Search of a file's perceptual hashes in all loaded indexes."""

    __slots__ = ("_min_quality", "_probes")

    def __init__(
        self,
        indexes: Sequence[ListIndex],
        thresholds: Mapping[AlgorithmName, int],
        min_quality: int = DEFAULT_MIN_QUALITY,
        plugged: "Sequence[PerceptualAlgorithm]" = (),
    ) -> None:
        """Uses the indexes in any order.

        Args:
            indexes: the indexes of all lists.
            thresholds: radius by algorithm, inclusive; default: the algorithm's own.
            min_quality: minimum quality of a file's hash, 0 to 100; a match by a lower one gets a caveat.
            plugged: algorithms of the user's plug-ins. Hashes of an algorithm that is neither here nor built in are not
                matched.

        Raises:
            ListError: an index has hashes of another length than the algorithm's.
        """
        self._min_quality = min_quality
        self._probes = _probes(indexes, thresholds, plugged)

    @property
    def has_lists(self) -> bool:
        """True if a loaded list has perceptual hashes."""
        return bool(self._probes)

    def match(self, hashes: Sequence[PerceptualHash]) -> Outcome:
        """Returns all entries within the radius of a file's hashes.

        Args:
            hashes: the hashes of all frames and variants.

        Returns:
            One match for each list, entry and algorithm, nearest first, then in the order of list numbers, then of the
            list's own entries; and the caveats: ``perceptual_only`` unless all entries are known files, and
            ``low_quality`` if any match has a hash below the minimum quality.

        Raises:
            ListError: an index is damaged.
        """
        best = _best_quality(hashes)
        found = [item for probe in self._probes for item in _search(probe, best.get(probe.algorithm.name, {}))]
        if not found:
            return NOTHING
        # The sort is stable: the algorithms of one entry stay in the table's order.
        found.sort(key=lambda item: (item.distance, item.hit.list_number, item.hit.row))
        denied = [item for item in found if item.hit.role is Role.DENY]
        caveats = [Caveat.PERCEPTUAL_ONLY] if denied else []
        if any(item.quality < self._min_quality for item in denied):
            caveats.append(Caveat.LOW_QUALITY)
        return tuple(map(_match, found)), tuple(caveats)


def _probes(
    indexes: Sequence[ListIndex], thresholds: Mapping[AlgorithmName, int], plugged: "Sequence[PerceptualAlgorithm]"
) -> tuple[_Probe, ...]:
    if not any(index.perceptual_algorithms for index in indexes):
        return ()
    # Start-up time: numpy and the algorithms' table are imported only if a list needs them.
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named  # noqa: PLC0415 # as above
    from hashaudit.lists.index.near.near_search import NearIndex  # noqa: PLC0415 # as above

    own = {algorithm.name: algorithm for algorithm in plugged}
    probes = []
    for name in dict.fromkeys(name for index in indexes for name in index.perceptual_algorithms):
        algorithm = own.get(name) or algorithm_named(name)
        if algorithm is not None:
            threshold = thresholds.get(name, algorithm.threshold)
            holding = [index for index in indexes if name in index.sections]
            probes += [_Probe(algorithm, threshold, index, NearIndex(index, algorithm)) for index in holding]
    return tuple(probes)


def _best_quality(hashes: Sequence[PerceptualHash]) -> dict[AlgorithmName, dict[bytes, int]]:
    """Returns the distinct values of each algorithm and the best quality of each, best first."""
    best: dict[AlgorithmName, dict[bytes, int]] = {}
    for item in sorted(hashes, key=_quality, reverse=True):
        best.setdefault(item.algorithm, {}).setdefault(bytes.fromhex(item.value), _quality(item))
    return best


def _quality(item: PerceptualHash) -> int:
    return MAX_QUALITY if item.quality is None else item.quality


def _search(probe: _Probe, values: Mapping[bytes, int]) -> Iterator[_Near]:
    if not values:
        return
    qualities = list(values.values())
    section = probe.index.sections[probe.algorithm.name]
    for item in probe.near.closest(list(values), probe.threshold):
        # Flat hashes are rejected when lists are read, but an index may come from anywhere.
        if not probe.algorithm.is_constant(section.digest(item.position)):
            yield _Near(probe, probe.index.hit(section, item.position), item.distance, qualities[item.query])


def _match(item: _Near) -> Match:
    return Match(
        list_number=item.hit.list_number,
        entry=item.hit.id,
        algorithm=item.probe.algorithm.name,
        type=MatchType.NEAR,
        role=item.hit.role,
        labels=item.hit.labels,
        distance=item.distance,
        threshold=item.probe.threshold,
    )
