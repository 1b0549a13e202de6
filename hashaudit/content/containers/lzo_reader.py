"""The reader of lzo files, as lzop writes them. The checksums of blocks and headers are checked.

The library lzallright of the extra ``archives`` unpacks a block. Files behind one another are one content.

Source: lzop 1.04, ``src/lzop.c`` and ``src/conf.h``.
"""

import struct
import zlib
from collections.abc import Iterator

import lzallright

from hashaudit.content.containers.compressed_stream import ENDS_EARLY, TRAILING, WRONG_DATA
from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

MAGIC = b"\x89LZO\x00\r\n\x1a\n"
UNSUPPORTED = "compression method {} is not supported"

MOST_BLOCK_BYTES = 64 << 20
"""Longest block: the format's own limit."""

_ADLER_PLAIN, _ADLER_PACKED, _EXTRA, _CRC_PLAIN, _CRC_PACKED, _FILTER, _CRC_HEADER = (
    0x01, 0x02, 0x40, 0x100, 0x200, 0x800, 0x1000,
)  # fmt: skip
_METHODS = frozenset((1, 2, 3))
"""The three levels of LZO1X, which have one decoder."""


def read_lzo(source: Source) -> Iterator[Found]:
    """Reads an lzo file. The member has the name that the first header states, if any."""
    ahead = LookAhead(source)
    trouble: list[Trouble] = []
    try:
        flags, name = _header(ahead)
    except ContainerError as error:
        yield Trouble(error.code, error.message)
        return
    yield MemberContent(0, name, _files(ahead, flags, trouble))
    yield from trouble


def _files(ahead: LookAhead, flags: int, trouble: list[Trouble]) -> Iterator[bytes]:
    while True:
        yield from _blocks(ahead, flags)
        head = ahead.read_exactly(len(MAGIC))
        ahead.push_back(head)
        if head != MAGIC:
            if _has_more(ahead):
                trouble.append(Trouble(FaultCode.TRAILING_DATA, TRAILING))
            return
        flags, _ = _header(ahead)


def _has_more(ahead: LookAhead) -> bool:
    while data := ahead.read_exactly(CHUNK_BYTES):
        if data.strip(b"\0"):
            return True
    return False


def _taken(ahead: LookAhead, count: int) -> bytes:
    data = ahead.read_exactly(count)
    if len(data) < count:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    return data


def _header(ahead: LookAhead) -> tuple[int, bytes]:
    """Reads a header; returns its flags and the name of the file."""
    if _taken(ahead, len(MAGIC)) != MAGIC:
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
    text = _taken(ahead, 4)
    is_new = int.from_bytes(text[:2], "big") >= 0x940
    text += _taken(ahead, 4 if is_new else 1)
    method = text[6] if is_new else text[4]
    text += _taken(ahead, 4)
    (flags,) = struct.unpack(">I", text[-4:])
    text += _taken(ahead, (4 if flags & _FILTER else 0) + (12 if is_new else 8) + 1)
    name = _taken(ahead, text[-1])
    text += name
    checksum = zlib.crc32(text) if flags & _CRC_HEADER else zlib.adler32(text)
    if int.from_bytes(_taken(ahead, 4), "big") != checksum:
        raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
    if method not in _METHODS or flags & _FILTER:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED.format(method))
    if flags & _EXTRA:
        left = int.from_bytes(_taken(ahead, 4), "big") + 4
        while left > 0:
            left -= len(_taken(ahead, min(left, CHUNK_BYTES)))
    return flags, name


def _blocks(ahead: LookAhead, flags: int) -> Iterator[bytes]:
    unpack = lzallright.LZOCompressor.decompress
    while size := int.from_bytes(_taken(ahead, 4), "big"):
        packed_bytes = int.from_bytes(_taken(ahead, 4), "big")
        if size > MOST_BLOCK_BYTES or packed_bytes > size:
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
        is_stored = packed_bytes == size
        of_plain = [(check, _taken(ahead, 4)) for bit, check in _CHECKS[0] if flags & bit]
        of_packed = [(check, _taken(ahead, 4)) for bit, check in _CHECKS[1] if flags & bit and not is_stored]
        packed = _taken(ahead, packed_bytes)
        try:
            plain = packed if is_stored else bytes(unpack(packed, size))
        except (lzallright.LZOError, ValueError):
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA) from None
        sums = [check(plain) == int.from_bytes(stated, "big") for check, stated in of_plain]
        sums += [check(packed) == int.from_bytes(stated, "big") for check, stated in of_packed]
        if len(plain) != size or not all(sums):
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
        for at in range(0, size, CHUNK_BYTES):
            yield plain[at : at + CHUNK_BYTES]


_CHECKS = (
    ((_ADLER_PLAIN, zlib.adler32), (_CRC_PLAIN, zlib.crc32)),
    ((_ADLER_PACKED, zlib.adler32), (_CRC_PACKED, zlib.crc32)),
)


def warm_up() -> None:
    """Unpacks a block, so that the library has loaded all of itself."""
    packer = lzallright.LZOCompressor()
    packer.decompress(packer.compress(b"a" * 100))
