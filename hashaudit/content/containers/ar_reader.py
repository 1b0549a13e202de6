"""The reader of ar archives: Debian packages and static libraries, in the forms of System V, GNU and BSD.

Source: ar(5) of FreeBSD; binutils, ``bfd/archive.c``; deb(5).
"""

from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
DAMAGED_HEADER = "a header of the archive is damaged; members may be missing"

THIN = b"!<thin>\n"
"""A thin archive has only names: its members are files beside it."""

MAX_NAMES_BYTES = 16 << 20
"""Longest table of long names."""


_NAME_TABLES = frozenset((b"//", b"ARFILENAMES/"))
_SYMBOLS = frozenset((b"/", b"/SYM64/"))


def read_ar(source: Source) -> Iterator[Found]:
    """Reads an ar archive in its order. Headers have no checksum, so one that is damaged ends it."""
    ahead = LookAhead(source)
    is_thin = ahead.read_exactly(8) == THIN
    names = b""
    count = 0
    while header := ahead.read_exactly(60):
        size = _size(header)
        if size is None:
            is_cut = len(header) < 60
            if header.strip(b"\n\0"):
                yield Trouble(FaultCode.DAMAGED, ENDS_EARLY if is_cut else DAMAGED_HEADER)
            return
        name, left = header[:16].rstrip(b" "), [size]
        if name in _NAME_TABLES and size <= MAX_NAMES_BYTES:
            names = ahead.read_exactly(size)
            left[0] -= len(names)
        elif is_thin and name not in _SYMBOLS:
            continue
        else:
            name = _member_name(ahead, name, names, left)
            yield MemberContent(count, name, _content(ahead, left), left[0])
            count += 1
            while left[0] > 0 and (data := ahead.read_exactly(min(left[0], CHUNK_BYTES))):
                left[0] -= len(data)
        if left[0]:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
            return
        ahead.read_exactly(size % 2)


def _size(header: bytes) -> int | None:
    """Returns the bytes behind a header; ``None``: it is damaged."""
    text = header[48:58].strip()
    return int(text) if len(header) == 60 and header[58:] == b"`\n" and text.isdigit() else None


def _member_name(ahead: LookAhead, name: bytes, names: bytes, left: list[int]) -> bytes:
    """Returns the whole name of a member, which may stand in the table or before its content."""
    if name.startswith(b"#1/") and name[3:].isdigit() and int(name[3:]) <= min(left[0], CHUNK_BYTES):
        stored = ahead.read_exactly(int(name[3:]))
        left[0] -= len(stored)
        return stored.rstrip(b"\0")
    if name[:1] == b"/" and name[1:].isdigit():
        at = int(name[1:])
        return names[at:].partition(b"\n")[0].removesuffix(b"/") if at < len(names) else name
    return name if name in _SYMBOLS else name.removesuffix(b"/")


def _content(ahead: LookAhead, left: list[int]) -> Iterator[bytes]:
    while left[0] > 0:
        data = ahead.read_exactly(min(left[0], CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        left[0] -= len(data)
        yield data
