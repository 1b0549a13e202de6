"""File systems in images, compared with what fls and icat of The Sleuth Kit say of the same images."""

import hashlib
import random
import re
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashaudit.content.containers.reader_registry import load_readers
from hashaudit.model.containers import ContainerKind
from inside_lab import Examined, examine, sha256
from kind_lab import read

PROGRAMS = ("fls", "icat", "mke2fs", "mkfs.fat", "mcopy", "mdel", "mkntfs", "ntfscp", "xorriso")
SEARCHED = "/usr/sbin:/sbin:/usr/bin:/bin"
pytestmark = pytest.mark.skipif(
    not all(shutil.which(name, path=SEARCHED) for name in PROGRAMS),
    reason="needs sleuthkit, e2fsprogs, dosfstools, mtools, ntfs-3g and xorriso (Debian)",
)

CHANCE = random.Random(1)
CONTENT = {"hello.txt": b"hello", "big.bin": CHANCE.randbytes(100_000), "deep/er/f.bin": CHANCE.randbytes(3000)}
DELETED = {"gone.bin": CHANCE.randbytes(5000)}
STREAM = CHANCE.randbytes(2000)
SIZE = 4 << 20


@pytest.fixture(autouse=True)
def readers() -> None:
    load_readers(frozenset(ContainerKind))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small image of each file system, with a deleted file and an alternate stream where they can be made."""
    top = tmp_path_factory.mktemp("images")
    for name, data in (CONTENT | DELETED | {"stream": STREAM}).items():
        (top / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (top / "in" / name).write_bytes(data)
    (top / "in" / "stream").rename(top / "stream")

    def run(*words: str | Path) -> None:
        environment = {"PATH": SEARCHED, "MTOOLS_SKIP_CHECK": "1"}
        subprocess.run(words, check=True, capture_output=True, cwd=top, env=environment)

    run("mke2fs", "-q", "-t", "ext4", "-d", "in", "ext", "4M")
    for name in ("fat", "ntfs"):
        with (top / name).open("wb") as file:
            file.truncate(SIZE)
    run("mkfs.fat", "fat")
    run("mcopy", "-s", "-i", "fat", *(top / "in").iterdir(), "::/")
    run("mdel", "-i", "fat", "::/gone.bin")
    run("mkntfs", "-q", "-F", "-Q", "ntfs")
    for name in ("hello.txt", "big.bin"):
        run("ntfscp", "-q", "ntfs", top / "in" / name, name)
    run("ntfscp", "-q", "-N", "side", "ntfs", top / "stream", "hello.txt")
    return {name: top / name for name in ("ext", "fat", "ntfs")}


def listed(image: Path) -> Iterator[tuple[str, str]]:
    """Yields name and SHA-256 of each file that fls lists."""
    done = subprocess.run(["fls", "-r", "-p", image], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        found = re.match(r"(.)/r (\* )?([\d-]+)(\(realloc\))?:\t(.*)$", line)
        # The bad clusters are as large as the volume, and other attributes than data are not content.
        if found is None or found[4] or ":$" in found[5] or "OrphanFile-" in found[5]:
            continue
        content = subprocess.run(["icat", image, found[3]], check=True, capture_output=True).stdout
        yield found[5], hashlib.sha256(content).hexdigest()


def files(found: Examined) -> dict[str, str | None]:
    return {names[-1].decode(): digest for names, digest in found.digests.items()}


@pytest.mark.parametrize("kind", ["ext", "fat", "ntfs"])
def test_files_are_what_the_sleuth_kit_lists(images: dict[str, Path], kind: str) -> None:
    found = examine(images[kind])
    assert found.codes == []
    assert found.file.container is not None
    assert found.file.container.kind == kind
    expected = dict(listed(images[kind]))
    assert len(expected) >= 4
    assert expected.items() <= files(found).items()
    digests = set(found.digests.values())
    assert {sha256(CONTENT["hello.txt"]), sha256(CONTENT["big.bin"])} <= digests
    if kind == "ntfs":
        assert files(found)["hello.txt:side"] == sha256(STREAM)
    if kind == "fat":
        assert sha256(DELETED["gone.bin"]) in digests, "a deleted file whose directory still names it"


def test_deleted_files_are_named_as_such_and_those_without_content_are_counted(
    images: dict[str, Path], tmp_path: Path
) -> None:
    found = examine(images["fat"])
    assert {member.within[-1].name for member in found.members if member.within[-1].deleted} == {b"_one.bin"}
    assert found.file.container is not None
    assert found.file.container.deleted_unreadable == 0
    data = bytearray(images["fat"].read_bytes())
    at = data.index(b"\xe5ONE    BIN")
    data[at + 26 : at + 28] = b"\xff\xff"  # its first cluster
    path = tmp_path / "fat"
    path.write_bytes(data)
    found = examine(path)
    assert found.file.container is not None
    assert (found.codes, found.file.container.deleted_unreadable) == ([], 1)
    assert found.file.container.lines == len(CONTENT)
    # The same damage of a file that is in use is a fault.
    at = data.index(b"BIG     BIN")
    data[at + 26 : at + 28] = b"\xff\xff"
    path.write_bytes(data)
    assert "damaged" in examine(path).codes


def disk(parts: list[bytes], *, form: str) -> bytes:
    """Returns a disk with partitions behind one another, from sector 2048 on."""
    data, rows = bytearray(2048 * 512), b""
    record = b""
    for number, part in enumerate(parts):
        start, count = len(data) // 512, len(part) // 512
        record += struct.pack("<B3xB3xII", 0, 0x83, start, count)
        rows += b"T" * 16 + bytes([number]) * 16 + struct.pack("<QQQ", start, start + count - 1, 0) + bytes(72)
        data += part
    data += bytes(34 * 512)
    data[510:512] = b"\x55\xaa"
    if form == "mbr":
        data[446 : 446 + len(record)] = record
        return bytes(data)
    last = len(data) // 512 - 1
    data[446:462] = struct.pack("<B3xB3xII", 0, 0xEE, 1, last)
    rows = rows.ljust(128 * 128, b"\0")
    for here, other, first in ((1, last, 2), (last, 1, last - 32)):
        fields = (b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, last - 34, b"G" * 16, first, 128, 128)
        head = struct.pack("<8sIIIIQQQQ16sQII", *fields) + struct.pack("<I", zlib.crc32(rows))
        head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        data[here * 512 : here * 512 + 92] = head
        data[first * 512 : first * 512 + len(rows)] = rows
    return bytes(data)


@pytest.mark.parametrize("form", ["mbr", "gpt"])
def test_partitions_and_their_file_systems(images: dict[str, Path], tmp_path: Path, form: str) -> None:
    path = tmp_path / "disk"
    parts = [images["fat"].read_bytes(), images["ext"].read_bytes(), bytes(1 << 20), b"odd" + bytes(1 << 16)[3:]]
    path.write_bytes(disk(parts, form=form))
    found = examine(path)
    assert found.codes == ["unsupported"], "the last partition has nothing that is known"
    assert found.digests[b"p1",] == sha256(parts[0])
    assert found.digests[b"p1", b"hello.txt"] == found.digests[b"p2", b"hello.txt"] == sha256(b"hello")
    path.write_bytes(path.read_bytes()[: (3 << 20) + 5])
    assert "damaged" in examine(path).codes


@pytest.fixture(scope="module")
def hfs_volume(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An HFS+ file system, which begins behind the partition map of a hybrid disc."""
    top = tmp_path_factory.mktemp("hfs")
    for name, data in CONTENT.items():
        (top / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (top / "in" / name).write_bytes(data)
    words = ("xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-o", "disc", "in")
    subprocess.run(words, check=True, capture_output=True, cwd=top)
    disc = (top / "disc").read_bytes()
    return disc[disc.index(b"H+\0\4") - 1024 :]


def test_files_of_hfs_are_found_also_in_the_map_of_an_old_mac(hfs_volume: bytes, tmp_path: Path) -> None:
    expected = {name.encode(): sha256(data) for name, data in CONTENT.items()}
    good, codes = read(ContainerKind.HFS, hfs_volume)
    assert (expected.items() <= good.items(), codes) == (True, [])
    assert read(ContainerKind.HFS, hfs_volume[: 60 << 10]).codes

    def row(start: int, count: int, kind: bytes) -> bytes:
        numbers = b"PM\0\0" + struct.pack(">III", 2, start, count)
        return (numbers + bytes(32) + kind.ljust(32, b"\0")).ljust(512, b"\0")

    volume = hfs_volume + bytes(-len(hfs_volume) % 512)
    rows = row(1, 63, b"Apple_partition_map") + row(64, len(volume) // 512, b"Apple_HFS")
    disk = (b"ER\x02\0".ljust(512, b"\0") + rows).ljust(64 * 512, b"\0") + volume
    path = tmp_path / "disk"
    path.write_bytes(disk)
    found = examine(path)
    assert found.codes == []
    assert {(b"p2", name): digest for name, digest in expected.items()}.items() <= found.digests.items()
    without = disk[:1024] + bytes(512) + disk[1536:]
    assert read(ContainerKind.PARTITIONS, without).codes == ["damaged"]


def test_file_systems_without_a_reader_are_named(tmp_path: Path) -> None:
    btrfs = bytearray(1 << 20)
    btrfs[0x10040:0x10048] = b"_BHRfS_M"
    path = tmp_path / "disk"
    for data in (bytes(btrfs), disk([bytes(btrfs)], form="mbr")):
        path.write_bytes(data)
        found = examine(path)
        containers = [found.file.container, *(member.result.container for member in found.members)]
        assert [each.opened for each in containers if each is not None and each.kind == "btrfs"] == [False]


def test_a_small_image_in_an_archive_is_opened_or_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("split.vmdk", '# Disk DescriptorFile\nversion=1\nCID=fffffffe\ncreateType="monolithicFlat"\n')
    assert examine(path).codes == ["incomplete"]


def test_a_damaged_table_is_a_fault_and_its_copy_is_used(images: dict[str, Path]) -> None:
    whole = bytearray(disk([images["fat"].read_bytes()], form="gpt"))
    whole[512 + 60] ^= 1
    good, codes = read(ContainerKind.PARTITIONS, bytes(whole))
    assert (set(good), codes) == ({b"p1"}, ["damaged"])
    whole[-512 + 60] ^= 1
    assert read(ContainerKind.PARTITIONS, bytes(whole)) == ({}, ["damaged"])


def test_logical_partitions_that_form_a_circle_end() -> None:
    data = bytearray(disk([bytes(4 << 20)], form="mbr"))
    data[446:462] = struct.pack("<B3xB3xII", 0, 5, 2048, 4096)
    at = 2048 * 512
    data[at + 446 : at + 478] = struct.pack("<B3xB3xII", 0, 0x83, 16, 100) + struct.pack("<B3xB3xII", 0, 5, 0, 100)
    data[at + 510 : at + 512] = b"\x55\xaa"
    good, codes = read(ContainerKind.PARTITIONS, bytes(data))
    assert (set(good), codes) == ({b"p5"}, ["damaged"])


@pytest.mark.parametrize("kind", ["ext", "fat", "ntfs"])
def test_a_cut_image_is_a_fault(images: dict[str, Path], kind: str) -> None:
    whole = images[kind].read_bytes()
    good, codes = read(ContainerKind(kind), whole[: 200 << 10])
    assert codes
    assert set(good.values()) <= set(read(ContainerKind(kind), whole).good.values())
