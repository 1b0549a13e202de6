"""Pieces of hashes: no near hash can be missed, and no cheaper choice exists."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.lists.index.digest_records import SMALL_ROWS
from hashaudit.lists.index.near import pieces as pieces_module
from hashaudit.lists.index.near.near_layout import Pieces
from hashaudit.lists.index.near.pieces import MIN_HASHES, choose_pieces, choose_radii, keys_of

PDQ_BYTES = 32
OTHER_BYTES_PER_PDQ = 32 + 4 + 2
"""The hash, its row, its share of the prefix table."""


@given(count=st.integers(1, 12), bits=st.integers(1, 24), threshold=st.integers(0, 70), hashes=st.integers(1, 10**8))
def test_radii_leave_no_room_for_a_hash_that_is_near(count: int, bits: int, threshold: int, hashes: int) -> None:
    radii, _ = choose_radii(Pieces(count, bits), hashes, threshold)
    # A hash that is beyond the radius in each piece is at least this far away.
    assert sum(radius + 1 for radius in radii) == threshold + 1
    assert min(radii) >= -1


@pytest.mark.parametrize(("count", "bits", "threshold"), [(3, 8, 7), (4, 16, 6), (2, 20, 5), (5, 6, 9), (1, 10, 4)])
def test_radii_cost_as_little_as_any(count: int, bits: int, threshold: int) -> None:
    def probes(radii: tuple[int, ...]) -> int:
        return sum(math.comb(bits, flipped) for radius in radii for flipped in range(radius + 1))

    every = itertools.product(range(-1, threshold + 1), repeat=count)
    least = min(probes(radii) for radii in every if sum(radius + 1 for radius in radii) == threshold + 1)
    radii, cost_ns = choose_radii(Pieces(count, bits), 1 << bits, threshold)
    assert probes(radii) == least
    assert cost_ns == pytest.approx(least * choose_radii(Pieces(1, bits), 1 << bits, 0)[1])


@given(data=st.data(), width=st.sampled_from([4, 5, 8, 25, 32]))
def test_keys_are_the_bits_of_the_piece(data: st.DataObject, width: int) -> None:
    bits = data.draw(st.integers(1, min(24, 8 * width)))
    pieces = Pieces(data.draw(st.integers(1, 8 * width // bits)), bits)
    hashes = data.draw(st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=5))
    for piece in range(pieces.count):
        written = [f"{int.from_bytes(raw):0{8 * width}b}"[piece * bits : (piece + 1) * bits] for raw in hashes]
        assert keys_of(b"".join(hashes), width, pieces, piece).tolist() == [int(text, 2) for text in written]


@pytest.mark.parametrize("hashes", [20_000, 65_536, 1_000_000, 10_000_000, 50_000_000])
def test_pieces_stay_within_memory_and_cost_a_tenth_of_comparing_with_all(hashes: int) -> None:
    pieces = choose_pieces(PDQ_BYTES, hashes)
    assert pieces is not None
    assert pieces.count * pieces.bits <= 8 * PDQ_BYTES
    piece_bytes = 4 * pieces.count * (1 + pieces.slots / hashes)
    assert OTHER_BYTES_PER_PDQ + piece_bytes <= 110
    if hashes >= 65_536:
        assert choose_radii(pieces, hashes, 31)[1] * 5 < hashes * pieces_module.comparison_ns(PDQ_BYTES)


@pytest.mark.parametrize(("width", "hashes"), [(32, 19_999), (8, 19_999), (3, 10**6), (1, 10**6)])
def test_few_or_tiny_hashes_have_no_pieces(width: int, hashes: int) -> None:
    assert choose_pieces(width, hashes) is None


def test_pieces_find_what_is_near_in_a_model_in_plain_python() -> None:
    source = random.Random(5)
    pieces, bits = Pieces(4, 5), 24
    for threshold in range(9):
        radii, _ = choose_radii(pieces, 1000, threshold)
        for _ in range(200):
            query, flipped = source.getrandbits(bits), source.sample(range(bits), threshold)
            other = query ^ sum(1 << place for place in flipped)
            apart = [
                keys_of((query << 8).to_bytes(4), 4, pieces, piece)
                ^ keys_of((other << 8).to_bytes(4), 4, pieces, piece)
                for piece in range(pieces.count)
            ]
            assert any(int(keys[0]).bit_count() <= radius for keys, radius in zip(apart, radii, strict=True))


def test_a_small_list_has_no_pieces() -> None:
    # Its sections are written without numpy, which pieces need.
    assert SMALL_ROWS < MIN_HASHES
