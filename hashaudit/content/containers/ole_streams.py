"""The streams of a compound file, the format of OLE: a small filesystem of sectors.

Every stream of the directory is found, also one that the tree of its storages does not reach. A sector that two streams
take is a fault, so that neither cycles nor overlaps multiply what is read.

Source: [MS-CFB] 2.
"""

import struct
from array import array
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder
from hashaudit.content.containers.text_codecs import utf16_to_utf8
from hashaudit.model.faults import FaultCode

BAD_HEADER = "the header of the document is damaged"
BAD_TABLE = "a table of the document is damaged; members may be missing"
BAD_CHAIN = "the sectors of the member are damaged"
OVERLAP = "the data of the member overlaps that of another"

STORAGE, STREAM, ROOT = 1, 2, 5
_ENTRY_BYTES = 128
_LAST_SECTOR = 0xFFFFFFFA
_END_OF_CHAIN = 0xFFFFFFFE
_NO_ENTRY = 0xFFFFFFFF
_MINI_BYTES = 64
_HEADER_SECTORS = 109


class Entry(msgspec.Struct, frozen=True):
    """One entry of the directory."""

    name: bytes
    """In UTF-8."""
    type: int
    left: int
    right: int
    child: int
    start: int
    size: int


class SectorView(ReadInOrder):
    """The bytes of a chain of sectors."""

    def __init__(self, source: RandomSource, sectors: "array[int]", shift: int, first_at: int, size: int) -> None:
        self._source = source
        self.sectors = sectors
        self._shift = shift
        self._first_at = first_at
        self.size = min(size, len(sectors) << shift)

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position; sectors that follow one another are read at once."""
        parts = []
        end = min(offset + count, self.size)
        while offset < end:
            number = offset >> self._shift
            first = self.sectors[number]
            last = number
            most = (end - 1) >> self._shift
            while last < most and self.sectors[last + 1] == self.sectors[last] + 1:
                last += 1
            wanted = min(end, (last + 1) << self._shift) - offset
            within = offset - (number << self._shift)
            data = self._source.read_at(self._first_at + (first << self._shift) + within, wanted)
            parts.append(data)
            if len(data) < wanted:
                break
            offset += wanted
        return b"".join(parts)


class CompoundFile:
    """The tables and the directory of a compound file.

    Raises:
        ContainerError: the header is damaged.
    """

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        header = source.read_at(0, 512)
        if len(header) < 512:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        (shift, mini_shift) = struct.unpack_from("<HH", header, 30)
        if not 7 <= shift <= 16 or mini_shift != 6:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        self._shift = shift
        self._is_wide = shift > 9
        self.is_damaged = False
        self._count = max(0, -(-(source.size - (1 << shift)) >> shift))
        fat_count, first_directory = struct.unpack_from("<II", header, 44)
        self._cutoff, first_mini, mini_count, first_difat, _ = struct.unpack_from("<IIIII", header, 56)
        self._fat = self._read_fat(header, fat_count, first_difat)
        self._directory, is_whole = self._chain(first_directory, None)
        self.is_damaged = self.is_damaged or not is_whole
        self._view = self._sectors(self._directory, len(self._directory) << shift)
        self.entry_count = self._view.size // _ENTRY_BYTES
        mini_sectors, is_whole = self._chain(first_mini, None) if mini_count else (array("I"), True)
        self._mini_fat = _numbers(self._sectors(mini_sectors, len(mini_sectors) << shift))
        root = self.entry(0) if self.entry_count else None
        if root is None:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        mini_stream, is_mini_whole = self._chain(root.start, root.size)
        self.is_damaged = self.is_damaged or not is_whole or (not is_mini_whole and bool(mini_count))
        self._mini = self._sectors(mini_stream, min(root.size, len(mini_stream) << shift))
        self._claimed, self._mini_claimed = bytearray(self._count), bytearray(len(self._mini_fat))
        self._parents: array[int] | None = None

    def entry(self, number: int) -> Entry:
        """Returns an entry of the directory."""
        data = self._view.read_at(number * _ENTRY_BYTES, _ENTRY_BYTES).ljust(_ENTRY_BYTES, b"\0")
        (name_bytes,) = struct.unpack_from("<H", data, 64)
        name = utf16_to_utf8(data[: max(0, min(name_bytes, 64) - 2)])
        left, right, child = struct.unpack_from("<III", data, 68)
        start, size, high = struct.unpack_from("<III", data, 116)
        return Entry(name, data[66], left, right, child, start, size | high << 32 if self._is_wide else size)

    def parent(self, number: int) -> int:
        """Returns the number of the storage of an entry; 0 is the root, -1 means that the tree does not reach it."""
        if self._parents is None:
            self._parents = self._walk()
        return self._parents[number]

    def path(self, number: int) -> bytes:
        """Returns the names on the way to an entry, without the root's."""
        names = [self.entry(number).name]
        while (number := self.parent(number)) > 0 and len(names) < 100:
            names.append(self.entry(number).name)
        return b"/".join(reversed(names))

    def view(self, entry: Entry) -> tuple[SectorView, bool]:
        """Returns the bytes of a stream, and whether all its sectors are there."""
        if entry.size < self._cutoff:
            sectors, is_whole = _follow(self._mini_fat, entry.start, len(self._mini_fat), -(-entry.size // _MINI_BYTES))
            view = SectorView(self._mini, sectors, 6, 0, entry.size)
        else:
            sectors, is_whole = self._chain(entry.start, entry.size)
            view = self._sectors(sectors, entry.size)
        return view, is_whole and view.size == entry.size

    def content(self, entry: Entry) -> Iterator[bytes]:
        """Yields a stream whose sectors belong to no other one.

        Raises:
            ContainerError: sectors are missing, or taken by another stream.
        """
        view, is_whole = self.view(entry)
        claimed = self._mini_claimed if entry.size < self._cutoff else self._claimed
        for sector in view.sectors:
            if claimed[sector]:
                raise ContainerError(FaultCode.DAMAGED, OVERLAP)
            claimed[sector] = 1
        yield from pieces(view)
        if not is_whole:
            raise ContainerError(FaultCode.DAMAGED, BAD_CHAIN)

    def _walk(self) -> "array[int]":
        parents = array("i", [-1]) * self.entry_count
        parents[0] = 0
        stack = [(self.entry(0).child, 0)]
        while stack:
            number, parent = stack.pop()
            if number >= self.entry_count or parents[number] >= 0:
                self.is_damaged = self.is_damaged or number != _NO_ENTRY
                continue
            parents[number] = parent
            entry = self.entry(number)
            stack += [(entry.left, parent), (entry.right, parent)]
            if entry.type == STORAGE:
                stack.append((entry.child, number))
        return parents

    def _sectors(self, sectors: "array[int]", size: int) -> SectorView:
        return SectorView(self._source, sectors, self._shift, 1 << self._shift, size)

    def _chain(self, start: int, size: int | None) -> "tuple[array[int], bool]":
        """Returns the sectors of a chain; all of it without a size."""
        most = self._count if size is None else -(-size >> self._shift)
        return _follow(self._fat, start, self._count, most, is_open=size is None)

    def _read_fat(self, header: bytes, fat_count: int, first_difat: int) -> "array[int]":
        """Reads the table of the sectors that follow each sector (2.3, 2.5)."""
        sectors = array("I", [n for n in struct.unpack_from("<109I", header, 76) if n < _LAST_SECTOR])
        seen = bytearray(self._count)
        at = first_difat
        while at < self._count and not seen[at] and len(sectors) < self._count:
            seen[at] = 1
            numbers = _numbers(self._sectors(array("I", [at]), 1 << self._shift))
            sectors.extend(number for number in numbers[:-1] if number < _LAST_SECTOR)
            at = numbers[-1] if numbers else _END_OF_CHAIN
        fat = array("I")
        needed = self._count
        taken = bytearray(self._count)
        for number in sectors:
            if len(fat) >= needed:
                break
            if number >= self._count or taken[number]:
                self.is_damaged = True
                break
            taken[number] = 1
            fat.extend(_numbers(self._sectors(array("I", [number]), 1 << self._shift)))
        if len(fat) < needed and len(sectors) < fat_count:
            self.is_damaged = True
        return fat


def pieces(view: RandomSource) -> Iterator[bytes]:
    """Yields all bytes.

    Raises:
        ContainerError: some are missing.
    """
    at = 0
    while at < view.size:
        data = view.read_at(at, CHUNK_BYTES)
        if not data:
            raise ContainerError(FaultCode.DAMAGED, BAD_CHAIN)
        yield data
        at += len(data)


def _numbers(view: SectorView) -> "array[int]":
    found = array("I")
    for data in pieces(view):
        found.extend(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))
    return found


def _follow(
    table: "array[int]", start: int, count: int, most: int, *, is_open: bool = False
) -> "tuple[array[int], bool]":
    """Returns the sectors of a chain, and whether it ends as it has to."""
    sectors = array("I")
    at, limit = start, min(most, count)
    while len(sectors) < limit and at < count and at < _LAST_SECTOR:
        sectors.append(at)
        at = table[at] if at < len(table) else _NO_ENTRY
    return sectors, at == _END_OF_CHAIN if is_open else len(sectors) == most
