import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName

MD5, SHA256 = "b1946ac92492d2347c6235b4d2611184", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
LINE = f"         6  {MD5}  /x/a\n"

INVALID = {
    "no size": (f"{MD5}  /x/a\n", "malformed"),
    "no name": (f"         6  {MD5}  \n", "malformed"),
    "column too narrow": (f"6  {MD5}  /x/a\n", "malformed"),
    "not hex": (f"         6  {MD5[:-1]}g  /x/a\n", "malformed"),
    "unknown length": (f"         6  {MD5}00  /x/a\n", "wrong_length"),
    "rest of a name": ("b\n", "malformed"),
    "truncated": (LINE[:30], "malformed"),
    "too long": (LINE.rstrip() + "x" * 70000 + "\n", "too_long"),
    "empty input": ("         0  d41d8cd98f00b204e9800998ecf8427e  /x/a\n", "empty_input"),
}


def test_valid(read: Callable[..., Any]) -> None:
    result = read(f"{LINE}1234567890123  {SHA256}  b  c\r\n".encode())
    assert (result.format, result.strict) == ("md5deep", True)
    assert result.hashes == [{"md5": MD5}, {"sha256": SHA256}]
    assert [entry.size for entry in result.entries] == [6, 1234567890123]
    assert result.labels == [{"name": "/x/a"}, {"name": "b  c"}]


@pytest.mark.parametrize(("line", "reason"), INVALID.values(), ids=INVALID)
def test_invalid(read: Callable[..., Any], line: str, reason: str) -> None:
    result = read((LINE + line).encode())
    assert result.rejects == [(2, reason)]
    assert len(result.entries) == 1


def test_a_stated_algorithm_names_64_digits(read: Callable[..., Any]) -> None:
    content = f"         6  {SHA256}  a\n".encode()
    assert read(content, ParseOptions(algorithm=AlgorithmName("blake3"))).hashes == [{"blake3": SHA256}]


@pytest.mark.skipif(which("md5deep") is None, reason="md5deep is not installed")
@pytest.mark.parametrize("tool", ["md5deep", "sha1deep", "sha256deep"])
def test_agrees_with_the_tool(read: Callable[..., Any], tmp_path: Path, tool: str) -> None:
    for index in range(5):
        (tmp_path / f"f  {index}").write_bytes(bytes([index]) * index)
    done = subprocess.run([tool, "-zlr", "."], cwd=tmp_path, capture_output=True, check=True)
    result = read(done.stdout)
    (tmp_path.parent / "list").write_bytes(done.stdout)
    known = subprocess.run([tool, "-zlrm", "../list", "."], cwd=tmp_path, capture_output=True, check=True)
    matched = {line[12:].decode() for line in known.stdout.splitlines()}
    assert {label["name"] for label in result.labels} | {"./f  0"} == matched
    assert sorted(entry.size for entry in result.entries) == [1, 2, 3, 4]
