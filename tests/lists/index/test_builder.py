import hashlib
import os
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.index import columns, digest_records, sort
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import Hit, ListIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA1, SHA256, PDQ = map(AlgorithmName, ("md5", "sha1", "sha256", "pdq"))
LENGTHS = {MD5: 16, SHA1: 20, SHA256: 32, PDQ: 32}

ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
IndexOf = Callable[[Iterable[ListContent]], ListIndex]


def digest(algorithm: AlgorithmName, number: int) -> bytes:
    # Few first bytes, so that neighbours share them; zero bytes at the end, which some string types would drop.
    raw = hashlib.sha512(b"%d" % number).digest()
    return (bytes([number % 3]) * 10 + raw)[: LENGTHS[algorithm] - 2] + bytes([number % 2, 0])


digests = st.dictionaries(st.sampled_from(list(LENGTHS)), st.integers(0, 12), min_size=1).map(
    lambda chosen: {algorithm: digest(algorithm, number) for algorithm, number in chosen.items()}
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
ids = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["line", "row", "record", "x"]), st.integers(0, 10**19)),
    st.integers(0, 10**20).map(str),
    texts,
    st.sampled_from(["line 007", "line", "row ", " 7"]),
)
labels = st.dictionaries(texts, texts, max_size=2)
entries = st.builds(
    ListEntry,
    id=ids,
    digests=digests,
    size=st.none() | st.integers(0, 2**61),
    labels=labels,
    role=st.none() | st.sampled_from(Role),
    unsupported=labels,
)
blocks = st.builds(
    lambda algorithm, numbers, line: DigestBlock(
        algorithm, b"".join(digest(algorithm, number) for number in numbers), line
    ),
    st.sampled_from(list(LENGTHS)),
    st.lists(st.integers(0, 12), max_size=9),
    st.integers(1, 1000),
)
lists = st.lists(st.tuples(st.sampled_from(Role), st.lists(entries | blocks, max_size=12)), min_size=1, max_size=4)


def unrolled(items: Sequence[ListEntry | DigestBlock]) -> list[ListEntry]:
    out = []
    for item in items:
        if isinstance(item, ListEntry):
            out.append(item)
            continue
        width = LENGTHS[item.algorithm]
        out += [
            ListEntry(f"line {item.first_line + i}", {item.algorithm: item.digests[i * width :][:width]})
            for i in range(len(item.digests) // width)
        ]
    return out


def is_place(entry_id: str) -> bool:
    word, _, number = entry_id.partition(" ")
    if word not in ("line", "row", "record") or not (number.isascii() and number.isdecimal()):
        return False
    return str(int(number)) == number and int(number) < 10**17


def expected(contents: Iterable[ListContent]) -> tuple[list[tuple[int, ListEntry, Role]], list[int]]:
    """The entries that an index must hold, and how many duplicates each list has: by comparing all with all."""
    kept, duplicates = [], []
    for number, (role, items) in enumerate(contents, 1):
        said: list[object] = []
        duplicates.append(0)
        for entry in unrolled(items):
            own_id = None if is_place(entry.id) else entry.id
            what = (own_id, entry.digests, entry.size, entry.labels, entry.role or role, entry.unsupported)
            if what in said:
                duplicates[-1] += 1
                continue
            said.append(what)
            kept.append((number, entry, entry.role or role))
    return kept, duplicates


def as_hit(number: int, entry: ListEntry, role: Role) -> tuple[object, ...]:
    return (number, role, entry.id, entry.labels, entry.unsupported, entry.size, entry.digests)


def as_tuple(hit: Hit) -> tuple[object, ...]:
    return (hit.list_number, hit.role, hit.id, hit.labels, hit.unsupported, hit.size, hit.digests)


@pytest.mark.parametrize(("record_bytes_in_memory", "small_rows"), [(64 << 20, 1 << 14), (64 << 20, 0), (100, 0)])
@given(contents=lists)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_index_agrees_with_comparing_all_with_all(
    contents: list[ListContent],
    record_bytes_in_memory: int,
    small_rows: int,
    monkeypatch: pytest.MonkeyPatch,
    index_of: IndexOf,
) -> None:
    monkeypatch.setattr(sort, "RUN_BYTES", record_bytes_in_memory)
    monkeypatch.setattr(digest_records, "RUN_BYTES", record_bytes_in_memory)
    monkeypatch.setattr(digest_records, "SMALL_ROWS", small_rows)
    monkeypatch.setattr(sort, "MERGE_BYTES", record_bytes_in_memory)
    monkeypatch.setattr("hashaudit.lists.index.builder._HOUSEKEEPING_ROWS", 1)
    monkeypatch.setattr(columns, "_CHUNK_VALUES", 3)
    monkeypatch.setattr("hashaudit.lists.index.strings._PENDING_BYTES", 20)
    index = index_of(contents)
    verify_index(index)
    kept, duplicates = expected(contents)
    assert [info.kept + info.rejected.get("duplicate", 0) for info in index.infos] == [
        len(unrolled(items)) for _, items in contents
    ]
    assert [info.rejected.get("duplicate", 0) for info in index.infos] == duplicates
    assert set(index.sections) == {algorithm for _, entry, _ in kept for algorithm in entry.digests}
    for algorithm in LENGTHS:
        for number in range(14):
            wanted = digest(algorithm, number)
            hits = index.lookup(algorithm, wanted)
            assert [as_tuple(hit) for hit in hits] == [
                as_hit(*item) for item in kept if item[1].digests.get(algorithm) == wanted
            ]
            assert [hit.row for hit in hits] == sorted(hit.row for hit in hits)


@given(contents=lists)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_small_index_has_the_bytes_of_a_large_one(
    contents: list[ListContent], monkeypatch: pytest.MonkeyPatch, index_of: IndexOf
) -> None:
    small = bytes(index_of(contents).image)
    with monkeypatch.context() as patch:
        patch.setattr(digest_records, "SMALL_ROWS", 0)
        patch.setattr(columns, "_CHUNK_VALUES", 3)
        patch.setattr("hashaudit.lists.index.builder._HOUSEKEEPING_ROWS", 1)
        assert bytes(index_of(contents).image) == small


@pytest.fixture(params=[64 << 20, 1])
def run_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries meet in one run, or only when runs are merged."""
    monkeypatch.setattr(sort, "RUN_BYTES", request.param)
    monkeypatch.setattr(digest_records, "RUN_BYTES", request.param)
    monkeypatch.setattr("hashaudit.lists.index.builder._HOUSEKEEPING_ROWS", 1)


def entry(entry_id: str = "line 1", **changes: object) -> ListEntry:
    fields: dict[str, object] = {"id": entry_id, "digests": {MD5: digest(MD5, 1), SHA1: digest(SHA1, 1)}, **changes}
    return ListEntry(**fields)  # type: ignore[arg-type]  # a table's row


@pytest.mark.parametrize(
    ("first", "second", "duplicates"),
    [
        (entry(), entry("line 2"), 1),
        (entry("7"), entry("7"), 1),
        (entry("x"), entry("x"), 1),
        (entry(size=5, labels={"a": "b", "c": "d"}), entry("line 2", size=5, labels={"c": "d", "a": "b"}), 1),
        (entry(digests={MD5: digest(MD5, 1)}), entry("line 2", digests={MD5: digest(MD5, 1)}), 1),
        (entry(), entry("line 2", role=Role.DENY), 1),
        (entry("row 1"), entry("row 2"), 1),
        (entry("record 1"), entry("record 2"), 1),
        (entry("rows 1"), entry("rows 2"), 0),
        (entry(), entry("2"), 0),
        (entry("1"), entry("2"), 0),
        (entry("x"), entry("y"), 0),
        (entry("line 01"), entry("line 1"), 0),
        (entry(size=5), entry("line 2", size=6), 0),
        (entry(size=5), entry("line 2"), 0),
        (entry(labels={"a": "b"}), entry("line 2", labels={"a": "c"}), 0),
        (entry(), entry("line 2", role=Role.KNOWN), 0),
        (entry(), entry("line 2", unsupported={"photodna": "AA"}), 0),
        (entry(), entry("line 2", digests={MD5: digest(MD5, 1)}), 0),
        (entry(), entry("line 2", digests={MD5: digest(MD5, 1), SHA1: digest(SHA1, 3)}), 0),
    ],
)
@pytest.mark.usefixtures("run_bytes")
def test_duplicate_says_nothing_that_the_first_did_not(
    index_of: IndexOf, first: ListEntry, second: ListEntry, duplicates: int
) -> None:
    index = index_of([(Role.DENY, [first, second])])
    assert index.infos[0].rejected.get("duplicate", 0) == duplicates
    assert [hit.id for hit in index.lookup(MD5, digest(MD5, 1))] == [first.id, second.id][: 2 - duplicates]
    # Never across lists.
    index = index_of([(Role.DENY, [first]), (Role.DENY, [second])])
    assert [hit.list_number for hit in index.lookup(MD5, digest(MD5, 1))] == [1, 2]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (ListEntry("1", {}), "without a digest"),
        (ListEntry("1", {MD5: bytes(15)}), "md5 digest of 15 bytes"),
        (ListEntry("1", {AlgorithmName("crc32"): bytes(4)}), "cannot hold crc32"),
        (DigestBlock(MD5, bytes(17), 1), "block of 17 bytes of md5"),
        (DigestBlock(AlgorithmName("crc32"), bytes(4), 1), "cannot hold crc32"),
    ],
)
def test_unknown_algorithms_are_a_mistake_of_the_caller(
    index_of: IndexOf, item: ListEntry | DigestBlock, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        index_of([(Role.DENY, [item])])


def test_entries_belong_to_a_list() -> None:
    with IndexBuilder() as builder, pytest.raises(ValueError, match="no list was begun"):
        builder.add(ListEntry("1", {MD5: bytes(16)}))


@pytest.mark.parametrize("housekeeping_rows", [1, 4096])
def test_index_that_is_full_says_so(index_of: IndexOf, monkeypatch: pytest.MonkeyPatch, housekeeping_rows: int) -> None:
    monkeypatch.setattr("hashaudit.lists.index.index_layout.MAX_ROWS", 3)
    monkeypatch.setattr("hashaudit.lists.index.builder._HOUSEKEEPING_ROWS", housekeeping_rows)
    index_of([(Role.DENY, [DigestBlock(MD5, bytes(range(48)), 1)])])
    with pytest.raises(ListError, match="more than 3 entries"):
        index_of([(Role.DENY, [entry(str(number)) for number in range(4)])])
    with IndexBuilder() as builder:
        builder.begin(Role.DENY)
        with pytest.raises(ListError, match="more than 3 entries"):
            builder.add_block(DigestBlock(MD5, bytes(range(64)), 1))
        assert builder.rows == 0


def test_undecodable_text_is_stored_as_text(index_of: IndexOf) -> None:
    odd = ListEntry("id \udcff", {MD5: bytes(16)}, labels={"name": "a\ud800b"})
    (hit,) = index_of([(Role.DENY, [odd])]).lookup(MD5, bytes(16))
    assert (hit.id, hit.labels) == ("id \ufffd", {"name": "a\ufffdb"})


def test_plain_lists_cost_little_beside_their_digests(index_of: IndexOf) -> None:
    def bytes_an_entry(blocks: list[DigestBlock]) -> float:
        index = index_of([(Role.DENY, blocks)])
        sizes = {section.name: section.size for section in index.header.sections}
        return (sum(sizes.values()) - sizes["prefixes/sha256"] - sizes["lists"]) / index.header.rows

    data = os.urandom(32 * 4000)
    assert bytes_an_entry([DigestBlock(SHA256, data, 1)]) < 36.1
    with_gap = [DigestBlock(SHA256, data[: 32 * 1000], 1), DigestBlock(SHA256, data[32 * 1000 :], 1500)]
    assert bytes_an_entry(with_gap) < 40.1


def test_label_sets_are_stored_once(index_of: IndexOf) -> None:
    entries = [
        ListEntry(str(number), {MD5: os.urandom(16)}, labels={"category": str(number % 2), "series": "a name"})
        for number in range(1000)
    ]
    index = index_of([(Role.DENY, entries)])
    (text,) = (section for section in index.header.sections if section.name == "text")
    assert text.size < 100
    assert all(index.lookup(MD5, entry.digests[MD5])[0].labels == entry.labels for entry in entries)
