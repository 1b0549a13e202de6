import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hashaudit.errors import ListError

DIGESTS = [bytes([value]) * 16 for value in (1, 2, 3)]


def hash_set(digests: list[bytes], *, stated: int | None = None, tail: bytes = b"\0\0") -> bytes:
    header = bytearray(1152)
    header[:8] = b"HASH\r\n\xff\0"
    struct.pack_into("<III", header, 8, 1, 0, len(digests) if stated is None else stated)
    header[1032:1040] = "TEST".encode("utf-16-le")
    return bytes(header) + b"".join(digest + tail for digest in digests)


def test_valid(read: Callable[..., Any]) -> None:
    result = read(hash_set(DIGESTS))
    assert (result.format, result.strict, result.meta.name) == ("encase", True, "TEST")
    assert [entry.digests for entry in result.entries] == [{"md5": digest} for digest in DIGESTS]
    assert result.ids == ["record 1", "record 2", "record 3"]


def test_records_across_chunks(read: Callable[..., Any]) -> None:
    digests = [number.to_bytes(16, "big") for number in range(1, 30001)]
    assert [entry.digests["md5"] for entry in read(hash_set(digests)).entries] == digests


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (hash_set(DIGESTS)[:-1], "inside a record"),
        (hash_set(DIGESTS)[:-18], "2 records, but its header states 3"),
        (hash_set(DIGESTS, stated=2), "3 records, but its header states 2"),
        (hash_set(DIGESTS)[:1000], "inside its header"),
    ],
)
def test_damage_is_refused(read: Callable[..., Any], content: bytes, message: str) -> None:
    with pytest.raises(ListError, match=message):
        read(content)


def test_a_record_with_another_end(read: Callable[..., Any]) -> None:
    assert read(hash_set(DIGESTS, tail=b"\0\1")).rejects == [(number, "malformed") for number in (1, 2, 3)]


def test_the_hash_of_empty_input(read: Callable[..., Any]) -> None:
    empty = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")
    assert read(hash_set([DIGESTS[0], empty])).rejects == [(2, "empty_input")]


@pytest.mark.skipif(which("md5deep") is None, reason="md5deep is not installed")
def test_md5deep_matches_the_same_sample(read_path: Callable[..., Any], samples: Path, tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    (tmp_path / "other").write_bytes(b"other\n")
    sample = samples / "encase_synthetic.hash"
    # It exits with 1 because one of the two hashes matches nothing here.
    known = subprocess.run(["md5deep", "-lrm", str(sample), "."], cwd=tmp_path, capture_output=True, check=False)
    assert known.stdout == b"./hello\n"
    assert {"md5": "b1946ac92492d2347c6235b4d2611184"} in read_path(sample).hashes
