import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from hashaudit.errors import ListError
from hashaudit.lists.syntax import decompress

MD5 = "b1946ac92492d2347c6235b4d2611184"
TEXT = f"{MD5}\n".encode() * 20_000
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)


def zipped(*contents: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.mkdir("directory")
        for number, content in enumerate(contents):
            archive.writestr(f"directory/{number}", content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT[:33]) + gzip.compress(TEXT[33:]), "gzip"),
        (gzip.compress(TEXT) + bytes(1000), "gzip"),
        (zstd(TEXT), "zstd"),
        (zstd(TEXT[:33]) + zstd(TEXT[33:]), "zstd"),
        (zstd(TEXT) + SKIPPABLE_FRAME, "zstd"),
        (bz2.compress(TEXT), "bzip2"),
        (bz2.compress(TEXT[:33]) + bz2.compress(TEXT[33:]), "bzip2"),
        (lzma.compress(TEXT), "xz"),
        (lzma.compress(TEXT[:33]) + bytes(8) + lzma.compress(TEXT[33:]) + bytes(4), "xz"),
        (zipped(TEXT), "zip"),
        (zipped(TEXT, method=zipfile.ZIP_STORED), "zip"),
        (zipped(TEXT, method=zipfile.ZIP_LZMA), "zip"),
    ],
)
def test_what_is_packed_is_read(read_path: Callable[..., Any], tmp_path: Path, packed: bytes, name: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(packed)
    result = read_path(path)
    assert result.format == f"plain+{name}"
    assert len(result.entries) == 20_000


def test_encodings_inside_are_undone(read: Callable[..., Any]) -> None:
    assert len(read(gzip.compress(b"\xff\xfe" + TEXT.decode().encode("utf-16-le"))).entries) == 20_000


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd, zipped])
def test_damage_is_refused(read_path: Callable[..., Any], tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    # Every line differs, so that the packed form is long enough to be damaged in its middle.
    whole = pack(b"".join(b"%032x\n" % (number * 7919) for number in range(1, 5000)))
    path = tmp_path / "list"
    middle = len(whole) // 2
    for damaged in (whole[:-1], whole[:middle], whole[:middle] + b"\0\0\0\0" + whole[middle + 4 :], whole + b"more"):
        path.write_bytes(damaged)
        if pack is zipped and damaged == whole + b"more":
            continue  # A zip may be followed by a comment.
        with pytest.raises(ListError, match=r"damaged or truncated( after [0-9,]+ bytes of its content)?$"):
            read_path(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd, zipped])
def test_bombs_are_refused(
    read_path: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "list"
    path.write_bytes(pack(f"{MD5}\n".encode() + b"#" * 60_000 + b"\n" + (b"#" * 60_000 + b"\n") * 400))
    assert len(read_path(path).entries) == 1
    monkeypatch.setattr(decompress, "UNLIMITED_RATIO_BYTES", 1 << 20)
    with pytest.raises(ListError, match="over 200 times as large"):
        read_path(path)


def test_zips_of_zero_or_several_files_are_refused(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "list"
    for contents, count in (((), 0), ((TEXT, TEXT), 2)):
        path.write_bytes(zipped(*contents))
        with pytest.raises(ListError, match=f"the zip holds {count} files"):
            read_path(path)
    with zipfile.ZipFile(path, "w"):
        pass
    with pytest.raises(ListError, match="the zip holds 0 files"):
        read_path(path)


def test_an_encrypted_zip_is_refused(read_path: Callable[..., Any], tmp_path: Path) -> None:
    packed = bytearray(zipped(TEXT))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.rindex(mark) + offset] |= 1
    path = tmp_path / "list"
    path.write_bytes(packed)
    with pytest.raises(ListError, match="encrypted"):
        read_path(path)


def test_a_zip_as_a_stream_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="as a stream"):
        read(zipped(TEXT))


def test_packed_twice_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="unrecognised list format"):
        read(gzip.compress(gzip.compress(TEXT)))


def test_a_packed_database_is_refused(read: Callable[..., Any], samples: Path) -> None:
    content = (samples / "rds_v3_minimal_synthetic.db").read_bytes()
    with pytest.raises(ListError, match="as a stream"):
        read(gzip.compress(content))
