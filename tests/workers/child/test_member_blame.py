"""A crash is blamed on the member at which the worker is, also if the member is small and the reader is in it."""

import io
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from hashaudit.content.containers import tar_reader, zip_member_data
from hashaudit.model.faults import FaultCode
from hashaudit.workers.protocol import MEMBER, PROGRESS_WORDS, Blame
from inside_lab import examine

CONTENT = [bytes([65 + number]) * (700 * number + 9) for number in range(5)]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(CONTENT):
            archive.writestr(f"m{number}", data)
    return buffer.getvalue()


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> tuple[memoryview, list[tuple[int, bytes]]]:
    """The memory shared with the parent, and where it said the worker was at each member that was unpacked."""
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    seen: list[tuple[int, bytes]] = []

    def crc32(data: bytes, start: int = 0) -> int:
        seen.append((progress[MEMBER], data))
        return zlib.crc32(data, start)

    shown = SimpleNamespace(**{**vars(zlib), "crc32": crc32})
    monkeypatch.setattr(zip_member_data, "zlib", shown)
    return progress, seen


@pytest.mark.parametrize("report_all", [False, True])
def test_a_worker_says_at_which_member_it_is_before_it_unpacks_it(
    tmp_path: Path, unpacked: tuple[memoryview, list[tuple[int, bytes]]], report_all: bool
) -> None:
    path, (progress, seen) = tmp_path / "a.zip", unpacked
    path.write_bytes(zipped())
    examine(path, report_all=report_all, progress=progress)
    assert seen == [(number + 1, data) for number, data in enumerate(CONTENT)]


def test_members_of_a_nested_archive_are_announced_too(
    tmp_path: Path, unpacked: tuple[memoryview, list[tuple[int, bytes]]]
) -> None:
    path, (progress, seen) = tmp_path / "a.zip", unpacked
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", zipped())
        archive.writestr("behind", b"last")
    examine(path, report_all=False, progress=progress)
    inner = [(number + 2, data) for number, data in enumerate(CONTENT)]
    assert seen[1:] == [*inner, (len(CONTENT) + 2, b"last")]


def test_a_blamed_member_is_not_unpacked(tmp_path: Path, unpacked: tuple[memoryview, list[tuple[int, bytes]]]) -> None:
    path, (progress, seen) = tmp_path / "a.zip", unpacked
    path.write_bytes(zipped())
    blames = [Blame(2, FaultCode.WORKER_CRASHED, False)]
    found = examine(path, report_all=False, progress=progress, blames=blames)
    assert [data for _, data in seen] == [*CONTENT[:2], *CONTENT[3:]]
    assert found.codes == ["worker_crashed"]
    assert found.members[0].within[0].name == b"m2"


def test_the_header_that_is_read_belongs_to_the_next_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, progress = tmp_path / "a.tar", memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, data in enumerate(CONTENT):
            head = tarfile.TarInfo(f"m{number}")
            head.size = len(data)
            archive.addfile(head, io.BytesIO(data))
    seen: list[int] = []
    parse = tar_reader.parse_header

    def parse_header(block: bytes) -> object:
        seen.append(progress[MEMBER])
        return parse(block)

    monkeypatch.setattr(tar_reader, "parse_header", parse_header)
    examine(path, report_all=False, progress=progress)
    assert seen == [1, 2, 3, 4, 5]
