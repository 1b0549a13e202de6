"""Known files by Bloom filters."""

import hashlib
from pathlib import Path

from hashaudit.lists.file_state import FileState
from hashaudit.lists.known_filter import FilterHandle
from hashaudit.lists.match.known_match import KnownFilters
from hashaudit.model.results import AlgorithmName, Match, MatchType, Role

SHA1, SHA256 = AlgorithmName("sha1"), AlgorithmName("sha256")
SAMPLE = Path(__file__).parents[2] / "data" / "lists" / "hashlookup_synthetic.bloom"


def image(number: int) -> FilterHandle:
    return FilterHandle(number, str(SAMPLE).encode(), FileState.of(SAMPLE.stat()))


def test_a_file_that_a_filter_may_hold_is_known() -> None:
    filters = KnownFilters([image(2), image(5)])
    found = filters.match({SHA1: hashlib.sha1(b"hello\n").digest()}, 6)
    labels = {"filter": "bloom (false positives by design)"}
    assert found == tuple(
        Match(number, "filter", SHA1, MatchType.EXACT, Role.KNOWN, labels, None, None) for number in (2, 5)
    )


def test_what_is_not_held_or_not_asked_for_is_not_known() -> None:
    filters = KnownFilters([image(1)])
    assert filters.match({SHA1: hashlib.sha1(b"other").digest()}, 5) == ()
    assert filters.match({SHA256: hashlib.sha256(b"hello\n").digest()}, 6) == ()
    assert KnownFilters([]).match({SHA1: hashlib.sha1(b"hello\n").digest()}, 6) == ()


def test_the_empty_file_is_never_known() -> None:
    empty = {SHA1: hashlib.sha1(b"").digest()}
    assert KnownFilters([image(1)]).match(empty, 1) != ()
    assert KnownFilters([image(1)]).match(empty, 0) == ()
