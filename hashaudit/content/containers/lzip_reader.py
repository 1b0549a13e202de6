"""The reader of lzip files. Size and checksum of each part are checked; several parts are one content.

Source: the lzip manual, "File format".
"""

import zlib
from collections.abc import Iterator

from hashaudit.content.containers.compressed_stream import ENDS_EARLY, TRAILING, WRONG_DATA, lzma_raw, unpacked
from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

_PROPERTIES = 93
"""lc 3, lp 0 and pb 2 in one byte, as every lzip file has them."""


def read_lzip(source: Source) -> Iterator[Found]:
    """Reads an lzip file."""
    trouble: list[Trouble] = []
    yield MemberContent(0, b"", _parts(LookAhead(source), trouble))
    yield from trouble


def _parts(ahead: LookAhead, trouble: list[Trouble]) -> Iterator[bytes]:
    is_first = True
    while head := ahead.read_exactly(6):
        if not head.startswith(b"LZIP\x01") or len(head) < 6:
            rest = head
            while not rest.strip(b"\0") and (rest := ahead.read_exactly(1 << 16)):
                pass
            if rest.strip(b"\0") or is_first:
                trouble.append(Trouble(FaultCode.TRAILING_DATA, TRAILING))
            return
        is_first = False
        base = 1 << min(head[5] & 0x1F, 29)
        decoder = lzma_raw(bytes([_PROPERTIES]) + (base - base // 16 * (head[5] >> 5)).to_bytes(4, "little"))
        crc = size = 0
        start = ahead.position
        while not decoder.eof:
            data = ahead.read_exactly(1 << 16)
            if not data:
                raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
            for piece in unpacked(decoder, data):
                crc = zlib.crc32(piece, crc)
                size += len(piece)
                yield piece
        ahead.push_back(decoder.unused_data)
        packed = ahead.position - start
        trailer = ahead.read_exactly(20)
        if len(trailer) < 20:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        stated = tuple(int.from_bytes(trailer[a:b], "little") for a, b in ((0, 4), (4, 12), (12, 20)))
        if stated != (crc, size, packed + 26):
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
