import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.lists.syntax.json_depth import MAX_DEPTH, DepthMeter


def exceeds(text: str, piece_length: int = 1 << 20) -> bool:
    meter = DepthMeter()
    content = text.encode()
    pieces = [content[start : start + piece_length] for start in range(0, len(content), piece_length)]
    return any(meter.exceeds(piece) for piece in pieces)


def nested(depth: int) -> str:
    return '{"a":[' * (depth // 2) + "[" * (depth % 2) + "]" * (depth % 2) + "]}" * (depth // 2)


@pytest.mark.parametrize("piece_length", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("before", ["", '["\\\\","\\"[[[",', '["' + "[" * 99 + '",'])
def test_the_limit_is_exact_in_pieces_of_any_size(piece_length: int, before: str) -> None:
    spare = MAX_DEPTH - 1 if before else MAX_DEPTH
    end = "]" if before else ""
    assert not exceeds(before + nested(spare) + end, piece_length)
    assert exceeds(before + nested(spare + 1) + end, piece_length)


def test_what_opens_and_closes_within_one_piece_counts() -> None:
    assert exceeds("[" + nested(3 * MAX_DEPTH) * 3 + "]")


def test_brackets_in_strings_do_not_count() -> None:
    assert not exceeds(json.dumps(["[{" * 500, '\\"[' * 500, "\\" * 7 + "[" * 99]))


def test_long_texts_of_ordinary_depth_pass() -> None:
    assert not exceeds(json.dumps([{"a": [1, {"b": []}]}] * 5000), 4096)


JSON: st.SearchStrategy[object] = st.recursive(
    st.text(alphabet='[]{}"\\a', max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\', max_size=3), inner, max_size=3)
    ),
)


@given(st.lists(JSON, max_size=6), st.integers(1, 50))
def test_shallow_values_of_any_text_pass(values: list[object], piece_length: int) -> None:
    assert not exceeds(json.dumps(values), piece_length)
