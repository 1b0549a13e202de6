"""Disk images with a block map, made by qemu-img and ewfacquire from one disk."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("qemu-img", "ewfacquire"))), reason="needs qemu-utils and ewf-tools (Debian)"
)

K = ContainerKind
CHANCE = random.Random(1)
DISK = CHANCE.randbytes(300_000) + bytes(900_000) + b"text " * 40_000 + CHANCE.randbytes(150_000)
DISK += bytes(-len(DISK) % (1 << 20))

FORMS: dict[str, tuple[ContainerKind, list[str]]] = {
    "qcow2": (K.QCOW, ["-O", "qcow2"]),
    "qcow2 zlib": (K.QCOW, ["-c", "-O", "qcow2"]),
    "qcow2 zstd": (K.QCOW, ["-c", "-O", "qcow2", "-o", "compression_type=zstd"]),
    "qcow2 small": (K.QCOW, ["-O", "qcow2", "-o", "cluster_size=512"]),
    "vhd": (K.VHD, ["-O", "vpc", "-o", "force_size=on"]),
    "vhdx": (K.VHDX, ["-O", "vhdx"]),
    "vmdk": (K.VMDK, ["-O", "vmdk"]),
    "vmdk stream": (K.VMDK, ["-O", "vmdk", "-o", "subformat=streamOptimized"]),
    "ewf fast": (K.EWF, ["deflate:fast"]),
    "ewf none": (K.EWF, ["none"]),
}


def acquire(disk: Path, compression: str, *options: str) -> None:
    words = ["ewfacquire", "-u", "-q", "-t", str(disk), "-c", compression, *options, str(disk)]
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(DISK)
    return path


def made(disk: Path, form: str) -> bytes:
    kind, options = FORMS[form]
    if kind is K.EWF:
        acquire(disk, *options)
        return disk.with_suffix(".E01").read_bytes()
    out = disk.with_name("out")
    subprocess.run(["qemu-img", "convert", "-f", "raw", *options, disk, out], check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_the_disk_is_what_was_converted(disk: Path, form: str) -> None:
    kind, whole = FORMS[form][0], made(disk, form)
    expected = {b"": sha256(DISK)}
    assert read(kind, whole) == (expected, [])
    has_checksums = kind is K.EWF
    for cut in (600, *range(1000, len(whole), len(whole) // 6)):
        good, codes = read(kind, whole[:cut])
        assert codes or good == expected, cut
    chance = random.Random(form)
    for _ in range(5):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        good, codes = read(kind, bytes(changed))
        assert set(codes) <= {"damaged", "unsupported", "incomplete", "encrypted"}
        assert good == expected or codes or not has_checksums


def test_what_is_elsewhere_or_encrypted_is_a_fault(disk: Path, tmp_path: Path) -> None:
    def run(*words: str | Path) -> None:
        subprocess.run(["qemu-img", *words], check=True, capture_output=True, cwd=tmp_path)

    run("convert", "-O", "qcow2", disk, "base")
    run("create", "-f", "qcow2", "-b", "base", "-F", "qcow2", "overlay")
    assert read(K.QCOW, (tmp_path / "overlay").read_bytes()) == ({}, ["incomplete"])
    run("snapshot", "-c", "before", "base")
    assert read(K.QCOW, (tmp_path / "base").read_bytes()) == ({b"": sha256(DISK)}, ["unsupported"])
    locked = bytearray((tmp_path / "base").read_bytes())
    locked[35] = 2  # LUKS
    assert read(K.QCOW, bytes(locked)) == ({}, ["encrypted"])
    run("convert", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", disk, "split.vmdk")
    assert read(K.VMDK, (tmp_path / "split.vmdk").read_bytes()) == ({}, ["incomplete"])
    acquire(disk, "none", "-S", "1048576")
    assert read(K.EWF, (tmp_path / "disk.E01").read_bytes()) == ({}, ["incomplete", "incomplete"])
    assert read(K.EWF, (tmp_path / "disk.E02").read_bytes()) == ({}, ["incomplete"])


def test_an_image_is_opened_to_its_partition(disk: Path) -> None:
    content = bytearray(DISK)
    content[440:512] = bytes(72)
    content[446 : 446 + 16] = bytes.fromhex("00000000830000000008000000010000")  # from sector 2048, 256 sectors
    content[510:512] = b"\x55\xaa"
    disk.write_bytes(content)
    acquire(disk, "deflate:fast")
    found = examine(disk.with_suffix(".E01"))
    assert found.digests[b"",] == sha256(bytes(content))
    assert found.digests[b"", b"p1"] == sha256(bytes(content[1 << 20 : (1 << 20) + (128 << 10)]))
