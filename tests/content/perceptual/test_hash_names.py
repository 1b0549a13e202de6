import pytest

from hashaudit.content.perceptual.hash_names import ALIASES, BITS, LENGTHS_BYTES, canonical_name
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, algorithm_named


@pytest.mark.parametrize("name", BITS)
def test_every_name_has_a_row_of_its_length(name: str) -> None:
    row = algorithm_named(name)
    assert row is not None
    assert row.name == name
    assert (row.bits, row.length_bytes) == (BITS[row.name], LENGTHS_BYTES[row.name])


def test_every_row_has_a_listed_name() -> None:
    assert set(ALGORITHMS) <= set(BITS)


@pytest.mark.parametrize("spelling", [*ALIASES, "PDQ", "Phash-16", "whash-haar-16", "phash-8"])
def test_spellings_in_use_mean_the_same_in_lists_and_hashing(spelling: str) -> None:
    row = algorithm_named(spelling)
    assert row is not None
    assert canonical_name(spelling) == row.name


@pytest.mark.parametrize(
    "spelling", ["", "-", "phash-1", "phash-33", "whash-12", "sha256", "photodna", "phash-x", "pdq-0", "pdq-none"]
)
def test_other_words_are_not_perceptual_hashes(spelling: str) -> None:
    assert canonical_name(spelling) is None
