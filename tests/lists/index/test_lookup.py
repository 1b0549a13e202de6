"""One lookup and many: where digests share their first bytes, overlap each other, or fill one bucket."""

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.index.batch_lookup import NOWHERE, find_many, lookup_many
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA256, PDQ = AlgorithmName("md5"), AlgorithmName("sha256"), AlgorithmName("pdq")
ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
Build = Callable[[Iterable[ListContent]], bytes]
IndexOf = Callable[[Iterable[ListContent]], ListIndex]


def bare(digests: Iterable[bytes], algorithm: AlgorithmName = SHA256) -> list[ListContent]:
    return [(Role.DENY, [DigestBlock(algorithm, b"".join(digests), 1)])]


# Few values a place: many share their first four bytes (a slot), eight (a word), or all but the last.
crowded = st.builds(
    lambda head, middle, tail: head * 4 + middle * 8 + tail * 20,
    *[st.sampled_from([b"\0", b"\1", b"\x80", b"\xff"]) for _ in range(3)],
)


@given(stored=st.lists(crowded, min_size=1, max_size=40), asked=st.lists(crowded, max_size=20))
def test_single_and_batch_lookups_agree_with_membership(
    index_of: IndexOf, stored: list[bytes], asked: list[bytes]
) -> None:
    index = index_of(bare(stored))
    section = index.sections[SHA256]
    in_order = sorted(set(stored))
    expected = [in_order.index(digest) if digest in in_order else NOWHERE for digest in asked]
    assert [next(iter(section.find(digest)), NOWHERE) for digest in asked] == expected
    assert find_many(index, section, b"".join(asked)).tolist() == expected
    hits = dict(lookup_many(index, SHA256, b"".join(asked)))
    assert list(hits) == [number for number, digest in enumerate(asked) if digest in in_order]
    assert all(hits[number] == index.lookup(SHA256, asked[number]) for number in hits)


def test_bucket_of_many_is_bisected(index_of: IndexOf) -> None:
    # All in one slot of the prefix table, which a search through its bytes would not do in bounded time.
    stored = [bytes(4) + number.to_bytes(4) + bytes(24) for number in range(0, 20_000, 2)]
    index = index_of(bare(stored))
    for number in range(20_000):
        found = index.sections[SHA256].find(bytes(4) + number.to_bytes(4) + bytes(24))
        assert found == (range(number // 2, number // 2 + 1) if number % 2 == 0 else range(0))


def test_digest_that_two_neighbours_hold_across_their_border_is_not_found(index_of: IndexOf) -> None:
    first, second = bytes(16) + b"\1" * 16, bytes(15) + b"\2" * 17
    index = index_of(bare([first, second]))
    across = (second + first)[16:48] if second < first else (first + second)[16:48]
    assert across.startswith(b"\1" * 16)
    assert not index.sections[SHA256].find(across)
    # The same bytes, and the digest itself further on.
    ring = bytes([1]) + bytes(31)
    index = index_of(bare([bytes(32), bytes(31) + b"\1", bytes(30) + b"\1\0"]))
    assert not index.sections[SHA256].find(ring)
    assert index.sections[SHA256].find(bytes(30) + b"\1\0") == range(2, 3)


def test_every_entry_of_a_digest_is_found(index_of: IndexOf) -> None:
    entries = [ListEntry(f"id {number}", {MD5: b"m" * 16}) for number in range(300)]
    hits = index_of([(Role.DENY, entries), (Role.KNOWN, entries)]).lookup(MD5, b"m" * 16)
    assert [(hit.list_number, hit.id) for hit in hits] == [(number, entry.id) for number in (1, 2) for entry in entries]


def test_digest_of_another_length_is_a_mistake_of_the_caller(index_of: IndexOf) -> None:
    index = index_of(bare([bytes(range(32))]))
    with pytest.raises(ValueError, match="sha256 digest of 16 bytes"):
        index.lookup(SHA256, bytes(16))
    with pytest.raises(ValueError, match="not a whole number"):
        list(lookup_many(index, SHA256, bytes(33)))


def test_algorithm_that_no_entry_has_finds_nothing(index_of: IndexOf) -> None:
    index = index_of(bare([bytes(range(32))], PDQ))
    assert index.lookup(MD5, bytes(16)) == ()
    assert list(lookup_many(index, MD5, bytes(16))) == []
    assert index.algorithms == ()
    assert list(index.sections) == [PDQ]
    assert [hit.id for hit in index.lookup(PDQ, bytes(range(32)))] == ["line 1"]


def test_map_of_a_file_reads_as_bytes_do(build: Build, tmp_path: Path) -> None:
    stored = [os.urandom(32) for _ in range(5000)]
    image = build(bare(stored))
    path = tmp_path / "lists.hai"
    path.write_bytes(image)
    mapped, held = ListIndex.open(str(path)), ListIndex.from_bytes(image)
    assert isinstance(mapped.image, mmap.mmap)
    for digest in stored[:200]:
        assert mapped.lookup(SHA256, digest) == held.lookup(SHA256, digest) != ()
    in_order = {digest: place for place, digest in enumerate(sorted(stored))}
    found = find_many(mapped, mapped.sections[SHA256], b"".join(stored))
    assert found.tolist() == [in_order[digest] for digest in stored]


def test_lists_take_the_numbers_that_they_are_given(build: Build) -> None:
    image = build([*bare([b"a" * 32]), *bare([b"a" * 32, b"b" * 32])])
    index = ListIndex.from_bytes(image, (3, 7))
    assert [hit.list_number for hit in index.lookup(SHA256, b"a" * 32)] == [3, 7]
    assert [hit.list_number for hit in index.numbered((4, 5)).lookup(SHA256, b"b" * 32)] == [5]
    with pytest.raises(ValueError, match="one number"):
        ListIndex.from_bytes(image, (3,))


@pytest.mark.parametrize("what", ["missing", "directory", "fifo", "empty", "text"])
def test_a_file_that_is_not_an_index_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what != "missing":
        path.write_bytes(b"" if what == "empty" else b"text\n" * 4000)
    with pytest.raises(ListError, match=what):
        ListIndex.open(str(path))
