import pytest

from hashaudit.content.perceptual.hash_names import ALIASES, BITS, LENGTHS_BYTES, canonical_name
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, algorithm_named


@pytest.mark.parametrize("name", BITS)
def test_every_name_is_a_row_of_the_table_and_as_long(name: str) -> None:
    row = algorithm_named(name)
    assert row is not None
    assert row.name == name
    assert (row.bits, row.length_bytes) == (BITS[row.name], LENGTHS_BYTES[row.name])


def test_every_row_has_a_name() -> None:
    assert set(ALGORITHMS) <= set(BITS)


@pytest.mark.parametrize("spelling", [*ALIASES, "PDQ", "Phash-16", "whash-haar-16", "phash-8"])
def test_spellings_in_use_mean_the_same_to_lists_and_to_hashing(spelling: str) -> None:
    row = algorithm_named(spelling)
    assert row is not None
    assert canonical_name(spelling) == row.name or spelling == "phash-8"


@pytest.mark.parametrize("spelling", ["", "-", "phash-1", "phash-33", "whash-12", "sha256", "photodna", "phash-x"])
def test_other_words_are_no_perceptual_hash(spelling: str) -> None:
    assert canonical_name(spelling) is None
