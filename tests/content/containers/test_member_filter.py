"""Patterns of members: those of the file and those of the member, for files at any place below any root."""

import pytest

from hashaudit.content.containers.member_filter import MemberFilters, MemberPatterns, MemberVerdict
from hashaudit.errors import UsageError
from hashaudit.sources.filters import Patterns, WalkOptions

ROOTS = (b"/srv", b"s3://bucket/pre", b"/data/one.zip")
EXAMINE, SEARCH, SKIP = MemberVerdict


@pytest.mark.parametrize(
    ("include", "exclude", "path", "names", "verdict"),
    [
        ((), (b"*.zip!/*.log",), b"/srv/d/a.zip", (b"x/y.log",), SKIP),
        ((), (b"*.zip!/*.log",), b"/srv/d/a.zip", (b"in.tar", b"y.log"), SKIP),
        ((), (b"*.zip!/*.log",), b"/srv/d/a.zip", (b"y.log.gz",), EXAMINE),
        ((), (b"*.zip!/*.log",), b"/srv/d/a.tar", (b"y.log",), EXAMINE),
        ((), (b"d/a.zip!/x/*",), b"/srv/d/a.zip", (b"x/y",), SKIP),
        ((), (b"d/a.zip!/x/*",), b"/srv/e/d/a.zip", (b"x/y",), EXAMINE),
        ((), (b"a.zip!/in.tar!/etc/*",), b"/srv/a.zip", (b"in.tar", b"etc/passwd"), SKIP),
        ((), (b"one.zip!/b",), b"/data/one.zip", (b"b",), SKIP),
        ((), (b"k/a.zip!/b",), b"s3://bucket/pre/k/a.zip", (b"b",), SKIP),
        ((b"*.zip!/*.jpg",), (), b"/srv/a.zip", (b"d/a.jpg",), EXAMINE),
        ((b"*.zip!/*.jpg",), (), b"/srv/a.zip", (b"d/a.tar",), SEARCH),
        ((b"*.zip!/*.jpg", b"a.*"), (), b"/srv/a.zip", (b"d/a.tar",), EXAMINE),
        ((b"*.zip!/*.jpg",), (b"*!/d/*",), b"/srv/a.zip", (b"d/a.jpg",), SKIP),
        ((), (b"a.tgz!/etc/*",), b"/srv/a.tgz", (b"", b"etc/passwd"), SKIP),
        ((), (b"a.tgz!/!/etc/*",), b"/srv/a.tgz", (b"", b"etc/passwd"), SKIP),
        ((), (b"a.tgz!/etc/*",), b"/srv/a.tgz", (b"",), EXAMINE),
        ((b"*.zip!/\xff*",), (), b"/srv/a.zip", (b"\xff\0",), EXAMINE),
    ],
)
def test_a_member_is_decided_by_its_names(
    include: tuple[bytes, ...],
    exclude: tuple[bytes, ...],
    path: bytes,
    names: tuple[bytes, ...],
    verdict: MemberVerdict,
) -> None:
    root = next(number for number, one in enumerate(ROOTS) if path.startswith(one))
    found = MemberFilters(MemberPatterns(include, exclude, ROOTS)).of_file(root, path)
    assert (MemberVerdict.EXAMINE if found is None else found.verdict(names)) is verdict


def test_a_pattern_of_members_includes_its_files_and_excludes_none() -> None:
    patterns = Patterns(WalkOptions(include=(b"*.zip!/a",), exclude=(b"b.zip!/a", b"c.zip")))
    assert patterns.include.match(b"a.zip", bytes)
    assert not patterns.include.match(b"a.tar", bytes)
    assert not patterns.exclude.match(b"b.zip", bytes)
    assert patterns.exclude.match(b"c.zip", bytes)


@pytest.mark.parametrize("pattern", [b"!/a", b"a.zip!/", b"a!/b/"])
def test_a_pattern_that_matches_nothing_is_refused(pattern: bytes) -> None:
    for options in (WalkOptions(include=(pattern,)), WalkOptions(exclude=(pattern,))):
        with pytest.raises(UsageError):
            Patterns(options)
