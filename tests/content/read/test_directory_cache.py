import contextlib
import errno
import os
from collections.abc import Callable

import msgspec
import pytest

from hashaudit.content.read import DirectoryCache
from hashaudit.content.read.directory_cache import ReplacedError
from hashaudit.host import files
from hashaudit.host.birth_time import birth_of
from hashaudit.model.entry import Entry
from hashaudit.model.location import DirectoryRef, Location

EntryOf = Callable[..., Entry]


def make_directories(folder: bytes, *names: bytes) -> list[DirectoryRef]:
    refs = []
    for name in names:
        path = folder + b"/" + name
        os.mkdir(path)
        with open(path + b"/file", "wb") as file:
            file.write(name)
        status = os.stat(path)
        refs.append(DirectoryRef(path, status.st_dev, status.st_ino))
    return refs


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_directory_is_opened_once(folder: bytes, cache: DirectoryCache) -> None:
    (ref,) = make_directories(folder, b"a")
    same = DirectoryRef(ref.path, ref.device, ref.inode)
    assert cache.get(ref) is cache.get(ref) is cache.get(same)


def test_the_directories_used_last_stay_open(folder: bytes) -> None:
    a, b, c = make_directories(folder, b"a", b"b", b"c")
    before = descriptors()
    with DirectoryCache(max_open=2) as cache:
        first, second = cache.get(a), cache.get(b)
        assert cache.get(a) is first
        cache.get(c)
        assert descriptors() == before + 2
        assert cache.get(a) is first
        assert cache.get(b) is not second
    assert descriptors() == before


def test_a_cache_that_is_dropped_leaves_none_open(folder: bytes) -> None:
    (ref,) = make_directories(folder, b"a")
    before = descriptors()
    DirectoryCache().get(ref)
    assert descriptors() == before


def test_an_open_directory_survives_a_rename(folder: bytes, cache: DirectoryCache, entry_of: EntryOf) -> None:
    (ref,) = make_directories(folder, b"a")
    entry = entry_of(ref.path + b"/file")
    cache.get(ref)
    os.rename(ref.path, folder + b"/elsewhere")
    os.close(cache.get(ref).open(entry.location))
    cache.drop(ref)
    with pytest.raises(FileNotFoundError):
        cache.get(ref)


@pytest.mark.usefixtures("either_way")
def test_another_directory_is_refused_and_closed(folder: bytes, cache: DirectoryCache) -> None:
    (ref,) = make_directories(folder, b"a")
    before = descriptors()
    for wrong in (DirectoryRef(ref.path, ref.device, ref.inode + 1), DirectoryRef(ref.path, 0, ref.inode)):
        with pytest.raises(ReplacedError, match="directory"):
            cache.get(wrong)
    assert descriptors() == before


@pytest.mark.usefixtures("either_way")
def test_a_directory_may_be_reached_through_a_link(folder: bytes, cache: DirectoryCache, entry_of: EntryOf) -> None:
    a, b = make_directories(folder, b"a", b"b")
    os.symlink(b"a", folder + b"/link")
    entry = entry_of(a.path + b"/file")
    os.close(cache.get(DirectoryRef(folder + b"/link", a.device, a.inode)).open(entry.location))
    with pytest.raises(ReplacedError):
        cache.get(DirectoryRef(folder + b"/link", b.device, b.inode))


def test_the_root_directory(cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.stat("/")
    ref = DirectoryRef(b"/", status.st_dev, status.st_ino)
    there = Location(ref, b"proc")
    assert cache.get(ref).stat(there).st_ino == os.stat("/proc").st_ino
    cache.drop(ref)
    monkeypatch.setattr(files, "HAS_DIR_FD", False)
    assert cache.get(ref).stat(there).st_ino == os.stat("/proc").st_ino


def test_a_refusal_of_noatime_is_remembered(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = make_directories(folder, b"a", b"b")
    entries = {ref.path: entry_of(ref.path + b"/file") for ref in (a, b)}
    asked: list[bool] = []
    original = os.open

    def refuse(path: bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == b"file":
            asked.append(bool(flags & files.NOATIME))
            if asked[-1]:
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return original(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    for ref in (a, a, a, b):
        os.close(cache.get(ref).open(entries[ref.path].location))
    assert asked == [True, False, False, False, True, False]


def test_a_refusal_of_the_file_is_not_a_refusal_of_noatime(
    folder: bytes, cache: DirectoryCache, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = make_directories(folder, b"a")
    entry = entry_of(ref.path + b"/file")
    directory = cache.get(ref)
    with monkeypatch.context() as patch:

        def refuse(*_arguments: object, **_options: object) -> int:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        patch.setattr(os, "open", refuse)
        with pytest.raises(PermissionError):
            directory.open(entry.location)
    flags: list[int] = []
    original = os.open

    def note(path: bytes, flag: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        flags.append(flag)
        return original(path, flag, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", note)
    os.close(directory.open(entry.location))
    assert [bool(flag & files.NOATIME) for flag in flags] == [bool(files.NOATIME)]


@pytest.mark.usefixtures("either_way")
def test_a_birth_time_is_of_the_file_that_was_read(folder: bytes, cache: DirectoryCache, entry_of: EntryOf) -> None:
    (ref,) = make_directories(folder, b"a")
    entry = entry_of(ref.path + b"/file")
    directory = cache.get(ref)
    birth = birth_of(ref.path + b"/file")
    assert directory.birth_ns(entry.location.name, entry.stat) == (birth and birth.birth_ns)
    for other in (
        msgspec.structs.replace(entry.stat, inode=entry.stat.inode + 1),
        msgspec.structs.replace(entry.stat, device=entry.stat.device + 1),
        msgspec.structs.replace(entry.stat, ctime_ns=0),
    ):
        assert directory.birth_ns(entry.location.name, other) is None


def make_long(folder: bytes, *names: bytes) -> DirectoryRef:
    """Makes a directory whose path takes more than one call to open, below others."""
    path = folder
    descriptor = files.open_directory(folder)
    for name in (*names, *[b"n" * 200] * 25, b"last"):
        path += b"/" + name
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=descriptor)
        descriptor, above = os.open(name, files.LIST_FLAGS, dir_fd=descriptor), descriptor
        os.close(above)
    status = os.fstat(descriptor)
    os.close(descriptor)
    return DirectoryRef(path, status.st_dev, status.st_ino)


def test_a_long_path_is_followed_again_if_what_is_open_leads_elsewhere(folder: bytes) -> None:
    old, new = make_long(folder, b"a", b"1"), make_long(folder, b"b", b"1")
    before = descriptors()
    with DirectoryCache() as cache:
        cache.get(old)
        os.rename(folder + b"/a", folder + b"/away")
        os.rename(folder + b"/b", folder + b"/a")
        moved = DirectoryRef(old.path, new.device, new.inode)
        found = cache.get(moved)
        assert found is cache.get(moved)
        assert found is not cache.get(old)
        cache.drop(old)
        with pytest.raises(ReplacedError):
            cache.get(old)
    assert descriptors() == before


def test_a_descriptor_of_a_long_path_is_not_kept_where_inode_numbers_change(folder: bytes) -> None:
    old = make_long(folder, b"a", b"1")
    make_long(folder, b"b", b"1")
    with DirectoryCache() as cache:
        cache.get(old)
        os.rename(folder + b"/a", folder + b"/away")
        with pytest.raises(FileNotFoundError):
            cache.get(DirectoryRef(old.path, old.device, old.inode + 1), inodes_last=False)
