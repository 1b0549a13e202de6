"""Trees for tests of the walk, and what a walk of one gives in short."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashaudit.host import files
from hashaudit.model.entry import Entry
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.local import LocalSource
from walk_items import items_of

Seen = Entry | PathFault | Skipped
Walk = Callable[..., list[str]]


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    path = os.fsencode(tmp_path.resolve()) + b"/root"
    os.mkdir(path)
    return path


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with directory descriptors and as on a system that has none."""
    monkeypatch.setattr(files, "HAS_DIR_FD", request.param)


@pytest.fixture
def walk(root: bytes) -> Walk:
    """Walks and gives each item as text: ``entry a/b``, ``skipped fifo a/c``, ``fault not_found a/d``."""

    def walked(*roots: bytes, options: WalkOptions | None = None) -> list[str]:
        return [short(item, root) for item in items_of(LocalSource(roots or (root,), options or WalkOptions()))]

    return walked


def short(item: Seen, root: bytes) -> str:
    path = os.fsdecode(os.path.relpath(item.path, root))
    if isinstance(item, Entry):
        return f"entry {path}"
    if isinstance(item, Skipped):
        return f"skipped {item.reason} {path}"
    return f"fault {item.fault.code} {path}" + (" and below" if item.directory else "")


@pytest.fixture
def balanced_descriptors() -> Iterator[Callable[[], int]]:
    """Counts this process's descriptors, and fails a test that leaves some behind."""

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    yield count
    assert count() == before
