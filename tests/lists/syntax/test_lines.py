import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.syntax import lines as lines_module
from hashaudit.lists.syntax.lines import (
    HEAD_BYTES,
    MAX_LINE_BYTES,
    decode_to_utf8,
    line_blocks,
    numbered_lines,
    stream_of,
    with_head,
)

TEXT = "d41d8cd9 näme\r\n\U0001f600 two\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 le", "utf-16 be", "unmarked utf-16 le", "unmarked utf-16 be"],
)
def test_every_encoding_comes_as_utf8(content: bytes) -> None:
    assert decode_to_utf8(io.BytesIO(content)).read() == TEXT.encode()


@pytest.mark.parametrize("encoding_name", ["utf-16-le", "utf-16-be"])
def test_utf16_that_ends_inside_a_unit_is_refused(encoding_name: str) -> None:
    mark = codecs.BOM_UTF16_LE if encoding_name == "utf-16-le" else codecs.BOM_UTF16_BE
    stream = decode_to_utf8(io.BytesIO(mark + TEXT.encode(encoding_name)[:-1]))
    with pytest.raises(ListError, match="truncated"):
        stream.read()


def test_half_a_surrogate_pair_in_a_name_does_not_lose_the_list() -> None:
    stream = decode_to_utf8(io.BytesIO(codecs.BOM_UTF16_LE + b"a\0\x00\xd8b\0"))
    assert stream.read() == b"a\xed\xa0\x80b"


def test_bytes_without_a_mark_pass_untouched() -> None:
    content = bytes(range(256)) * 3
    assert decode_to_utf8(io.BytesIO(content)).read() == content


def test_utf16_characters_across_chunks_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "CHUNK_BYTES", 3)
    content = codecs.BOM_UTF16_LE + ("\U0001f600" * 40).encode("utf-16-le")
    assert decode_to_utf8(io.BytesIO(content)).read() == ("\U0001f600" * 40).encode()


@pytest.mark.parametrize("length", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1])
def test_the_head_is_still_there_after_a_look(length: int) -> None:
    content = bytes(length)
    head, stream = with_head(io.BytesIO(content))
    assert head == content[:HEAD_BYTES]
    assert stream.read() == content


@given(st.lists(st.binary(max_size=9)))
def test_pieces_come_back_joined(pieces: list[bytes]) -> None:
    assert stream_of(iter(pieces)).read() == b"".join(pieces)


def test_lines_have_numbers_and_no_ends() -> None:
    lines = list(numbered_lines(io.BytesIO(b"a\r\n\nb\rc\nlast")))
    assert lines == [(1, b"a", True), (2, b"", True), (3, b"b\rc", True), (4, b"last", False)]


def test_nul_separated_records_keep_newlines_and_carriage_returns() -> None:
    assert list(numbered_lines(io.BytesIO(b"a\nb\r\0c\0"), b"\0")) == [(1, b"a\nb\r", True), (2, b"c", True)]


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"").rstrip(b"\r"))), st.integers(1, 16))
def test_lines_do_not_depend_on_the_chunk_size(lines: list[bytes], chunk_bytes: int) -> None:
    content = b"".join(line + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "CHUNK_BYTES", chunk_bytes)
        got = list(numbered_lines(io.BytesIO(content)))
    assert got == [(number, line, True) for number, line in enumerate(lines, 1)]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_over_the_limit_comes_without_its_text(end: bytes) -> None:
    content = b"first\n" + b"x" * (MAX_LINE_BYTES + 1) + end
    assert list(numbered_lines(io.BytesIO(content)))[1] == (2, None, bool(end))
    whole = b"first\n" + b"x" * MAX_LINE_BYTES + end
    assert list(numbered_lines(io.BytesIO(whole)))[1] == (2, b"x" * MAX_LINE_BYTES, bool(end))


def test_names_of_twice_the_longest_path_pass() -> None:
    assert list(numbered_lines(io.BytesIO(b"x" * 8192 + b"\n"))) == [(1, b"x" * 8192, True)]


def test_an_endless_line_uses_no_memory_and_the_next_has_its_number() -> None:
    def pieces() -> io.BytesIO:
        return io.BytesIO(b"x" * (4 * lines_module.CHUNK_BYTES) + b"\nnext\n")

    assert list(numbered_lines(pieces())) == [(1, None, True), (2, b"next", True)]
    assert all(block is None or len(block) < 2 * lines_module.CHUNK_BYTES for _, block, _ in line_blocks(pieces()))
