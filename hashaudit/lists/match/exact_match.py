"""Exact matching: which list entries have a file's digests.

All entries of all lists that agree are reported. Files that match nothing are the many; for them the cost is one lookup
for each algorithm and index.
"""

from collections.abc import Mapping, Sequence

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.index.index_reader import Hit, ListIndex
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, Role

Outcome = tuple[tuple[Match, ...], tuple[Caveat, ...]]

NOTHING: Outcome = ((), ())

_WEAK_ALONE: dict[frozenset[str], Caveat] = {
    frozenset({"md5"}): Caveat.MD5_ONLY,
    frozenset({"sha1"}): Caveat.SHA1_ONLY,
}
"""Two files of one MD5, or of one SHA-1, can be made. Two files that agree in both at once cannot with any published
means: it takes a joint collision (Joux, CRYPTO 2004, section 4), so a pair of weak digests is not marked."""


class ExactMatcher:
    """Looks a file's digests up in all loaded indexes."""

    __slots__ = ("_probes",)

    def __init__(self, indexes: Sequence[ListIndex]) -> None:
        """Takes the indexes in the order of their lists' numbers."""
        self._probes = [
            (algorithm, index, index.sections[algorithm].find) for index in indexes for algorithm in index.algorithms
        ]

    def match(self, digests: Mapping[AlgorithmName, bytes], size_bytes: int) -> Outcome:
        """All entries that agree with a file's digests.

        Args:
            digests: the file's, raw.
            size_bytes: what was read of it. Nothing matches an empty file: it is no evidence of any entry.

        Returns:
            One match for each list, entry and agreeing algorithm, in the order of list numbers, then of the list's own
            entries, then of strength, strongest first; and why they should not be acted on alone.

        Raises:
            ListError: an index is damaged.
        """
        if not size_bytes:
            return NOTHING
        found = [
            (algorithm, index)
            for algorithm, index, find in self._probes
            if (digest := digests.get(algorithm)) is not None and find(digest)
        ]
        return _outcome(found, digests) if found else NOTHING


def _outcome(found: list[tuple[AlgorithmName, ListIndex]], digests: Mapping[AlgorithmName, bytes]) -> Outcome:
    agreeing = [(algorithm, hit) for algorithm, index in found for hit in index.lookup(algorithm, digests[algorithm])]
    agreeing.sort(key=lambda item: (item[1].list_number, item[1].row, -DIGESTS[item[0]].strength))
    matches = tuple(
        Match(
            list_number=hit.list_number,
            entry=hit.id,
            algorithm=algorithm,
            type=MatchType.EXACT,
            role=hit.role,
            labels=hit.labels,
        )
        for algorithm, hit in agreeing
    )
    deny_algorithms = frozenset(algorithm for algorithm, hit in agreeing if hit.role is Role.DENY)
    confirmations = []
    if (weak := _WEAK_ALONE.get(deny_algorithms)) is not None:
        confirmations.append(weak)
    if any(_conflicts(hit, digests) for _, hit in agreeing):
        confirmations.append(Caveat.CONFLICTING_DIGESTS)
    return matches, tuple(confirmations)


def _conflicts(hit: Hit, digests: Mapping[AlgorithmName, bytes]) -> bool:
    """Tells if the entry gives another digest than the file's for some algorithm: one of the two has been made up."""
    return any(digests.get(algorithm, digest) != digest for algorithm, digest in hit.digests.items())
