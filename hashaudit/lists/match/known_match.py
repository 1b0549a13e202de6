"""Known files by Bloom filters, which err by design: asked last, about files that no list has."""

from collections.abc import Mapping, Sequence

from hashaudit.lists.known_filter import ENTRY, LABELS, SHA1, FilterImage
from hashaudit.model.results import AlgorithmName, Match, MatchType, Role


class KnownFilters:
    """The filters of a run.

    Args:
        images: in the order of their numbers.

    Raises:
        ListError: a filter cannot be opened, or is not the one that was meant.
    """

    __slots__ = ("_filters",)

    def __init__(self, images: Sequence[FilterImage]) -> None:
        self._filters = tuple((image.list_number, image.open()) for image in images)

    def match(self, digests: Mapping[AlgorithmName, bytes], size_bytes: int) -> tuple[Match, ...]:
        """One match of role known for each filter that may hold the file.

        Args:
            digests: the file's, raw; without a SHA-1 nothing matches.
            size_bytes: what was read of it. Nothing matches an empty file, as on lists.
        """
        sha1 = digests.get(SHA1)
        if sha1 is None or not size_bytes:
            return ()
        return tuple(
            Match(
                list_number=number,
                entry=ENTRY,
                algorithm=SHA1,
                type=MatchType.EXACT,
                role=Role.KNOWN,
                labels=LABELS,
            )
            for number, known in self._filters
            if known.may_hold(sha1)
        )
