"""Tar archives of every form, with damage between members."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from inside_lab import examine, names, sha256

CONTENT = {f"m{number}": bytes([number]) * (number * 700 + 1) for number in range(5)}


def made(content: dict[str, bytes] = CONTENT, format_: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    block = name.ljust(100, b"\0") + b"0000644\0" * 3 + size.ljust(12, b"\0") + b"0" * 11 + b"\0" + b" " * 8 + kind
    block = block.ljust(257, b"\0") + b"ustar\x0000"
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_what_tarfile_reads(path: Path, format_: int) -> None:
    content = CONTENT | {"d/" + "n" * 90: b"long"}
    if format_ != tarfile.USTAR_FORMAT:
        content |= {"p/" * 120 + "x" * 120: b"longer", "\udcff\u00e9": b"odd"}
    path.write_bytes(made(content, format_))
    found = examine(path)
    assert found.codes == []
    assert found.digests == {(os.fsencode(name),): sha256(data) for name, data in content.items()}


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "posix"])
def test_sparse_files_of_gnu_tar_are_whole(path: Path, tmp_path: Path, form: str) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        for at in range(12):
            file.seek(at * 300_000)
            file.write(b"data%d" % at)
        file.truncate(5_000_000)
    (tmp_path / "after").write_bytes(b"after")
    kind, *more = form.split()
    subprocess.run(["tar", "-S", f"--format={kind}", *more, "-cf", path, "sparse", "after"], check=True, cwd=tmp_path)
    found = examine(path)
    assert found.codes == []
    assert found.digests == {(b"sparse",): sha256(sparse.read_bytes()), (b"after",): sha256(b"after")}


def test_archives_behind_each_other_are_read(path: Path) -> None:
    path.write_bytes(made({"a": b"1"}) + made({"b": b"2"}) + bytes(20_000))
    found = examine(path)
    assert (found.codes, found.whole()) == ([], {sha256(b"1"), sha256(b"2")})


def test_a_damaged_header_hides_its_own_member_alone(path: Path) -> None:
    data = bytearray(made(format_=tarfile.USTAR_FORMAT))
    data[data.index(b"m2") + 30] ^= 0xFF
    path.write_bytes(data)
    found = examine(path)
    assert found.codes == ["damaged"]
    assert [names(member)[0] for member in found.members] == [b"m0", b"m1", b"m3", b"m4"]


def test_a_cut_archive_gives_what_is_there(path: Path) -> None:
    whole = made(format_=tarfile.USTAR_FORMAT)
    end = len(whole.rstrip(b"\0"))
    wanted = {sha256(data) for data in CONTENT.values()}
    for length in range(520, end, 100):
        path.write_bytes(whole[:length])
        found = examine(path)
        assert found.whole() <= wanted
        assert "damaged" in found.codes, length


@pytest.mark.parametrize("size", [b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, b"77777777777"])
def test_an_enormous_size_ends_early(path: Path, size: bytes) -> None:
    path.write_bytes(header(b"good", b"%011o" % 4) + b"good".ljust(512, b"\0") + header(b"big", size) + b"x" * 1000)
    found = examine(path)
    assert found.whole() == {sha256(b"good")}
    assert "damaged" in found.codes or "limit_reached" in found.codes
    assert "limit_reached" in examine(path, most_bytes=1 << 20).codes


def test_a_sparse_file_of_an_exabyte_is_not_produced(path: Path) -> None:
    huge = header(b"huge", b"%011o" % 0, b"S")
    block = huge[:483] + b"\x80" + (1 << 60).to_bytes(11) + huge[495:]
    block = block[:148] + b" " * 8 + block[156:]
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    path.write_bytes(block + header(b"after", b"%011o" % 1) + b"a".ljust(512, b"\0") + bytes(1024))
    found = examine(path)
    assert found.codes == ["limit_reached"]
    assert found.whole() == {sha256(b"a")}


def test_other_data_behind_the_end_is_a_fault(path: Path) -> None:
    path.write_bytes(made({"a": b"1"}) + b"hidden".ljust(512, b"!"))
    assert examine(path).codes == ["trailing_data"]


def test_the_rest_of_a_file_from_another_volume_is_incomplete(path: Path) -> None:
    rest = header(b"big", b"%011o" % 600, b"M") + b"r" * 600 + bytes(424)
    path.write_bytes(rest + header(b"after", b"%011o" % 1) + b"a".ljust(512, b"\0") + bytes(1024))
    found = examine(path)
    assert found.codes == ["incomplete"]
    assert found.whole() == {sha256(b"a")}


@pytest.mark.parametrize("size", [b"9" * 5000, b"-1", b"x"])
def test_a_size_that_is_no_number_is_damage(path: Path, size: bytes) -> None:
    record = b"size=" + size + b"\n"
    record = b"%d %s" % (len(record) + len(b"%d " % (len(record) + 5)), record)
    length = len(record)
    while int(record.split(b" ")[0]) != length:
        record = b"%d %s" % (length, record.partition(b" ")[2])
        length = len(record)
    data = record.ljust(-(-len(record) // 512) * 512, b"\0")
    extended = header(b"x", b"%011o" % len(record), b"x") + data
    end = header(b"b", b"%011o" % 1) + b"b".ljust(512, b"\0") + bytes(1024)
    path.write_bytes(header(b"first", b"%011o" % 0) + extended + header(b"a", b"%011o" % 0) + end)
    found = examine(path)
    assert set(found.codes) == {"damaged"}
    assert sha256(b"b") in found.whole()
