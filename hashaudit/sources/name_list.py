"""Reads the names of files from a list, as find and git write them."""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import UsageError

_READ_BYTES = 1 << 20

MAX_NAME_BYTES = 1 << 16
"""Longer than any path; a longer name shows another separator, or another kind of file."""


def read_names(stream: BinaryIO, *, separator: bytes = b"\n") -> Iterator[bytes]:
    """Yields the names in a list. Empty ones are omitted.

    Args:
        stream: the list.
        separator: ends each name: a line feed, or NUL.

    Raises:
        UsageError: a name is too long, or has a NUL byte.
        OSError: the list cannot be read.
    """
    rest = b""
    while data := stream.read(_READ_BYTES):
        *names, rest = (rest + data).split(separator)
        yield from map(_checked, filter(None, names))
        if len(rest) > MAX_NAME_BYTES:
            _checked(rest)
    if rest:
        yield _checked(rest)


def _checked(name: bytes) -> bytes:
    if b"\0" in name:
        raise UsageError("a name in the list of files has a NUL byte", hint="use -0 if NUL ends each name")
    if len(name) > MAX_NAME_BYTES:
        raise UsageError(f"a name in the list of files is longer than {MAX_NAME_BYTES:,} bytes")
    return name
