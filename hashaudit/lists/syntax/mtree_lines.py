"""Lines and digest keywords of mtree(5), of FreeBSD and of libarchive."""

from collections.abc import Iterator

from hashaudit.lists.syntax.lines import Line

DIGEST_KEYWORDS = {
    b"md5": "md5",
    b"md5digest": "md5",
    b"sha1": "sha1",
    b"sha1digest": "sha1",
    b"sha256": "sha256",
    b"sha256digest": "sha256",
    b"sha384": "sha384",
    b"sha384digest": "sha384",
    b"sha512": "sha512",
    b"sha512digest": "sha512",
    b"rmd160": "ripemd160",
    b"rmd160digest": "ripemd160",
    b"ripemd160digest": "ripemd160",
}
"""Keyword -> algorithm."""


def joined_lines(lines: Iterator[Line]) -> Iterator[Line]:
    """Yields lines with their continuations, which follow a backslash."""
    first, whole = 0, b""
    ended = True
    for number, line, ended in lines:
        if line is None or not line.endswith(b"\\") or len(whole) > 1 << 16:
            yield first or number, line if line is None or not first else whole + b" " + line, ended
            first, whole = 0, b""
        else:
            first, whole = first or number, whole + b" " + line[:-1]
    if first:
        yield first, whole, ended
