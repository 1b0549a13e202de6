"""The paths of a manifest on this machine."""

from pathlib import Path

import pytest

from hashaudit.manifest.path_resolution import PathResolver, choose_resolver


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory ``d`` with files ``a`` and ``s/b``."""
    (tmp_path / "d" / "s").mkdir(parents=True)
    for name in ("a", "s/b"):
        (tmp_path / "d" / name).write_text(name)
    return tmp_path


CASES = {
    "below ROOT": ([b"a", b"s/b"], [b"a", b"s/b"]),
    "with a dot": ([b"./a", b"./s//b"], [b"a", b"s/b"]),
    "below the directory of ROOT": ([b"d/a", b"d/s/b"], [b"a", b"s/b"]),
    "of another machine": ([b"/srv/x/a", b"/srv/x/s/b"], [b"a", b"s/b"]),
    "a part of another machine": ([b"/srv/x/s/b"], [b"s/b"]),
    "Windows": ([b"a", b"s\\b"], [b"a", b"s/b"]),
    "Windows with a drive": ([b"C:\\x\\a", b"C:\\x\\s\\b"], [b"a", b"s/b"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_directory_is_the_one_where_the_files_are(case: str, tree: Path) -> None:
    paths, expected = CASES[case]
    root = bytes(tree / "d")
    resolver = choose_resolver(paths, [root], bytes(tree / "elsewhere" / "m"))
    assert [resolver.resolve(path) for path in paths] == [root + b"/" + path for path in expected]


def test_absolute_paths_that_exist_stay(tree: Path) -> None:
    paths = [bytes(tree / "d" / "a")]
    assert choose_resolver(paths, [bytes(tree / "d")], b"m").resolve(paths[0]) == paths[0]


def test_files_outside_of_the_roots_do_not_decide(tree: Path) -> None:
    (tree / "copy").mkdir()
    (tree / "copy" / "a").write_text("a")
    resolver = choose_resolver([bytes(tree / "d" / "a")], [bytes(tree / "copy")], b"m")
    assert resolver.resolve(bytes(tree / "d" / "a")) == bytes(tree / "copy" / "a")


def test_the_user_decides(tree: Path) -> None:
    resolver = choose_resolver([b"a", b"/x/b"], [bytes(tree / "d")], b"m", base=bytes(tree), prefix=b"/x/")
    assert [resolver.resolve(path) for path in (b"a", b"/x/b", b"/xy/b")] == [
        bytes(tree / "a"),
        bytes(tree / "b"),
        b"/xy/b",
    ]


def test_no_path_leaves_by_dots() -> None:
    assert PathResolver(b"/srv").resolve(b"../../etc/x") == b"/etc/x"
    assert PathResolver(b"/").resolve(b"a") == b"/a"
