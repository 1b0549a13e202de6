"""A walk that starts at a place of an earlier one."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.model.entry import Entry
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Position
from hashaudit.sources.local import LocalSource
from walk_items import items_of

NAMES = st.sampled_from([b"a", b"b", b"c", b"aa", b"\xff"])
Tree = dict[bytes, "Tree | str"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAMES, st.sampled_from(["file", "link up", "link away"]), max_size=4),
    lambda below: st.dictionaries(NAMES, st.one_of(st.just("file"), below), max_size=4),
    max_leaves=15,
)


def make(path: bytes, tree: Tree) -> None:
    for name, below in tree.items():
        made = path + b"/" + name
        if isinstance(below, dict):
            os.mkdir(made)
            make(made, below)
        elif below == "file":
            Path(os.fsdecode(made)).touch()
        else:
            os.symlink(b".." if below == "link up" else b"nowhere", made)


def met(source: LocalSource, start: Position | None) -> list[tuple[Position, Entry | PathFault | Skipped]]:
    return [(position, item) for item in items_of(source, start) if (position := source.position) is not None]


@settings(max_examples=80)
@given(trees=st.lists(TREES, min_size=1, max_size=3), follow_links=st.booleans(), data=st.data())
def test_the_rest_of_a_walk_is_what_a_walk_from_there_gives(
    trees: list[Tree], follow_links: bool, data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        roots = []
        for number, tree in enumerate(trees):
            roots.append(os.path.realpath(os.fsencode(folder)) + b"/%d" % number)
            os.mkdir(roots[-1])
            make(roots[-1], tree)
        roots += data.draw(st.lists(st.sampled_from(roots), max_size=1))
        options = WalkOptions(follow_links=follow_links)
        whole = LocalSource(roots, options)
        items = met(whole, None)
        positions = [position for position, _ in items]
        assert positions == sorted(positions)
        for number, (position, _) in enumerate(items):
            rest = LocalSource(roots, options)
            assert met(rest, position) == items[number:]
            before = LocalSource(roots, options)
            for _ in zip(range(number + 1), before.walk(), strict=False):
                pass
            assert before.directories_listed + rest.directories_listed == whole.directories_listed


@pytest.mark.parametrize("follow_links", [False, True])
def test_what_became_unreadable_on_the_way_to_the_start_is_told(tmp_path: Path, follow_links: bool) -> None:
    for name in ("a/file", "b/file", "b/more", "c/file"):
        made = tmp_path / name
        made.parent.mkdir(exist_ok=True)
        made.touch()
    options = WalkOptions(follow_links=follow_links)
    root = os.fsencode(tmp_path.resolve())
    start = next(place for place, item in met(LocalSource([root], options), None) if item.path.endswith(b"b/more"))
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, "open_noatime", root + b"/b")
        told = [item for _, item in met(LocalSource([root], options), start)]
    assert [type(item) for item in told] == [PathFault, Entry]
    assert told[0].path == root + b"/b"
    assert told[1].path == root + b"/c/file"


def refuse(patch: pytest.MonkeyPatch, name: str, path: bytes) -> None:
    from hashaudit.host import files  # noqa: PLC0415 # what is replaced stands beside how

    inode = os.stat(path).st_ino
    original = getattr(files, name)

    def refusing(at: bytes, flags: int, dir_fd: int | None = None) -> int:
        if os.stat(at, dir_fd=dir_fd).st_ino == inode:
            raise PermissionError(13, "Permission denied")
        opened: int = original(at, flags, dir_fd)
        return opened

    patch.setattr(files, name, refusing)
