"""Compressed files: checksums, several streams, what follows the end."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from inside_lab import examine, names, sha256

DATA = b"".join(b"line %d of the content\n" % number for number in range(5000))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
CHECKED = [name for name in PACKERS if name != "lzma"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a"


@pytest.mark.parametrize("form", PACKERS)
@pytest.mark.parametrize("data", [b"", b"x", DATA, bytes(3_000_000)], ids=["none", "one", "text", "zeros"])
def test_the_content_is_hashed(path: Path, form: str, data: bytes) -> None:
    path.write_bytes(PACKERS[form](data))
    found = examine(path)
    assert (found.codes, found.whole()) == ([], {sha256(data)})


@pytest.mark.parametrize("form", CHECKED)
def test_several_streams_are_one_content(path: Path, form: str) -> None:
    path.write_bytes(PACKERS[form](DATA) + PACKERS[form](b"and more"))
    found = examine(path)
    assert (found.codes, found.whole()) == ([], {sha256(DATA + b"and more")})


@pytest.mark.parametrize("form", CHECKED)
def test_a_flipped_byte_is_never_good(path: Path, form: str) -> None:
    packed = PACKERS[form](DATA)
    for at in range(20, len(packed), max(1, len(packed) // 25)):
        path.write_bytes(packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1 :])
        found = examine(path)
        assert found.codes or found.whole() == {sha256(DATA)}, at


@pytest.mark.parametrize("form", PACKERS)
def test_a_cut_file_is_damaged(path: Path, form: str) -> None:
    packed = PACKERS[form](DATA)
    for length in range(24, len(packed), max(1, len(packed) // 20)):
        path.write_bytes(packed[:length])
        found = examine(path)
        assert found.codes[:1] == ["damaged"], length
        assert not found.whole()


@pytest.mark.parametrize("form", CHECKED)
def test_what_follows_is_a_fault_unless_it_is_zeros(path: Path, form: str) -> None:
    path.write_bytes(PACKERS[form](DATA) + bytes(1000))
    assert examine(path).codes == []
    path.write_bytes(PACKERS[form](DATA) + b"something else")
    found = examine(path)
    assert (found.codes, found.whole()) == (["trailing_data"], {sha256(DATA)})


def test_a_gz_names_its_member(path: Path) -> None:
    with path.open("wb") as file, gzip.GzipFile("original.txt", "wb", fileobj=file) as packed:
        packed.write(b"x")
    assert [names(member) for member in examine(path).members] == [(b"original.txt",)]


def test_skippable_frames_are_skipped(path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    path.write_bytes(zstandard.compress(b"a") + skipped + zstandard.compress(b"b"))
    assert examine(path).whole() == {sha256(b"ab")}


def test_a_window_that_needs_too_much_memory_is_a_limit(path: Path) -> None:
    buffer = io.BytesIO()
    parameters = zstandard.ZstdCompressionParameters(window_log=29, enable_ldm=True)
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(buffer, closefd=False) as writer:
        writer.write(DATA)
        writer.flush(zstandard.FLUSH_BLOCK)
        writer.write(DATA)
    path.write_bytes(buffer.getvalue())
    assert examine(path).codes[:1] in (["damaged"], ["limit_reached"])
