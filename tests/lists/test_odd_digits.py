import pytest

from hashaudit.lists.entry_fields import entry_or_reject
from hashaudit.lists.interface import ListEntry, Rejected
from hashaudit.model.results import AlgorithmName


@pytest.mark.parametrize(
    ("algorithm", "text"), [("colorhash", "07e00030380"), ("colorhash", "007e00030380"), ("whash_db4", "f" + "a5" * 24)]
)
def test_values_with_as_many_digits_as_imagehash_writes_are_read(algorithm: str, text: str) -> None:
    entry = entry_or_reject(1, [(algorithm, text)])
    assert isinstance(entry, ListEntry)
    assert entry.digests[AlgorithmName(algorithm)].hex().lstrip("0") == text.lstrip("0")


@pytest.mark.parametrize(
    ("algorithm", "text"), [("colorhash", "7e00030380a0b"), ("phash", "0123456789abcde"), ("md5", "abc")]
)
def test_other_odd_numbers_of_digits_are_refused(algorithm: str, text: str) -> None:
    assert isinstance(entry_or_reject(1, [(algorithm, text)]), Rejected)
