import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from hashaudit.host import files

MEGABYTE = 1 << 20
HALF = 1 << 19


def make_deep(base: Path, levels: int, name: bytes = b"n" * 200) -> bytes:
    """Makes a chain of directories. Returns the absolute path of the innermost."""
    path = os.fsencode(base)
    descriptor = os.open(path, files.LIST_FLAGS)
    for _ in range(levels):
        os.mkdir(name, dir_fd=descriptor)
        deeper = os.open(name, files.LIST_FLAGS, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
        path += b"/" + name
    os.close(descriptor)
    return path


@pytest.mark.parametrize("levels", [1, 19, 20, 21, 60])
def test_a_directory_opens_at_any_depth(tmp_path: Path, levels: int) -> None:
    path = make_deep(tmp_path, levels)
    descriptor = files.open_directory(path)
    try:
        assert stat.S_ISDIR(os.fstat(descriptor).st_mode)
        above = os.stat("..", dir_fd=descriptor)
        opened = files.open_directory(os.path.dirname(path))
        try:
            assert os.path.samestat(above, os.fstat(opened))
        finally:
            os.close(opened)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("length", range(files.PATH_MAX_BYTES - 3, files.PATH_MAX_BYTES + 3))
def test_paths_of_a_length_around_the_limit_open(tmp_path: Path, length: int) -> None:
    path = make_deep(tmp_path, (length - len(os.fsencode(tmp_path))) // 101 - 1, b"n" * 100)
    rest = length - len(path) - 1
    while rest > 0:
        part = min(rest, 200)
        path = make_long(path, b"m" * part)
        rest -= part + 1
    assert len(path) == length
    os.close(files.open_directory(path))


def make_long(path: bytes, name: bytes) -> bytes:
    descriptor = files.open_directory(path)
    os.mkdir(name, dir_fd=descriptor)
    os.close(descriptor)
    return path + b"/" + name


def test_a_missing_deep_directory_leaks_no_descriptor(tmp_path: Path) -> None:
    path = make_deep(tmp_path, 30)
    before = len(os.listdir("/proc/self/fd"))
    for wrong in (path + b"/missing", path.replace(b"n", b"m", 1), b"/" + b"x" * 5000):
        with pytest.raises(OSError, match=r"No such file|too long"):
            files.open_directory(wrong)
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_dir_fd_a_directory_opens_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HAS_DIR_FD", False)
    os.close(files.open_directory(os.fsencode(tmp_path)))
    with pytest.raises(OSError, match="too long"):
        files.open_directory(make_deep(tmp_path, 30))


def status_of(**fields: int) -> os.stat_result:
    return cast("os.stat_result", SimpleNamespace(**fields))


@pytest.mark.parametrize(
    ("fields", "link"),
    [
        ({"st_mode": stat.S_IFLNK | 0o777}, True),
        ({"st_mode": stat.S_IFDIR | 0o777, "st_reparse_tag": 0xA0000003}, True),  # a junction of NTFS
        ({"st_mode": stat.S_IFDIR | 0o777, "st_reparse_tag": 0}, False),
        ({"st_mode": stat.S_IFDIR | 0o777}, False),
        ({"st_mode": stat.S_IFREG | 0o644}, False),
    ],
)
def test_links_are_distinguished_from_directories(
    fields: dict[str, int],
    link: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_JUNCTION_TAG", 0xA0000003)
    assert files.is_link(status_of(**fields)) is link


@pytest.mark.parametrize(
    ("fields", "holes"),
    [
        ({"st_size": 4096, "st_blocks": 8}, False),
        ({"st_size": 4097, "st_blocks": 8}, True),
        ({"st_size": 0, "st_blocks": 0}, False),
        ({"st_size": 4096}, False),  # Windows does not report blocks
    ],
)
def test_holes_are_recognised_by_the_blocks(fields: dict[str, int], holes: bool) -> None:
    assert files.may_have_holes(status_of(**fields)) is holes


@pytest.fixture
def sparse(tmp_path: Path) -> Iterator[int]:
    """Makes a file of one megabyte with one block of data in the middle."""
    descriptor = os.open(tmp_path / "sparse", os.O_RDWR | os.O_CREAT)
    os.ftruncate(descriptor, MEGABYTE)
    os.pwrite(descriptor, b"x" * 4096, HALF)
    yield descriptor
    os.close(descriptor)


def test_holes_are_found(sparse: int) -> None:
    assert files.next_data(sparse, 0, MEGABYTE) == HALF
    assert files.next_hole(sparse, HALF, MEGABYTE) == HALF + 4096
    assert files.next_data(sparse, HALF + 4096, MEGABYTE) == MEGABYTE
    assert files.next_data(sparse, MEGABYTE * 2, MEGABYTE * 3) == MEGABYTE * 3  # cut short meanwhile
    assert files.next_data(sparse, 0, 1000) == 1000
    assert files.next_hole(sparse, HALF, HALF + 10) == HALF + 10


def test_a_system_that_does_not_report_holes(sparse: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEEK_DATA", None)
    with pytest.raises(OSError, match="Invalid argument"):
        files.next_data(sparse, 0, MEGABYTE)
    monkeypatch.setattr(files, "SEEK_HOLE", 999)
    with pytest.raises(OSError, match="Invalid argument"):
        files.next_hole(sparse, 0, MEGABYTE)


@pytest.mark.parametrize("readv", [True, False])
def test_reading_into_a_buffer(sparse: int, readv: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HAS_READV", readv)
    buffer = memoryview(bytearray(b"o" * 6000))
    os.lseek(sparse, HALF + 4096 - 10, os.SEEK_SET)
    assert files.read_into(sparse, buffer[:4096]) == 4096
    assert bytes(buffer) == b"x" * 10 + b"\0" * 4086 + b"o" * 1904
    os.lseek(sparse, MEGABYTE - 5, os.SEEK_SET)
    assert files.read_into(sparse, buffer) == 5
    assert files.read_into(sparse, buffer) == 0
