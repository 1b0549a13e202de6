"""Lzip files: several parts, checksums, what follows them."""

import lzma
import zlib
from pathlib import Path

import pytest

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read


def part(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 3, "lp": 0, "pb": 2}]
    # Python writes no end marker in the raw form; in the form with a header it does, behind 13 bytes.
    packed = lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)[13:]
    numbers = (zlib.crc32(data), 4), (len(data), 8), (len(packed) + 26, 8)
    return b"LZIP\x01\x14" + packed + b"".join(number.to_bytes(length, "little") for number, length in numbers)


def test_several_parts_are_one_content(tmp_path: Path) -> None:
    path = tmp_path / "a.lz"
    path.write_bytes(part(b"one " * 100) + part(b"two") + bytes(20))
    found = examine(path)
    assert found.codes == []
    assert found.digests == {(b"",): sha256(b"one " * 100 + b"two")}


@pytest.mark.parametrize("at", [3, 4, 12, 20])
def test_the_trailer_is_checked(at: int) -> None:
    whole = bytearray(part(b"content " * 50))
    whole[-at] ^= 1
    assert read(ContainerKind.LZIP, bytes(whole)).codes == ["damaged"]


def test_a_cut_file_and_other_data_behind_it() -> None:
    whole = part(b"content " * 50)
    for cut in range(6, len(whole)):
        assert read(ContainerKind.LZIP, whole[:cut]).codes == ["damaged"], cut
    assert read(ContainerKind.LZIP, whole + b"other").codes == ["trailing_data"]
