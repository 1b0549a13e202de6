"""Text for a page: nothing invisible stays, and no text is lost."""

from hypothesis import given
from hypothesis import strategies as st

from hashaudit.report.visible_text import MAX_CHARACTERS, plain, shown, shown_bytes


@given(st.text(max_size=50))
def test_text_and_escapes_alternate_and_nothing_unprintable_is_left(text: str) -> None:
    parts = shown(text)
    if text.isprintable():
        assert parts == text
        return
    assert isinstance(parts, list)
    assert "".join(parts[::2]) == "".join(one for one in text if one.isprintable())
    assert all(part.isprintable() for part in parts)
    assert all(part.startswith("\\") for part in parts[1::2])


def test_known_texts() -> None:
    assert shown("a\u202eb") == ["a", "\\u202e", "b"]
    assert shown("\n\t") == ["", "\\x0a\\x09"]
    assert shown_bytes(b"\xff x") == ["", "\\xff", " x"]
    assert plain(["a", "\\x0a", "b"]) == "a\\x0ab"


@given(st.text(min_size=1, max_size=3).map(lambda text: text * MAX_CHARACTERS))
def test_a_long_text_is_cut_and_says_so(text: str) -> None:
    parts = shown(text)
    if len(text) > MAX_CHARACTERS:
        assert isinstance(parts, list)
        assert parts[-1] == f" (and {len(text) - MAX_CHARACTERS:,} more characters)"
    assert len(plain(parts)) < 12 * MAX_CHARACTERS
