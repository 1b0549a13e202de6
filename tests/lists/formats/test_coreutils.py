import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName

MD5, SHA1 = hashlib.md5(b"a").hexdigest(), hashlib.sha1(b"a").hexdigest()
SHA256, SHA512 = hashlib.sha256(b"a").hexdigest(), hashlib.sha512(b"a").hexdigest()

VALID = {
    "text": (f"{MD5}  a.txt\n", {"md5": MD5}, "a.txt"),
    "binary": (f"{MD5} *a.txt\n", {"md5": MD5}, "a.txt"),
    "upper case": (f"{MD5.upper()}  a.txt\n", {"md5": MD5}, "a.txt"),
    "windows": (f"{MD5} *a.txt\r\n", {"md5": MD5}, "a.txt"),
    "spaces in the name": (f"{MD5}   a  b \n", {"md5": MD5}, " a  b "),
    "escaped": (f"\\{SHA1}  a\\\\b\\nc\\rd\n", {"sha1": SHA1}, "a\\b\nc\rd"),
    "backslashes without the mark": (f"{SHA1}  a\\nb\n", {"sha1": SHA1}, "a\\nb"),
    "tagged": (f"SHA256 (a.txt) = {SHA256}\n", {"sha256": SHA256}, "a.txt"),
    "tagged, escaped": (f"\\SHA256 (a\\nb) = {SHA256}\n", {"sha256": SHA256}, "a\nb"),
    "tagged, bracket in the name": (f"SHA1 (a) = {MD5}) = {SHA1}\n", {"sha1": SHA1}, f"a) = {MD5}"),
    "b3sum": (f"BLAKE3 (a) = {SHA256}\n", {"blake3": SHA256}, "a"),
    "blake2b": (f"BLAKE2b (a) = {SHA512}\n", {"blake2b": SHA512}, "a"),
    "openssl": (f"SHA2-512(a.txt)= {SHA512}\n", {"sha512": SHA512}, "a.txt"),
    "NUL-terminated": (f"{MD5}  a\nb\\n\0", {"md5": MD5}, "a\nb\\n"),
    "NUL-terminated, tagged": (f"MD5 (a\n) = b) = {MD5}\0", {"md5": MD5}, "a\n) = b"),
    "comment": (f"# made today\n{MD5}  a\n", {"md5": MD5}, "a"),
    "no end at the end": (f"{MD5}  a", {"md5": MD5}, "a"),
}

INVALID = {
    "no name": (f"{MD5}  a.txt\n{MD5}  \n", "malformed"),
    "rest of a name": (f"{MD5}  a.txt\nb.txt\n", "malformed"),
    "hash truncated": (f"{MD5}  a.txt\n{MD5[:-2]}  a.txt\n", "malformed"),
    "unknown length": (f"{MD5}  a.txt\n{MD5}00  a.txt\n", "wrong_length"),
    "unknown escape": (f"{MD5}  a.txt\n\\{MD5}  a\\tb\n", "malformed"),
    "escape truncated": (f"{MD5}  a.txt\n\\{MD5}  ab\\\n", "malformed"),
    "mark without an escape": (f"{MD5}  a.txt\n\\{MD5}  ab\n", "malformed"),
    "unknown tag": (f"MD5 (a) = {MD5}\nMD9 (a) = {MD5}\n", "malformed"),
    "tag of another length": (f"MD5 (a) = {MD5}\nSHA1 (a) = {MD5}\n", "wrong_length"),
    "tagged hash truncated": (f"MD5 (a) = {MD5}\nMD5 (a) = {MD5[:-2]}", "wrong_length"),
    "tagged hash cut to an odd length": (f"MD5 (a) = {MD5}\nMD5 (a) = {MD5[:-1]}", "malformed"),
    "tag that is not matched": (f"MD5 (a) = {MD5}\nSM3 (a) = {SHA256}\n", "unsupported"),
    "shorter BLAKE2b": (f"MD5 (a) = {MD5}\nBLAKE2b-256 (a) = {SHA256}\n", "unsupported"),
    "escape with NUL": (f"{MD5}  a\0\\{MD5}  b\\nc\0", "malformed"),
    "too long": (f"{MD5}  a\n{MD5}  {'x' * 70000}\n", "too_long"),
    "empty input": (f"{MD5}  a\nd41d8cd98f00b204e9800998ecf8427e  b\n", "empty_input"),
}


@pytest.mark.parametrize(("content", "hashes", "name"), VALID.values(), ids=VALID)
def test_valid(read: Callable[..., Any], content: str, hashes: dict[str, str], name: str) -> None:
    options = ParseOptions(algorithm=AlgorithmName(next(iter(hashes)))) if "sha256" in hashes else None
    result = read(content.encode(), options)
    assert (result.format, result.strict) == ("coreutils", True)
    assert result.hashes == [hashes]
    assert result.labels == [{"name": name}]
    assert result.rejects == []


@pytest.mark.parametrize(("content", "reason"), INVALID.values(), ids=INVALID)
def test_invalid(read: Callable[..., Any], content: str, reason: str) -> None:
    result = read(content.encode())
    assert result.format == "coreutils"
    assert result.rejects == [(2, reason)]
    assert len(result.entries) == 1


@pytest.mark.parametrize("line", [MD5, f"{MD5} one comment", f"{MD5}\tcomment", f"{MD5},comment"])
def test_a_list_that_also_has_bare_hashes_is_plain(read: Callable[..., Any], line: str) -> None:
    result = read(f"{MD5}  two spaces\n{line}\n".encode())
    assert (result.format, len(result.entries), result.rejects) == ("plain", 2, [])


def test_undecodable_names_become_text(read: Callable[..., Any]) -> None:
    assert read(MD5.encode() + b"  a\xffb\n").labels == [{"name": "a\\xffb"}]


def test_a_stated_algorithm_that_the_tag_contradicts_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="line 1"):
        read(f"MD5 (a) = {MD5}\n".encode(), ParseOptions(algorithm=AlgorithmName("sha1")))


def test_samples(read_path: Callable[..., Any], samples: Path) -> None:
    escaped = read_path(samples / "gnu_md5sum_escaped.md5")
    assert escaped.rejects == [(1, "empty_input")]
    assert escaped.hashes == [{"md5": "b1946ac92492d2347c6235b4d2611184"}]
    tagged = read_path(samples / "bsd-hashes.txt")
    assert len(tagged.entries) == 5
    assert tagged.labels[2] == {"name": "foo.txt"}
    assert len(read_path(samples / "md5deep.txt").entries) == 4


NAMES = st.binary(min_size=1, max_size=30).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


@pytest.mark.parametrize("arguments", [["md5sum"], ["md5sum", "--tag"], ["sha1sum", "-b"], ["md5sum", "-z"]])
def test_agrees_with_what_the_tool_writes(read: Callable[..., Any], tmp_path: Path, arguments: list[str]) -> None:
    names = [b"plain", b"new\nline", b"back\\slash", b"cr\r", b"-rf", b") = (", b"\xff\xfe", b" lead", b"*star", b"\\n"]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(name)
    done = subprocess.run([*arguments, "--", *names], cwd=tmp_path, capture_output=True, check=True)
    result = read(done.stdout)
    new = hashlib.sha1 if arguments[0] == "sha1sum" else hashlib.md5
    assert [next(iter(hashes.values())) for hashes in result.hashes] == [new(name).hexdigest() for name in names]
    assert [labels["name"] for labels in result.labels] == [name.decode("utf-8", "backslashreplace") for name in names]
    assert result.rejects == []


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_escaped_names_come_back(read: Callable[..., Any], names: list[bytes]) -> None:
    lines = []
    for name in names:
        escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        lines.append((b"\\" if escaped != name else b"") + MD5.encode() + b"  " + escaped + b"\n")
    result = read(b"".join(lines))
    assert [labels["name"] for labels in result.labels] == [name.decode("utf-8", "backslashreplace") for name in names]


@pytest.mark.parametrize("place", ["in a name", "before a hash", "in a hash"])
def test_a_nul_in_a_line_hides_no_other_line(read: Callable[..., Any], place: str) -> None:
    other = {"in a name": f"{MD5}  a\0b", "before a hash": f"\0{MD5}  a", "in a hash": f"{MD5[:9]}\0{MD5[9:]}  a"}[
        place
    ]
    result = read("\n".join([f"{SHA1}  x", other, f"{SHA256}  y", ""]).encode())
    assert [*map(list, result.hashes)] == [["sha1"], ["sha256"]]
    assert result.rejects == [(2, "malformed")]


def test_padding_with_nul_ends_the_list(read: Callable[..., Any]) -> None:
    content = f"{SHA1}  x\n{SHA256}  y\n".encode()
    for count in (1, 2, 5_000, 200_000):
        assert len(read(content + bytes(count)).entries) == 2


def test_hashes_in_place_of_names_are_read(read: Callable[..., Any]) -> None:
    result = read(f"{MD5}  {SHA1}  {SHA256}\n{SHA256}\u00a0 {SHA256[::-1]}\n".encode())
    assert result.format == "plain"
    assert result.hashes == [{"md5": MD5, "sha1": SHA1, "sha256": SHA256}, {"sha256": SHA256}, {"sha256": SHA256[::-1]}]
    assert read(f"{MD5}  a\n{MD5}  {SHA256}\n".encode()).remarks == [
        "a name holds what looks like a hash, which is not read"
    ]


def test_padded_tags_and_pieces(read: Callable[..., Any]) -> None:
    assert read(f"MD5   (f) = {MD5}\nSHA1  (f) = {SHA1}\n".encode()).hashes == [{"md5": MD5}, {"sha1": SHA1}]
    result = read(f"{MD5}  /x offset 0-511\n{SHA1}  /x\n".encode())
    assert (result.hashes, result.details) == ([{"sha1": SHA1}], ["hashes of pieces of a file, not of files"])


def test_the_digest_of_empty_input_by_another_algorithm_refuses_the_list(read: Callable[..., Any]) -> None:
    for name, options in (("blake2b", None), ("sha3_256", None), ("sha3_512", ParseOptions(AlgorithmName("sha512")))):
        empty = hashlib.new(name, b"").hexdigest()
        filler = "ab" * (len(empty) // 2)
        with pytest.raises(ListError, match="line 2: the digest of empty input shows") as raised:
            read(f"{filler}  a\n{empty}  b\n".encode(), options)
        assert name.replace("_", "-") in (raised.value.hint or "")
