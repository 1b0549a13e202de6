"""Exact matching: finds the list entries with a file's digests.

Reports all entries of all lists that agree. Most files match nothing; they cost one lookup for each algorithm and
index.
"""

from collections.abc import Callable, Mapping, Sequence

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.index.index_reader import Hit, ListIndex
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, Role

Outcome = tuple[tuple[Match, ...], tuple[Caveat, ...]]

NOTHING: Outcome = ((), ())

_WEAK_ALONE: dict[frozenset[str], Caveat] = {
    frozenset({"md5"}): Caveat.MD5_ONLY,
    frozenset({"sha1"}): Caveat.SHA1_ONLY,
}
"""Caveat of a match by one weak digest alone. Two files with the same MD5, or the same SHA-1, can be made. No
published attack makes two files that agree in both at once: it takes a joint collision (Joux, CRYPTO 2004, section
4), so a pair of weak digests has no caveat."""


class ExactMatcher:
    """Lookup of a file's digests in all loaded indexes."""

    __slots__ = ("_probes", "may_match")

    def __init__(self, indexes: Sequence[ListIndex]) -> None:
        """Uses the indexes in the order of their lists' numbers."""
        self._probes = [
            (algorithm, index, index.sections[algorithm].find) for index in indexes for algorithm in index.algorithms
        ]
        self.may_match = _may_match([(name, index.sections[name].membership()) for name, index, _ in self._probes])
        """Returns whether one of a file's digests is on a list, which :meth:`match` then describes.

        The file must not be empty. Raises ListError if an index is damaged.
        """

    def match(self, digests: Mapping[AlgorithmName, bytes], size_bytes: int) -> Outcome:
        """Returns all entries that agree with a file's digests.

        Args:
            digests: raw digests of the file.
            size_bytes: bytes read of the file. Nothing matches an empty file, because it is no evidence of any entry.

        Returns:
            One match for each list, entry and agreeing algorithm, in the order of list numbers, then of the list's own
            entries, then of strength, strongest first; and the caveats.

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


def _may_match(
    quick: Sequence[tuple[AlgorithmName, Callable[[bytes], object]]],
) -> Callable[[Mapping[AlgorithmName, bytes]], bool]:
    def some(digests: Mapping[AlgorithmName, bytes]) -> bool:
        for algorithm, has in quick:
            digest = digests.get(algorithm)
            if digest is not None and has(digest):
                return True
        return False

    if len(quick) != 1:
        return some
    # The usual case: it runs for each small file.
    ((only, has_only),) = quick

    def one(digests: Mapping[AlgorithmName, bytes]) -> bool:
        return only in digests and bool(has_only(digests[only]))

    return one


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
    caveats = []
    if (weak := _WEAK_ALONE.get(deny_algorithms)) is not None:
        caveats.append(weak)
    if any(_conflicts(hit, digests) for _, hit in agreeing):
        caveats.append(Caveat.CONFLICTING_DIGESTS)
    return matches, tuple(caveats)


def _conflicts(hit: Hit, digests: Mapping[AlgorithmName, bytes]) -> bool:
    """Returns whether the entry has another digest than the file for some algorithm: one of the two is forged."""
    return any(digests.get(algorithm, digest) != digest for algorithm, digest in hit.digests.items())
