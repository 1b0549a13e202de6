import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hashaudit.errors import ListError

MD5, SHA256 = "b1946ac92492d2347c6235b4d2611184", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
HEAD = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /x\n## $ hashdeep a\n## \n"
RECORD = f"6,{MD5},{SHA256},/x/a\n"

INVALID = {
    "text": "hello\n",
    "blank": "\n",
    "missing hash": f"6,{MD5},/x/a\n",
    "no name": f"6,{MD5},{SHA256},\n",
    "no size": f",{MD5},{SHA256},/x/a\n",
    "negative size": f"-6,{MD5},{SHA256},/x/a\n",
    "other digits": f"\u0666,{MD5},{SHA256},/x/a\n",
    "not hex": f"6,{MD5[:-1]}g,{SHA256},/x/a\n",
    "empty hash": f"6,,{SHA256},/x/a\n",
    "second header": "%%%% HASHDEEP-1.0\n",
    "comment after a record": "## x\n",
    "truncated": RECORD[:20],
    "truncated before the name": RECORD[: RECORD.index("/")],
}


def test_valid(read: Callable[..., Any]) -> None:
    result = read((HEAD + RECORD + f"1,{MD5.upper()},{SHA256},b, with comma\r\n").encode())
    assert (result.format, result.strict) == ("hashdeep", True)
    assert result.hashes == [{"md5": MD5, "sha256": SHA256}] * 2
    assert [entry.size for entry in result.entries] == [6, 1]
    assert result.labels == [{"name": "/x/a"}, {"name": "b, with comma"}]
    assert result.ids == ["line 6", "line 7"]
    assert result.rejects == []


@pytest.mark.parametrize("line", INVALID.values(), ids=INVALID)
def test_invalid(read: Callable[..., Any], line: str) -> None:
    result = read((HEAD + RECORD + line).encode())
    assert result.rejects == [(7, "malformed")]
    assert len(result.entries) == 1


def test_a_hash_of_another_length(read: Callable[..., Any]) -> None:
    assert read((HEAD + f"6,{MD5},{MD5},/x/a\n").encode()).rejects == [(6, "wrong_length")]


def test_one_digest_of_empty_input_rejects_the_record(read: Callable[..., Any]) -> None:
    assert read((HEAD + RECORD.replace(MD5, "d41d8cd98f00b204e9800998ecf8427e")).encode()).rejects == [
        (6, "empty_input")
    ]


def test_hashes_that_are_not_matched_are_carried(read: Callable[..., Any]) -> None:
    head = "%%%% HASHDEEP-1.0\n%%%% size,md5,tiger,filename\n"
    result = read(f"{head}6,{MD5},{'ab' * 24},a\n".encode())
    assert result.entries[0].unsupported == {"tiger": "ab" * 24}
    alone = read(f"{head.replace('md5,', '')}6,{'ab' * 24},a\n".encode())
    assert alone.rejects == [(3, "unsupported")]


@pytest.mark.parametrize(
    "columns", ["", "size,filename", "md5,size,filename", "size,md5", "size,md6,filename", "size,md\xe9,filename"]
)
def test_a_header_that_is_not_hashdeeps_is_refused(read: Callable[..., Any], columns: str) -> None:
    with pytest.raises(ListError, match="line 2"):
        read(f"%%%% HASHDEEP-1.0\n%%%% {columns}\n".encode("latin-1"))


def test_a_list_that_ends_after_its_first_line_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="line 2"):
        read(b"%%%% HASHDEEP-1.0\n")


def test_samples(read_path: Callable[..., Any], samples: Path) -> None:
    result = read_path(samples / "hashdeep.txt")
    assert [entry.size for entry in result.entries] == [622, 281, 233]
    assert result.rejects == []


def test_a_newline_in_the_recorded_command_forges_nothing_silently(
    read_path: Callable[..., Any], samples: Path
) -> None:
    result = read_path(samples / "hashdeep_newline_injection.txt")
    assert result.strict
    assert result.entries == []
    assert (5, "malformed") in result.rejects


@pytest.mark.skipif(which("hashdeep") is None, reason="hashdeep is not installed")
def test_a_well_formed_record_forged_in_the_command_is_noticed(read: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    forged = f"x\n6,{MD5},{SHA256},forged"
    command = ["hashdeep", "-l", "-c", "md5,sha256", "a", forged]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    result = read(done.stdout)
    assert "malformed" in [reason for _, reason in result.rejects]


@pytest.mark.skipif(which("hashdeep") is None, reason="hashdeep is not installed")
def test_agrees_with_hashdeep(read: Callable[..., Any], tmp_path: Path) -> None:
    for index in range(5):
        (tmp_path / f"f, {index}").write_bytes(bytes([index]) * index)
    done = subprocess.run(["hashdeep", "-l", "-r", "."], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path.parent / "list").write_bytes(done.stdout)
    result = read(done.stdout)
    known = subprocess.run(
        ["hashdeep", "-m", "-l", "-r", "-k", "../list", "."], cwd=tmp_path, capture_output=True, check=True
    )
    names = {label["name"] for label in result.labels}
    # hashdeep matches the empty file too, which is the point of dropping it here.
    assert names | {"./f, 0"} == set(known.stdout.decode().splitlines())
    assert [reason for _, reason in result.rejects] == ["empty_input"]
