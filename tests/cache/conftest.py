"""A folder on a filesystem that a cache is used on."""

from pathlib import Path

import pytest

from cache_lab import trusted
from hashaudit.host import page_cache


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes files that were just made count as written to storage, which takes half a minute otherwise."""
    monkeypatch.setattr(page_cache, "is_written", lambda _descriptor: True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty folder to examine; the cache goes beside it."""
    if not trusted(tmp_path):
        pytest.skip("no cache is used on this filesystem: give --basetemp a folder on ext4, xfs, btrfs or overlay")
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder
