"""The reader of zip files and of everything that is one: jar, apk, docx, xlsx, odt, epub, self-extracting programs.

Members are independent: one that is damaged does not hide the next. Members that the central directory alone names, and
those that only a header of their own names, are both read. Names are exact bytes.

Source: PKWARE APPNOTE 6.3.10; sections are cited at the structures.
"""

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from hashaudit.content.containers import compressed_stream
from hashaudit.content.containers.compressed_stream import ENDS_EARLY, Decoder, unpacked
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    SMALL_BYTES,
    ContainerError,
    Found,
    MemberContent,
    MemberRange,
    RandomSource,
    Trouble,
    whole_member,
)
from hashaudit.content.containers.sniff import END_RECORD_BYTES, TAIL_BYTES, is_end_record
from hashaudit.content.containers.volume_set import VolumeSet
from hashaudit.content.containers.zip_encryption import (
    AES_METHOD,
    NO_PASSWORD_OR_DAMAGED,
    UNKNOWN_ENCRYPTION,
    EncryptedMember,
    Opening,
    ZipPasswords,
)
from hashaudit.model.container_parts import MAX_PARTS
from hashaudit.model.faults import FaultCode

_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_DESCRIPTOR = b"PK\x07\x08"
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46
_CENTRAL_FIELDS = struct.Struct("<8xHHH2xIIIHHHH6xI")
"""Flags, method, time, checksum, both sizes, lengths of name, extra fields and comment, disk, offset (4.3.12)."""

NO_DIRECTORY = "the archive has no central directory; it may be cut off"
BROKEN_DIRECTORY = "the central directory is damaged"
NO_LOCAL_HEADER = "the header of the member is damaged"
OVERLAP = "the data of the member overlaps that of another"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"
WRONG_SIZE = "the size of the member does not agree with its content"
UNSUPPORTED = "compression method {} is not supported"
DIRECTORY_ENCRYPTED = "the central directory is encrypted"
OTHER_VOLUME = "the member begins in another volume of a split archive"

_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF


class _Entry(msgspec.Struct, frozen=True, gc=False):
    name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size: int
    offset: int
    """Position of its local header in the file."""
    disk: int = 0
    time: int = 0
    """As DOS writes it. Encryption uses its upper byte."""
    extra: bytes = b""
    """Extra fields, if the member is encrypted with AES."""
    listed_at: int = 0
    """Position of its entry in the central directory."""


class _Directory(msgspec.Struct, frozen=True):
    start: int
    """Position of the central directory in the file."""
    end: int
    base: int
    """Bytes before the archive."""
    disk: int


NO_PASSWORDS = ZipPasswords(())

MEMBER_BYTES = 8 << 10
"""Cost of examining any member, as bytes of content, when a zip is divided into ranges."""

LEAST_MEMBER_BYTES = 31
"""A header with a name of one byte."""

TRIAL_BYTES = 64 << 20
"""Unpacked bytes after which a password counts as right although others agree with the check bytes too."""


def read_zip(source: RandomSource, passwords: ZipPasswords = NO_PASSWORDS) -> Iterator[Found]:
    """Reads a zip file: its central directory in order, then members that it does not name, by position.

    Args:
        source: the bytes of the file.
        passwords: what encrypted members may have been encrypted with.
    """
    passwords = passwords.for_archive()
    directory = _find_directory(source)
    covered = _Covered(source)
    count = 0
    if directory is None:
        yield Trouble(FaultCode.DAMAGED, NO_DIRECTORY)
    else:
        window = _Window(source)
        overlapping = covered.collect(_entries(source, directory))
        for entry in _entries(source, directory):
            if entry is None:
                yield Trouble(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                break
            if not _is_directory(entry):
                yield _listed(window, entry, count, passwords, overlaps=count in overlapping)
            count += 1
        covered.add(directory.start, directory.end + END_RECORD_BYTES)
    yield from _unlisted(source, covered, count, passwords)


class ZipRanges:
    """A zip file whose directory is whole, and whose members do not overlap.

    Args:
        source: the bytes of the file.
        passwords: what encrypted members may have been encrypted with.
    """

    is_relative = False

    def __init__(self, source: RandomSource, passwords: ZipPasswords = NO_PASSWORDS) -> None:
        self._source = source
        self._passwords = passwords
        self._directory = _find_directory(source)
        self.passed = 0
        """Entries of the directory that the last call of :meth:`read` has passed so far."""

    def ranges(self, part_bytes: int) -> Sequence[MemberRange]:
        """Returns ranges of entries, and an empty one if there may be members that the directory does not name.

        Raises:
            ContainerError: the directory is damaged, or members overlap.
        """
        if self._directory is None:
            raise ContainerError(FaultCode.DAMAGED, NO_DIRECTORY)
        starts: list[tuple[int, int]] = []
        count = 0

        def counted(directory: _Directory) -> Iterator[_Entry | None]:
            nonlocal count, part_bytes
            left = 0
            for entry in _entries(self._source, directory):
                if entry is None:
                    raise ContainerError(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                if left <= 0:
                    starts.append((count, entry.listed_at))
                    if len(starts) > MAX_PARTS:
                        del starts[1::2]
                        part_bytes *= 2
                    left = part_bytes
                left -= max(entry.size, entry.packed_bytes) + MEMBER_BYTES
                count += 1
                yield entry

        covered, directory = _Covered(self._source), self._directory
        if covered.collect(counted(directory)):
            raise ContainerError(FaultCode.DAMAGED, OVERLAP)
        ends = [first for first, _ in starts[1:]] + [count]
        ranges = [MemberRange(first, end, hint) for (first, hint), end in zip(starts, ends, strict=True)]
        covered.add(directory.start, directory.end + END_RECORD_BYTES)
        gaps = covered.gaps(0, self._source.size)
        has_rest = any(end - start >= LEAST_MEMBER_BYTES for start, end in gaps)
        return (*ranges, MemberRange(count, count)) if has_rest else ranges

    def read(self, wanted: MemberRange) -> Iterator[Found]:
        """Yields the members of a range."""
        self.passed = 0
        directory, passwords = self._directory, self._passwords.for_archive()
        if directory is None:
            yield Trouble(FaultCode.DAMAGED, NO_DIRECTORY)
        elif wanted.first == wanted.end:
            covered = _Covered(self._source)
            covered.collect(_entries(self._source, directory))
            self.passed = len(covered) - wanted.first
            covered.add(directory.start, directory.end + END_RECORD_BYTES)
            yield from _unlisted(self._source, covered, wanted.first, passwords)
        else:
            window = _Window(self._source)
            for entry in _entries(self._source, directory, wanted.hint):
                if entry is None:
                    yield Trouble(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                    return
                number = wanted.first + self.passed
                self.passed += 1
                if not _is_directory(entry):
                    yield _listed(window, entry, number, passwords, overlaps=False)
                if number + 1 == wanted.end:
                    return


def _listed(window: "_Window", entry: _Entry, number: int, passwords: ZipPasswords, *, overlaps: bool) -> MemberContent:
    """Returns a member that the central directory names."""
    data = None if overlaps else _small_content(window, entry)
    if data is not None:
        return whole_member(number, entry.name, data)
    content = _listed_content(window.source, entry, passwords, overlaps=overlaps)
    return MemberContent(number, entry.name, content, entry.size)


def _unlisted(source: RandomSource, covered: "_Covered", count: int, passwords: ZipPasswords) -> Iterator[Found]:
    """Yields the members that only their own headers name, by position."""
    at = 0
    while (found := _next_unlisted(source, covered, at)) is not None:
        entry, data_at, limit = found
        end = [limit]
        if _is_directory(entry):
            end = [data_at]
        else:
            yield MemberContent(
                count, entry.name, _unlisted_content(source, entry, data_at, limit, end, passwords=passwords)
            )
            count += 1
        at = max(end[0], data_at)


class _Window:
    """Reads ahead while members are read in the order of the file, as most archives have them."""

    def __init__(self, source: RandomSource) -> None:
        self.source = source
        self._at = 0
        self._data = b""

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position, fewer at the end."""
        start = offset - self._at
        end = start + count
        if start >= 0 and end <= len(self._data):
            return self._data[start:end]
        is_next = 0 <= start <= len(self._data) + count
        self._data = self.source.read_at(offset, max(count, CHUNK_BYTES) if is_next else count)
        self._at = offset
        return self._data[:count]


class _Covered:
    """The parts of a file that the central directory and its members take, in the order of the directory."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._starts, self._ends = array("Q"), array("Q")
        self._name_bytes = array("H")
        self._is_sorted = True
        """The parts are in the order of the file, as programs write them: sorting a million takes 80 MiB."""
        self._sorted: list[int] | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def collect(self, entries: Iterable[_Entry | None]) -> frozenset[int]:
        """Adds what the central directory names; returns the numbers of entries that begin within another's data."""
        reach, is_apart, size = 0, True, self._source.size
        for entry in entries:
            start = size if entry is None else min(entry.offset, size)
            name_bytes = 0 if entry is None else len(entry.name)
            packed = 0 if entry is None else entry.packed_bytes + name_bytes + _LOCAL_BYTES
            self.add(start, min(size, start + packed), name_bytes)
            is_apart = is_apart and start >= reach
            reach = max(reach, self._ends[-1])
        if is_apart:
            return frozenset()
        found, reach = [], 0
        for number in self._order():
            if self._starts[number] < min(reach, size):
                found.append(number)
            reach = max(reach, self._ends[number])
        return frozenset(found)

    def add(self, start: int, end: int, name_bytes: int = 0) -> None:
        """Adds a part; ``name_bytes`` is the length of the member's name in the directory."""
        self._is_sorted = self._is_sorted and (not self._starts or start >= self._starts[-1])
        self._starts.append(start)
        self._ends.append(end)
        self._name_bytes.append(name_bytes)
        self._sorted = None

    def gaps(self, at: int, size: int) -> Iterator[tuple[int, int]]:
        """Yields the parts of the file that nothing takes and that may hold a member, from a position on.

        The length of a member's header stands in the header alone, which is read only before such a part.
        """
        last = None
        for number in self._order():
            start = self._starts[number]
            if start >= at + LEAST_MEMBER_BYTES:
                at = max(at, self._end(last))
                if start >= at + LEAST_MEMBER_BYTES:
                    yield at, start
            if self._ends[number] >= at:
                at, last = self._ends[number], number
        at = max(at, self._end(last))
        if at < size:
            yield at, size

    def _end(self, number: int | None) -> int:
        """Returns where an entry ends according to its local header."""
        if number is None or self._starts[number] >= self._ends[number]:
            return 0
        header = self._source.read_at(self._starts[number], _LOCAL_BYTES)
        if len(header) < _LOCAL_BYTES or header[:4] != _LOCAL:
            return 0
        name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
        more = int(name_bytes) + int(extra_bytes) - self._name_bytes[number]
        return min(self._source.size, self._ends[number] + more)

    def _order(self) -> Sequence[int]:
        if self._is_sorted:
            return range(len(self._starts))
        if self._sorted is None or len(self._sorted) != len(self._starts):
            self._sorted = sorted(range(len(self._starts)), key=self._starts.__getitem__)
        return self._sorted


def _is_directory(entry: _Entry) -> bool:
    return entry.name.endswith((b"/", b"\\")) and not entry.size and entry.packed_bytes <= 2


def _find_directory(source: RandomSource) -> _Directory | None:
    """Finds the last end record that is consistent (4.3.16, 4.3.14)."""
    tail_at = max(0, source.size - TAIL_BYTES)
    tail = source.read_at(tail_at, TAIL_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"PK\x05\x06", 0, at)) >= 0:
        if is_end_record(tail, at, source.size):
            disk, disk_of_directory, _, count, size, offset, _ = struct.unpack_from("<4xHHHHIIH", tail, at)
            end = tail_at + at
            if _MOST_32 in {size, offset} or count == _MOST_16:
                found = _find_directory64(source, end)
                if found is not None:
                    return found
            if size + offset <= end:
                if disk and isinstance(source, VolumeSet):
                    start = _start_of(source, disk_of_directory) + offset
                    return _Directory(start, start + size, 0, disk)
                base = end - size - offset
                start = end - size
                if size and source.read_at(start, 4) != _CENTRAL and source.read_at(offset, 4) == _CENTRAL:
                    base, start = 0, offset
                return _Directory(start, start + size, base, disk)
    return None


def _find_directory64(source: RandomSource, end: int) -> _Directory | None:
    locator = source.read_at(max(0, end - 20), 20)
    if locator[:4] != b"PK\x06\x07":
        return None
    disk, stated = struct.unpack_from("<IQ", locator, 4)
    if disk and isinstance(source, VolumeSet):
        stated += _start_of(source, disk)
    for at in (stated, end - 20 - 56):
        record = source.read_at(at, 56) if 0 <= at < end else b""
        if len(record) == 56 and record[:4] == b"PK\x06\x06":
            disk, disk_of_directory, size, offset = struct.unpack_from("<16xII16xQQ", record)
            if disk and isinstance(source, VolumeSet):
                start = _start_of(source, disk_of_directory) + offset
                return _Directory(start, start + size, 0, disk)
            if size + offset <= at:
                return _Directory(at - size, at, at - size - offset, disk)
    return None


def _start_of(source: VolumeSet, disk: int) -> int:
    """Returns where a volume begins; beyond the end if there is no such volume."""
    return source.starts[disk] if disk < len(source.starts) else source.size


def _entries(source: RandomSource, directory: _Directory, at: int = 0) -> Iterator[_Entry | None]:
    """Yields the entries of the central directory (4.3.12), then ``None`` if it is damaged before its end.

    Args:
        source: the bytes of the file.
        directory: as found.
        at: position of the first entry; 0: that of the directory.
    """
    at, data, start = at or directory.start, b"", 0
    while at < directory.end:
        if len(data) - start < _CENTRAL_BYTES:
            data, start = source.read_at(at, min(CHUNK_BYTES, directory.end - at)), 0
        signature = data[start : start + 4]
        if signature == b"PK\x05\x05":
            return  # a digital signature is the last thing in a directory
        if len(data) - start < _CENTRAL_BYTES or signature != _CENTRAL:
            yield None
            return
        fields = _CENTRAL_FIELDS.unpack_from(data, start)
        flags, method, time, crc, packed, size = fields[:6]
        name_bytes, extra_bytes, comment_bytes, disk, offset = fields[6:]
        length = _CENTRAL_BYTES + name_bytes + extra_bytes + comment_bytes
        if len(data) - start < length:
            data, start = source.read_at(at, max(length, min(CHUNK_BYTES, directory.end - at))), 0
            if len(data) < length:
                yield None
                return
        name_at = start + _CENTRAL_BYTES
        extra_at = name_at + name_bytes
        name, extra = data[name_at:extra_at], data[extra_at : extra_at + extra_bytes]
        if extra:
            size, packed, offset, disk = _wide(extra, size, packed, offset, disk)
        extra = extra if method == AES_METHOD else b""
        if directory.disk and isinstance(source, VolumeSet):
            offset += _start_of(source, disk)
        yield _Entry(name, flags, method, crc, packed, size, directory.base + offset, disk, time, extra, at)
        at += length
        start += length


def _wide(extra: bytes, size: int, packed: int, offset: int, disk: int) -> tuple[int, int, int, int]:
    """Returns the numbers with those of the zip64 field (4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            numbers = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            size = next(numbers, size) if size == _MOST_32 else size
            packed = next(numbers, packed) if packed == _MOST_32 else packed
            offset = next(numbers, offset) if offset == _MOST_32 else offset
            disk = int.from_bytes(field[-4:], "little") if disk == _MOST_16 and len(field) % 8 == 4 else disk
            break
        at += 4 + length
    return size, packed, offset, disk


def _small_content(window: _Window, entry: _Entry) -> bytes | None:
    """Returns the content of a small member in the usual form; ``None``: :func:`_listed_content` reads it.

    One read gets header and data, which halves the time that an archive of small members takes.
    """
    packed_bytes, method = entry.packed_bytes, entry.method
    if entry.flags & _UNUSUAL_FLAGS or method not in _USUAL_METHODS or max(packed_bytes, entry.size) > SMALL_BYTES:
        return None
    # The extra fields of the two headers differ in length, by less than this if programs of today wrote them.
    data = window.read_at(entry.offset, _LOCAL_BYTES + len(entry.name) + packed_bytes + 64)
    if data[:4] != _LOCAL or len(data) < _LOCAL_BYTES:
        return None
    data_at = _LOCAL_BYTES + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
    packed = data[data_at : data_at + packed_bytes]
    content = _inflated(packed, entry.size) if method else packed
    if len(packed) < packed_bytes or content is None or len(content) != entry.size or zlib.crc32(content) != entry.crc:
        return None
    return content


def _inflated(packed: bytes, size: int) -> bytes | None:
    """Returns the content, if it has at most ``size`` bytes; ``None`` if it has more or the data is damaged."""
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = decoder.decompress(packed, size + 1)
    except zlib.error:
        return None
    return content if decoder.eof else None


_UNUSUAL_FLAGS = 0x2041
"""Encryption of any kind (4.4.4)."""
_USUAL_METHODS = (0, 8)
"""Stored, and deflate."""


def _listed_content(
    source: RandomSource,
    entry: _Entry,
    passwords: ZipPasswords,
    *,
    overlaps: bool,
) -> Iterator[bytes]:
    if overlaps:
        raise ContainerError(FaultCode.DAMAGED, OVERLAP)
    if entry.flags & 0x2000:
        raise ContainerError(FaultCode.ENCRYPTED, DIRECTORY_ENCRYPTED)
    header = source.read_at(entry.offset, _LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES or header[:4] != _LOCAL:
        raise ContainerError(
            FaultCode.INCOMPLETE if entry.disk else FaultCode.DAMAGED, OTHER_VOLUME if entry.disk else NO_LOCAL_HEADER
        )
    name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
    data_at = entry.offset + _LOCAL_BYTES + name_bytes + extra_bytes
    if entry.flags & 1:
        yield from _decrypted_content(source, entry, data_at, passwords)
        return
    yield from _checked(entry, _packed(source, data_at, entry.packed_bytes), has_crc=True)


def _checked(entry: _Entry, packed: Iterator[bytes], *, has_crc: bool) -> Iterator[bytes]:
    """Yields the content of a member, and compares its size and checksum with the headers."""
    size = entry.size
    crc = count = 0
    decoder = _decoder(entry)
    for piece in _pieces(packed, decoder):
        crc = zlib.crc32(piece, crc)
        count += len(piece)
        if count > size + CHUNK_BYTES:
            raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)
        yield piece
    if decoder is not None and not decoder.eof and not _may_lack_end(entry):
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    if count != size:
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)
    if has_crc and crc != entry.crc:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


def _decrypted_content(source: RandomSource, entry: _Entry, data_at: int, passwords: ZipPasswords) -> Iterator[bytes]:
    """Yields the content of an encrypted member."""
    openings = _openings(source, entry, data_at, passwords)
    for opening in openings:
        if len(openings) > 1 and not _fits(source, entry, data_at, opening):
            continue
        try:
            yield from _opened(source, entry, data_at, opening)
        except ContainerError as error:
            if opening.is_sure or error.code is not FaultCode.DAMAGED:
                raise
            break
        return
    raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED)


def _openings(source: RandomSource, entry: _Entry, data_at: int, passwords: ZipPasswords) -> list[Opening]:
    member = EncryptedMember(
        entry.method, entry.flags, entry.extra, (entry.crc >> 24, entry.time >> 8), entry.packed_bytes
    )
    return passwords.openings(member, source.read_at(data_at, min(32, entry.packed_bytes)))


def _opened(source: RandomSource, entry: _Entry, data_at: int, opening: Opening) -> Iterator[bytes]:
    """Yields the content of a member as one password decrypts it."""
    packed_bytes = entry.packed_bytes - opening.head_bytes - opening.tail_bytes
    tail_at = data_at + opening.head_bytes + packed_bytes
    packed = opening.decrypted(
        _packed(source, data_at + opening.head_bytes, packed_bytes),
        lambda: source.read_at(tail_at, opening.tail_bytes),
    )
    plain = msgspec.structs.replace(entry, flags=entry.flags & ~1, method=opening.method)
    yield from _checked(plain, packed, has_crc=opening.has_crc)
    for _ in packed:
        pass  # to the code of authenticity


def _fits(source: RandomSource, entry: _Entry, data_at: int, opening: Opening) -> bool:
    """Returns whether a password makes a content that agrees with the headers."""
    count = 0
    try:
        for piece in _opened(source, entry, data_at, opening):
            count += len(piece)
            if count > TRIAL_BYTES and opening.method:
                break
    except ContainerError as error:
        return error.code is not FaultCode.DAMAGED
    return True


def _may_lack_end(entry: _Entry) -> bool:
    """Returns whether the end of the member's data is not marked: LZMA without an end marker (4.4.4, bit 1)."""
    return entry.method == 14 and not entry.flags & 2


def _packed(source: RandomSource, at: int, count: int) -> Iterator[bytes]:
    while count > 0:
        data = source.read_at(at, min(count, CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        yield data
        at += len(data)
        count -= len(data)


def _decoder(entry: _Entry) -> Decoder | None:
    """Returns the decoder of a member's method (4.4.5); ``None``: it is stored."""
    match entry.method:
        case 0:
            return None
        case 8:
            return compressed_stream.raw_deflate()
        case 12:
            return compressed_stream.bzip2()
        case 14:
            return _Lzma()
        case 20 | 93:
            return compressed_stream.zstd()
        case 95:
            return compressed_stream.xz()
        case _:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED.format(entry.method))


class _Lzma:
    """LZMA in a zip: version, length of the properties, properties, data (5.8.8)."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: Decoder | None = None

    @property
    def eof(self) -> bool:
        return self._decoder is not None and self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return b"" if self._decoder is None else self._decoder.unused_data

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 9:
                return
            if self._head[2:4] != b"\x05\x00":
                raise ContainerError(FaultCode.DAMAGED, compressed_stream.WRONG_DATA)
            self._decoder = compressed_stream.lzma_raw(self._head[4:9])
            data, self._head = self._head[9:], b""
        yield from self._decoder.unpack(data)


def _pieces(packed: Iterator[bytes], decoder: Decoder | None) -> Iterator[bytes]:
    if decoder is None:
        yield from packed
        return
    for data in packed:
        yield from unpacked(decoder, data)
        if decoder.eof:
            return


def _next_unlisted(source: RandomSource, covered: _Covered, at: int) -> tuple[_Entry, int, int] | None:
    """Returns the next member that only its own header names (4.3.7), where its data begins and where it has to end."""
    for start, end in covered.gaps(at, source.size):
        position = start
        while position < end:
            data = source.read_at(position, min(CHUNK_BYTES, end - position))
            if len(data) < len(_LOCAL):
                break
            found = data.find(_LOCAL)
            if found < 0:
                position += len(data) - len(_LOCAL) + 1
                continue
            position += found
            entry = _local_entry(source, position, end)
            if entry is not None:
                return entry[0], entry[1], end
            position += 1
    return None


_METHODS = frozenset((0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99))
_MOST_VERSION = 63


def _local_entry(source: RandomSource, at: int, end: int) -> tuple[_Entry, int] | None:
    header = source.read_at(at, _LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES:
        return None
    version, flags, method, time, crc, packed, size, name_bytes, extra_bytes = struct.unpack_from(
        "<4xHHHH2xIIIHH", header
    )
    data_at = at + _LOCAL_BYTES + name_bytes + extra_bytes
    if method not in _METHODS or version & 0xFF > _MOST_VERSION or not name_bytes or data_at > end:
        return None
    names = source.read_at(at + _LOCAL_BYTES, name_bytes + extra_bytes)
    extra = names[name_bytes:]
    size, packed, _, _ = _wide(extra, size, packed, 0, 0)
    extra = extra if method == AES_METHOD else b""
    return _Entry(names[:name_bytes], flags, method, crc, packed, size, at, 0, time, extra), data_at


def _unlisted_content(
    source: RandomSource, entry: _Entry, data_at: int, limit: int, end: list[int], *, passwords: ZipPasswords
) -> Iterator[bytes]:
    """Yields the content of a member that only its own header names, and sets where its data ends."""
    is_open = bool(entry.flags & 8) and not entry.packed_bytes
    stated = data_at + entry.packed_bytes
    end[0] = data_at if is_open or stated > limit else stated
    if is_open and not entry.method:
        raise ContainerError(FaultCode.DAMAGED, NO_LOCAL_HEADER)
    if entry.flags & 1 and not is_open:
        yield from _decrypted_content(source, entry, data_at, passwords)
        return
    taken, crc, count = 0, 0, 0
    opening = _first_opening(source, entry, data_at, limit, passwords) if entry.flags & 1 else None
    data_at += 0 if opening is None else opening.head_bytes
    packed = _packed(source, data_at, min(limit, source.size) - data_at if is_open else entry.packed_bytes)
    if opening is not None:
        entry = msgspec.structs.replace(entry, flags=entry.flags & ~1)
        packed = opening.decrypted(packed, bytes)
    decoder = _decoder(entry)
    if decoder is None:
        for piece in packed:
            crc, count = zlib.crc32(piece, crc), count + len(piece)
            yield piece
    else:
        for data in packed:
            taken += len(data)
            for piece in unpacked(decoder, data):
                crc, count = zlib.crc32(piece, crc), count + len(piece)
                yield piece
            if decoder.eof:
                break
        if not decoder.eof and not _may_lack_end(entry):
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if is_open:
            end[0] = data_at + taken - len(decoder.unused_data)
    _check_unlisted(source, entry, end, (count, crc), is_open=is_open)


def _first_opening(source: RandomSource, entry: _Entry, data_at: int, limit: int, passwords: ZipPasswords) -> Opening:
    """Returns the first opening of a member that states no length.

    Raises:
        ContainerError: there is none, or it is encrypted with AES, whose code is behind an end that nothing states.
    """
    if entry.method == AES_METHOD:
        raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
    stated = msgspec.structs.replace(entry, packed_bytes=limit - data_at)
    return _openings(source, stated, data_at, passwords)[0]


def _check_unlisted(
    source: RandomSource, entry: _Entry, end: list[int], found: tuple[int, int], *, is_open: bool
) -> None:
    """Compares size and CRC with the header, or with the data descriptor behind the data (4.3.9)."""
    count, crc = found
    expected_crc = entry.crc
    if is_open:
        record = source.read_at(end[0], 24)
        at = 4 if record[:4] == _DESCRIPTOR else 0
        if len(record) < at + 12:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY, is_complete=True)
        (expected_crc,) = struct.unpack_from("<I", record, at)
        end[0] += at + 12
    elif count != entry.size:
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE, is_complete=True)
    if crc != expected_crc:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
