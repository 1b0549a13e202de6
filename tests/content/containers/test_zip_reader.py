"""Zip files: every member ends as its content or as a fault, whatever is wrong with the others."""

import io
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from inside_lab import examine, names, sha256

CONTENT = {f"m{number}": bytes([number]) * (number * 700 + 1) for number in range(5)}


def made(method: int = zipfile.ZIP_DEFLATED, content: dict[str, bytes] = CONTENT) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def local(name: bytes, data: bytes, **changes: int) -> bytes:
    """A stored member with its local header."""
    fields = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data), "size": len(data)} | changes
    head = struct.pack(
        "<4sHHHIIIIHH",
        b"PK\3\4",
        20,
        fields["flags"],
        fields["method"],
        0,
        fields["crc"],
        fields["packed"],
        fields["size"],
        len(name),
        0,
    )
    return head + name + data


def central(name: bytes, data: bytes, offset: int, **changes: int) -> bytes:
    fields = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data), "size": len(data)} | changes
    return (
        struct.pack(
            "<4sHHHHIIIIHHHHHII",
            b"PK\1\2",
            20,
            20,
            fields["flags"],
            fields["method"],
            0,
            fields["crc"],
            fields["packed"],
            fields["size"],
            len(name),
            0,
            0,
            0,
            0,
            0,
            offset,
        )
        + name
    )


def archive(locals_: bytes, *rows: bytes) -> bytes:
    directory = b"".join(rows)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(rows), len(rows), len(directory), len(locals_), 0)
    return locals_ + directory + end


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.zip"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("before", [b"", b"\xff\xd8\xff an image", b"MZ" + bytes(5000)])
def test_members_are_what_zipfile_reads(path: Path, method: int, before: bytes) -> None:
    path.write_bytes(before + made(method))
    found = examine(path)
    assert found.codes == []
    assert found.digests == {(name.encode(),): sha256(data) for name, data in CONTENT.items()}
    assert [member.within[0].ordinal for member in found.members] == list(range(5))


def test_streamed_archives_and_zip64_are_read(path: Path) -> None:
    process = subprocess.run(["zip", "-q", "-", "-"], input=b"piped" * 1000, capture_output=True, check=True)
    path.write_bytes(process.stdout)
    found = examine(path)
    assert (found.codes, found.digests) == ([], {(b"-",): sha256(b"piped" * 1000)})
    with zipfile.ZipFile(path, "w") as big, big.open("wide", "w", force_zip64=True) as member:
        member.write(b"wide")
    assert examine(path).digests == {(b"wide",): sha256(b"wide")}


def test_a_damaged_member_does_not_hide_the_others(path: Path) -> None:
    data = bytearray(made(zipfile.ZIP_STORED))
    data[data.index(CONTENT["m2"][:50]) + 7] ^= 1
    path.write_bytes(data)
    found = examine(path)
    assert found.codes == ["damaged"]
    [wrong] = [member for member in found.members if member.result.faults]
    assert names(wrong) == (b"m2",)
    assert wrong.result.digests, "the content is whole, and its checksum is another"
    assert len(found.whole()) == 4
    packed = bytearray(made())
    at = packed.index(b"m3") + 2
    packed[at : at + 3] = b"\xff\xff\xff"
    path.write_bytes(packed)
    assert examine(path).codes == ["damaged"]
    assert len(examine(path).whole()) == 4


def test_names_are_exact_bytes_and_may_repeat(path: Path) -> None:
    odd = [b"../../etc/passwd", b"a\0b", b"line\nend", b"\xff\xfe", b"same", b"same", b"", b"a\\b", b"/abs"]
    parts, rows, at = b"", [], 0
    for number, name in enumerate(odd):
        data = b"%d" % number
        rows.append(central(name, data, at))
        parts += local(name, data)
        at = len(parts)
    path.write_bytes(archive(parts, *rows))
    found = examine(path)
    assert found.codes == []
    assert [names(member)[0] for member in found.members] == odd
    assert [member.result.digests["sha256"] for member in found.members] == [
        sha256(b"%d" % number) for number in range(len(odd))
    ]


def test_members_of_one_header_alone_are_found(path: Path) -> None:
    shown, hidden, later = local(b"shown", b"1"), local(b"hidden", b"22"), local(b"later", b"333")
    path.write_bytes(archive(shown + hidden + later, central(b"shown", b"1", 0), central(b"lost", b"x", 5000)))
    found = examine(path)
    assert [names(member) for member in found.members] == [(b"shown",), (b"lost",), (b"hidden",), (b"later",)]
    assert found.codes == ["damaged"]
    assert found.whole() == {sha256(b"1"), sha256(b"22"), sha256(b"333")}


def test_two_archives_behind_each_other_are_both_read(path: Path) -> None:
    path.write_bytes(made(content={"a": b"first"}) + made(content={"b": b"second"}))
    assert examine(path).whole() == {sha256(b"first"), sha256(b"second")}


def test_a_cut_archive_gives_what_is_there(path: Path) -> None:
    whole = made()
    wanted = {sha256(data) for data in CONTENT.values()}
    for length in range(30, len(whole), 100):
        path.write_bytes(whole[:length])
        found = examine(path)
        if found.file.container is not None:
            assert "damaged" in found.codes, length
            assert found.whole() <= wanted
    path.write_bytes(whole[: whole.index(b"PK\1\2")])
    found = examine(path)
    assert found.whole() == wanted
    assert found.codes == ["damaged"]


def test_entries_that_overlap_are_read_once(path: Path) -> None:
    data = bytes(1000)
    rows = [central(b"%d" % number, data, 0) for number in range(200)]
    path.write_bytes(archive(local(b"0", data), *rows))
    found = examine(path)
    assert found.codes == ["damaged"] * 199
    assert found.whole() == {sha256(data)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"flags": 1}, "encrypted"),
        ({"method": 98}, "unsupported"),
        ({"size": 5}, "damaged"),
        ({"packed": 9999}, "damaged"),
    ],
)
def test_what_cannot_be_read_is_a_fault(path: Path, changes: dict[str, int], code: str) -> None:
    parts = local(b"good", b"good") + local(b"bad", b"bad!", **changes)
    path.write_bytes(archive(parts, central(b"good", b"good", 0), central(b"bad", b"bad!", 38, **changes)))
    found = examine(path)
    assert code in found.codes
    assert sha256(b"good") in found.whole()
    assert sha256(b"bad!") not in found.whole()


def test_an_archive_that_another_program_encrypted(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret" * 100)
    subprocess.run(["zip", "-q", "-j", "-P", "word", path, tmp_path / "secret"], check=True)
    assert examine(path).codes == ["encrypted"]


def test_directories_are_no_members(path: Path, tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "f").write_bytes(b"f")
    subprocess.run(["zip", "-q", "-r", path, "d"], check=True, cwd=tmp_path)
    assert examine(path).digests == {(b"d/f",): sha256(b"f")}


def test_a_zip64_field_that_ends_early_is_damage(path: Path) -> None:
    row = bytearray(central(b"a", b"a", 0, size=0xFFFFFFFF))
    row[30:32] = (8).to_bytes(2, "little")
    row += struct.pack("<HHI", 1, 256, 7)
    path.write_bytes(archive(local(b"a", b"a") + local(b"b", b"b"), bytes(row)))
    found = examine(path)
    assert "internal_error" not in found.codes
    assert sha256(b"b") in found.whole()


def test_a_member_that_hides_its_content_behind_a_size_of_zero(path: Path) -> None:
    packed = zlib.compress(b"hidden content", wbits=-15)
    lie = {"method": 8, "size": 0, "crc": 0}
    for data in (packed, packed[:-3], b"\xff\xff"):
        parts = local(b"a", data, **lie)
        path.write_bytes(archive(parts, central(b"a", data, 0, **lie)))
        assert examine(path).codes == ["damaged"], data


def test_a_directory_in_another_order_than_the_file(path: Path) -> None:
    parts, rows = b"", []
    for number in range(4):
        name = b"m%d" % number
        if number != 1:
            rows.append(central(name, name * 9, len(parts)))
        parts += local(name, name * 9)
    path.write_bytes(archive(parts, *reversed(rows)))
    found = examine(path)
    assert found.codes == []
    assert [names(member)[0] for member in found.members] == [b"m3", b"m2", b"m0", b"m1"]
