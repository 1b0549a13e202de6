"""Known files by Bloom filters.

They have false positives by design, so they are asked last, about files that are on no list.
"""

from collections.abc import Mapping, Sequence

from hashaudit.lists.known_filter import ENTRY, LABELS, SHA1, FilterHandle
from hashaudit.model.results import AlgorithmName, Match, MatchType, Role


class KnownFilters:
    """The filters of a scan.

    Args:
        images: the filters in the order of their numbers.

    Raises:
        ListError: a filter cannot be opened, or was replaced.
    """

    __slots__ = ("_filters",)

    def __init__(self, images: Sequence[FilterHandle]) -> None:
        self._filters = tuple((image.list_number, image.open()) for image in images)

    def match(self, digests: Mapping[AlgorithmName, bytes], size_bytes: int) -> tuple[Match, ...]:
        """Returns one match of role known for each filter that may hold the file.

        Args:
            digests: raw digests of the file; without a SHA-1 nothing matches.
            size_bytes: bytes read of the file. Nothing matches an empty file, as with lists.
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
