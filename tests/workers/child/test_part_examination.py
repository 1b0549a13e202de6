"""A container in parts, compared with the same container as a whole."""

import io
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from hashaudit.model.container_parts import Part, PartTask
from hashaudit.model.faults import FaultCode
from hashaudit.workers.protocol import Blame
from inside_lab import Examined, examine, names, sha256
from parts_lab import PartsLab

SEARCHED = "/usr/sbin:/sbin:/usr/bin:/bin"
has_mke2fs = pytest.mark.skipif(not shutil.which("mke2fs", path=SEARCHED), reason="needs e2fsprogs (Debian)")
SMALL = 1 << 15


def zipped(**content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A zip with nested ones, a damaged member, and members that its directory does not name."""
    content = {f"m{number:03}": os.urandom(900) for number in range(60)}
    content |= {"nested": zipped(a=b"a", b=zipped(c=b"c")), "also": zipped(a=b"a", b=zipped(c=b"c")), "d/": b""}
    hidden = zipped(hidden=b"not in the directory")
    data = bytearray(zipped(**content))
    data[data.index(content["m007"][:16]) + 5] ^= 1  # stored, because it does not compress
    found = tmp_path / "file"
    found.write_bytes(hidden[: hidden.index(b"PK\x01\x02")] + data)
    return found


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A file system with files of which one is deleted, and a nested zip."""
    (tmp_path / "in" / "d").mkdir(parents=True)
    for number in range(40):
        (tmp_path / "in" / "d" / f"f{number}").write_bytes(b"%d" % number * 100)
    (tmp_path / "in" / "z").write_bytes(zipped(a=b"a"))
    found = tmp_path / "ext"
    words = ("mke2fs", "-q", "-t", "ext4", "-N", "2048", "-d", str(tmp_path / "in"), str(found), "4M")
    subprocess.run(words, check=True, capture_output=True, env={"PATH": SEARCHED})
    return found


def same(one: Examined, other: Examined) -> None:
    """Compares everything that a record is made of."""
    assert [(member.within, member.result) for member in one.members] == [
        (member.within, member.result) for member in other.members
    ]
    assert one.file.digests == other.file.digests
    assert one.file.faults == other.file.faults
    assert one.file.container == other.file.container


@pytest.mark.parametrize("report_all", [True, False])
def test_a_zip_in_parts_is_what_it_is_as_a_whole(path: Path, report_all: bool) -> None:
    whole = examine(path, report_all=report_all) if report_all else PartsLab(path, report_all=False).whole(1 << 40)
    lab = PartsLab(path, workers=3, report_all=report_all)
    found = lab.whole(SMALL, seed=1, window=5)
    assert sum(part.task is PartTask.MEMBERS for part in lab.order) > 10, "it was divided"
    same(found, whole)
    same(PartsLab(path, report_all=report_all).whole(SMALL, seed=2, window=50), whole)
    assert found.codes == ["damaged"]
    if report_all:
        assert found.digests[b"hidden",] == sha256(b"not in the directory")
        assert len(found.members) == 69


@has_mke2fs
def test_a_file_system_in_parts(extended: Path) -> None:
    whole = examine(extended)
    lab = PartsLab(extended, workers=2)
    found = lab.whole(1 << 20, seed=3, window=4)
    assert len(lab.order) == 6, "the plan, the file, and four ranges"
    same(found, whole)
    assert [member.within[0].ordinal for member in found.members if len(member.within) == 1] == list(range(42))


@has_mke2fs
def test_partitions_in_parts(extended: Path) -> None:
    volume = extended.read_bytes()
    start = 2048 * 512
    disk = bytearray(start) + volume + volume + os.urandom(1 << 20)
    for row, (first, count) in enumerate(((2048, 8192), (10240, 8192), (18432, 2048))):
        disk[446 + 16 * row : 462 + 16 * row] = struct.pack("<B3xB3xII", 0, 0x83, first, count)
    disk[510:512] = b"\x55\xaa"
    extended.write_bytes(disk)
    whole = examine(extended)
    assert whole.codes == ["unsupported"], "the last partition is nothing"
    lab = PartsLab(extended, workers=2)
    same(lab.whole(1 << 20, seed=4, window=6), whole)
    assert {part.path for part in lab.order} == {(), (0,), (1,)}
    assert sum(part.task is PartTask.CLOSED for part in lab.order) == 2
    counted = PartsLab(extended, report_all=False).whole(1 << 20, seed=5, window=6)
    assert counted.file.container is not None
    assert whole.file.container is not None
    assert counted.file.container.members == whole.file.container.members
    assert counted.file.container.bytes == whole.file.container.bytes
    assert counted.file.container.containers == {"ext": 2, "zip": 2}


def test_what_cannot_be_divided_is_examined_as_a_whole(tmp_path: Path) -> None:
    overlapping = bytearray(zipped(a=b"a" * 50, b=b"b" * 50))
    at = overlapping.index(b"PK\x01\x02")
    second = overlapping.index(b"PK\x01\x02", at + 1)
    overlapping[second + 42 : second + 46] = bytes(4)
    for number, data in enumerate((b"", b"text", zipped(a=b"a")[:-30], bytes(overlapping), b"PK\x03\x04" * 9)):
        file = tmp_path / str(number)
        file.write_bytes(data)
        assert PartsLab(file).plan(1) == ()


def test_a_file_in_another_state_is_never_mixed_with_the_planned_one(path: Path) -> None:
    lab = PartsLab(path)
    plan = lab.plan(SMALL)
    before = lab.examine(plan[0])
    assert before.result is not None
    assert before.result.part is not None
    assert not before.result.part.has_changed
    os.utime(path, ns=(1, 1))
    after = lab.examine(plan[1])
    assert after.result is not None
    assert after.result.part is not None
    assert after.result.part.has_changed
    fresh = PartsLab(path).examine(plan[1])
    assert fresh.result is not None
    assert fresh.result.part is not None
    assert fresh.result.part.has_changed
    parts = lab.results(plan)
    number, part = parts.next() or (0, Part(PartTask.PLAN))
    parts.take(number, lab.examine(part))  # the digests of the file in its new state
    assert parts.next() is None, "nothing else is begun"
    assert parts.join() is None


def test_a_member_that_ends_workers_is_the_only_fault(path: Path) -> None:
    lab = PartsLab(path)
    blame = Blame(3, FaultCode.WORKER_CRASHED, decode_only=False)
    blamed = {part for part in lab.plan(SMALL) if part.first == 0 < part.end}
    found = lab.whole(SMALL, examine=lambda part: lab.examine(part, [blame] if part in blamed else []))
    assert sorted(found.codes) == ["damaged", "worker_crashed"]
    assert [names(member) for member in found.members if "worker_crashed" in str(member.result.faults)] == [(b"m003",)]
    assert len(found.members) == 69
