"""The reader of cpio archives with headers of text: the new form, that with checksums, and that of POSIX.

Archives behind one another are read, as in the initial file system of Linux. Other data behind them is a member without
a name, because such a file system continues compressed.

Source: cpio(5) of FreeBSD; POSIX.1-2001 pax, "cpio Interchange Format"; Linux, "initramfs buffer format".
"""

from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
DAMAGED_HEADER = "a header of the archive is damaged; members may be missing"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

_NEW, _NEW_WITH_SUM, _POSIX = b"070701", b"070702", b"070707"
_MAGICS = (_NEW, _NEW_WITH_SUM, _POSIX)
_LAST = b"TRAILER!!!"
_HEX = frozenset(b"0123456789abcdefABCDEF")
_OCTAL = frozenset(b"01234567")

MAX_NAME_BYTES = 1 << 16

_TYPE, _REGULAR = 0o170000, 0o100000


class _Header(msgspec.Struct, frozen=True):
    name: bytes
    mode: int
    links: int
    size: int
    checksum: int | None
    is_padded: bool
    """Name and content end at multiples of 4."""


def read_cpio(source: Source) -> Iterator[Found]:
    """Reads cpio archives in their order."""
    ahead = LookAhead(source)
    count = 0
    has_ended = False
    while True:
        magic = ahead.read_exactly(6)
        if has_ended:
            # Zeros fill the last block.
            ahead.push_back(magic)
            if not _skip_zeros(ahead):
                return
            magic = ahead.read_exactly(6)
        header = _header(ahead, magic) if magic in _MAGICS else None
        if header is None:
            ahead.push_back(magic)
            if has_ended:
                yield MemberContent(count, b"", _rest(ahead))
                return
            yield Trouble(FaultCode.DAMAGED, DAMAGED_HEADER if len(magic) == 6 else ENDS_EARLY)
            if not _find_header(ahead):
                return
            continue
        has_ended = header.name == _LAST and not header.size
        if has_ended:
            continue
        left = [header.size]
        # The content of linked files stands at the last of their names.
        is_link = header.is_padded and header.links > 1 and not header.size
        if header.mode & _TYPE in {0, _REGULAR} and not is_link:
            yield MemberContent(count, header.name, _content(ahead, left, header.checksum), header.size)
            count += 1
        while left[0] > 0 and (data := ahead.read_exactly(min(left[0], CHUNK_BYTES))):
            left[0] -= len(data)
        if left[0]:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
            return
        if header.is_padded:
            ahead.read_exactly(-header.size % 4)


def _header(ahead: LookAhead, magic: bytes) -> _Header | None:
    """Reads what follows a magic; ``None``: it is not a header, and nothing but the magic is taken."""
    start = ahead.position
    text = ahead.read_exactly(70 if magic == _POSIX else 104)
    header, name_bytes, padding = None, 0, 0
    if magic == _POSIX:
        if len(text) == 70 and _OCTAL.issuperset(text):
            mode, links, name_bytes, size = (int(text[a:b], 8) for a, b in ((12, 18), (30, 36), (53, 59), (59, 70)))
            header = _Header(b"", mode, links, size, None, is_padded=False)
    elif len(text) == 104 and _HEX.issuperset(text):
        numbers = [int(text[at : at + 8], 16) for at in range(0, 104, 8)]
        name_bytes, padding = numbers[11], -(110 + numbers[11]) % 4
        checksum = numbers[12] if magic == _NEW_WITH_SUM else None
        header = _Header(b"", numbers[1], numbers[4], numbers[6], checksum, is_padded=True)
    if header is None or not 0 < name_bytes <= MAX_NAME_BYTES:
        ahead.push_back(text)
        return None
    name = ahead.read_exactly(name_bytes + padding)
    if len(name) < name_bytes or name[name_bytes - 1] or ahead.position - start != len(text) + len(name):
        ahead.push_back(text + name)
        return None
    return msgspec.structs.replace(header, name=name[: name_bytes - 1])


def _content(ahead: LookAhead, left: list[int], checksum: int | None) -> Iterator[bytes]:
    total = 0
    while left[0] > 0:
        data = ahead.read_exactly(min(left[0], CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        left[0] -= len(data)
        if checksum is not None:
            total += sum(data)
        yield data
    if checksum is not None and total & 0xFFFFFFFF != checksum:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


def _rest(ahead: LookAhead) -> Iterator[bytes]:
    while data := ahead.read_exactly(CHUNK_BYTES):
        yield data


def _skip_zeros(ahead: LookAhead) -> bool:
    while data := ahead.read_exactly(CHUNK_BYTES):
        rest = data.lstrip(b"\0")
        if rest:
            ahead.push_back(rest)
            return True
    return False


def _find_header(ahead: LookAhead) -> bool:
    """Skips to the next magic; returns whether there is one."""
    ahead.read_exactly(1)
    while len(data := ahead.read_exactly(CHUNK_BYTES)) >= 6:
        found = [at for at in map(data.find, _MAGICS) if at >= 0]
        if found:
            ahead.push_back(data[min(found) :])
            return True
        if len(data) < CHUNK_BYTES:
            return False
        ahead.push_back(data[-5:])
    return False
