"""Leading words, compared with their digests."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.batch_lookup import find_many
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.index.words import leading_words
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import Role

ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
IndexOf = Callable[[Iterable[ListContent]], ListIndex]


@given(width=st.integers(1, 12), data=st.data())
def test_words_are_the_first_eight_bytes_with_zeros_after_shorter_ones(width: int, data: st.DataObject) -> None:
    digests = data.draw(st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=9))
    between = data.draw(st.binary(max_size=5))
    buffer = b"xy" + b"".join(digest + between for digest in digests)
    words = leading_words(buffer, len(digests), width, width + len(between), 2)
    assert words.tolist() == [int.from_bytes(digest[:8].ljust(8, b"\0")) for digest in digests]


@pytest.mark.parametrize("algorithm", LENGTHS_BYTES)
def test_index_holds_hashes_of_every_algorithm(index_of: IndexOf, algorithm: str) -> None:
    name = next(known for known in LENGTHS_BYTES if known == algorithm)
    source = np.random.default_rng(LENGTHS_BYTES[name])
    # Many share all but their last byte and some are equal: only rows distinguish them.
    digests = [
        bytes([row % 3]) * (LENGTHS_BYTES[name] - 1) + source.bytes(1) if row % 2 else source.bytes(LENGTHS_BYTES[name])
        for row in range(120)
    ]
    entries = [ListEntry(f"id{row}", {name: digest}) for row, digest in enumerate(digests)]
    index = index_of([(Role.DENY, entries), (Role.DENY, [*entries, DigestBlock(name, digests[0], 1)])])
    verify_index(index)
    assert list(EntryReader(index).entries(0)) == entries
    for digest in digests:
        of_digest = [entry.id for entry in entries if entry.digests[name] == digest]
        second = [*of_digest, *(["line 1"] if digest == digests[0] else [])]
        assert [hit.id for hit in index.lookup(name, digest)] == [*of_digest, *second]
    found = find_many(index, index.sections[name], b"".join(digests))
    assert [index.sections[name].digest(int(position)) for position in found] == digests


def test_more_sections_than_the_header_holds_are_refused() -> None:
    sections = tuple(
        index_layout.Section(f"s{number}", index_layout.HEADER_BYTES, 0, bytes(32))
        for number in range(index_layout.MAX_SECTIONS + 1)
    )
    assert len(index_layout.encode_header(0, sections[1:])) == index_layout.HEADER_BYTES
    with pytest.raises(ListError, match="too many algorithms"):
        index_layout.encode_header(0, sections)
