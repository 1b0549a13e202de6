import errno
import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import OutputError
from hashaudit.sources import sort_names
from hashaudit.sources.sort_names import DIRECTORY, OTHER, ExternalSort

NAMES = st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\0", b"\n").replace(b"/", b"\\"))
ITEMS = st.lists(st.tuples(st.sampled_from([DIRECTORY, OTHER]), NAMES).map(b"".join), unique=True, max_size=60)


def expected(items: list[bytes]) -> list[bytes]:
    return sorted(items, key=lambda item: (item[:1] == DIRECTORY, item[1:]))


@given(ITEMS, st.integers(1, 20))
def test_names_come_sorted_with_folders_last_however_little_is_held(items: list[bytes], held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
        patch.setattr(sort_names, "_READ_BYTES", 7)  # names are cut anywhere
        sorter = ExternalSort(held)
        try:
            assert list(sorter.sort(items)) == expected(items)
        finally:
            sorter.close()


@given(st.lists(ITEMS, min_size=2, max_size=5), st.integers(1, 20))
def test_folders_may_be_nested(folders: list[list[bytes]], held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
        sorter = ExternalSort(held)
        try:
            check_nested(sorter, folders)
            assert (sorter._held, sorter._end) == (0, 0)
        finally:
            sorter.close()


def check_nested(sorter: ExternalSort, folders: list[list[bytes]]) -> None:
    """Uses half of a folder's names, then those of the next one, then the rest."""
    if not folders:
        return
    names = sorter.sort(folders[0])
    wanted = expected(folders[0])
    half = len(wanted) // 2
    assert [next(names) for _ in range(half)] == wanted[:half]
    check_nested(sorter, folders[1:])
    assert list(names) == wanted[half:]


def test_what_outer_folders_hold_is_not_held_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 2)
    sorter = ExternalSort(10)
    outer = sorter.sort([b"0%d" % number for number in range(9)])
    next(outer)
    inner = sorter.sort([b"0%d" % number for number in range(9)])
    next(inner)
    assert sorter._held == 9
    assert sorter._file is not None
    sorter.close()


def test_temporary_space_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 2)
    sorter = ExternalSort(2)
    for count in (1000, 10):
        assert len(list(sorter.sort(numbers(count)))) == count
    assert sorter._file is not None
    assert os.fstat(sorter._file.fileno()).st_size == len("0n\0") * 10
    sorter.close()


def test_a_few_names_touch_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert list(ExternalSort().sort([b"1a", b"0b"])) == [b"0b", b"1a"]


def numbers(count: int) -> Iterator[bytes]:
    return (b"0%d" % number for number in range(count))


def test_a_full_disk_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 2)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match="No space left"):
        ExternalSort(2).sort(numbers(5))


def test_temporary_space_that_is_cut_off_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 2)
    sorter = ExternalSort(2)
    names = sorter.sort(numbers(5))
    assert sorter._file is not None
    sorter._file.truncate(3)
    with pytest.raises(OutputError, match="read back"):
        list(names)
    sorter.close()


def test_names_are_not_to_be_had_from_a_closed_sorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 2)
    sorter = ExternalSort(2)
    names = sorter.sort(numbers(5))
    sorter.close()
    with pytest.raises(OutputError, match="closed"):
        next(names)
