"""Trees whose paths are longer than the system takes."""

import os
from pathlib import Path

import pytest

from hashaudit.host import files, long_paths
from hashaudit.model import times
from hashaudit.model.entry import Entry, NotReady
from hashaudit.sources.local import LocalSource

pytestmark = pytest.mark.usefixtures("balanced_descriptors")


def test_what_is_added_below_a_long_path_is_found(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = 40
    os.mkdir(root + b"/z")
    Path(os.fsdecode(root + b"/z/1")).touch()
    deepest = files.open_directory(root, files.LIST_FLAGS)
    for _ in range(levels):
        os.mkdir(b"d" * 200, dir_fd=deepest)
        deepest, above = os.open(b"d" * 200, files.LIST_FLAGS, dir_fd=deepest), deepest
        os.close(above)

    def add() -> None:
        for name in (b"f", b"../g"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=deepest))
        os.mkdir(b"new", dir_fd=deepest)
        os.close(os.open(b"new/h", os.O_CREAT | os.O_WRONLY, dir_fd=deepest))

    monkeypatch.setattr(times, "TICK_NS", 0)
    seen = []
    for item in LocalSource([root]).walk():
        if isinstance(item, Entry):
            seen.append(os.fsdecode(os.path.relpath(item.path, root)))
            if seen == ["z/1"]:
                add()
    os.close(deepest)
    chain = "/".join(["d" * 200] * levels)
    assert seen == ["z/1", f"{chain[:-201]}/g", f"{chain}/f", f"{chain}/new/h"]


def test_the_cost_of_a_level_does_not_grow_with_the_levels(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = 400
    above = files.open_directory(root, files.LIST_FLAGS)
    for _ in range(levels):
        os.mkdir(b"d" * 100, dir_fd=above)
        below = os.open(b"d" * 100, files.LIST_FLAGS, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    followed = 0
    original = os.open

    def opened(path: bytes, *rest: int, **options: int) -> int:
        nonlocal followed
        followed += len(path)
        return original(path, *rest, **options)

    monkeypatch.setattr(os, "open", opened)
    source = LocalSource([root])
    assert all(isinstance(item, NotReady) for item in source.walk())
    assert source.directories_listed == levels + 1
    assert followed <= 4 * (levels + 1) * long_paths.PART_BYTES
