"""Contents of NTFS that own code locates, compared with what The Sleuth Kit reads of the same bytes."""

import hashlib
import io
import random
import shutil
import struct
import subprocess
from collections import Counter
from typing import Any

import pytest

pytest.importorskip("pytsk3")

import pytsk3

from hashaudit.content.containers.ntfs_records import MftLayout, read_record
from hashaudit.content.containers.reader_registry import load_readers
from hashaudit.model.containers import ContainerKind
from kind_lab import read

SEARCHED = "/usr/sbin:/sbin:/usr/bin:/bin"
pytestmark = pytest.mark.skipif(
    not all(shutil.which(name, path=SEARCHED) for name in ("mkntfs", "ntfscp")), reason="needs ntfs-3g (Debian)"
)

CHANCE = random.Random(2)
BIG, SMALL, SIDE = CHANCE.randbytes(100_000), b"a resident content", CHANCE.randbytes(9000)
SIZE = 3 << 20
FIRST_OWN = 64
"""mkntfs gives the first file of a user this number."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file system with a file in clusters, a small one in its record, and one with an alternate stream."""
    load_readers(frozenset(ContainerKind))
    top = tmp_path_factory.mktemp("ntfs")

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd=top, env={"PATH": SEARCHED})

    path = top / "ntfs"
    with path.open("wb") as file:
        file.truncate(SIZE)
    run("mkntfs", "-q", "-F", "-Q", "ntfs")
    for name, data in (("big", BIG), ("small", SMALL), ("side", SIDE)):
        (top / name).write_bytes(data)
    run("ntfscp", "-q", "ntfs", "big", "big")
    run("ntfscp", "-q", "ntfs", "small", "small")
    run("ntfscp", "-q", "-N", "side", "ntfs", "side", "small")
    return path.read_bytes()


class _Memory(pytsk3.Img_Info):  # type: ignore[misc] # it comes without types
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        pass

    def read(self, offset: int, size: int) -> bytes:
        self._data.seek(offset)
        return self._data.read(size)

    def get_size(self) -> int:
        return len(self._data.getbuffer())


def contents(data: bytes) -> "Counter[str]":
    """The digest of each content that The Sleuth Kit reads as a whole."""
    system = pytsk3.FS_Info(_Memory(data))
    found: Counter[str] = Counter()
    for number in range(system.info.last_inum):
        try:
            file = system.open_meta(number)
            streams: list[Any] = [each.info for each in file if int(each.info.type) == 128]
        except OSError:
            continue
        is_deleted = int(file.info.meta.flags) & int(pytsk3.TSK_FS_META_FLAG_UNALLOC)
        for info in streams:
            if info.name == b"$Bad" or (is_deleted and not info.size):
                continue
            try:
                content = file.read_random(0, info.size, 128, info.id) if info.size else b""
            except (OSError, MemoryError, OverflowError):
                continue
            if len(content) == info.size:
                found[hashlib.sha256(content).hexdigest()] += 1
    return found


def record_at(image: bytes, name: str) -> int:
    """Position of the record that holds a name."""
    text, at = name.encode("utf-16-le"), -1
    while at < 0 or image[at // 1024 * 1024 :][:4] != b"FILE":
        at = image.index(text, at + 1)
    return at // 1024 * 1024


def with_attribute(image: bytes, name: str, changes: dict[int, bytes]) -> bytes:
    """Returns an image with changes in the content attribute of a file, by their positions in it."""
    position = runs_at(image, name, of_attribute=True)
    data = bytearray(image)
    for place, new in changes.items():
        data[position + place : position + place + len(new)] = new
    return bytes(data)


def runs_at(image: bytes, name: str, *, of_attribute: bool = False) -> int:
    """Position of the runs of a file's content, or of the attribute that has them."""
    at = record_at(image, name)
    at += int(struct.unpack_from("<H", image, at + 20)[0])
    while struct.unpack_from("<I", image, at)[0] != 0x80:
        at += int(struct.unpack_from("<I", image, at + 4)[0])
    return at if of_attribute else at + int(struct.unpack_from("<H", image, at + 32)[0])


def members(image: bytes) -> "Counter[str]":
    found = read(ContainerKind.NTFS, image)
    assert found.codes == []
    return Counter(found.good.values())


def test_contents_are_those_of_the_library(image: bytes) -> None:
    assert members(image) == contents(image)
    names = read(ContainerKind.NTFS, image).good
    assert {b"big", b"small", b"small:side", b"$MFT", b"$Secure:$SDS"} <= names.keys()
    assert names[b"big"] == hashlib.sha256(BIG).hexdigest()


def test_what_was_never_written_is_zeros(image: bytes) -> None:
    cut = with_attribute(image, "big", {56: struct.pack("<Q", 5000)})
    assert read(ContainerKind.NTFS, cut).good[b"big"] == hashlib.sha256(BIG[:5000].ljust(len(BIG), b"\0")).hexdigest()
    assert members(cut) == contents(cut)


def test_fragments_holes_and_marked_contents(image: bytes) -> None:
    head, length, place = 0x21, *struct.unpack_from("<BH", image, runs_at(image, "big") + 1)
    assert length == -(-len(BIG) // 4096)
    two = struct.pack("<BBHBBb", head, 10, place + length - 10, 0x11, length - 10, 10 - length)
    hole = struct.pack("<BBHBB", head, 10, place, 1, length - 10)
    offset = struct.unpack_from("<H", image, runs_at(image, "big", of_attribute=True) + 32)[0]
    disk = image[place * 4096 :]
    swapped = (disk[(length - 10) * 4096 : length * 4096] + disk)[: len(BIG)]
    for runs, expected in ((two, swapped), (hole, BIG[:40960].ljust(len(BIG), b"\0"))):
        changed = with_attribute(image, "big", {offset: runs + b"\0"})
        assert read(ContainerKind.NTFS, changed).good[b"big"] == hashlib.sha256(expected).hexdigest()
        assert members(changed) == contents(changed)
    for marks in (0x8000, 1):  # with holes, compressed
        changed = with_attribute(image, "big", {12: struct.pack("<H", marks)})
        assert not contents(changed) - Counter(read(ContainerKind.NTFS, changed).good.values())
    encrypted = with_attribute(image, "big", {12: struct.pack("<H", 0x4000)})
    assert read(ContainerKind.NTFS, encrypted).codes == ["encrypted"]


def test_damaged_records_lose_nothing_that_the_library_reads(image: bytes) -> None:
    chance = random.Random(5)
    for _ in range(12):
        data = bytearray(image)
        at = record_at(image, chance.choice(("big", "small")))
        used = struct.unpack_from("<I", image, at + 24)[0]
        for _ in range(chance.randrange(1, 4)):
            data[at + chance.randrange(used)] ^= 1 << chance.randrange(8)
        found = read(ContainerKind.NTFS, bytes(data))
        assert not contents(bytes(data)) - Counter(found.good.values())


def test_a_used_record_that_cannot_be_read_is_a_fault(image: bytes) -> None:
    data = bytearray(image)
    at = record_at(image, "big")
    data[at : at + 4] = b"BAAD"
    found = read(ContainerKind.NTFS, bytes(data))
    assert found.codes == ["damaged"]
    assert b"small" in found.good
    data[at : at + 4] = bytes(4)
    assert read(ContainerKind.NTFS, bytes(data)).codes == ["damaged"]


def test_a_deleted_file_has_the_path_of_its_directory_only_if_that_is_the_same(image: bytes) -> None:
    data = bytearray(image)
    at = record_at(image, "big")
    data[at + 22] &= 0xFE  # not in use
    assert b"big" in read(ContainerKind.NTFS, bytes(data)).good
    # Its directory is now a file, which is not one.
    name_at = image.index("big".encode("utf-16-le"), at) - 66
    data[name_at : name_at + 8] = struct.pack("<Q", FIRST_OWN + 1 | 1 << 48)
    assert b"$OrphanFiles/%d" % FIRST_OWN in read(ContainerKind.NTFS, bytes(data)).good


def test_no_record_of_odd_form_is_read() -> None:
    layout = MftLayout(1024, 4096, 100)
    for data in (b"", b"FILE", b"FILE" + bytes(1020), b"FILE" + b"\xff" * 1020, bytes(1024)):
        assert read_record(data, layout) is None
