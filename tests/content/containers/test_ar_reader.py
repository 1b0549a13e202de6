"""Ar archives: Debian packages and static libraries."""

import io
import tarfile
from pathlib import Path

import pytest

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, names, sha256
from kind_lab import read

LONG = b"a-name-of-more-than-sixteen-bytes.o"


def entry(name: bytes, data: bytes) -> bytes:
    numbers = b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8) + b"%-10d`\n" % len(data)
    return name.ljust(16) + numbers + data + b"\n" * (len(data) % 2)


ARCHIVES = {
    "gnu": entry(b"/", b"sym\0") + entry(b"//", LONG + b"/\n") + entry(b"/0", b"long") + entry(b"b.o/", b"odd"),
    "bsd": entry(b"/", b"sym\0") + entry(b"#1/36", LONG + b"\0long") + entry(b"b.o", b"odd"),
}


@pytest.mark.parametrize("form", ARCHIVES)
def test_long_names_and_symbols(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.a"
    path.write_bytes(b"!<arch>\n" + ARCHIVES[form])
    found = examine(path)
    assert found.codes == []
    assert found.digests == {(b"/",): sha256(b"sym\0"), (LONG,): sha256(b"long"), (b"b.o",): sha256(b"odd")}


def test_a_debian_package_is_opened_to_its_files(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        info = tarfile.TarInfo("./etc/x")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"file"))
    path = tmp_path / "a.deb"
    path.write_bytes(b"!<arch>\n" + entry(b"debian-binary", b"2.0\n") + entry(b"data.tar.xz", buffer.getvalue()))
    found = examine(path)
    assert found.codes == []
    assert found.digests[b"data.tar.xz", b"", b"./etc/x"] == sha256(b"file")


def test_a_thin_archive_has_no_members_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.a"
    path.write_bytes(b"!<thin>\n" + entry(b"/", b"sym\0") + entry(b"b.o/", b"")[:48] + b"%-10d`\n" % 999)
    assert [names(member) for member in examine(path).members] == [(b"/",)]


def test_a_cut_archive_is_a_fault_wherever_it_is_cut() -> None:
    whole = b"!<arch>\n" + ARCHIVES["bsd"]
    ends, at = {8}, 8
    for data in (b"sym\0", LONG + b"\0long"):
        at += 60 + len(data)
        ends.add(at)  # ar has no end mark: an archive with fewer members is whole
    for cut in range(8, len(whole) - 1):
        assert bool(read(ContainerKind.AR, whole[:cut]).codes) is (cut not in ends), cut
    for wrong in (whole[:56] + b"x" + whole[57:], whole.replace(b"`\n", b"``", 1)):
        assert read(ContainerKind.AR, wrong).codes == ["damaged"]
