"""The path of an entry for people."""

import pytest

from hashaudit.record.entry_path import joined_path
from hashaudit.record.schema import Entry, Member


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), b"/a.tgz"),
        (("b",), b"/a.tgz//b"),
        (("", "b"), b"/a.tgz//b"),
        (("",), b"/a.tgz//"),
        (("", "p1", "", "b"), b"/a.tgz//p1//b"),
        (("b", ""), b"/a.tgz//b//"),
    ],
)
def test_steps_without_a_name_are_skipped_unless_they_are_the_last(names: tuple[str, ...], shown: bytes) -> None:
    within = tuple(Member(format="x", name=name, ordinal=0) for name in names)
    assert joined_path(Entry(root=0, path="/a.tgz", within=within)) == shown
