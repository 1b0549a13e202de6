"""Search by distance, through tables and by comparing, against a model that compares integers."""

import contextlib
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import blake3
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.interface import Metric, PerceptualAlgorithm
from hashaudit.content.perceptual.perceptual_registry import algorithm_named
from hashaudit.errors import ListError
from hashaudit.host import memory
from hashaudit.lists.index import digest_records, index_layout
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.near import near_build, near_verify, pieces_search
from hashaudit.lists.index.near.linear_search import NearPairs, scan
from hashaudit.lists.index.near.near_layout import Pieces
from hashaudit.lists.index.near.near_search import NearIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName, Role

PDQ = "pdq"
ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
Build = Callable[[Iterable[ListContent]], bytes]
Found = list[tuple[int, int]]


def row_of(name: str) -> PerceptualAlgorithm:
    algorithm = algorithm_named(name)
    assert algorithm is not None
    return algorithm


def content(algorithm: PerceptualAlgorithm, values: Sequence[bytes]) -> list[ListContent]:
    return [(Role.DENY, [DigestBlock(algorithm.name, b"".join(values), 1)])]


def expected(values: Sequence[bytes], query: bytes, threshold: int, metric: Metric = Metric.HAMMING) -> Found:
    """Distance and row; of equal values of one list the first alone is an entry."""
    rows = {value: len(values) - 1 - back for back, value in enumerate(reversed(values))}
    apart = ((distance(metric, value, query), row) for value, row in rows.items())
    return sorted(item for item in apart if item[0] <= threshold)


def answers(index: ListIndex, algorithm: PerceptualAlgorithm, queries: Sequence[bytes], threshold: int) -> list[Found]:
    near = NearIndex(index, algorithm)
    found = near.search(queries, threshold)
    assert [[item.query for item in group] for group in found] == [[number] * len(g) for number, g in enumerate(found)]
    section = index.sections[algorithm.name]
    assert all(section.row(item.position) == item.row for group in found for item in group)
    best: dict[int, tuple[int, int]] = {}
    for number, group in enumerate(found):
        for item in group:
            best[item.row] = min(best.get(item.row, (item.distance, number)), (item.distance, number))
    nearest = [(item.distance, item.row, item.query) for item in near.closest(queries, threshold)]
    assert nearest == sorted((apart, row, number) for row, (apart, number) in best.items())
    return [[(item.distance, item.row) for item in group] for group in found]


def flipped(value: bytes, places: Iterable[int]) -> bytes:
    return (int.from_bytes(value) ^ sum(1 << place for place in places)).to_bytes(len(value))


@pytest.fixture
def tables_always(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pieces | None], None]:
    """Cuts even small lists into pieces and searches the tables at any cost."""

    def force(pieces: Pieces | None) -> None:
        monkeypatch.setattr(digest_records, "SMALL_ROWS", 0)
        monkeypatch.setattr(near_build, "choose_pieces", lambda *_: pieces)

    monkeypatch.setattr(near_build, "_CHUNK_HASHES", 17)
    monkeypatch.setattr(near_verify, "CHUNK_ROWS", 13)
    monkeypatch.setattr(pieces_search, "comparison_ns", lambda _: 1e12)
    monkeypatch.setattr(pieces_search, "_CANDIDATE_SHARE", 1e-9)
    return force


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        (PDQ, None), (PDQ, Pieces(16, 16)), (PDQ, Pieces(11, 13)), (PDQ, Pieces(20, 9)),
        ("phash", Pieces(4, 16)), ("phash", Pieces(3, 7)), ("phash", Pieces(1, 3)),
        ("whash_db4", Pieces(12, 12)), ("colorhash", Pieces(3, 16)), ("phash-5", Pieces(4, 8)),
    ],
)  # fmt: skip
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_search_agrees_with_comparing_integers(
    build: Build,
    tables_always: Callable[[Pieces | None], None],
    name: str,
    pieces: Pieces | None,
    data: st.DataObject,
) -> None:
    tables_always(pieces)
    algorithm = row_of(name)
    bits = 8 * algorithm.length_bytes
    source = random.Random(data.draw(st.integers(0, 2**32)))
    threshold = data.draw(st.integers(0, min(bits // 4, 24) if pieces and pieces.count < 4 else bits // 4))
    bases = [source.randbytes(algorithm.length_bytes) for _ in range(3)]

    def near() -> bytes:
        return flipped(source.choice(bases), source.sample(range(bits), source.randrange(threshold // 2 + 3)))

    values = [near() for _ in range(data.draw(st.integers(1, 70)))]
    queries = [near() for _ in range(data.draw(st.integers(0, 19)))]
    index = ListIndex.from_bytes(build(content(algorithm, values)))
    verify_index(index)
    assert (algorithm.name in index.pieces) == (pieces is not None)
    # Radii that take too many looks are searched by comparing; the answer is the same.
    assert answers(index, algorithm, queries, threshold) == [expected(values, query, threshold) for query in queries]


@pytest.mark.parametrize("count", [1, 2, 1 << 15])
def test_lists_of_a_power_of_two_are_found_whole(build: Build, count: int) -> None:
    source = random.Random(count)
    algorithm = row_of(PDQ)
    values = [source.randbytes(32) for _ in range(count)]
    index = ListIndex.from_bytes(build(content(algorithm, values)))
    assert (algorithm.name in index.pieces) == (count > 2)
    picked = [source.randrange(count) for _ in range(40)]
    for threshold in (0, 31, 64):
        places = [source.sample(range(256), threshold) for _ in picked]
        queries = [flipped(values[row], chosen) for row, chosen in zip(picked, places, strict=True)]
        assert answers(index, algorithm, queries, threshold) == [[(threshold, row)] for row in picked]
        beyond = [
            flipped(query, [next(place for place in range(256) if place not in chosen)])
            for query, chosen in zip(queries, places, strict=True)
        ]
        assert answers(index, algorithm, beyond, threshold) == [[] for _ in picked]


def test_hashes_of_64_bits_are_found_up_to_twelve(build: Build) -> None:
    source = random.Random(3)
    algorithm = row_of("phash")
    values = [source.randbytes(8) for _ in range(20_000)]
    index = ListIndex.from_bytes(build(content(algorithm, values)))
    assert algorithm.name in index.pieces
    for threshold in range(13):
        queries = [flipped(values[row], source.sample(range(64), threshold)) for row in range(4)]
        assert answers(index, algorithm, queries, threshold) == [
            expected(values, query, threshold) for query in queries
        ]


@pytest.mark.parametrize("spread", [0, 1, 6])
def test_list_of_nearly_equal_hashes_is_compared_with_and_found_whole(
    build: Build, monkeypatch: pytest.MonkeyPatch, spread: int
) -> None:
    source = random.Random(spread)
    algorithm = row_of(PDQ)
    base, far = source.randbytes(32), source.randbytes(32)
    # Each is an entry of its own: they differ in their ids.
    values = [flipped(base, source.sample(range(256), source.randint(0, spread))) for _ in range(25_000)]
    entries = [ListEntry(f"id{row}", {algorithm.name: value}) for row, value in enumerate(values)]
    index = ListIndex.from_bytes(build([(Role.DENY, entries)]))
    assert algorithm.name in index.pieces
    compared: list[int] = []

    def counted(stored: object, queries: Sequence[object], *rest: object) -> NearPairs:
        compared.append(len(queries))
        return scan(stored, queries, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(pieces_search, "scan", counted)
    found = NearIndex(index, algorithm).search([far, base, far, flipped(base, range(3))], 31)
    # Those whose tables name a quarter of the list, at once; the others by their few candidates.
    assert compared == [2]
    for number, query in ((1, base), (3, flipped(base, range(3)))):
        apart = [(distance(Metric.HAMMING, query, value), row) for row, value in enumerate(values)]
        assert [(item.distance, item.row, item.query) for item in found[number]] == [
            (*item, number) for item in sorted(apart)
        ]
    assert found[0] == found[2] == []


def test_squared_distance_is_searched_by_comparing(build: Build) -> None:
    source = random.Random(1)
    values = [bytes(source.choices(range(40), k=32)) for _ in range(50)]
    index = ListIndex.from_bytes(build(content(row_of(PDQ), values)))
    pdq = row_of(PDQ)
    squared = PerceptualAlgorithm(pdq.name, 256, pdq.needs, 8000, pdq.hasher, Metric.SQUARED)
    queries = [values[4], bytes(source.choices(range(40), k=32)), bytes([255]) * 32]
    for threshold in (0, 8000, 10**7):
        assert answers(index, squared, queries, threshold) == [
            expected(values, query, threshold, Metric.SQUARED) for query in queries
        ]


def test_mistakes_of_the_caller_are_refused(build: Build) -> None:
    pdq = row_of(PDQ)
    index = ListIndex.from_bytes(build(content(pdq, [bytes(range(32))])))
    near = NearIndex(index, pdq)
    assert near.search([], 31) == []
    for value in (bytes(31), bytes(33), b""):
        with pytest.raises(ValueError, match="32 bytes"):
            near.search([bytes(32), value], 31)
    with pytest.raises(ValueError, match="radius"):
        near.search([bytes(32)], -1)
    other = PerceptualAlgorithm(pdq.name, 512, pdq.needs, 31, pdq.hasher)
    with pytest.raises(ListError, match="another length"):
        NearIndex(index, other)


@pytest.fixture(scope="module")
def cut_values() -> list[bytes]:
    source = random.Random(9)
    bases = [source.randbytes(32) for _ in range(8)]
    return list({flipped(bases[row % 8], source.sample(range(256), source.randrange(40))) for row in range(600)})


@pytest.fixture(scope="module")
def cut_image(build: Build, cut_values: list[bytes]) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest_records, "SMALL_ROWS", 0)
        patch.setattr(near_build, "choose_pieces", lambda *_: Pieces(16, 9))
        return build(content(row_of(PDQ), cut_values))


def places_of(image: bytes) -> dict[str, tuple[int, int]]:
    header = index_layout.decode_header(image[: index_layout.HEADER_BYTES], len(image))
    return {section.name: (section.offset, section.size) for section in header.sections}


def sealed(sections: dict[str, bytes], rows: int) -> bytes:
    """An image of these sections with right places and checksums."""
    out, table = bytearray(index_layout.HEADER_BYTES), []
    for name, data in sections.items():
        out += bytes(index_layout.aligned(len(out)) - len(out))
        table.append(index_layout.Section(name, len(out), len(data), blake3.blake3(data).digest()))
        out += data
    return index_layout.encode_header(rows, tuple(table)) + bytes(out[index_layout.HEADER_BYTES :])


def sections_of(image: bytes) -> dict[str, bytes]:
    return {name: image[offset : offset + size] for name, (offset, size) in places_of(image).items()}


@pytest.mark.usefixtures("tables_always")
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_forged_tables_raise_list_errors_or_lose_hashes_and_make_none_up(
    cut_image: bytes, cut_values: list[bytes], data: st.DataObject
) -> None:
    sections = sections_of(cut_image)
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(["buckets/pdq", "members/pdq"]))
        forged = bytearray(sections[name])
        place = 4 * data.draw(st.integers(0, len(forged) // 4 - 1))
        number = data.draw(st.sampled_from([0, 1, 600, 2**31, 2**32 - 1]) | st.integers(0, 700))
        length = data.draw(st.sampled_from([4, 400]))
        forged[place : place + length] = (number.to_bytes(4, "little") * 100)[: len(forged[place : place + length])]
        sections[name] = bytes(forged)
    image = sealed(sections, len(cut_values))
    queries = cut_values[:6]
    with contextlib.suppress(ListError):
        near = NearIndex(ListIndex.from_bytes(image), row_of(PDQ))
        for query, found in zip(queries, near.search(queries, 24), strict=True):
            reported = [(item.distance, item.row) for item in found]
            assert reported == sorted(set(reported))
            assert set(reported) <= set(expected(cut_values, query, 24))
    if sections != sections_of(cut_image):
        with pytest.raises(ListError):
            verify_index(ListIndex.from_bytes(image))


def test_whole_tables_pass(cut_image: bytes, cut_values: list[bytes]) -> None:
    assert sealed(sections_of(cut_image), len(cut_values)) == cut_image
    verify_index(ListIndex.from_bytes(cut_image))
    assert list(sections_of(cut_image))[:5] == ["digests/pdq", "rows/pdq", "prefixes/pdq", "buckets/pdq", "members/pdq"]


def swapped(data: bytes) -> bytes:
    numbers = np.frombuffer(data, np.uint32).copy()
    # The first two of different buckets or of one: out of order in both cases.
    numbers[[0, 1]] = numbers[[1, 0]]
    return numbers.tobytes()


@pytest.mark.parametrize(
    ("name", "change", "at_open"),
    [
        ("buckets/pdq", lambda data: data[:-4], True),
        ("buckets/pdq", lambda data: data + data[-4:], True),
        ("buckets/pdq", lambda _: b"", True),
        ("buckets/pdq", lambda _: None, True),
        ("members/pdq", lambda _: None, True),
        ("members/pdq", lambda data: data[:-4], True),
        ("members/pdq", lambda _: b"", True),
        ("members/pdq", lambda data: data * 2, True),
        ("members/pdq", lambda data: data * 16, True),
        ("buckets/pdq", lambda data: b"\1\0\0\0" + data[4:], False),
        ("buckets/pdq", lambda data: (np.frombuffer(data, np.uint32) + 1).tobytes(), False),
        ("buckets/pdq", lambda data: data[:-4] + b"\0\0\0\0", False),
        ("buckets/pdq", lambda data: data[:512] + b"\xff\xff\xff\x7f" + data[516:], False),
        ("members/pdq", lambda data: bytes(len(data)), False),
        ("members/pdq", swapped, None),
        ("members/pdq", lambda data: b"\xff" * 4 + data[4:], None),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    cut_image: bytes,
    cut_values: list[bytes],
    name: str,
    change: Callable[[bytes], bytes | None],
    at_open: bool | None,
) -> None:
    sections = sections_of(cut_image)
    changed = change(sections[name])
    sections = {key: data for key, data in sections.items() if key != name or changed is not None}
    if changed is not None:
        sections[name] = changed
    image = sealed(sections, len(cut_values))
    if at_open:
        with pytest.raises(ListError, match="compiled index"):
            ListIndex.from_bytes(image)
        return
    index = ListIndex.from_bytes(image)
    if at_open is False:
        with pytest.raises(ListError, match=r"damaged: (buckets|members) of pdq"):
            NearIndex(index, row_of(PDQ))
    with pytest.raises(ListError, match=r"damaged: (buckets|members) of pdq"):
        verify_index(index)


@pytest.mark.usefixtures("tables_always")
@pytest.mark.parametrize("key", [1, 255, 509])
def test_table_that_leads_out_of_the_members_is_refused_when_it_is_used(
    cut_image: bytes, cut_values: list[bytes], key: int
) -> None:
    sections = sections_of(cut_image)
    forged = bytearray(sections["buckets/pdq"])
    # Of the last piece, which has the bits from 135 up to 144. Odd ones are not sampled at open.
    place = 4 * (15 * 513 + key)
    forged[place : place + 4] = (len(cut_values) + 1).to_bytes(4, "little")
    image = sealed({**sections, "buckets/pdq": bytes(forged)}, len(cut_values))
    query = flipped(bytes(32), [256 - 144 + bit for bit in range(9) if (key - 1) >> bit & 1])
    with pytest.raises(ListError, match=r"damaged: (buckets|members) of pdq"):
        NearIndex(ListIndex.from_bytes(image), row_of(PDQ)).search([query], 24)


@pytest.mark.usefixtures("tables_always")
def test_radius_beyond_all_distances_finds_everything(cut_image: bytes, cut_values: list[bytes]) -> None:
    near = NearIndex(ListIndex.from_bytes(cut_image), row_of(PDQ))
    assert len(near.search([cut_values[0]], 10**12)[0]) == len(cut_values)


def test_first_of_equally_near_hashes_counts_though_it_is_compared_with_all(build: Build) -> None:
    source = random.Random(4)
    algorithm = row_of(PDQ)
    base = source.randbytes(32)
    apart = flipped(base, range(256))
    values = [flipped(base, source.sample(range(40, 256), 3)) for _ in range(25_000)]
    index = ListIndex.from_bytes(build(content(algorithm, [*values, apart])))
    # Two bytes of the crowd, the rest of the one that is apart.
    crowded = base[:2] + apart[2:]
    away = distance(Metric.HAMMING, crowded, apart)
    lone = flipped(apart, range(0, 10 * away, 10))
    near = NearIndex(index, algorithm)
    for queries in ([crowded, lone], [lone, crowded]):
        (found,) = near.closest(queries, 31)
        assert (found.distance, found.row, found.query) == (away, len(values), 0)


def test_members_out_of_order_across_two_chunks_are_found(
    cut_image: bytes, cut_values: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_verify, "CHUNK_ROWS", 8)
    sections = sections_of(cut_image)
    members = np.frombuffer(sections["members/pdq"], np.uint32).copy()
    members[[7, 8]] = members[[8, 7]]
    image = sealed({**sections, "members/pdq": members.tobytes()}, len(cut_values))
    with pytest.raises(ListError, match="members of pdq"):
        verify_index(ListIndex.from_bytes(image))


def test_tables_of_digests_that_are_looked_up_exactly_are_refused(build: Build) -> None:
    image = build([(Role.DENY, [DigestBlock(AlgorithmName("sha256"), bytes(range(32)), 1)])])
    sections = sections_of(image)
    sections["buckets/sha256"], sections["members/sha256"] = bytes(8), bytes(4)
    with pytest.raises(ListError, match="does not know"):
        ListIndex.from_bytes(sealed(sections, 1))


@pytest.mark.parametrize(("memory_bytes", "has_room"), [(None, False), (1 << 10, False), (1 << 40, True)])
def test_a_file_is_cached_in_large_pages_if_memory_has_room(  # noqa: PLR0917 # fixtures and parameters
    build: Build,
    tables_always: Callable[[Pieces | None], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory_bytes: int | None,
    has_room: bool,
) -> None:
    tables_always(Pieces(4, 8))
    monkeypatch.setattr(memory, "physical_bytes", lambda: memory_bytes)
    algorithm = row_of(PDQ)
    path = tmp_path / "list.hai"
    path.write_bytes(build(content(algorithm, [random.Random(9).randbytes(32) for _ in range(30)])))
    near = NearIndex(ListIndex.open(str(path)), algorithm)
    mapped = Path("/proc/self/smaps").read_text(encoding="utf-8").partition(str(path))[2]
    flags = mapped.partition("VmFlags:")[2].partition("\n")[0].split()
    assert flags
    assert ("hg" in flags) == (has_room and Path("/sys/kernel/mm/transparent_hugepage").exists())
    assert near.search([bytes(32)], 0) == [[]]
