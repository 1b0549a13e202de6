"""The reader of cpio archives: the new form, that with checksums, that of POSIX, and the binary form in both orders.

Archives behind one another are read, as in the initial file system of Linux. Other data behind them is a member without
a name, because such a file system continues compressed.

Source: cpio(5) of FreeBSD; POSIX.1-2001 pax, "cpio Interchange Format"; Linux, "initramfs buffer format".
"""

import struct
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
_BINARY = {b"\xc7\x71": "<", b"\x71\xc7": ">"}
"""Byte order of the words of a binary header, by its first two bytes."""
_BINARY_WORDS = 13
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
    alignment: int
    """Content ends at a multiple of it, and so does the name with its header."""


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
        if magic[:2] in _BINARY:
            header = _binary_header(ahead, magic)
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
        is_link = header.alignment == 4 and header.links > 1 and not header.size
        if header.mode & _TYPE in {0, _REGULAR} and not is_link:
            yield MemberContent(count, header.name, _content(ahead, left, header.checksum), header.size)
            count += 1
        while left[0] > 0 and (data := ahead.read_exactly(min(left[0], CHUNK_BYTES))):
            left[0] -= len(data)
        if left[0]:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
            return
        ahead.read_exactly(-header.size % header.alignment)


def _header(ahead: LookAhead, magic: bytes) -> _Header | None:
    """Reads what follows a magic; ``None``: it is not a header, and nothing but the magic is taken."""
    start = ahead.position
    text = ahead.read_exactly(70 if magic == _POSIX else 104)
    header, name_bytes, padding = None, 0, 0
    if magic == _POSIX:
        if len(text) == 70 and _OCTAL.issuperset(text):
            mode, links, name_bytes, size = (int(text[a:b], 8) for a, b in ((12, 18), (30, 36), (53, 59), (59, 70)))
            header = _Header(b"", mode, links, size, None, 1)
    elif len(text) == 104 and _HEX.issuperset(text):
        numbers = [int(text[at : at + 8], 16) for at in range(0, 104, 8)]
        name_bytes, padding = numbers[11], -(110 + numbers[11]) % 4
        checksum = numbers[12] if magic == _NEW_WITH_SUM else None
        header = _Header(b"", numbers[1], numbers[4], numbers[6], checksum, 4)
    if header is None or not 0 < name_bytes <= MAX_NAME_BYTES:
        ahead.push_back(text)
        return None
    name = ahead.read_exactly(name_bytes + padding)
    if len(name) < name_bytes or name[name_bytes - 1] or ahead.position - start != len(text) + len(name):
        ahead.push_back(text + name)
        return None
    return msgspec.structs.replace(header, name=name[: name_bytes - 1])


def _binary_header(ahead: LookAhead, magic: bytes) -> _Header | None:
    """Reads what follows the start of a binary header; ``None``: it is not one, and nothing else is taken."""
    text = ahead.read_exactly(2 * _BINARY_WORDS - len(magic))
    if len(magic) + len(text) < 2 * _BINARY_WORDS:
        ahead.push_back(text)
        return None
    words = struct.unpack(f"{_BINARY[magic[:2]]}{_BINARY_WORDS}H", magic + text)
    mode, links, name_bytes = words[3], words[6], words[10]
    name = ahead.read_exactly(name_bytes + name_bytes % 2)
    if not name_bytes or len(name) < name_bytes or name[name_bytes - 1]:
        ahead.push_back(text + name)
        return None
    # The more significant word of a long number comes first in both byte orders.
    return _Header(name[: name_bytes - 1], mode, links, words[11] << 16 | words[12], None, 2)


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
