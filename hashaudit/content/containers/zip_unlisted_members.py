"""Members of a zip file that have a local header alone, and other data that the central directory does not name.

Source: PKWARE APPNOTE 6.3.10; sections are cited at the structures. APK Signature Scheme v2, "APK Signing Block".
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.appended_archives import END_RECORD_BYTES
from hashaudit.content.containers.compressed_stream import ENDS_EARLY, TRAILING, unpacked
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.zip_central_directory import CENTRAL_BYTES, Directory, Entry, is_directory, wide
from hashaudit.content.containers.zip_coverage import LEAST_MEMBER_BYTES, LOCAL, LOCAL_BYTES, Covered
from hashaudit.content.containers.zip_encryption import AES_METHOD, UNKNOWN_ENCRYPTION, Opening, ZipPasswords
from hashaudit.content.containers.zip_member_data import (
    NO_LOCAL_HEADER,
    WRONG_CHECKSUM,
    WRONG_SIZE,
    decrypted_content,
    openings_of,
    packed_pieces,
)
from hashaudit.content.containers.zip_methods import METHODS, decoder_of, may_lack_end
from hashaudit.model.faults import FaultCode

DESCRIPTOR = b"PK\x07\x08"

OTHER_DATA = "other data lies between or behind the members of the archive"

_MOST_VERSION = 63
_MOST_RECORD_BYTES = 1 << 12
"""Longest record of a directory that is not an entry."""


def unlisted(
    source: RandomSource, covered: Covered, count: int, passwords: ZipPasswords, directory: Directory | None
) -> Iterator[Found]:
    """Yields the members that only their own headers name, by position, and a fault if there is other data.

    Args:
        source: the bytes of the file.
        covered: what the central directory and its members take.
        count: index of the first member.
        passwords: what encrypted members may have been encrypted with.
        directory: the central directory. Without one, nothing says what is between members.
    """
    is_program = source.read_at(0, len(LOCAL)) != LOCAL
    comment_at = -1 if directory is None else directory.end_record + END_RECORD_BYTES
    has_other = False
    for start, limit in covered.gaps(0, source.size):
        at = start
        # What precedes an archive is a program that unpacks it, an image, or another file that programs know.
        is_ignored = directory is None or (start == 0 and is_program)
        while (found := _next_local_header(source, at, limit)) is not None:
            entry, data_at = found
            has_other |= not is_ignored and not _is_structure(source, at, entry.offset)
            is_ignored = directory is None
            end = [limit]
            if is_directory(entry):
                end = [data_at]
            else:
                content = _unlisted_content(source, entry, data_at, limit, end, passwords=passwords)
                yield MemberContent(count, entry.name, content)
                count += 1
            at = max(end[0], data_at)
        if at == comment_at:
            at = comment_at + int.from_bytes(source.read_at(comment_at - 2, 2), "little")
        has_other |= not is_ignored and not _is_structure(source, at, limit)
    if has_other:
        yield Trouble(FaultCode.TRAILING_DATA, OTHER_DATA)


def _is_structure(source: RandomSource, at: int, end: int) -> bool:
    """Returns whether a part of a file holds only records of the format, zeros, and less than a member needs."""
    while end - at >= LEAST_MEMBER_BYTES:
        head = source.read_at(at, min(CENTRAL_BYTES, end - at))
        length = _record_bytes(source, at, end, head) if head[:2] == b"PK" else 0
        if not length and not head[0]:
            length = _zeros(source, at, end)
        length = length or _signing_block_bytes(source, at, end)
        if length <= 0:
            return False
        at += length
    return True


def _record_bytes(source: RandomSource, at: int, end: int, head: bytes) -> int:
    """Returns the length of a record of the format; 0: it is something else."""
    length = 0
    match head[:4]:
        case b"PK\x01\x02" if len(head) >= CENTRAL_BYTES:  # of another directory (4.3.12)
            length = CENTRAL_BYTES + sum(struct.unpack_from("<HHH", head, 28))
        case b"PK\x05\x06":  # end record (4.3.16)
            length = END_RECORD_BYTES + int.from_bytes(head[20:22], "little")
        case b"PK\x06\x06":  # zip64 end record (4.3.14)
            length = 12 + int.from_bytes(head[4:12], "little")
            length = length if length <= _MOST_RECORD_BYTES else 0
        case b"PK\x06\x07":  # its locator (4.3.15)
            length = 20
        case b"PK\x05\x05":  # digital signature (4.3.13)
            length = 6 + int.from_bytes(head[4:6], "little")
        case b"PK\x07\x08":  # data descriptor (4.3.9)
            is_wide = not any(head[12:16] + head[20:24]) or at + 24 == end or source.read_at(at + 24, 2) == b"PK"
            length = 24 if is_wide and head[16:18] != b"PK" else 16
        case b"PK\x03\x04" if not any(head[18:28]):  # a header without name and data, with which some programs pad
            length = LOCAL_BYTES + int.from_bytes(head[28:30], "little")
        case _:
            pass
    return length


def _zeros(source: RandomSource, at: int, end: int) -> int:
    """Returns the number of zeros at a position."""
    data = source.read_at(at, min(CHUNK_BYTES, end - at))
    return len(data) - len(data.lstrip(b"\0"))


def _signing_block_bytes(source: RandomSource, at: int, end: int) -> int:
    """Returns the length of the signing block of an Android package; 0: it is something else."""
    length = 8 + int.from_bytes(source.read_at(at, 8), "little")
    if not 32 <= length <= end - at:
        return 0
    return length if source.read_at(at + length - 16, 16) == b"APK Sig Block 42" else 0


def _next_local_header(source: RandomSource, at: int, end: int) -> tuple[Entry, int] | None:
    """Returns the next member of a local header (4.3.7) in a part of the file, and where its data begins."""
    while at < end:
        data = source.read_at(at, min(CHUNK_BYTES, end - at))
        if len(data) < len(LOCAL):
            break
        found = data.find(LOCAL)
        if found < 0:
            at += len(data) - len(LOCAL) + 1
            continue
        at += found
        entry = _local_entry(source, at, end)
        if entry is not None:
            return entry
        at += 1
    return None


def _local_entry(source: RandomSource, at: int, end: int) -> tuple[Entry, int] | None:
    # The content of standard input has no name (4.4.17).
    header = source.read_at(at, LOCAL_BYTES)
    if len(header) < LOCAL_BYTES:
        return None
    version, flags, method, time, crc, packed, size, name_bytes, extra_bytes = struct.unpack_from(
        "<4xHHHH2xIIIHH", header
    )
    data_at = at + LOCAL_BYTES + name_bytes + extra_bytes
    if method not in METHODS or version & 0xFF > _MOST_VERSION or data_at > end:
        return None
    if not name_bytes and not packed and not flags & 8:
        return None  # it has neither name nor data
    names = source.read_at(at + LOCAL_BYTES, name_bytes + extra_bytes)
    extra = names[name_bytes:]
    size, packed, _, _ = wide(extra, size, packed, 0, 0)
    extra = extra if method == AES_METHOD else b""
    return Entry(names[:name_bytes], flags, method, crc, packed, size, at, 0, time, extra), data_at


def _unlisted_content(
    source: RandomSource, entry: Entry, data_at: int, limit: int, end: list[int], *, passwords: ZipPasswords
) -> Iterator[bytes]:
    """Yields the content of a member that only its own header names, and sets where its data ends."""
    is_open = bool(entry.flags & 8) and not entry.packed_bytes
    stated = data_at + entry.packed_bytes
    end[0] = data_at if is_open or stated > limit else stated
    if is_open and not entry.method:
        raise ContainerError(FaultCode.DAMAGED, NO_LOCAL_HEADER)
    if entry.flags & 1 and not is_open:
        yield from decrypted_content(source, entry, data_at, passwords)
        return
    taken, crc, count = 0, 0, 0
    opening = _first_opening(source, entry, data_at, limit, passwords) if entry.flags & 1 else None
    data_at += 0 if opening is None else opening.head_bytes
    packed = packed_pieces(source, data_at, min(limit, source.size) - data_at if is_open else entry.packed_bytes)
    if opening is not None:
        entry = msgspec.structs.replace(entry, flags=entry.flags & ~1)
        packed = opening.decrypted(packed, bytes)
    decoder = decoder_of(entry)
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
        if not decoder.eof and not may_lack_end(entry):
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if is_open:
            end[0] = data_at + taken - len(decoder.unused_data)
    _check_unlisted(source, entry, end, (count, crc), is_open=is_open)
    if not is_open and decoder is not None and decoder.eof and (decoder.unused_data or next(packed, b"")):
        raise ContainerError(FaultCode.TRAILING_DATA, TRAILING, is_complete=True)


def _first_opening(source: RandomSource, entry: Entry, data_at: int, limit: int, passwords: ZipPasswords) -> Opening:
    """Returns the first opening of a member that states no length.

    Raises:
        ContainerError: there is none, or it is encrypted with AES, whose code is behind an end that nothing states.
    """
    if entry.method == AES_METHOD:
        raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
    stated = msgspec.structs.replace(entry, packed_bytes=limit - data_at)
    return openings_of(source, stated, data_at, passwords)[0]


def _check_unlisted(
    source: RandomSource, entry: Entry, end: list[int], found: tuple[int, int], *, is_open: bool
) -> None:
    """Compares size and CRC with the header, or with the data descriptor behind the data (4.3.9)."""
    count, crc = found
    expected_crc = entry.crc
    if is_open:
        record = source.read_at(end[0], 24)
        at = 4 if record[:4] == DESCRIPTOR else 0
        if len(record) < at + 12:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY, is_complete=True)
        (expected_crc,) = struct.unpack_from("<I", record, at)
        end[0] += at + 12
    elif count != entry.size:
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE, is_complete=True)
    if crc != expected_crc:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
