import pytest

from hashaudit.errors import UsageError
from hashaudit.sources.globs import NamePatterns


@pytest.mark.parametrize(
    ("pattern", "folder", "name", "matches"),
    [
        (b"*.jpg", b"a/b/", b"x.jpg", True),
        (b"*.jpg", b"", b"x.JPG", False),
        (b"*.jpg", b"", b"x.jpg.txt", False),
        (b"cache", b"deep/down/", b"cache", True),
        (b"cache", b"cache/", b"x", False),  # the folder itself is what is left out
        (b"cache/*", b"cache/", b"x", True),
        (b"cache/*", b"a/cache/", b"x", False),
        (b"*/cache", b"a/b/", b"cache", True),  # a star crosses slashes
        (b"a/*.png", b"a/b/c/", b"x.png", True),
        (b"a/b", b"", b"a", False),
        (b"[ab]?", b"", b"bx", True),
        (b"[ab]?", b"", b"cx", False),
        (b"[!a]", b"", b"a", False),
        (b"\xff*", b"", b"\xff\xfe", True),
        (b"?", b"", b"\xff", True),
        (b"?", b"", "\u00e9".encode(), False),  # one byte, not one character
        (b"*", b"", b"a\nb", True),
        (b"a.b", b"", b"axb", False),
        (b"x", b"", b"x\n", False),
    ],
)
def test_patterns(pattern: bytes, folder: bytes, name: bytes, matches: bool) -> None:
    assert NamePatterns([pattern]).match(name, lambda: folder) is matches


def test_any_of_several_may_match() -> None:
    patterns = NamePatterns([b"*.jpg", b"*.png", b"a/b", b"c/d"])
    assert all(patterns.match(name, lambda: b"") for name in (b"x.jpg", b"x.png"))
    assert patterns.match(b"d", lambda: b"c/")
    assert not patterns.match(b"x.gif", lambda: b"")


def test_the_path_is_not_asked_for_without_need() -> None:
    def path() -> bytes:
        raise AssertionError

    assert not NamePatterns([b"*.jpg"]).match(b"x", path)
    assert NamePatterns([b"*.jpg", b"a/b"]).match(b"x.jpg", path)


@pytest.mark.parametrize("pattern", [b"", b"/a", b"a/", b"/", b"/*"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: bytes) -> None:
    with pytest.raises(UsageError, match="matches nothing"):
        NamePatterns([b"a", pattern])


def test_truth_says_whether_there_are_any() -> None:
    assert not NamePatterns([])
    assert NamePatterns([b"a"])
    assert NamePatterns([b"a/b"])
