"""The content of a zip member that the central directory names: unpacked, decrypted, and compared with both headers.

Source: PKWARE APPNOTE 6.3.10; sections are cited at the structures.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.compressed_stream import ENDS_EARLY, TRAILING, unpacked
from hashaudit.content.containers.interface import CHUNK_BYTES, SMALL_BYTES, ContainerError, RandomSource
from hashaudit.content.containers.zip_central_directory import MOST_32, Entry
from hashaudit.content.containers.zip_coverage import LOCAL, LOCAL_BYTES
from hashaudit.content.containers.zip_encryption import (
    NO_PASSWORD_OR_DAMAGED,
    EncryptedMember,
    Opening,
    ZipPasswords,
)
from hashaudit.content.containers.zip_methods import decoder_of, may_lack_end
from hashaudit.model.faults import FaultCode

NO_LOCAL_HEADER = "the header of the member is damaged"
HEADERS_DIFFER = "the two headers of the member contradict one another"
OVERLAP = "the data of the member overlaps that of another"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"
WRONG_SIZE = "the size of the member does not agree with its content"
DIRECTORY_ENCRYPTED = "the central directory is encrypted"
OTHER_VOLUME = "the member begins in another volume of a split archive"

LOCAL_FIELDS = struct.Struct("<I2xHH4xIIIHH")
"""Signature, flags, method, checksum, both sizes, lengths of name and extra fields (4.3.7)."""
LOCAL_NUMBER = int.from_bytes(LOCAL, "little")

TRIAL_BYTES = 64 << 20
"""Unpacked bytes after which a password counts as right although others agree with the check bytes too."""

_UNUSUAL_FLAGS = 0x2041
"""Encryption of any kind (4.4.4)."""
_MASKED = 0x2000
"""The local header is masked, because the central directory is encrypted (4.4.4)."""
_STATED_LATER = (0, MOST_32)
"""Numbers of a local header that another place states: a data descriptor, a zip64 field."""
EXTRA_BYTES = 64
"""The extra fields of the two headers differ in length by less than this, if programs of today wrote them."""


class SmallMembers:
    """Reads small members in the usual form, ahead as most archives have them: in the order of the file.

    One read gets headers and data of many, which halves the time that an archive of small members takes.
    """

    def __init__(self, source: RandomSource) -> None:
        self.source = source
        self._at = 0
        self._data = b""

    def content(self, entry: Entry) -> bytes | None:  # noqa: PLR0911 # as it says
        """Returns the content of a small member.

        ``None``: :func:`listed_content` reads it, or says what is wrong. All is in one function, because it runs for
        each of a million members.
        """
        packed_bytes, size, method, name = entry.packed_bytes, entry.size, entry.method, entry.name
        if entry.flags & _UNUSUAL_FLAGS or packed_bytes > SMALL_BYTES or size > SMALL_BYTES:
            return None
        at = entry.offset - self._at
        data = self._data
        needed = LOCAL_BYTES + len(name) + packed_bytes + EXTRA_BYTES
        if at < 0 or at + needed > len(data):
            try:
                data, at = self._read(entry.offset, needed), 0
            except ContainerError:
                return None  # what is read ahead may be damaged, and not this member
            if len(data) < LOCAL_BYTES:
                return None
        signature, flags, local_method, crc, local_packed, local_size, name_bytes, extra_bytes = (
            LOCAL_FIELDS.unpack_from(data, at)
        )
        name_at = at + LOCAL_BYTES
        data_at = name_at + name_bytes
        if signature != LOCAL_NUMBER or flags & 1 or local_method != method or data[name_at:data_at] != name:
            return None
        if (crc != entry.crc or local_packed != packed_bytes or local_size != size) and (
            not flags & 8 or crc or local_packed or local_size
        ):
            return None
        data_at += extra_bytes
        packed = data[data_at : data_at + packed_bytes]
        if method == 8:
            decoder = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = decoder.decompress(packed, size + 1)
            except zlib.error:
                return None
            if not decoder.eof or decoder.unused_data:
                return None
        elif method == 0:
            content = packed
        else:
            return None
        if len(packed) != packed_bytes or len(content) != size or zlib.crc32(content) != entry.crc:
            return None
        return content

    def _read(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position, fewer at the end, and more if it is near the last one."""
        start = offset - self._at
        is_next = 0 <= start <= len(self._data) + count
        self._data = self.source.read_at(offset, max(count, CHUNK_BYTES) if is_next else count)
        self._at = offset
        return self._data


def listed_content(source: RandomSource, entry: Entry, passwords: ZipPasswords, *, overlaps: bool) -> Iterator[bytes]:
    """Yields the content of a member that the central directory names.

    Args:
        source: the bytes of the file.
        entry: of the central directory.
        passwords: what it may be encrypted with.
        overlaps: it begins within the data of another.

    Raises:
        ContainerError: it cannot be read, or something of it does not agree.
    """
    if overlaps:
        raise ContainerError(FaultCode.DAMAGED, OVERLAP)
    if entry.flags & _MASKED:
        raise ContainerError(FaultCode.ENCRYPTED, DIRECTORY_ENCRYPTED)
    header = source.read_at(entry.offset, LOCAL_BYTES)
    if len(header) < LOCAL_BYTES or header[:4] != LOCAL:
        raise ContainerError(
            FaultCode.INCOMPLETE if entry.disk else FaultCode.DAMAGED, OTHER_VOLUME if entry.disk else NO_LOCAL_HEADER
        )
    name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
    data_at = entry.offset + LOCAL_BYTES + name_bytes + extra_bytes
    if entry.flags & 1:
        yield from decrypted_content(source, entry, data_at, passwords)
    else:
        yield from _checked(entry, packed_pieces(source, data_at, entry.packed_bytes), has_crc=True)
    if not _agrees(entry, header, source.read_at(entry.offset + LOCAL_BYTES, name_bytes)):
        # Programs that read local headers see another name or other content.
        raise ContainerError(FaultCode.DAMAGED, HEADERS_DIFFER, is_complete=True)


def _agrees(entry: Entry, header: bytes, name: bytes) -> bool:
    """Returns whether a local header says what the central directory does. A number that it does not state agrees."""
    _, flags, method, crc, packed, size, _, _ = LOCAL_FIELDS.unpack_from(header)
    if method != entry.method or name != entry.name or (flags ^ entry.flags) & 1:
        return False
    pairs = ((crc, entry.crc), (packed, entry.packed_bytes), (size, entry.size))
    return bool(flags & 8) or all(said == listed or said in _STATED_LATER for said, listed in pairs)


def _checked(entry: Entry, packed: Iterator[bytes], *, has_crc: bool) -> Iterator[bytes]:
    """Yields the content of a member, and compares its size and checksum with the headers."""
    size = entry.size
    crc = count = 0
    decoder = decoder_of(entry)
    for data in packed:
        for piece in (data,) if decoder is None else unpacked(decoder, data):
            crc = zlib.crc32(piece, crc)
            count += len(piece)
            if count > size + CHUNK_BYTES:
                raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)
            yield piece
        if decoder is not None and decoder.eof:
            break
    if decoder is not None and not decoder.eof and not may_lack_end(entry):
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    if count != size:
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)
    if has_crc and crc != entry.crc:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
    if decoder is not None and decoder.eof and (decoder.unused_data or next(packed, b"")):
        raise ContainerError(FaultCode.TRAILING_DATA, TRAILING, is_complete=True)


def decrypted_content(source: RandomSource, entry: Entry, data_at: int, passwords: ZipPasswords) -> Iterator[bytes]:
    """Yields the content of an encrypted member.

    Raises:
        ContainerError: no password fits, or its content does not agree with the headers.
    """
    openings = openings_of(source, entry, data_at, passwords)
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


def openings_of(source: RandomSource, entry: Entry, data_at: int, passwords: ZipPasswords) -> list[Opening]:
    """Returns the ways to decrypt a member, at least one.

    Raises:
        ContainerError: there is none.
    """
    member = EncryptedMember(
        entry.method, entry.flags, entry.extra, (entry.crc >> 24, entry.time >> 8), entry.packed_bytes
    )
    return passwords.openings(member, source.read_at(data_at, min(32, entry.packed_bytes)))


def _opened(source: RandomSource, entry: Entry, data_at: int, opening: Opening) -> Iterator[bytes]:
    """Yields the content of a member as one password decrypts it."""
    packed_bytes = entry.packed_bytes - opening.head_bytes - opening.tail_bytes
    tail_at = data_at + opening.head_bytes + packed_bytes
    packed = opening.decrypted(
        packed_pieces(source, data_at + opening.head_bytes, packed_bytes),
        lambda: source.read_at(tail_at, opening.tail_bytes),
    )
    plain = msgspec.structs.replace(entry, flags=entry.flags & ~1, method=opening.method)
    yield from _checked(plain, packed, has_crc=opening.has_crc)
    for _ in packed:
        pass  # to the code of authenticity


def _fits(source: RandomSource, entry: Entry, data_at: int, opening: Opening) -> bool:
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


def packed_pieces(source: RandomSource, at: int, count: int) -> Iterator[bytes]:
    """Yields the data of a member as it stands in the file.

    Raises:
        ContainerError: the file ends in it.
    """
    while count > 0:
        data = source.read_at(at, min(count, CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        yield data
        at += len(data)
        count -= len(data)
