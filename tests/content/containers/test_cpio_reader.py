"""Cpio archives of three forms, archives behind one another, and what follows them."""

import gzip
import struct
from pathlib import Path

import pytest

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

CONTENT = {b"a": b"first", b"d/b": bytes(range(256)) * 3, b"empty": b""}


def new(name: bytes, data: bytes, *, magic: bytes = b"070701", mode: int = 0o100644, links: int = 1) -> bytes:
    total = sum(data) if magic == b"070702" else 0
    numbers = (1, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, total)
    head = magic + b"".join(b"%08x" % number for number in numbers) + name + b"\0"
    return b"".join(part + bytes(-len(part) % 4) for part in (head, data))


def posix(name: bytes, data: bytes, mode: int = 0o100644) -> bytes:
    head = b"070707" + b"".join(b"%06o" % number for number in (1, 1, mode, 0, 0, 1, 0))
    return head + b"%011o%06o%011o" % (0, len(name) + 1, len(data)) + name + b"\0" + data


def binary(name: bytes, data: bytes, order: str, mode: int = 0o100644) -> bytes:
    words = (0o070707, 1, 1, mode, 0, 0, 1, 0, 0, 0, len(name) + 1, len(data) >> 16, len(data) & 0xFFFF)
    head = struct.pack(f"{order}13H", *words) + name + b"\0"
    return b"".join(part + bytes(len(part) % 2) for part in (head, data))


def made(form: str, content: dict[bytes, bytes] = CONTENT) -> bytes:
    content = content | {b"TRAILER!!!": b""}
    if form == "posix":
        return posix(b"d", b"", 0o040755) + b"".join(posix(name, data) for name, data in content.items())
    if form in {"<", ">"}:
        return binary(b"d", b"", form, 0o040755) + b"".join(binary(name, data, form) for name, data in content.items())
    magic = b"070702" if form == "sum" else b"070701"
    return new(b"d", b"", mode=0o040755) + b"".join(new(name, data, magic=magic) for name, data in content.items())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.cpio"


EXPECTED = {(name,): sha256(data) for name, data in CONTENT.items()}


@pytest.mark.parametrize("form", ["new", "sum", "posix", "<", ">"])
def test_members_and_truncation(path: Path, form: str) -> None:
    whole = made(form)
    path.write_bytes(whole + bytes(512 - len(whole) % 512))
    found = examine(path)
    assert found.codes == []
    assert found.digests == EXPECTED
    for cut in range(7, len(whole) - 4, 3):
        good, codes = read(ContainerKind.CPIO, whole[:cut])
        assert codes, cut
        assert set(good.values()) <= set(EXPECTED.values())


def test_a_wrong_checksum_and_a_damaged_header(path: Path) -> None:
    whole = made("sum")
    path.write_bytes(whole.replace(b"first", b"fixst"))
    assert examine(path).codes == ["damaged"]
    at = whole.index(b"070702")
    path.write_bytes(whole[: at + 8] + b"xx" + whole[at + 10 :])
    found = examine(path)
    assert found.codes == ["damaged"]
    assert found.whole() == {sha256(CONTENT[name]) for name in (b"d/b", b"empty")}, "the next header is found"


def test_linked_files_have_their_content_once(path: Path) -> None:
    path.write_bytes(new(b"x", b"", links=2) + new(b"y", b"linked", links=2) + new(b"TRAILER!!!", b""))
    assert examine(path).digests == {(b"y",): sha256(b"linked")}


def test_an_initial_file_system_is_read_to_its_end(path: Path) -> None:
    second = {b"z": b"second"}
    path.write_bytes(made("new") + bytes(100) + made("new", second) + gzip.compress(made("posix", {b"c": b"third"})))
    found = examine(path)
    assert found.codes == []
    assert found.digests | EXPECTED | {(b"z",): sha256(b"second"), (b"", b"", b"c"): sha256(b"third")} == found.digests
