"""The reader of tar archives: ustar, pax, GNU long names and sparse files, and the form before them.

An archive is read to its end: what follows an end mark is another archive, as ``cat`` of two makes it. A damaged header
does not hide the members behind it, because the next header whose checksum is right is searched for.

Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".
"""

import re
import struct
import zlib
from collections.abc import Iterator
from functools import partial

import msgspec

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    SMALL_BYTES,
    ContainerError,
    Found,
    MemberContent,
    Source,
    Trouble,
)
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

BLOCK = 512
_END_MARK = bytes(BLOCK)

MAX_EXTENSION_BYTES = 16 << 20
"""Longest extended header: names have at most a few KiB, maps of sparse files some more."""

ENDS_EARLY = "the archive ends early"
DAMAGED_HEADER = "a header of the archive is damaged; members may be missing"
TRAILING = "other data follows the end of the archive"
LONG_EXTENSION = f"an extended header is longer than {MAX_EXTENSION_BYTES} bytes"
OTHER_VOLUME = "the member begins in another volume of a split archive"
BAD_MAP = "the map of a sparse file is damaged"

_WITHOUT_DATA = frozenset(b"123456")
_REGULAR = frozenset(b"\x000")
_EXTENSIONS = frozenset(b"LKNVxXg")
_SPARSE = frozenset((b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.size"))
"""Records that every sparse file has one of."""
_PAX_RECORD = re.compile(rb"(\d{1,8}) ([^=\n]{1,200})=")


class _Header(msgspec.Struct, frozen=True):
    name: bytes
    size: int
    """Bytes of the data in the archive."""
    type: int
    block: bytes


def read_tar(source: Source) -> Iterator[Found]:
    """Reads a tar archive in its order."""
    reader = _Tar(LookAhead(source))
    yield from reader.members()


class _Tar:
    def __init__(self, ahead: LookAhead) -> None:
        self._ahead = ahead
        self._count = 0
        self._extended: dict[bytes, bytes] = {}
        self._global: dict[bytes, bytes] = {}
        self._long_name: bytes | None = None
        self._left = 0
        """Bytes of the present member, with its padding, that are not read yet."""
        self._is_cut = False

    def members(self) -> Iterator[Found]:
        """Yields the members, and a fault where some may be missing."""
        has_ended = is_damaged = False
        while len(block := self._ahead.read_exactly(BLOCK)) == BLOCK:
            if block == _END_MARK:
                has_ended, is_damaged = True, False
                continue
            header = parse_header(block)
            if header is None:
                if not is_damaged:
                    yield _behind_end() if has_ended else Trouble(FaultCode.DAMAGED, DAMAGED_HEADER)
                is_damaged = True
                continue
            has_ended = is_damaged = False
            try:
                found = self._member(header)
            except ContainerError as error:
                yield Trouble(error.code, error.message)
                found = None
            if found is not None:
                yield found
                self._finish()
            if self._is_cut:
                break
        if not has_ended:
            # Without its end mark, nobody knows whether more members were there.
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        elif block.strip(b"\0"):
            yield _behind_end()

    def _member(self, header: _Header) -> MemberContent | None:
        """Returns the member that a header begins; ``None``: it is an extension, or an entry without content."""
        if header.type in _EXTENSIONS:
            self._take_extension(header)
            return None
        size, name = header.size, self._long_name or header.name
        self._long_name = None
        extended = self._extended
        if extended or self._global:
            extended, self._extended = self._global | extended, {}
            name = extended.get(b"GNU.sparse.name") or extended.get(b"path") or name
            if stated := extended.get(b"size"):
                size = _number_of(stated)
        number = self._count
        is_directory = not size and header.type in _REGULAR and name.endswith(b"/")
        if header.type in _WITHOUT_DATA or is_directory:
            return None
        self._count += 1
        self._left = _padded(size)
        if header.type == 0x44:  # D: a GNU directory with its list of names
            self._finish()
            return None
        if header.type == 0x4D:  # M: the rest of a file that begins in another volume
            return MemberContent(number, name, _other_volume())
        if header.type == 0x53 or (extended and not _SPARSE.isdisjoint(extended)):
            real, parts = self._sparse_map(header, extended)
            return MemberContent(number, name, self._sparse(real, parts, size), real)
        whole = partial(self._small, size) if size <= SMALL_BYTES else None
        return MemberContent(number, name, self._content(size), size, whole=whole)

    def _take_extension(self, header: _Header) -> None:
        """Reads an extended header."""
        match chr(header.type):
            case "L":  # the next member's name
                self._long_name = self._data(header.size).rstrip(b"\0")
            case "x" | "X":
                self._extended = _pax(self._data(header.size))
            case "g":
                self._global |= _pax(self._data(header.size))
            case _:  # K, N, V: names of links, old long names, labels of volumes
                self._data(header.size)

    def _small(self, size: int) -> bytes | None:
        """Returns the content of a small member, and passes its padding; ``None``: the archive ends in it."""
        padded = _padded(size)
        data = self._ahead.read_exactly(padded)
        if len(data) < padded:
            self._ahead.push_back(data)
            return None
        self._left -= padded
        return data[:size]

    def _content(self, size: int) -> Iterator[bytes]:
        while size > 0:
            data = self._ahead.read_exactly(min(size, CHUNK_BYTES))
            if not data:
                self._is_cut = True
                raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
            size -= len(data)
            self._left -= len(data)
            yield data

    def _sparse_map(self, header: _Header, extended: dict[bytes, bytes]) -> tuple[int, list[tuple[int, int]] | None]:
        """Returns the size of a sparse file and its parts; ``None``: the map is at the start of the data."""
        if header.type == 0x53:
            return self._old_map(header)
        real = _number_of(extended.get(b"GNU.sparse.realsize") or extended.get(b"GNU.sparse.size") or b"")
        if extended.get(b"GNU.sparse.major") == b"1":
            return real, None
        words = (extended.get(b"GNU.sparse.map") or b"").split(b",")
        numbers = [_number_of(word) for word in words if word]
        return real, _pairs(numbers)

    def _old_map(self, header: _Header) -> tuple[int, list[tuple[int, int]]]:
        block = header.block
        numbers: list[int | None] = []
        rows, is_extended = block[386:482], block[482]
        real = parse_number(block[483:495])
        while True:
            for at in range(0, len(rows) - 23, 24):
                if rows[at : at + 24].strip(b"\0"):
                    numbers += [parse_number(rows[at : at + 12]), parse_number(rows[at + 12 : at + 24])]
            if not is_extended:
                break
            more = self._ahead.read_exactly(BLOCK)
            if len(more) < BLOCK or len(numbers) > MAX_EXTENSION_BYTES // 24:
                raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
            rows, is_extended = more[:504], more[504]
        if real is None or None in numbers:
            raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
        return real, _pairs([number for number in numbers if number is not None])

    def _sparse(self, real: int, parts: list[tuple[int, int]] | None, size: int) -> Iterator[bytes]:
        if parts is None:
            parts, used = self._map_in_data(size)
            size -= used
        at = 0
        for offset, count in parts:
            if offset < at or offset + count > real or count > size:
                raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
            yield from _zeros(offset - at)
            yield from self._content(count)
            at, size = offset + count, size - count
        yield from _zeros(real - at)

    def _map_in_data(self, size: int) -> tuple[list[tuple[int, int]], int]:
        """Reads the map of format 1.0: decimal numbers, one a line, in whole blocks."""
        text, used = b"", 0
        numbers: list[int] = []
        wanted: int | None = None
        while wanted is None or len(numbers) < wanted:
            if b"\n" not in text:
                block = b"".join(self._content(BLOCK)) if used + BLOCK <= size else b""
                used += BLOCK
                if not block or used > MAX_EXTENSION_BYTES:
                    raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
                text += block
                continue
            line, _, text = text.partition(b"\n")
            number = _number_of(line)
            if wanted is None:
                wanted = 2 * number
            else:
                numbers.append(number)
        return _pairs(numbers), used

    def _data(self, size: int) -> bytes:
        """Returns the data of an extended header."""
        self._left = _padded(size)
        if size > MAX_EXTENSION_BYTES:
            self._finish()
            raise ContainerError(FaultCode.DAMAGED, LONG_EXTENSION)
        data = self._small(size)
        if data is None:
            data = b"".join(self._content(size))
        self._finish()
        return data

    def _finish(self) -> None:
        """Skips what is left of a member."""
        if not self._left:
            return
        while self._left > 0 and not self._is_cut:
            count = self._ahead.skip(self._left)
            self._is_cut = not count
            self._left -= count
        self._left = 0


def _other_volume() -> Iterator[bytes]:
    yield from ()
    raise ContainerError(FaultCode.INCOMPLETE, OTHER_VOLUME)


def _behind_end() -> Trouble:
    return Trouble(FaultCode.TRAILING_DATA, TRAILING)


_FIELDS = struct.Struct("100s24x11sB12x6s2sB100x6s82xB166x")
"""Name, size and what ends it, checksum and what ends it, type, magic, and the first byte of the prefix."""
_ENDS = frozenset(b"\0 ")
_SUM_ENDS = (b"\0 ", b" \0")


def parse_header(block: bytes) -> _Header | None:
    """Returns the header in a block; ``None``: its checksum is wrong or a number is invalid."""
    name, size_text, size_end, sum_text, sum_end, kind, magic, prefix = _FIELDS.unpack(block)
    try:
        # As programs of today write them: octal digits alone.
        is_usual = sum_text.isdigit() and size_text.isdigit() and sum_end in _SUM_ENDS and size_end in _ENDS
        stated = int(sum_text, 8) if is_usual else parse_number(block[148:156])
        size = int(size_text, 8) if is_usual else parse_number(block[124:136])
    except ValueError:
        return None
    if stated is None or size is None:
        return None
    # The low half of Adler-32 is 1 and the sum of the bytes, modulo 65521 (RFC 1950 8.2). The checksum counts as eight
    # spaces, of which it has one.
    is_right = is_usual and zlib.adler32(block) & 0xFFFF == (stated + 1 + sum(sum_text) - 7 * 32) % 65521
    if not is_right and not _is_sum(stated, block[:148] + b" " * 8 + block[156:]):
        return None
    name = name.partition(b"\0")[0]
    if prefix and magic == b"ustar\0":
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return _Header(name, size, kind, block)


def _is_sum(stated: int, plain: bytes) -> bool:
    """Returns whether a checksum is that of the bytes, with or without signs."""
    return stated in {sum(plain), sum(byte - 256 if byte > 127 else byte for byte in plain)}


def parse_number(field: bytes) -> int | None:
    """Returns an octal number, or one in base 256; ``None``: it is neither, or negative."""
    if field[0] & 0x80:
        return None if field[0] & 0x40 else int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    text = field.strip(b" \0")
    if not text:
        return 0
    try:
        return int(text.partition(b"\0")[0], 8) if text[:1].isdigit() else None
    except ValueError:
        return None


def _pax(data: bytes) -> dict[bytes, bytes]:
    """Returns the records of an extended header; a sparse map of format 0.0 is joined to one value."""
    found: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    at = 0
    length = len(data)
    while at < length and (record := _PAX_RECORD.match(data, at)) is not None:
        end = at + int(record[1])
        if end <= record.end() or data[end - 1 : end] != b"\n":
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_HEADER)
        value = data[record.end() : end - 1]
        if record[2] in {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}:
            pairs.append(value)
        else:
            found[record[2]] = value
        at = end
    if at < length and data[at:].strip(b"\0"):
        raise ContainerError(FaultCode.DAMAGED, DAMAGED_HEADER)
    if pairs:
        found[b"GNU.sparse.map"] = b",".join(pairs)
    return found


def _pairs(numbers: list[int]) -> list[tuple[int, int]]:
    if len(numbers) % 2:
        raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _number_of(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise ContainerError(FaultCode.DAMAGED, BAD_MAP)
    return int(text)


def _padded(size: int) -> int:
    return (size + BLOCK - 1) & -BLOCK


def _zeros(count: int) -> Iterator[bytes]:
    piece = bytes(min(max(count, 0), CHUNK_BYTES))
    while count > 0:
        yield piece if count >= len(piece) else piece[:count]
        count -= len(piece)
