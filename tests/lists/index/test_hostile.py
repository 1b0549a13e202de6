"""Damaged and hostile images: an error, or a bounded answer, and never another exception."""

import contextlib
import struct
from collections.abc import Callable, Iterable, Sequence

import blake3
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.batch_lookup import lookup_many
from hashaudit.lists.index.diff import diff
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.index_layout import AffineColumn, ListRecord, StoredColumn
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA256 = AlgorithmName("md5"), AlgorithmName("sha256")
ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
Build = Callable[[Iterable[ListContent]], bytes]

QUERIES = [bytes([first]) * 31 + bytes([last]) for first in (0, 1, 128, 255) for last in (0, 1, 255)]


@pytest.fixture(scope="module")
def image(build: Build) -> bytes:
    rich = [
        ListEntry(f"id{n}", {SHA256: query, MD5: query[:15] + query[-1:]}, size=n, labels={"a": str(n)})
        for n, query in enumerate(QUERIES)
    ]
    sized = [ListEntry("7", {MD5: bytes(15) + b"x"}, size=3, role=Role.KNOWN)]
    return build([(Role.DENY, rich), (Role.KNOWN, sized)])


def sections_of(image: bytes) -> dict[str, tuple[int, int]]:
    """Where each section is: name -> (offset, size)."""
    header = index_layout.decode_header(image[: index_layout.HEADER_BYTES], len(image))
    return {section.name: (section.offset, section.size) for section in header.sections}


def resealed(image: bytes, sections: dict[str, tuple[int, int]], rows: int) -> bytes:
    """An image with correct checksums for its content, valid or not."""
    table = tuple(
        index_layout.Section(name, offset, size, blake3.blake3(image[offset : offset + size]).digest())
        for name, (offset, size) in sections.items()
    )
    return index_layout.encode_header(rows, table) + image[index_layout.HEADER_BYTES :]


def replaced(image: bytes, name: str, content: bytes, rows: int) -> bytes:
    """An image in which a section has other content, right checksums and right places."""
    out = bytearray(index_layout.HEADER_BYTES)
    sections = {}
    for other, (offset, size) in sections_of(image).items():
        out += bytes(index_layout.aligned(len(out)) - len(out))
        data = content if other == name else image[offset : offset + size]
        sections[other] = (len(out), len(data))
        out += data
    return resealed(bytes(out), sections, rows)


def use(image: bytes) -> list[object]:
    """Opens an image and does with it all that one can do."""
    index = ListIndex.from_bytes(image)
    answers: list[object] = []
    for query in QUERIES:
        for algorithm, digest in ((SHA256, query), (MD5, query[:15] + query[-1:])):
            with contextlib.suppress(ListError):
                answers.append(index.lookup(algorithm, digest))
    with contextlib.suppress(ListError):
        reader = EntryReader(index)
        answers += [list(reader.entries(position)) for position in range(len(index.infos))]
    with contextlib.suppress(ListError):
        answers += [list(side.alone_ids()) for side in diff(index, index)]
    return answers


def test_whole_image_passes(image: bytes) -> None:
    verify_index(ListIndex.from_bytes(image))
    hits = [answer for answer in use(image)[:24] if answer]
    assert len(hits) == 24


@given(data=st.data())
def test_flipped_byte_is_found(image: bytes, data: st.DataObject) -> None:
    # Most of the header's fixed size is empty; half of the flips go to what is in use.
    place = data.draw(st.integers(0, 1000) | st.integers(0, len(image) - 1))
    damaged = bytearray(image)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ListError):  # noqa: PT012 - at open or when verified, and in between nothing worse
        use(bytes(damaged))
        verify_index(ListIndex.from_bytes(bytes(damaged)))


@pytest.mark.parametrize("where", ["header", "gap"])
def test_bytes_that_nothing_uses_are_zero(image: bytes, where: str) -> None:
    offset, size = sections_of(image)[index_layout.DIGESTS + MD5]
    damaged = bytearray(image)
    damaged[index_layout.HEADER_BYTES - 1 if where == "header" else offset + size] = 1
    damaged[32:64] = blake3.blake3(bytes(damaged[:32] + damaged[64 : index_layout.HEADER_BYTES])).digest()
    with pytest.raises(ListError, match=r"damaged: (counts|bytes between sections)"):
        verify_index(ListIndex.from_bytes(bytes(damaged)))


@given(length=st.integers(0, 12_000))
def test_truncated_image_is_refused(image: bytes, length: int) -> None:
    with pytest.raises(ListError):
        ListIndex.from_bytes(image[: min(length, len(image) - 1)])


def test_image_with_something_appended_is_refused(image: bytes) -> None:
    with pytest.raises(ListError, match="truncated or extended"):
        ListIndex.from_bytes(image + b"\0")


@given(data=st.data())
def test_content_forged_with_right_checksums_raises_nothing_but_list_errors(image: bytes, data: st.DataObject) -> None:
    places = sections_of(image)
    name = data.draw(st.sampled_from(sorted(places)))
    offset, size = places[name]
    forged = bytearray(image)
    for _ in range(data.draw(st.integers(1, 4))):
        place = offset + data.draw(st.integers(0, size - 1))
        forged[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF]) | st.integers(0, 255))
    rows = data.draw(st.just(13) | st.integers(0, 30))
    with contextlib.suppress(ListError):
        sealed = resealed(bytes(forged), places, rows)
        use(sealed)
        verify_index(ListIndex.from_bytes(sealed))


@given(data=st.data())
def test_header_forged_with_right_checksum_raises_nothing_but_list_errors(image: bytes, data: st.DataObject) -> None:
    places = sections_of(image)
    numbers = st.sampled_from([0, 1, 63, 64, 2**31, 2**32, 2**63, 2**64 - 1]) | st.integers(0, len(image))
    for name in data.draw(st.lists(st.sampled_from(sorted(places)), min_size=1, max_size=3)):
        offset, size = places[name]
        places[name] = (data.draw(st.just(offset) | numbers), data.draw(st.just(size) | numbers))
    table = tuple(index_layout.Section(name, offset, size, bytes(32)) for name, (offset, size) in places.items())
    with contextlib.suppress(ListError, struct.error):
        use(index_layout.encode_header(13, table) + image[index_layout.HEADER_BYTES :])


def records_of(image: bytes) -> list[ListRecord]:
    offset, size = sections_of(image)[index_layout.LISTS]
    return list(index_layout.LISTS_DECODER.decode(image[offset : offset + size]))


columns = st.one_of(
    st.builds(AffineColumn, st.integers(-1, 3) | st.just(2**63), st.integers(-1, 3) | st.just(2**62)),
    st.builds(StoredColumn, st.integers(-8, 400) | st.just(2**63), st.sampled_from([0, 1, 4, 8, 2**31])),
)


@given(data=st.data())
def test_forged_columns_raise_nothing_but_list_errors(image: bytes, data: st.DataObject) -> None:
    records = records_of(image)
    number = data.draw(st.integers(0, 1))
    changes: dict[str, object] = data.draw(
        st.dictionaries(st.sampled_from(["ids", "labels", "sizes", "roles", "unsupported"]), columns)
    )
    changes["rows"] = data.draw(st.just(records[number].rows) | st.sampled_from([-1, 0, 2**32 - 14]))
    changes["digests"] = data.draw(
        st.just(records[number].digests)
        | st.dictionaries(st.sampled_from([MD5, SHA256, AlgorithmName("sha1"), AlgorithmName("x")]), columns)
    )
    records[number] = msgspec.structs.replace(records[number], **changes)
    rows = data.draw(st.just(13) | st.just(sum(record.rows for record in records) % 2**64))
    lists = index_layout.LISTS_ENCODER.encode(records)
    with contextlib.suppress(ListError):
        forged = replaced(image, index_layout.LISTS, lists, rows)
        if rows == 13:
            use(forged)
            verify_index(ListIndex.from_bytes(forged))
        else:
            ListIndex.from_bytes(forged).lookup(SHA256, QUERIES[0])


def test_digests_out_of_order_are_found_by_verify_though_checksums_are_right(image: bytes) -> None:
    offset, size = sections_of(image)[index_layout.DIGESTS + SHA256]
    first, second = image[offset : offset + 32], image[offset + 32 : offset + 64]
    swapped = second + first + image[offset + 64 : offset + size]
    forged = replaced(image, index_layout.DIGESTS + SHA256, swapped, 13)
    with pytest.raises(ListError, match="order of sha256"):
        verify_index(ListIndex.from_bytes(forged))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("rows/md5", lambda content: content[4:8] + content[:4] + content[8:], "positions|order"),
        ("rows/md5", lambda content: b"\xff\0\0\0" + content[4:], "row number"),
        ("prefixes/md5", lambda content: content[:4] + b"\xff\xff\xff\xff" + content[8:], "prefix table|order"),
        ("text", lambda content: content[:-1], "text"),
        ("lists", lambda content: content.replace(b'"kept":12', b'"kept":11'), "number of accepted entries"),
        ("lists", lambda content: content.replace(b'"rows":12', b'"rows":11'), "number of rows"),
        ("lists", lambda content: content[:-1], "lists"),
    ],
)
def test_forged_section_is_named(image: bytes, name: str, change: Callable[[bytes], bytes], message: str) -> None:
    offset, size = sections_of(image)[name]
    content = change(image[offset : offset + size])
    assert content != image[offset : offset + size]
    with pytest.raises(ListError, match=message):
        verify_index(ListIndex.from_bytes(replaced(image, name, content, 13)))


@pytest.mark.parametrize("version", [1, 3])
def test_other_version_says_what_to_do(image: bytes, version: int) -> None:
    other = bytearray(image)
    other[8] = version
    with pytest.raises(ListError, match=f"version {version}") as raised:
        ListIndex.from_bytes(bytes(other))
    assert "build it again" in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["strange", "sizes"])
def test_unknown_section_is_refused(image: bytes, name: str) -> None:
    extended = image + bytes(index_layout.aligned(len(image)) - len(image))
    places = {**sections_of(image), name: (len(extended), 8)}
    with pytest.raises(ListError, match="does not know"):
        ListIndex.from_bytes(resealed(extended + bytes(8), places, 13))


@pytest.mark.parametrize("missing", ["lists", "text", "columns", "rows/md5", "prefixes/md5"])
def test_missing_section_is_refused(image: bytes, missing: str) -> None:
    out = bytearray(index_layout.HEADER_BYTES)
    places = {}
    for name, (offset, size) in sections_of(image).items():
        if name != missing:
            out += bytes(index_layout.aligned(len(out)) - len(out))
            places[name] = (len(out), size)
            out += image[offset : offset + size]
    with pytest.raises(ListError, match="section is missing"):
        ListIndex.from_bytes(resealed(bytes(out), places, 13))


def test_json_nested_without_end_is_refused(image: bytes) -> None:
    offset, size = sections_of(image)[index_layout.LISTS]
    nested = b'[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + image[offset + 2 : offset + size]
    with pytest.raises(ListError, match="lists"):
        ListIndex.from_bytes(replaced(image, index_layout.LISTS, nested, 13))


@pytest.fixture(scope="module")
def crowd(build: Build) -> bytes:
    """So many digests that opening looks at a part of the prefix table only."""
    digests = b"".join(number.to_bytes(2) + bytes(30) for number in range(0, 65536, 16))
    return build([(Role.DENY, [DigestBlock(SHA256, digests, 1)])])


@pytest.mark.parametrize("value", [b"\xff\xff\xff\xff", (4097).to_bytes(4, "little"), bytes(4)])
def test_prefix_table_that_leads_astray_is_found_at_lookup(crowd: bytes, value: bytes) -> None:
    offset, size = sections_of(crowd)[index_layout.PREFIXES + SHA256]
    slots = size // 4 - 1
    assert slots == 2048
    content = bytearray(crowd[offset : offset + size])
    content[4 * 1003 : 4 * 1004] = value
    index = ListIndex.from_bytes(replaced(crowd, index_layout.PREFIXES + SHA256, bytes(content), 4096))
    before = (1002 * 32).to_bytes(2) + bytes(30)
    with pytest.raises(ListError, match="prefix table"):
        index.lookup(SHA256, before)
    with pytest.raises(ListError, match="prefix table"):
        list(lookup_many(index, SHA256, before))
    with pytest.raises(ListError, match="prefix table"):
        verify_index(index)


def test_digests_out_of_order_within_a_slot_are_found_at_open(image: bytes) -> None:
    offset, size = sections_of(image)[index_layout.DIGESTS + SHA256]
    content = image[offset : offset + size]
    order = [content[place : place + 32] for place in range(0, size, 32)]
    order[0], order[1] = order[1], order[0]
    assert order[0][:1] == order[1][:1]
    with pytest.raises(ListError, match="order of sha256"):
        ListIndex.from_bytes(replaced(image, index_layout.DIGESTS + SHA256, b"".join(order), 13))


def test_prefix_that_no_digest_has_is_verified_too(build: Build) -> None:
    upper_half = b"".join(number.to_bytes(2) + bytes(30) for number in range(32768, 65536, 8))
    image = build([(Role.DENY, [DigestBlock(SHA256, upper_half, 1)])])
    offset, size = sections_of(image)[index_layout.PREFIXES + SHA256]
    content = bytearray(image[offset : offset + size])
    assert content[: 4 * 1024] == bytes(4 * 1024)
    content[4 * 1003] = 1
    index = ListIndex.from_bytes(replaced(image, index_layout.PREFIXES + SHA256, bytes(content), 4096))
    with pytest.raises(ListError, match="prefix table of sha256"):
        verify_index(index)


def test_position_beyond_its_section_is_found_at_lookup(image: bytes) -> None:
    column = records_of(image)[0].digests[MD5]
    assert isinstance(column, StoredColumn)
    offset, size = sections_of(image)[index_layout.COLUMNS]
    content = bytearray(image[offset : offset + size])
    content[column.offset : column.offset + 4] = (14).to_bytes(4, "little")
    index = ListIndex.from_bytes(replaced(image, index_layout.COLUMNS, bytes(content), 13))
    with pytest.raises(ListError, match="position of a digest"):
        index.lookup(SHA256, QUERIES[0])
