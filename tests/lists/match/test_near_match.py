import io
import subprocess
import sys
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.interface import Metric
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListEntry, ListInfo
from hashaudit.lists.match.near_match import NOTHING, NearMatcher
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, PerceptualHash, Role

PDQ, SHA256 = AlgorithmName("pdq"), AlgorithmName("sha256")
BASE = bytes(range(7, 39))
"""Neither flat nor near to its own turned or flipped form."""

Lists = Sequence[tuple[Role, Sequence[ListEntry]]]


def away(bits: int, base: bytes = BASE, first: int = 0) -> bytes:
    """A value that differs in so many bits, from the ``first`` on."""
    return (int.from_bytes(base) ^ (((1 << bits) - 1) << first)).to_bytes(len(base))


def entry(name: str, value: bytes, role: Role | None = None) -> ListEntry:
    return ListEntry(name, {PDQ: value}, labels={"series": name}, role=role)


def index_of(lists: Lists, first_number: int = 1) -> ListIndex:
    target = io.BytesIO()
    with IndexBuilder() as builder:
        for role, entries in lists:
            builder.begin(role)
            for item in entries:
                builder.add(item)
            builder.end(ListInfo(name="", path="", role=role, size=0, sha256="", mtime_ns=0, format=""))
        builder.write(target)
    return ListIndex.from_bytes(target.getvalue(), tuple(range(first_number, first_number + len(lists))))


def seen(value: bytes, quality: int | None = 100, frame: int = 0) -> PerceptualHash:
    return PerceptualHash(PDQ, value.hex(), quality, frame)


def reported(matches: Sequence[Match]) -> list[tuple[int | None, int, str]]:
    return [(match.distance, match.list_number, match.entry) for match in matches]


def test_match_says_distance_radius_and_what_the_entry_says() -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("7", away(12))])])], {})
    matches, confirmations = matcher.match([seen(BASE)])
    assert matches == (Match(1, "7", PDQ, MatchType.NEAR, Role.DENY, {"series": "7"}, 12, 31),)
    assert confirmations == (Caveat.PERCEPTUAL_ONLY,)


@pytest.mark.parametrize(
    ("thresholds", "within", "beyond"), [({}, 31, 32), ({PDQ: 10}, 10, 11), ({PDQ: 0}, 0, 1), ({PDQ: 64}, 64, 65)]
)
def test_radius_is_inclusive(thresholds: dict[AlgorithmName, int], within: int, beyond: int) -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("7", BASE)])])], thresholds)
    matches, _ = matcher.match([seen(away(within))])
    assert [(match.type, match.distance, match.threshold) for match in matches] == [(MatchType.NEAR, within, within)]
    assert matcher.match([seen(away(beyond))]) == NOTHING


def test_nearest_comes_first_then_lists_then_their_order() -> None:
    far, near = away(20), away(4)
    lists: Lists = [
        (Role.DENY, [entry("b", far), entry("a", near), entry("c", near)]),
        (Role.KNOWN, [entry("d", near), entry("e", BASE)]),
    ]
    matcher = NearMatcher([index_of(lists, 3), index_of(lists, 1)], {})
    assert reported(matcher.match([seen(BASE)])[0]) == [
        (0, 2, "e"), (0, 4, "e"),
        (4, 1, "a"), (4, 1, "c"), (4, 2, "d"), (4, 3, "a"), (4, 3, "c"), (4, 4, "d"),
        (20, 1, "b"), (20, 3, "b"),
    ]  # fmt: skip


def test_entry_is_reported_once_at_its_smallest_distance() -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("x", BASE), entry("y", away(9))])])], {})
    hashes = [seen(away(20)), seen(away(3), frame=2), seen(away(3)), seen(away(200))]
    assert reported(matcher.match(hashes)[0]) == [(3, 1, "x"), (6, 1, "y")]


@pytest.mark.parametrize(
    ("qualities", "expected"),
    [
        ([50], []),
        ([49], ["low_quality"]),
        ([None], []),
        # Of hashes that are equally near, the best counts; else the nearest.
        ([10, 90], []),
        ([90, 10], []),
    ],
)
def test_match_by_an_unstable_hash_is_marked_and_not_dropped(qualities: list[int | None], expected: list[str]) -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("x", BASE)])])], {})
    matches, confirmations = matcher.match([seen(away(2), quality) for quality in qualities])
    assert reported(matches) == [(2, 1, "x")]
    assert [word.value for word in confirmations] == ["perceptual_only", *expected]


def test_nearer_hash_of_low_quality_marks_the_match() -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("x", BASE)])])], {}, min_quality=60)
    assert Caveat.LOW_QUALITY in matcher.match([seen(away(4), 99), seen(away(2), 59)])[1]
    assert Caveat.LOW_QUALITY not in matcher.match([seen(away(4), 59), seen(away(2), 60)])[1]


def test_known_entries_have_no_caveat() -> None:
    known = [entry("k", BASE)]
    matcher = NearMatcher([index_of([(Role.KNOWN, known)])], {})
    matches, confirmations = matcher.match([seen(BASE, 10)])
    assert ([match.role for match in matches], confirmations) == ([Role.KNOWN], ())
    own_role = NearMatcher([index_of([(Role.KNOWN, [entry("d", BASE, Role.DENY)])])], {})
    assert own_role.match([seen(BASE)])[1] == (Caveat.PERCEPTUAL_ONLY,)


@pytest.mark.parametrize("flat", [bytes(32), b"\x80" + bytes(31), b"\xff" * 32])
def test_flat_entry_of_an_index_from_elsewhere_matches_nothing(flat: bytes) -> None:
    matcher = NearMatcher([index_of([(Role.DENY, [entry("flat", flat), entry("x", away(40, flat))])])], {})
    assert reported(matcher.match([seen(flat), seen(away(20, flat))])[0]) == [(20, 1, "x")]


def test_only_loaded_perceptual_hashes_match() -> None:
    exact = index_of([(Role.DENY, [ListEntry("1", {SHA256: b"s" * 32})])])
    near = index_of([(Role.DENY, [ListEntry("1", {SHA256: b"s" * 32, PDQ: BASE})])])
    assert NearMatcher([exact], {}).match([seen(BASE)]) == NOTHING
    assert NearMatcher([near], {}).match([]) == NOTHING
    assert NearMatcher([near], {}).match([PerceptualHash(AlgorithmName("phash"), "00ff" * 4)]) == NOTHING


def test_matching_without_perceptual_lists_imports_no_numpy() -> None:
    script = (
        "import sys; from hashaudit.lists.match.near_match import NearMatcher; NearMatcher([], {}).match([]);"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


values = st.builds(
    away, st.integers(0, 40), st.sampled_from([BASE, bytes(31) + b"\x55", b"\xaa" * 32]), st.integers(0, 200)
)


@given(
    lists=st.lists(st.tuples(st.sampled_from(Role), st.lists(values, max_size=6)), min_size=1, max_size=3),
    split=st.integers(0, 3),
    asked=st.lists(st.tuples(values, st.none() | st.integers(0, 100)), max_size=5),
    threshold=st.integers(0, 70),
)
def test_matches_agree_with_comparing_all_with_all(
    lists: list[tuple[Role, list[bytes]]], split: int, asked: list[tuple[bytes, int | None]], threshold: int
) -> None:
    contents = [(role, [entry(str(number), value) for number, value in enumerate(held)]) for role, held in lists]
    indexes = [index_of(contents[:split]), index_of(contents[split:], split + 1)] if split < len(lists) else [
        index_of(contents)
    ]  # fmt: skip
    hashes = [seen(value, quality) for value, quality in asked]
    expected, low = [], False
    for number, (role, held) in enumerate(contents, 1):
        for row, item in enumerate(held):
            apart = [
                (distance(Metric.HAMMING, item.digests[PDQ], value), -(100 if q is None else q)) for value, q in asked
            ]
            if apart and min(apart)[0] <= threshold:
                expected.append((min(apart)[0], number, row, item.id))
                low |= role is Role.DENY and -min(apart)[1] < 50
    matches, confirmations = NearMatcher(indexes, {PDQ: threshold}).match(hashes)
    assert reported(matches) == [(apart, number, name) for apart, number, _, name in sorted(expected)]
    assert (Caveat.LOW_QUALITY in confirmations) == low
    assert all(msgspec.json.decode(msgspec.json.encode(match), type=Match) == match for match in matches)
