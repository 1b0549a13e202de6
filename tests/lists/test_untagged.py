import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import UNDECIDED
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions
from hashaudit.lists.untagged import resolve
from hashaudit.model.results import AlgorithmName


def half_set(seed: int) -> str:
    """Sixty-four digits with exactly 128 bits set, as PDQ has them."""
    bits = random.Random(seed).sample(range(256), 128)
    return f"{sum(1 << bit for bit in bits):064x}"


ORDINARY = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
LINE_FORMS = ["{}\n", "{} comment\n", "{}  name\n"]


@pytest.mark.parametrize("form", LINE_FORMS)
@pytest.mark.parametrize("count", [8, 2000])
def test_eight_half_set_hashes_ask_for_the_algorithm(read: Callable[..., Any], form: str, count: int) -> None:
    content = "".join(form.format(half_set(seed)) for seed in range(count)).encode()
    with pytest.raises(ListError, match="PDQ or SHA-256") as raised:
        read(content)
    assert "pdq=FILE or sha256=FILE" in (raised.value.hint or "")
    for stated in ("pdq", "sha256", "blake3"):
        entries = read(content, ParseOptions(algorithm=AlgorithmName(stated))).hashes
        assert [list(hashes) for hashes in entries] == [[stated]] * count


@pytest.mark.parametrize("form", LINE_FORMS)
def test_one_other_hash_makes_all_sha256(read: Callable[..., Any], form: str) -> None:
    hashes = [half_set(seed) for seed in range(40)] + [ORDINARY] + [half_set(seed) for seed in range(40, 50)]
    content = "".join(form.format(text) for text in hashes).encode()
    assert read(content).hashes == [{"sha256": text} for text in hashes]


@pytest.mark.parametrize("count", [1, 7])
def test_fewer_than_eight_are_sha256(read: Callable[..., Any], count: int) -> None:
    content = "".join(half_set(seed) + "\n" for seed in range(count)).encode()
    assert [list(hashes) for hashes in read(content).hashes] == [["sha256"]] * count


def test_one_value_again_and_again_is_one_witness(read: Callable[..., Any]) -> None:
    assert read((half_set(1) + "\n").encode() * 20).hashes == [{"sha256": half_set(1)}] * 20


def test_few_ordinary_hashes_are_sha256(read: Callable[..., Any]) -> None:
    assert read(f"{half_set(1)}\n{ORDINARY}\n".encode()).hashes == [{"sha256": half_set(1)}, {"sha256": ORDINARY}]


@given(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=30))
def test_never_a_mixture(read: Callable[..., Any], values: list[int]) -> None:
    content = "".join(f"{value:064x}\n" for value in values).encode()
    try:
        algorithms = {name for hashes in read(content).hashes for name in hashes}
    except ListError:
        assert all(value.bit_count() == 128 for value in values if value)
        return
    assert algorithms <= {"sha256"}


def test_other_lengths_in_the_list_are_not_touched(read: Callable[..., Any]) -> None:
    content = "\n".join(["b1946ac92492d2347c6235b4d2611184", *map(half_set, range(7)), ""]).encode()
    assert [next(iter(hashes)) for hashes in read(content).hashes] == ["md5"] + ["sha256"] * 7


def test_nothing_is_held_back_without_need() -> None:
    """Only the undecided part of a list of millions may be in memory."""
    taken: list[int] = []

    def entries(algorithm: str, digest: bytes, count: int) -> Iterator[ListItem]:
        for number in range(count):
            taken.append(number)
            yield ListEntry(id=str(number), digests={AlgorithmName(algorithm): digest})

    items = resolve(entries("md5", bytes(16), 100))
    next(items)
    assert len(taken) == 1
    taken.clear()
    items = resolve(entries(UNDECIDED, bytes.fromhex(ORDINARY), 100))
    next(items)
    assert len(taken) == 1
    taken.clear()
    next(resolve(entries(UNDECIDED, bytes.fromhex(half_set(1)), 100)))
    assert len(taken) == 100
