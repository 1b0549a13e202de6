import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import FindingsError
from hashaudit.model.paths import for_terminal, from_text, to_text

NAMES = st.one_of(st.binary(max_size=60), st.text(max_size=30).map(lambda t: t.encode(errors="surrogatepass")))
ESCAPE = re.compile(r"\\\\|\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|[^\\]")


def unescape(shown: str) -> bytes:
    """What a shown path stands for, by the rules that people are told."""
    raw = b""
    position = 0
    while position < len(shown):
        match = ESCAPE.match(shown, position)
        assert match is not None
        byte, short, long = match.groups()
        if byte:
            raw += bytes.fromhex(byte)
        elif short or long:
            raw += chr(int(short or long, 16)).encode()
        else:
            raw += match[0].encode() if match[0] != r"\\" else b"\\"
        position = match.end()
    return raw


@given(NAMES)
def test_text_and_uri_together_are_exact(raw: bytes) -> None:
    path, path_uri = to_text(raw)
    path.encode()  # valid text
    assert from_text(path, path_uri) == raw


@given(NAMES)
def test_a_uri_is_given_exactly_where_text_is_not_exact(raw: bytes) -> None:
    path, path_uri = to_text(raw)
    assert (path_uri is not None) == (path.encode() != raw)


@pytest.mark.parametrize(
    ("raw", "path", "path_uri"),
    [
        (b"plain", "plain", None),
        ("\u00e9\ufffd".encode(), "\u00e9\ufffd", None),
        (b"\n\x1b[31m", "\n\x1b[31m", None),
        (b"a\xff", "a\ufffd", "a%FF"),
        (b"/a b%\xff~", "/a b%\ufffd~", "/a%20b%25%FF~"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd", "%ED%A0%80"),  # a surrogate is not UTF-8
        (b"\xc0\xaf", "\ufffd\ufffd", "%C0%AF"),  # neither is an overlong slash
    ],
)
def test_known_texts(raw: bytes, path: str, path_uri: str | None) -> None:
    assert to_text(raw) == (path, path_uri)
    assert from_text(path, path_uri) == raw


@pytest.mark.parametrize(
    ("path", "path_uri"),
    [
        ("plain", "plain"),  # a URI where text suffices
        ("b\ufffd", "a%FF"),  # another path than the text shows
        ("a\ufffd", "a%ff"),  # lower case
        ("a\ufffd", "%61%FF"),  # an unreserved character encoded
        ("a\ufffd", "a%FF\n"),
        ("a\ufffd", "a%F"),
        ("a\ufffd", "é"),
        ("a\ud800", None),
        ("a\ud800", "a%FF"),
    ],
)
def test_fields_that_no_path_gives_are_refused(path: str, path_uri: str | None) -> None:
    with pytest.raises(FindingsError):
        from_text(path, path_uri)


@given(NAMES, st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_terminal_text_is_printable_encodable_and_unambiguous(raw: bytes, encoding: str) -> None:
    shown = for_terminal(raw, encoding)
    assert shown.isprintable()
    shown.encode(encoding)
    assert unescape(shown) == raw


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/plain/[x] -rf", "/plain/[x] -rf"),
        (b"a\nb", r"a\x0ab"),
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"\x7f\x9b", r"\x7f\x9b"),
        ("\u009b\u202e\u2066\u2028".encode(), r"\u009b\u202e\u2066\u2028"),
        ("\U000e0001".encode(), r"\U000e0001"),
        (b"a\\x0ab", r"a\\x0ab"),
        ("b\u00e9".encode(), "b\u00e9"),
    ],
)
def test_known_terminal_texts(raw: bytes, shown: str) -> None:
    assert for_terminal(raw) == shown


def test_what_the_stream_cannot_hold_is_escaped() -> None:
    assert for_terminal("\u00e9\u0394".encode(), "latin-1") == "\u00e9\\u0394"


def test_every_byte_is_encoded_as_urllib_does() -> None:
    raw = bytes(range(1, 256))
    assert to_text(raw)[1] == quote(raw, safe="/")
