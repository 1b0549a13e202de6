"""Values that are made at their first use."""

import re

import pytest

from hashaudit.lazy import lazy, lazy_pattern


def test_a_value_is_made_once_and_only_when_it_is_used() -> None:
    made: list[list[int]] = []

    def make() -> list[int]:
        made.append([1, 2, 2])
        return made[0]

    value = lazy(make)
    assert made == []
    assert (value.count(2), value.count(1), value.index(2)) == (2, 1, 1)
    assert len(made) == 1
    with pytest.raises(AttributeError):
        _ = value.no_such_attribute  # type: ignore[attr-defined] # on purpose


def test_a_pattern_is_that_of_re_with_its_flags() -> None:
    found = lazy_pattern(r"(a+)b", re.IGNORECASE).fullmatch("AAb")
    assert found is not None
    assert found[1] == "AA"
    assert lazy_pattern(rb"\d").findall(b"1a2") == [b"1", b"2"]
    assert lazy_pattern("x").pattern == "x"
    broken = lazy_pattern("(")
    with pytest.raises(re.error):
        broken.match("x")
