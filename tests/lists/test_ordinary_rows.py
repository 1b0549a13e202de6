"""The short ways for ordinary lines give what the general ways give."""

import csv
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.formats import coreutils
from hashaudit.lists.interface import ParseOptions
from hashaudit.lists.ordinary_rows import OrdinaryRows
from hashaudit.lists.syntax.delimited import rows
from hashaudit.model.results import AlgorithmName
from property_examples import examples


def digest(name: str) -> str:
    return hashlib.new(name, b"x").hexdigest()


MD5, SHA1, SHA256 = digest("md5"), digest("sha1"), digest("sha256")
HASHES = [MD5, MD5.upper(), SHA1, SHA256, digest("sha512")]
UNUSUAL = [
    hashlib.md5(b"").hexdigest(),
    hashlib.sha256(b"").hexdigest(),
    hashlib.sha3_256(b"").hexdigest(),
    "0" * 32,
    "0" * 64,
    f"{SHA256} ",
    f" {MD5}",
    f"{MD5[:-1]}g",
    MD5[:-1],
    f"{MD5}00",
    f"'{MD5}'",
    f"{MD5};{SHA1}",
    f"\ufeff{MD5}",
]
TEXTS = ["", " ", "n/a", "a b", "7", "+7", " 7 ", "1e3", "9" * 18, "9" * 19, "\u0667", "deny", "md5", "é", "\\xff", "-"]
CELLS = st.sampled_from(HASHES + HASHES + UNUSUAL + TEXTS)
COLUMNS = st.lists(
    st.sampled_from(
        ["md5", "sha1", "SHA-256", "hash", "id", "size", "name", "note", "category", "pdq", "role", "type"]
    ),
    min_size=1,
    max_size=6,
)
OPTIONS = st.sampled_from([ParseOptions(), ParseOptions(algorithm=AlgorithmName("md5"))])


def outcome(read: Callable[..., Any], content: bytes, options: ParseOptions) -> object:
    try:
        return read(content, options)
    except ListError as error:
        return str(error)


@settings(max_examples=examples(100))
@given(names=COLUMNS, cells=st.lists(st.lists(CELLS, max_size=7), min_size=1, max_size=4), options=OPTIONS)
@example(names=["md5", "hash"], cells=[["", MD5]], options=ParseOptions())
def test_ordinary_rows_of_a_table(
    read: Callable[..., Any], names: list[str], cells: list[list[str]], options: ParseOptions
) -> None:
    filled = [
        row[: len(names)] + [MD5] * (len(names) - len(row)) if number % 3 else row for number, row in enumerate(cells)
    ]
    content = "".join(",".join(row) + "\n" for row in [names, *filled]).encode()
    with pytest.MonkeyPatch.context() as patch:
        short = outcome(read, content, options)
        patch.setattr(OrdinaryRows, "entry", lambda *_: None)
        assert short == outcome(read, content, options)


def test_most_rows_are_ordinary(read: Callable[..., Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hashaudit.lists.formats.table._entries", lambda *_: pytest.fail("the general way"))
        for header, row in (
            ("name,md5,sha256,size,note", f"a,{MD5},{SHA256},7,x"),
            ("hash,name", f"{SHA256},a"),
            ("md5,sha1", f",{SHA1}"),
        ):
            assert len(read(f"{header}\n{row}\n{row}\n".encode()).entries) == 2


@settings(max_examples=examples(100))
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from([*HASHES, *UNUSUAL, f"\\{MD5}", f"MD5 (a) = {MD5}", "# x", "", MD5 * 3]),
            st.sampled_from(["  ", " *", " ", "\t"]),
            st.sampled_from(["a", "a b", "", "\\n", MD5, f"{MD5} {SHA1}", "a offset 0-511", "x offset", "é", "a\\\\b"]),
        ),
        min_size=1,
        max_size=4,
    ),
    end=st.sampled_from(["\n", "\0", "\r\n"]),
    options=OPTIONS,
)
def test_ordinary_lines_of_checksum_files(
    read: Callable[..., Any], lines: list[tuple[str, str, str]], end: str, options: ParseOptions
) -> None:
    content = "".join("".join(line) + end for line in lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        short = outcome(read, content, options)
        patch.setattr(coreutils, "_ordinary", lambda *_: None)
        assert short == outcome(read, content, options)


@given(texts=st.lists(st.text(st.sampled_from('a,; "\t'), max_size=8), max_size=6), skip=st.booleans())
def test_lines_without_quotes_are_split_as_the_csv_module_does(texts: list[str], skip: bool) -> None:
    lines = [(number, text.encode(), True) for number, text in enumerate(texts, 1) if '"' not in text]
    expected = [
        (number, row, True)
        for number, text, _ in lines
        for row in csv.reader([text.decode() + "\n"], skipinitialspace=skip)
        if row and row != [""]
    ]
    assert list(rows(lines, ",", skip_initial_space=skip)) == expected
