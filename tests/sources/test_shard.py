import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import UsageError
from hashaudit.model.faults import PathFault
from hashaudit.sources.local import LocalSource
from hashaudit.sources.shard import MAX_SHARDS, Shard, ShardSource


@given(st.binary(max_size=40), st.sampled_from([1, 2, 3, 7, 64]))
def test_every_path_belongs_to_one_shard(path: bytes, count: int) -> None:
    assert sum(Shard(number, count).holds(path) for number in range(1, count + 1)) == 1


def test_what_belongs_where_never_changes() -> None:
    """Shards of one run may be made by different versions on different machines. Expected: by ``b2sum -l 64``."""
    held = [[number for number in range(1, 8) if Shard(number, 7).holds(path)] for path in (b"/a", b"/b", b"\xff")]
    assert held == [[5], [6], [1]]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_all_shards_of_a_tree_are_the_tree(tmp_path: Path, count: int) -> None:
    for number in range(200):
        made = tmp_path / str(number % 7) / str(number)
        made.parent.mkdir(exist_ok=True)
        made.touch()
    os.mkfifo(tmp_path / "fifo")
    root = os.fsencode(tmp_path.resolve())
    whole = [item.path for item in LocalSource([root]).walk() if hasattr(item, "path")]
    parts: list[bytes] = []
    for number in range(1, count + 1):
        source = ShardSource(LocalSource([root]), Shard(number, count))
        part = [item.path for item in source.walk() if hasattr(item, "path")]
        assert part == [path for path in whole if path in set(part)]  # in the order of the walk
        parts += part
        assert source.directories_listed == 8
    assert sorted(parts) == sorted(whole)


def test_a_fault_of_the_walk_belongs_to_every_shard(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/nothing-here"
    for number in (1, 2, 3):
        [fault] = ShardSource(LocalSource([root]), Shard(number, 3)).walk()
        assert isinstance(fault, PathFault)


@pytest.mark.parametrize("text", ["1/1", "3/7", f"{MAX_SHARDS}/{MAX_SHARDS}"])
def test_shards_are_written_as_they_are_read(text: str) -> None:
    assert str(Shard.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "/", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "a/b", "1/9999999", "\u0661/3", " 1/3"]
)
def test_anything_else_is_no_shard(text: str) -> None:
    with pytest.raises(UsageError):
        Shard.parse(text)
