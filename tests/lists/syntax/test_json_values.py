import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.syntax import json_values
from hashaudit.lists.syntax.json_values import flag_of, records, shape, text_of, values


def test_shape_gives_values_by_path() -> None:
    found = shape(b'{"a": {"b": "c"}, "d": [{"e": 1}, {"e": 2}], "f": [], "g": null')
    assert found == {
        "": "start_map",
        "a": "start_map",
        "a.b": "c",
        "d": "start_array",
        "d.item": "start_map",
        "d.item.e": 1,
        "f": "start_array",
        "g": "null",
    }


@pytest.mark.parametrize("head", [b"", b"text", b"<xml/>", b"12", b'"a"'])
def test_other_text_has_no_shape(head: bytes) -> None:
    assert shape(head) == {}


def test_several_texts_are_one_list() -> None:
    assert list(records(io.BytesIO(b'{"v":[{"a":1}]}\n{"v":[{"a":2},3]}'), "v.item")) == [
        (1, {"a": 1}),
        (2, {"a": 2}),
        (3, None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'{"v":[1',
        b'{"v":[1]',
        b'{"v":[1]}{',
        b'{"v":[1]}]',
        b'{"v":[nan]}',
        b'{"v":[\xff]}',
        b'{"v":["\xff"]}',
        b'{"v":[1e99999999999999999999]}',
    ],
)
def test_incomplete_json_is_refused(content: bytes) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        list(values(io.BytesIO(content), "v.item"))


@pytest.mark.parametrize("before", [0, 62 << 10, (64 << 10) - 3000])
def test_numbers_of_many_digits_do_no_harm(before: int) -> None:
    # The parser in C ends the process at such a number.
    text = b'{"v":[' + b" " * before + b"9" * 5000 + b"]}"
    assert shape(text).get("v") in {None, "start_array"}
    with pytest.raises(ListError, match="digits in a row"):
        list(values(io.BytesIO(text), "v.item"))


def test_numbers_beyond_64_bits_are_read() -> None:
    content = b'{"v":[9223372036854775808,-99999999999999999999999,1e99999,1.50]}'
    assert [text_of(value) for _, value in values(io.BytesIO(content), "v.item")] == [
        "9223372036854775808",
        "-99999999999999999999999",
        "1E+99999",
        "1.50",
    ]


def test_a_record_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "MAX_RECORD_BYTES", 200_000)
    small = b'{"v":[' + b",".join([b'"' + b"x" * 1000 + b'"'] * 500) + b"]}"
    assert len(list(values(io.BytesIO(small), "v.item"))) == 500
    with pytest.raises(ListError, match="larger than 0 MiB"):
        list(values(io.BytesIO(b'{"v":["' + b"x" * 500_000 + b'"]}'), "v.item"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a ", "a"),
        (1, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        ({}, ""),
        (["a", 2, None], "a 2"),
        ("\ud800", "\\ud800"),
    ],
)
def test_text_of_values(value: object, text: str) -> None:
    assert text_of(value) == text


def test_flags_have_three_states() -> None:
    assert [flag_of(value) for value in ("Yes", "y", "T", "1", 1, "TRUE", True)] == [True] * 7
    assert [flag_of(value) for value in ("No", "n", "F", "0", 0, "FALSE", False)] == [False] * 7
    unclear: list[object] = ["", None, "2", [], {}]
    assert [flag_of(value) for value in unclear] == [None] * 5


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(st.lists(JSON))
def test_what_is_written_is_read(written: list[object]) -> None:
    content = json.dumps({"v": written}).encode()
    assert [value for _, value in values(io.BytesIO(content), "v.item")] == written


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(content: bytes, keep: int) -> None:
    shape(content[:keep])
    with contextlib.suppress(ListError):
        assert all(number > 0 for number, _ in values(io.BytesIO(content[:keep]), "v.item"))
