"""Paths longer than the system takes, opened one after the other."""

import os
import random
from pathlib import Path

import pytest

from hashaudit.host import files, long_paths
from hashaudit.host.long_paths import MAX_HANDLES, LongPaths


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def make_chain(base: Path, levels: int) -> list[bytes]:
    """Makes nested directories, each with one beside the next level. Returns all paths."""
    path = os.fsencode(base)
    paths = []
    descriptor = os.open(path, files.LIST_FLAGS)
    for level in range(levels):
        name = b"level-%04d-%s" % (level, b"x" * (level * 7 % 90))
        for made in (b"beside", name):
            os.mkdir(made, dir_fd=descriptor)
            paths.append(path + b"/" + made)
        deeper = os.open(name, files.LIST_FLAGS, dir_fd=descriptor)
        os.close(descriptor)
        descriptor, path = deeper, paths[-1]
    os.close(descriptor)
    return paths


@pytest.mark.parametrize("handles", [1, 3, MAX_HANDLES])
def test_directories_open_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handles: int) -> None:
    monkeypatch.setattr(long_paths, "MAX_HANDLES", handles)
    paths = make_chain(tmp_path, 200)
    orders = (paths, paths[::-1], random.Random(3).sample(paths, 100), [paths[-1]] * 3)
    before = descriptors()
    opened = LongPaths()
    for path in (path for order in orders for path in order):
        one, other = opened.open(path), files.open_directory(path)
        assert os.path.samestat(os.fstat(one), os.fstat(other))
        os.close(one)
        os.close(other)
        assert descriptors() <= before + handles
    opened.close()
    assert descriptors() == before


def test_a_path_is_followed_from_where_it_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [path for path in make_chain(tmp_path, 300) if len(path) >= files.PATH_MAX_BYTES]
    looked_up = 0
    original = os.open

    def counted(path: bytes, *rest: int, **options: int) -> int:
        nonlocal looked_up
        looked_up += len(path)
        return original(path, *rest, **options)

    monkeypatch.setattr(os, "open", counted)
    opened = LongPaths()
    for path in paths:
        os.close(opened.open(path))
    assert looked_up <= (long_paths.PART_BYTES + 100) * len(paths) + len(paths[-1]) + long_paths.PART_BYTES
    opened.close()


def test_what_cannot_be_opened_leaks_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    deep = make_chain(tmp_path, 150)[-1]
    before = descriptors()
    opened = LongPaths()
    for wrong in (deep + b"/missing", deep.replace(b"level-0100", b"level-xxxx", 1), b"/" + b"x" * 5000):
        with pytest.raises(OSError, match=r"No such file|too long"):
            opened.open(wrong)
        os.close(opened.open(deep))
    del opened
    assert descriptors() == before


def test_a_name_that_begins_like_another_is_another(tmp_path: Path) -> None:
    base = make_chain(tmp_path, 120)[-1]
    descriptor = files.open_directory(base, files.LIST_FLAGS)
    names = [b"a" * 200, b"a" * 201, b"a" * 200 + b"b"]
    opened = LongPaths()
    for name in names:
        os.makedirs(b"/proc/self/fd/%d/%s/%s" % (descriptor, name, b"in"))
    for name in names:
        found = opened.open(base + b"/" + name + b"/in")
        assert os.path.samestat(os.stat(b"..", dir_fd=found), os.stat(name, dir_fd=descriptor))
        os.close(found)
    os.close(descriptor)
    opened.close()
