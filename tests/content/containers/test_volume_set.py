"""Images and archives that are split over several files."""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import inside_lab
from hashaudit.content.containers.interface import RandomSource
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.optional_readers import installed_kinds
from hashaudit.content.containers.volume_set import VolumeSet, names_beside
from hashaudit.model.containers import ContainerKind
from inside_lab import sha256
from installed import Tool

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("zip", "7zz", "mcopy", "ewfacquire"))), reason="needs zip, 7zip, mtools and ewf-tools"
)

CHANCE = random.Random(15)
FILES = {"big.bin": CHANCE.randbytes(2_400_000), "small.bin": CHANCE.randbytes(9_000)}
WHOLE = {sha256(data) for data in FILES.values()}


def run(folder: Path, *words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, cwd=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def zip_set(folder: Path) -> str:
    run(folder, "zip", "-q", "-s", "1m", "a.zip", *FILES)
    return "a.zip"


def zip64_set(folder: Path) -> str:
    run(folder, "zip", "-q", "-fz", "-s", "1m", "A.ZIP", *FILES)
    for number in (1, 2):
        (folder / f"A.z0{number}").rename(folder / f"A.Z0{number}")
    return "A.ZIP"


def cut_7z(folder: Path) -> str:
    run(folder, "7zz", "a", "-v1m", "a.7z", *FILES)
    return "a.7z.001"


def cut_zip(folder: Path) -> str:
    run(folder, "7zz", "a", "-tzip", "-v1m", "b.zip", *FILES)
    return "b.zip.001"


def raw_disk(folder: Path) -> bytes:
    part = folder / "part"
    part.write_bytes(bytes(4 << 20))
    run(folder, "mkfs.vfat", "-F", "12", "part")
    run(folder, "mcopy", "-i", "part", *FILES, "::")
    table = bytearray(1 << 20)
    table[446:462] = bytes.fromhex("00000000060000000008000000200000")
    table[510:512] = b"\x55\xaa"
    return bytes(table) + part.read_bytes()


def cut_disk(folder: Path) -> str:
    disk = raw_disk(folder)
    for number in range(5):
        (folder / f"disk.00{number}").write_bytes(disk[number << 20 : number + 1 << 20])
    return "disk.000"


def ewf_set(folder: Path) -> str:
    (folder / "disk.raw").write_bytes(raw_disk(folder))
    disk = str(folder / "disk.raw")
    run(folder, "ewfacquire", "-u", "-q", "-t", str(folder / "i"), "-c", "fast", "-d", "sha1", "-S", "1048576", disk)
    return "i.E01"


SETS: dict[str, tuple[Callable[[Path], str], str, str]] = {
    "zip": (zip_set, "a.z02", ".z02"),
    "zip64": (zip64_set, "A.Z01", ".Z01"),
    "zip cut": (cut_zip, "b.zip.003", ".003"),
    "7z cut": (cut_7z, "a.7z.002", ".002"),
    "raw": (cut_disk, "disk.003", ".003"),
    "raw without its end": (cut_disk, "disk.004", ".004"),
    "ewf": (ewf_set, "i.E02", ".E02"),
    "ewf without its end": (ewf_set, "i.E03", ".E03"),
}


@pytest.mark.parametrize("form", SETS)
def test_a_set_is_read_as_a_whole_and_a_missing_volume_is_named(folder: Path, form: str) -> None:
    make, missing, suffix = SETS[form]
    first = folder / make(folder)
    found = inside_lab.examine(first)
    assert (found.whole() & WHOLE, found.codes) == (WHOLE, [])
    (folder / missing).unlink()
    found = inside_lab.examine(first)
    assert f"the volume {suffix} is not beside the others" in [fault.message for fault in found.file.faults]


def test_further_volumes_are_counted_as_such_if_the_first_is_there(folder: Path) -> None:
    ewf_set(folder)
    zip_set(folder)
    for name in ("i.E02", "i.E03", "a.z01"):
        found = inside_lab.examine(folder / name)
        assert found.file.container is not None
        assert (found.file.container.kind, found.file.container.opened) == (ContainerKind.VOLUME, True), name
        assert (found.codes, found.members) == ([], [])
        assert found.file.digests["sha256"] == sha256((folder / name).read_bytes())
    (folder / "i.E01").rename(folder / "other.E01")
    assert inside_lab.examine(folder / "i.E02").codes == ["incomplete"]
    (folder / "a.zip").unlink()
    assert "damaged" in inside_lab.examine(folder / "a.z01").codes
    # Another image with the right name is not a volume of this one.
    shutil.copy(folder / "other.E01", folder / "other.E02")
    assert "incomplete" in inside_lab.examine(folder / "other.E01").codes


def test_a_disk_that_has_not_the_sha1_that_its_image_states(folder: Path) -> None:
    ewf_set(folder)
    last = folder / "i.E03"
    data = bytearray(last.read_bytes())
    at = data.rindex(b"digest\0")
    for changed in (76 + 16, 76):  # SHA-1, then MD5
        data[at + changed] ^= 1
        last.write_bytes(data)
        found = inside_lab.examine(folder / "i.E01")
        assert found.codes == ["damaged"]
        assert found.whole() >= WHOLE


def test_a_set_that_is_a_root_is_readable_in_the_sandbox(folder: Path, hashaudit: Tool) -> None:
    done = hashaudit("ls", folder / ewf_set(folder), "--json")
    assert (done.code, done.err) == (0, "hashaudit: 4 members, 0 faults\n")


def test_names_of_a_set() -> None:
    def beside(name: bytes, *others: bytes) -> list[bytes]:
        return list(names_beside(name, lambda: [name, b"x", *others]))

    assert beside(b"a.E01", b"a.E03", b"a.E02", b"b.E02", b"a.e02") == [b"a.E02", b"a.E03"]
    after_99 = [b"a.e%02d" % number for number in range(2, 100)] + [b"a.eaa", b"a.eab"]
    assert beside(b"a.e01", *after_99) == after_99
    assert beside(b"a.Ex01", b"a.Ex02") == [b"a.Ex02"]
    assert beside(b"a.E02", b"a.E03") == []
    assert beside(b"d.001", b"d.002", b"d.004") == [b"d.002", b"d.004"]
    assert beside(b"log.1", b"log.2") == []
    assert beside(b"a.zip", b"a.z01", b"a.z02") == [b"a.z01", b"a.z02"]


def test_reads_across_volumes() -> None:
    data = bytes(range(100))
    parts: list[RandomSource] = [
        MemorySource(data[:10]),
        MemorySource(b""),
        MemorySource(data[10:11]),
        MemorySource(data[11:]),
    ]
    joined = VolumeSet(parts)
    for at in (0, 5, 9, 10, 11, 50, 99, 100, 200, -1):
        for count in (0, 1, 3, 200):
            assert joined.read_at(at, count) == (data[at : at + count] if at >= 0 else b"")


@pytest.mark.skipif(ContainerKind.RAR not in installed_kinds(), reason="needs hashaudit[archives]")
def test_the_next_volume_of_a_rar_is_named_if_it_is_missing(folder: Path) -> None:
    builder = pytest.importorskip("rars").RarBuilder("rar50", store=True, volume_size=1_000_000)
    builder.add_bytes(FILES["big.bin"], "big.bin")
    builder.write_volumes(str(folder / "a.part01.rar"))
    assert sorted(path.name for path in folder.glob("a.*")) == [f"a.part0{number}.rar" for number in (1, 2, 3)]
    assert inside_lab.examine(folder / "a.part01.rar").codes == []
    (folder / "a.part02.rar").unlink()
    texts = [fault.message for fault in inside_lab.examine(folder / "a.part01.rar").file.faults]
    assert "the volume .part02 is not beside the others" in texts
    assert list(names_beside(b"a.r99", lambda: [b"a.s00"])) == [b"a.s00"]
    assert list(names_beside(b"a.rar", lambda: [b"a.r00", b"a.r02", b"a.s00"])) == [
        b"a.r00",
        b"a.r02",
    ]
