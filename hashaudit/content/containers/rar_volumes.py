"""Volumes of a rar archive as archives without volumes, because the library reads a set only into a directory.

The parts of a member are joined: one header, that of the last part, which has the checksum of the whole content, and
the packed data of all parts behind it.

Source: RAR 5.0 technical note; unrar's technote.txt for versions 1.5 to 4.
"""

import struct
import zlib
from collections.abc import Container, Iterator, Sequence

import msgspec

from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.rar_blocks import FILE, MARK_4, MARK_5, Block, vint
from hashaudit.model.faults import FaultCode

_SPLIT_5, _SPLIT_4 = 0x18, 0x03
_END_5, _END_4 = b"\x1d\x77\x56\x51\x03\x05\x04\x00", b"\xc4\x3d\x7b\x00\x40\x07\x00"

GROUP_BYTES = 64 << 20
"""Packed data of members that are unpacked from one archive, if each of them can be unpacked alone."""


class Piece(msgspec.Struct, frozen=True):
    """The part of a member that one volume has."""

    source: RandomSource
    block: Block

    @property
    def data_bytes(self) -> int:
        """Length of its packed data."""
        return self.block.end - self.block.data_at


def members_of(
    volumes: Sequence[tuple[RandomSource, Sequence[Block]]], behind_gaps: Container[int]
) -> tuple[list[list[Piece]], list[Piece]]:
    """Returns the parts of each member that is whole, and the first part of each that is not.

    Args:
        volumes: in their order, with their blocks.
        behind_gaps: numbers of those before which one is missing.
    """
    whole: list[list[Piece]] = []
    broken: list[Piece] = []
    begun: list[Piece] = []
    for number, (source, blocks) in enumerate(volumes):
        if number in behind_gaps:
            broken += begun[:1]
            begun = []
        for block in blocks:
            if block.type != FILE:
                continue
            if block.continues != bool(begun):
                # A volume is missing, or a header is damaged.
                broken += begun[:1]
                begun = []
                if block.continues:
                    broken.append(Piece(source, block))
                    continue
            begun.append(Piece(source, block))
            if not block.is_continued:
                whole.append(begun)
                begun = []
    return whole, broken + begun[:1]


def joined_archives(members: Sequence[Sequence[Piece]], *, solid: bool, most_bytes: int) -> Iterator[bytes]:
    """Yields archives that together hold all members, in their order.

    Args:
        members: the parts of each.
        solid: a member needs those before it.
        most_bytes: longest archive.

    Raises:
        ContainerError: an archive is longer, or a volume ends early.
    """
    if not members:
        return
    first = members[0][0]
    is_new = first.block.is_new
    start = (MARK_5 if is_new else MARK_4) + (_main_5(solid=solid) if is_new else _main_4(solid=solid))
    end = _END_5 if is_new else _END_4
    pieces, length = [start], 0
    for parts in members:
        packed_bytes = sum(part.data_bytes for part in parts)
        if length and not solid and length + packed_bytes > GROUP_BYTES:
            yield b"".join((*pieces, end))
            pieces, length = [start], 0
        length += packed_bytes
        if length > most_bytes:
            raise ContainerError(FaultCode.LIMIT_REACHED, f"unpacking needs more than {most_bytes} bytes of memory")
        pieces.append(_header(parts[-1], packed_bytes))
        pieces += [part.source.read_at(part.block.data_at, part.data_bytes) for part in parts]
    yield b"".join((*pieces, end))


def name_of(part: Piece) -> bytes:
    """Returns the name in the header of a part; empty if it is damaged."""
    header = part.source.read_at(part.block.start, part.block.data_at - part.block.start)
    if not part.block.is_new:
        return header[32 : 32 + int.from_bytes(header[26:28], "little")].partition(b"\0")[0]
    _, at = vint(header, 4)
    _, at = vint(header, at)
    flags, at = vint(header, at)
    for bit in (1, 2):
        at = vint(header, at)[1] if flags & bit else at
    of_file, at = vint(header, at)
    _, at = vint(header, at)
    _, at = vint(header, at)
    at += (4 if of_file & 2 else 0) + (4 if of_file & 4 else 0)
    for _ in range(2):
        _, at = vint(header, at)
    length, at = vint(header, at)
    return header[at : at + max(length, 0)]


def _header(part: Piece, packed_bytes: int) -> bytes:
    """Returns the header of a part as that of a whole member."""
    header = part.source.read_at(part.block.start, part.block.data_at - part.block.start)
    return _header_5(header, packed_bytes) if part.block.is_new else _header_4(header, packed_bytes)


def _header_5(header: bytes, packed_bytes: int) -> bytes:
    _, at = vint(header, 4)
    kind, at = vint(header, at)
    flags, at = vint(header, at)
    extra = b""
    if flags & 1:
        extra_bytes, at = vint(header, at)
        extra = _number(extra_bytes)
    if flags & 2:
        _, at = vint(header, at)
    body = _number(kind) + _number(flags & ~_SPLIT_5 | 2) + extra + _number(packed_bytes) + header[at:]
    body = _number(len(body)) + body
    return zlib.crc32(body).to_bytes(4, "little") + body


def _header_4(header: bytes, packed_bytes: int) -> bytes:
    changed = bytearray(header)
    struct.pack_into("<H", changed, 3, int.from_bytes(header[3:5], "little") & ~_SPLIT_4)
    struct.pack_into("<I", changed, 7, packed_bytes & 0xFFFFFFFF)
    struct.pack_into("<H", changed, 0, zlib.crc32(changed[2:]) & 0xFFFF)
    return bytes(changed)


def _main_5(*, solid: bool) -> bytes:
    body = b"\x03\x01\x00" + (b"\x04" if solid else b"\x00")
    return zlib.crc32(body).to_bytes(4, "little") + body


def _main_4(*, solid: bool) -> bytes:
    body = struct.pack("<BHH6x", 0x73, 8 if solid else 0, 13)
    return (zlib.crc32(body) & 0xFFFF).to_bytes(2, "little") + body


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
