import io
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListEntry, ListInfo
from hashaudit.lists.match.exact_match import NOTHING, ExactMatcher
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, Role

MD5, SHA1, SHA256, BLAKE3, PDQ = map(AlgorithmName, ("md5", "sha1", "sha256", "blake3", "pdq"))
LENGTHS = {**{name: row.length_bytes for name, row in DIGESTS.items()}, PDQ: 32}

Lists = Sequence[tuple[Role, Sequence[ListEntry]]]


def raw(algorithm: AlgorithmName, file: int) -> bytes:
    """The digest of one of some files, which are numbered."""
    return bytes([file + 1]) * LENGTHS[algorithm]


def digests(file: int, *algorithms: AlgorithmName) -> dict[AlgorithmName, bytes]:
    return {algorithm: raw(algorithm, file) for algorithm in algorithms}


def index_of(lists: Lists, first_number: int = 1) -> ListIndex:
    target = io.BytesIO()
    with IndexBuilder() as builder:
        for role, entries in lists:
            builder.begin(role)
            for entry in entries:
                builder.add(entry)
            builder.end(ListInfo(name="", path="", role=role, size=0, sha256="", mtime_ns=0, format=""))
        builder.write(target)
    return ListIndex.from_bytes(target.getvalue(), tuple(range(first_number, first_number + len(lists))))


def reported(matches: Sequence[Match]) -> list[tuple[int, str, str]]:
    return [(match.list_number, match.entry, match.algorithm) for match in matches]


def test_match_says_all_that_the_entry_says() -> None:
    entry = ListEntry("77", digests(1, SHA256), 5, {"category": "1"})
    matches, confirmations = ExactMatcher([index_of([(Role.DENY, [entry])])]).match(digests(1, MD5, SHA256), 5)
    assert matches == (Match(1, "77", SHA256, MatchType.EXACT, Role.DENY, {"category": "1"}),)
    assert confirmations == ()


def test_other_file_matches_nothing() -> None:
    matcher = ExactMatcher([index_of([(Role.DENY, [ListEntry("1", digests(1, MD5, SHA256))])])])
    assert matcher.match(digests(2, MD5, SHA256), 5) == NOTHING
    assert matcher.match({}, 5) == NOTHING
    assert matcher.match(digests(1, SHA1), 5) == NOTHING
    assert ExactMatcher([]).match(digests(1, MD5), 5) == NOTHING


def test_empty_file_matches_nothing_though_its_digest_is_listed() -> None:
    matcher = ExactMatcher([index_of([(Role.DENY, [ListEntry("1", digests(1, MD5))])])])
    assert matcher.match(digests(1, MD5), 0) == NOTHING
    assert matcher.match(digests(1, MD5), 1) != NOTHING


def test_order_is_list_then_entry_then_strength() -> None:
    entries = [
        ListEntry("z", digests(1, MD5)),
        ListEntry("other", digests(2, MD5, SHA1)),
        ListEntry("a", digests(1, BLAKE3, SHA1, MD5, SHA256)),
    ]
    lists: Lists = [(Role.DENY, entries), (Role.KNOWN, entries[:1])]
    later, first = index_of(lists, 3), index_of(lists, 1)
    matches, _ = ExactMatcher([later, first]).match(digests(1, MD5, SHA1, SHA256, BLAKE3), 9)
    of_a = [("a", "blake3"), ("a", "sha256"), ("a", "sha1"), ("a", "md5")]
    assert reported(matches) == [
        *[(1, *item) for item in [("z", "md5"), *of_a]],
        (2, "z", "md5"),
        *[(3, *item) for item in [("z", "md5"), *of_a]],
        (4, "z", "md5"),
    ]


def test_known_hit_hides_no_deny_hit() -> None:
    lists: Lists = [
        (Role.KNOWN, [ListEntry("k", digests(1, SHA256))]),
        (Role.DENY, [ListEntry("d", digests(1, SHA256))]),
    ]
    matches, _ = ExactMatcher([index_of(lists)]).match(digests(1, SHA256), 9)
    assert [(match.role, match.entry) for match in matches] == [(Role.KNOWN, "k"), (Role.DENY, "d")]


def test_role_of_the_entry_overrides_the_list() -> None:
    entry = ListEntry("1", digests(1, MD5), role=Role.KNOWN)
    matches, confirmations = ExactMatcher([index_of([(Role.DENY, [entry])])]).match(digests(1, MD5), 9)
    assert matches[0].role is Role.KNOWN
    assert confirmations == ()


D, K = Role.DENY, Role.KNOWN


@pytest.mark.parametrize(
    ("entries", "computed", "expected"),
    [
        # One weak digest alone is marked, whichever lists and entries it agrees in.
        ([(D, (MD5,))], (MD5, SHA1, SHA256), ["md5_only"]),
        ([(D, (SHA1,))], (MD5, SHA1, SHA256), ["sha1_only"]),
        ([(D, (MD5,)), (D, (MD5,))], (MD5,), ["md5_only"]),
        ([(D, (MD5, SHA256))], (MD5,), ["md5_only"]),
        # Two that agree are not, nor is anything beside a strong one.
        ([(D, (MD5, SHA1))], (MD5, SHA1), []),
        ([(D, (MD5,)), (D, (SHA1,))], (MD5, SHA1), []),
        ([(D, (MD5,)), (D, (SHA256,))], (MD5, SHA256), []),
        ([(D, (SHA256,))], (SHA256,), []),
        # Lists of known files neither confirm a finding nor need confirmation.
        ([(D, (MD5,)), (K, (MD5, SHA256))], (MD5, SHA256), ["md5_only"]),
        ([(K, (MD5,))], (MD5,), []),
    ],
)
def test_weak_digest_alone_is_marked(
    entries: list[tuple[Role, tuple[AlgorithmName, ...]]], computed: tuple[AlgorithmName, ...], expected: list[str]
) -> None:
    lists = [(role, [ListEntry(str(number), digests(1, *names))]) for number, (role, names) in enumerate(entries)]
    _, confirmations = ExactMatcher([index_of(lists)]).match(digests(1, *computed), 9)
    assert [word.value for word in confirmations] == expected


def test_conflict_within_an_entry_is_reported() -> None:
    forged = ListEntry("1", {**digests(1, MD5), **digests(2, SHA256)})
    matcher = ExactMatcher([index_of([(Role.DENY, [forged])])])
    matches, confirmations = matcher.match(digests(1, MD5, SHA256), 9)
    assert reported(matches) == [(1, "1", "md5")]
    assert confirmations == (Caveat.MD5_ONLY, Caveat.CONFLICTING_DIGESTS)
    # What was not computed does not conflict.
    assert matcher.match(digests(1, MD5), 9)[1] == (Caveat.MD5_ONLY,)


def test_entries_that_differ_do_not_conflict_with_each_other() -> None:
    entries = [ListEntry("1", digests(1, MD5, SHA256)), ListEntry("2", digests(2, MD5, SHA256))]
    _, confirmations = ExactMatcher([index_of([(Role.DENY, entries)])]).match(digests(1, MD5, SHA256), 9)
    assert confirmations == ()


def test_conflict_on_a_known_list_is_reported_too() -> None:
    forged = ListEntry("1", {**digests(1, MD5), **digests(2, SHA256)})
    _, confirmations = ExactMatcher([index_of([(Role.KNOWN, [forged])])]).match(digests(1, MD5, SHA256), 9)
    assert confirmations == (Caveat.CONFLICTING_DIGESTS,)


files = st.integers(0, 3)
names = st.sampled_from([MD5, SHA1, SHA256])
random_entries = st.lists(
    st.dictionaries(names, files, min_size=1).map(
        lambda chosen: {algorithm: raw(algorithm, file) for algorithm, file in chosen.items()}
    ),
    max_size=6,
)


@given(
    lists=st.lists(st.tuples(st.sampled_from(Role), random_entries), min_size=1, max_size=4),
    split=st.integers(0, 4),
    computed=st.dictionaries(names, files),
)
def test_matches_agree_with_comparing_all_with_all(
    lists: list[tuple[Role, list[dict[AlgorithmName, bytes]]]], split: int, computed: Mapping[AlgorithmName, int]
) -> None:
    contents = [
        (role, [ListEntry(f"id{number}", entry) for number, entry in enumerate(entries)]) for role, entries in lists
    ]
    indexes = [index_of(contents[:split]), index_of(contents[split:], split + 1)] if split < len(lists) else [
        index_of(contents)
    ]  # fmt: skip
    file = {algorithm: raw(algorithm, number) for algorithm, number in computed.items()}
    matches, confirmations = ExactMatcher(indexes).match(file, 1)
    expected = [
        (number, entry.id, algorithm, role)
        for number, (role, entries) in enumerate(contents, 1)
        for entry in entries
        for algorithm in (SHA256, SHA1, MD5)
        if algorithm in file and entry.digests.get(algorithm) == file[algorithm]
    ]
    assert [(m.list_number, m.entry, m.algorithm, m.role) for m in matches] == expected
    conflict = any(
        any(entry.digests.get(name) == digest for name, digest in file.items())
        and any(name in file and file[name] != digest for name, digest in entry.digests.items())
        for _, entries in contents
        for entry in entries
    )
    assert (Caveat.CONFLICTING_DIGESTS in confirmations) == conflict
