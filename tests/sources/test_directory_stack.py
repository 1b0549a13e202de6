"""The stack of directories in progress, against paths that are joined anew."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.entry import Consistency
from hashaudit.model.location import join_path
from hashaudit.sources.directory_stack import Above, DirectoryStack, Frame

STEPS = st.tuples(st.sampled_from([b"a", b"bb", b"c c"]), st.sampled_from([None, None, b"/", b"/x/y"]))
"""A name, and the target of the link by which it is entered."""
MOVES = st.lists(st.one_of(STEPS, st.none()), max_size=30)
"""``None`` goes back."""


def frame(name: bytes, link: bytes | None, at: bytes = b"") -> Frame:
    return Frame(
        name=name, directory=None, device=0, inode=0, items=iter(()), consistency=Consistency.STABLE, real=link, at=at
    )


@given(root=st.sampled_from([b"/", b"/r", b"/r/s"]), above=st.none() | st.lists(STEPS, max_size=4), moves=MOVES)
def test_paths_are_those_of_the_directories_in_progress(
    root: bytes, above: list[tuple[bytes, bytes | None]] | None, moves: list[tuple[bytes, bytes | None] | None]
) -> None:
    names: list[tuple[bytes, bytes | None]] = list(above or ())
    path = root
    for name, _ in names:
        path = join_path(path, name)
    stack = DirectoryStack(root, None if above is None else Above(path, above))
    least = len(names)
    if above is None:
        stack.push(frame(root, None))
    else:
        names.append((b"first", None))
        stack.push(frame(b"first", None))
        least += 1
    for move in moves:
        if move is not None:
            stack.push(frame(*move))
            names.append(move)
        elif len(names) > least:
            stack.pop()
            names.pop()
        paths, reals = [root], [root]
        for name, link in names:
            paths.append(join_path(paths[-1], name))
            reals.append(join_path(reals[-1], name) if link is None else link)
        assert stack.ref().path == paths[-1]
        assert stack.path_of(b"n") == join_path(paths[-1], b"n")
        assert stack.real_path_of(b"n") == join_path(reals[-1], b"n")
        assert list(stack.real_paths()) == reals
        assert stack.below_root() == b"".join(name + b"/" for name, _ in names)
        assert stack.depth == len(paths)
        assert stack.has_links == any(link is not None for _, link in names)


@given(
    items=st.lists(st.sampled_from([b"", b"0a", b"1b"]), max_size=5), start=st.lists(st.sampled_from([b"0a", b"1b"]))
)
def test_common_items_are_counted_from_what_is_known(items: list[bytes], start: list[bytes]) -> None:
    stack = DirectoryStack(b"/")
    for item in items:
        stack.push(frame(b"n", None, item))
    equal = [one == other for one, other in zip(items, start, strict=False)]
    count = next((number for number, is_equal in enumerate(equal) if not is_equal), len(equal))
    assert {stack.common(start, known) for known in range(count + 1)} == {count}
    assert all(stack.at(number) == item for number, item in enumerate(items))
    assert list(pairwise(stack.items())) == list(pairwise(items))
