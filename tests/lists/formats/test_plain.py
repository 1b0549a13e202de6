import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.lists.detect import detect
from hashaudit.lists.formats import plain
from hashaudit.lists.formats.plain import Plain
from hashaudit.lists.interface import DigestBlock, ListEntry, ParseOptions
from hashaudit.model.results import AlgorithmName

MD5, SHA1 = hashlib.md5(b"a").hexdigest(), hashlib.sha1(b"a").hexdigest()
SHA256, SHA512 = hashlib.sha256(b"a").hexdigest(), hashlib.sha512(b"a").hexdigest()

VALID = {
    "bare": (f"{MD5}\n", [{"md5": MD5}]),
    "upper case": (f"{MD5.upper()}\n", [{"md5": MD5}]),
    "no end at the end": (MD5, [{"md5": MD5}]),
    "windows": (f"{MD5}\r\n{MD5}\r\n", [{"md5": MD5}, {"md5": MD5}]),
    "comments and blanks": (f"# x\n; y\n\n  \n{MD5}\n# z", [{"md5": MD5}]),
    "mixed lengths": (
        f"{MD5}\n{SHA1}\n{SHA256}\n{SHA512}\n",
        [{"md5": MD5}, {"sha1": SHA1}, {"sha256": SHA256}, {"sha512": SHA512}],
    ),
    "indented": (f"  {SHA1}\t\n", [{"sha1": SHA1}]),
    "byte-order mark": (f"\ufeff{SHA1}\n", [{"sha1": SHA1}]),
}

INVALID = {
    "not hex": (f"{MD5}\n{MD5[:-1]}g\n", [(2, "malformed")]),
    "odd": (f"{MD5}\n{MD5[:-1]}\n", [(2, "wrong_length")]),
    "unknown length": (f"{MD5}\n{MD5}00\n", [(2, "wrong_length")]),
    "white space inside": (f"{MD5}\n{MD5[:8]} {MD5[9:]}\n", [(2, "malformed")]),
    "text": (f"{MD5}\nhello\n", [(2, "malformed")]),
    "too long": (f"{MD5}\n{MD5} {'x' * 70000}\n", [(2, "too_long")]),
    "much too long": (f"{MD5}\n{MD5} {'x' * 700000}\n", [(2, "too_long")]),
    "empty input": (f"{MD5}\nd41d8cd98f00b204e9800998ecf8427e\n", [(2, "empty_input")]),
}


@pytest.mark.parametrize(("content", "hashes"), VALID.values(), ids=VALID)
def test_valid(read: Callable[..., Any], content: str, hashes: list[dict[str, str]]) -> None:
    result = read(content.encode())
    assert (result.format, result.strict) == ("plain", False)
    assert result.hashes == hashes
    assert result.rejects == []


@pytest.mark.parametrize(("content", "rejects"), INVALID.values(), ids=INVALID)
def test_invalid(read: Callable[..., Any], content: str, rejects: list[tuple[int, str]]) -> None:
    result = read(content.encode())
    assert result.rejects == rejects
    assert result.hashes == [{"md5": MD5}]


@pytest.mark.parametrize("separator", [" ", "\t", ",", " , "])
def test_a_second_field_is_a_comment(read: Callable[..., Any], separator: str) -> None:
    result = read(f"{SHA1}{separator}seen; here, twice \n{SHA1}\n".encode())
    assert result.ids == ["line 1", "line 2"]
    assert result.hashes == [{"sha1": SHA1}] * 2
    assert result.labels[0]["comment"].strip(", ") == "seen; here, twice"
    assert result.labels[1] == {}


def test_an_escaped_checksum_line_in_a_plain_list_is_accepted(read: Callable[..., Any]) -> None:
    assert read(f"{MD5}\n\\{SHA1}  a\\nb\n".encode()).hashes == [{"md5": MD5}, {"sha1": SHA1}]


@pytest.mark.parametrize("name", sorted(DIGESTS))
@pytest.mark.parametrize("count", [1, 2, 50])
def test_the_hash_of_nothing_is_never_an_entry(read: Callable[..., Any], name: AlgorithmName, count: int) -> None:
    row = DIGESTS[name]
    other = b"\x01" * row.length_bytes
    content = "\n".join([other.hex()] * count + [row.empty().hex().upper()] + [other.hex()] * count) + "\n"
    usual = name not in {"sha3-256", "sha3-384", "sha3-512", "blake2b", "blake2s", "blake3"}
    for options in (ParseOptions(), ParseOptions(algorithm=name)) if usual else (ParseOptions(algorithm=name),):
        result = read(content.encode(), options)
        assert result.rejects == [(count + 1, "empty_input")]
        assert len(result.entries) == 2 * count
    if not usual:
        with pytest.raises(ListError, match=f"line {count + 1}: the digest of empty input shows .* {name} digests"):
            read(content.encode())


@pytest.mark.parametrize("lengths", [(32, 30, 34), (32, 34, 30), (32, 65, 31), (32, 1, 63), (40, 32, 48)])
def test_lines_that_only_together_have_the_right_length(read: Callable[..., Any], lengths: tuple[int, ...]) -> None:
    result = read("".join(("ab" * 40)[:length] + "\n" for length in lengths).encode())
    assert [len(next(iter(hashes.values()))) for hashes in result.hashes] == [n for n in lengths if n in (32, 40)]


def test_an_empty_digest_across_two_entries_is_not_a_reject(read: Callable[..., Any]) -> None:
    empty = hashlib.md5(b"").hexdigest()
    content = "\n".join(["00" + empty[:30], empty[30:] + "11" * 15]) + "\n"
    result = read(content.encode())
    assert result.rejects == []
    assert len(result.entries) == 2


def test_a_stated_algorithm_accepts_only_its_length(read: Callable[..., Any]) -> None:
    result = read(f"{SHA256}\n{MD5}\n{SHA256}\n".encode(), ParseOptions(algorithm=AlgorithmName("blake3")))
    assert result.hashes == [{"blake3": SHA256}] * 2
    assert result.rejects == [(2, "wrong_length")]


@pytest.mark.parametrize("cut", [1, 2, 7, 8, 24, 25, 32, 63])
@pytest.mark.parametrize("lines_before", [1, 3])
def test_a_list_truncated_inside_its_last_hash_is_refused(
    read: Callable[..., Any], cut: int, lines_before: int
) -> None:
    content = f"{SHA256}\n" * lines_before + SHA256[:cut]
    with pytest.raises(ListError, match="truncated"):
        read(content.encode())


def test_a_list_truncated_inside_a_utf16_unit_is_refused(read: Callable[..., Any]) -> None:
    content = f"\ufeff{MD5}\r\n{MD5}\r\n".encode("utf-16-le")
    assert len(read(content).entries) == 2
    with pytest.raises(ListError, match="truncated"):
        read(content[:-1])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_large_runs_pass_as_blocks(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(plain, "_read")  # Nothing may go line by line.
    content = "".join(hashlib.sha256(bytes([i % 251, i % 241])).hexdigest() + end for i in range(9000))
    items = list(Plain().parse(io.BytesIO(content.encode()), ParseOptions()))
    assert all(isinstance(item, DigestBlock) for item in items)
    assert len(items) < 9


def test_lines_with_a_gap_between_them_are_two_blocks() -> None:
    items = list(Plain().parse(io.BytesIO(f"{MD5}\n\n{MD5}\n{MD5}\n{SHA1}\n".encode()), ParseOptions()))
    assert [len(item.digests) for item in items if isinstance(item, DigestBlock)] == [16, 32, 20]
    assert [(item.algorithm, item.first_line) for item in items if isinstance(item, DigestBlock)] == [
        ("md5", 1),
        ("md5", 3),
        ("sha1", 5),
    ]


DIGEST = st.sampled_from([16, 20, 28, 48, 64]).flatmap(lambda n: st.binary(min_size=n, max_size=n)).filter(any)


@given(
    st.lists(
        st.one_of(
            DIGEST.map(lambda raw: (raw, raw.hex())),
            DIGEST.map(lambda raw: (raw, raw.hex().upper())),
            DIGEST.map(lambda raw: (raw, raw.hex() + " # note")),
            st.sampled_from(["", "# comment", "; comment"]).map(lambda line: (None, line)),
        ),
        min_size=1,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_written_lists_are_read_back(read: Callable[..., Any], lines: list[tuple[bytes | None, str]], end: str) -> None:
    expected = [(f"line {number}", raw) for number, (raw, _) in enumerate(lines, 1) if raw]
    content = "".join(line + end for _, line in lines).encode()
    if not expected:
        with pytest.raises(ListError):
            read(content)
        return
    result = read(content)
    assert [(entry.id, *entry.digests.values()) for entry in result.entries if isinstance(entry, ListEntry)] == expected


@pytest.mark.parametrize(
    ("end", "count"),
    [("", 1), ("\x1a", 1), ("\0" * 700, 1), ("\0" * 200_000, 1), ("\r\n\x1a", 1), ("\n\nhttps://x.example/y", 1)],
)
def test_ends_of_whole_lists(read: Callable[..., Any], end: str, count: int) -> None:
    result = read(f"{MD5}\n{SHA1}{end}".encode())
    assert result.hashes == [{"md5": MD5}, {"sha1": SHA1}]
    assert len(result.rejects) <= count


def test_carriage_returns_alone_are_line_ends(read: Callable[..., Any]) -> None:
    assert read(f"{MD5}\r{SHA1}\r".encode()).hashes == [{"md5": MD5}, {"sha1": SHA1}]
    assert read(f"md5,name\r{MD5},a\r".encode()).hashes == [{"md5": MD5}]


@pytest.mark.parametrize("separator", [" ", "\t", ",", ", ", "; ", " | ", "\u00a0"])
def test_several_hashes_on_one_line(read: Callable[..., Any], separator: str) -> None:
    other = SHA256[::-1]
    result = read(f"{SHA256}{separator}{other}\n{MD5}{separator}{SHA1}{separator}{SHA256}{separator}name\n".encode())
    assert result.hashes == [{"sha256": SHA256}, {"sha256": other}, {"md5": MD5, "sha1": SHA1, "sha256": SHA256}]


def test_a_title_and_comments_before_the_hashes(read: Callable[..., Any]) -> None:
    result = read(f"Sample list of today:\n{SHA256}\n".encode())
    assert (result.format, result.hashes, result.rejects) == ("plain", [{"sha256": SHA256}], [(1, "malformed")])
    comments = "// x\n" + "# c\n" * 30_000
    assert read(f"{comments}{SHA256}\n".encode()).hashes == [{"sha256": SHA256}]
    stated = read(f"see {SHA256} and {MD5}\n".encode(), ParseOptions(algorithm=AlgorithmName("sha256")))
    assert stated.hashes == [{"sha256": SHA256}]


def test_all_zeros_are_a_placeholder(read: Callable[..., Any]) -> None:
    result = read(f"{'0' * 64}\n{SHA256}\n{'0' * 32}\n".encode())
    assert (result.hashes, result.rejects) == ([{"sha256": SHA256}], [(1, "unsupported"), (3, "unsupported")])


@given(
    st.lists(st.text("0123456789abcdefABCDEF", max_size=70) | st.sampled_from(["ab" * 16, "01" * 32]), min_size=1),
    st.sampled_from(["\n", "\r\n", "\n\n", "\r", " "]),
    st.sampled_from(["", "\n", "\r\n", "x"]),
)
def test_no_other_format_takes_what_is_certainly_plain(lines: list[str], between: str, end: str) -> None:
    head = (between.join(lines) + end).encode()
    if plain.is_bare(head):
        assert detect(head, ParseOptions()) is plain.PLAIN


@pytest.mark.parametrize(
    ("head", "bare"),
    [
        (b"ab" * 16 + b"\n", True),
        (b"AB" * 32 + b"\r\n\r\n" + b"ab", True),
        (b"ab" * 16, True),
        (b"ab" * 16 + b"\r" + b"ab" * 16, False),
        (b"ab" * 15 + b"\n", False),
        (b"\n" + b"ab" * 16 + b"\n", False),
        (b"ab" * 16 + b"  name\n", False),
        (b"ab" * 16 + b"\n# comment\n", False),
        (b"", False),
    ],
)
def test_only_hex_digits_are_certainly_plain(head: bytes, bare: bool) -> None:
    assert plain.is_bare(head) is bare
