import hashlib
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashaudit.hashlists.index import columns, sorting
from hashaudit.hashlists.index.reader import Hit, ListIndex
from hashaudit.hashlists.index.verify import verify_index
from hashaudit.hashlists.interface import DigestBlock, ListEntry
from hashaudit.model import AlgorithmName, Role

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
    st.integers(0, 10**19).map(lambda n: f"line {n}"), st.integers(0, 10**20).map(str), texts, st.just("line 007")
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


def is_line(entry_id: str) -> bool:
    number = entry_id.removeprefix("line ")
    return number != entry_id and number.isascii() and number.isdecimal() and str(int(number)) == number


def expected(contents: Iterable[ListContent]) -> tuple[list[tuple[int, ListEntry, Role]], list[int]]:
    """The entries that an index must hold, and how many duplicates each list has: by comparing all with all."""
    kept, duplicates = [], []
    for number, (role, items) in enumerate(contents, 1):
        said: list[object] = []
        duplicates.append(0)
        for entry in unrolled(items):
            own_id = None if is_line(entry.id) and int(entry.id[5:]) < 10**18 else entry.id
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


@pytest.mark.parametrize("record_bytes_in_memory", [64 << 20, 100])
@given(contents=lists)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_index_agrees_with_comparing_all_with_all(
    contents: list[ListContent], record_bytes_in_memory: int, monkeypatch: pytest.MonkeyPatch, index_of: IndexOf
) -> None:
    monkeypatch.setattr(sorting, "RUN_BYTES", record_bytes_in_memory)
    monkeypatch.setattr(sorting, "MERGE_BYTES", record_bytes_in_memory)
    monkeypatch.setattr("hashaudit.hashlists.index.builder._HOUSEKEEPING_ROWS", 1)
    monkeypatch.setattr(columns, "_CHUNK_VALUES", 3)
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
    every_size = [entry.size for _, entry, _ in kept]
    if None in every_size:
        assert index.sizes is None
    else:
        assert index.sizes is not None
        assert len(index.sizes) == len(set(every_size))
        assert all(size in index.sizes for size in every_size if size is not None)
        assert 2**61 + 1 not in index.sizes
