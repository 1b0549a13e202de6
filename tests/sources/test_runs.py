"""A walk in runs gives the same files, in the same order, with the same positions as one of entries."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.model.file_run import FileRun
from hashaudit.sources import sort_names
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Position, walk_in_runs
from hashaudit.sources.local import LocalSource
from hashaudit.sources.open_source import Sources
from hashaudit.sources.shard import Shard, ShardSource

pytestmark = pytest.mark.usefixtures("either_way")

Source = LocalSource | ShardSource | Sources
Seen = Entry | PathFault | Skipped


def singly(source: Source, start: Position | None = None) -> list[tuple[Position | None, Seen]]:
    return [(source.position, item) for item in source.walk(start) if not isinstance(item, NotReady)]


def in_runs(source: Source, run_files: int, start: Position | None = None) -> list[tuple[Position | None, Seen]]:
    seen: list[tuple[Position | None, Seen]] = []
    for item in walk_in_runs(source, start, run_files):
        if isinstance(item, FileRun):
            assert 0 < len(item) <= run_files
            assert sum(item.sizes) == sum(entry.state.size for entry in item.entries())
            position = source.position
            for index, entry in enumerate(item.entries()):
                assert item.entry(index) == entry
                seen.append((position and position.moved_to(item.names[index]), entry))
        elif not isinstance(item, NotReady):
            seen.append((source.position, item))
    return seen


@pytest.fixture
def tree(root: bytes) -> bytes:
    """Everything that ends a run, before, between and behind files that do not."""
    for number in range(12):
        for below in (b"", b"/d", b"/d/e", b"/f"):
            os.makedirs(root + below, exist_ok=True)
            Path(os.fsdecode(root + below + b"/%02d" % number)).write_bytes(b"x" * number)
    os.symlink(b"00", root + b"/001-link")
    os.symlink(b"d", root + b"/015-link")
    os.symlink(b"nowhere", root + b"/99-link")
    os.mkfifo(root + b"/055-fifo")
    os.link(root + b"/07", root + b"/065-name")
    os.link(root + b"/d/07", root + b"/f/zz")
    os.truncate(root + b"/d/03", 1 << 30)
    Path(os.fsdecode(root + b"/\xff\n\xc3\xa9")).touch()
    os.utime(root + b"/05", ns=(0, 1 << 62))
    os.mkdir(root + b"/empty")
    return root


OPTIONS: list[Callable[[bytes], WalkOptions]] = [
    lambda _: WalkOptions(),
    lambda _: WalkOptions(follow_links=True),
    lambda _: WalkOptions(include=(b"*5*", b"d/*")),
    lambda _: WalkOptions(exclude=(b"*5*", b"d/e")),
    lambda _: WalkOptions(each_path=True),
    lambda tree: WalkOptions(own_files={(os.stat(tree + b"/d/06").st_dev, os.stat(tree + b"/d/06").st_ino)}),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("roots", [(b"",), (b"/d", b""), (b"/d/04", b"", b"/f")])
def test_runs_hold_what_a_walk_gives(
    tree: bytes, roots: tuple[bytes, ...], options: Callable[[bytes], WalkOptions]
) -> None:
    source = LocalSource([tree + below for below in roots], options(tree))
    expected = singly(source)
    for run_files in (1, 2, 5, 1000):
        assert in_runs(source, run_files) == expected
    for position, _ in expected[:: len(expected) // 6]:
        assert in_runs(source, 5, position) == singly(source, position)


def test_most_files_are_in_runs(tree: bytes) -> None:
    runs = [item for item in LocalSource([tree]).walk_runs(None, 1000) if isinstance(item, FileRun)]
    alone = {item.path for item in LocalSource([tree]).walk_runs(None, 1000) if isinstance(item, Entry)}
    names = {tree + below for below in (b"/07", b"/065-name", b"/d/07", b"/f/zz")}
    assert alone == names  # each has a second name
    assert [len(run) for run in runs] == [1, 1, 4, 1, 4, 1, 7, 4, 12, 12]


def test_a_time_beyond_64_bits_is_no_matter_of_runs(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashaudit.sources.walk.LAST_NS", (1 << 62) - 1)
    items = list(LocalSource([tree]).walk_runs(None, 1000))
    assert tree + b"/05" in {item.path for item in items if isinstance(item, Entry)}


@pytest.mark.parametrize("held", [2, 20])
def test_large_directories_come_in_runs_too(tree: bytes, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_names, "_LEAST_RUN_NAMES", 1)
    monkeypatch.setattr(sort_names, "MAX_NAMES_IN_MEMORY", held)
    source = LocalSource([tree])
    assert in_runs(source, 5) == singly(source)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_shards_of_runs_are_those_of_entries(tree: bytes, count: int) -> None:
    met = []
    for number in range(1, count + 1):
        source = ShardSource(LocalSource([tree]), Shard(number, count))
        own = in_runs(source, 1000)
        assert own == singly(source)
        met += own
    assert sorted(item.path for _, item in met) == sorted(item.path for _, item in singly(LocalSource([tree])))


def test_joined_sources_give_runs(tree: bytes) -> None:
    source = Sources([(LocalSource([tree + b"/d"]), 1), (LocalSource([tree + b"/f"], first_root=1), 1)])
    expected = singly(source)
    assert in_runs(source, 5) == expected
    for position, _ in expected[::7]:
        assert in_runs(source, 5, position) == singly(source, position)


@pytest.mark.usefixtures("tree")
def test_what_changes_its_type_is_what_it_is_when_met(root: bytes) -> None:
    """A name behind the end of a run is examined when it is met, not when it was listed."""

    def replaced() -> Iterator[str]:
        for item in LocalSource([root + b"/d"]).walk_runs(None, 4):
            if isinstance(item, FileRun) and item.entry(0).path == root + b"/d/00":
                for name, make in ((b"04", os.mkdir), (b"05", os.mkfifo), (b"06", lambda _: None)):
                    os.unlink(root + b"/d/" + name)
                    make(root + b"/d/" + name)
                Path(os.fsdecode(root + b"/d/04/x")).touch()
            for one in item.entries() if isinstance(item, FileRun) else [item]:
                if not isinstance(one, NotReady):
                    yield f"{type(one).__name__} {os.fsdecode(one.path.removeprefix(root + b'/d/'))}"

    seen = list(replaced())
    assert seen[:8] == [*(f"Entry 0{n}" for n in range(4)), "Entry 04/x", "Skipped 05", "PathFault 06", "Entry 07"]
    assert stat.S_ISDIR(os.stat(root + b"/d/04").st_mode)
