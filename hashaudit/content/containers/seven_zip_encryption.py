"""Shows an encrypted 7z archive as one that is not, because the library that unpacks it cannot decrypt.

The header is written again, without the steps of AES. The packed data is decrypted where it is read, at any position,
so that nothing is held. Whether a password is right shows in the checksum of the header, or of the first member.

Source: 7zFormat.txt and Methods.txt of the LZMA SDK; 7zAes.cpp of 7-Zip (the derivation of the key).
"""

import lzma
import struct
import zlib
from bisect import bisect_right
from typing import Any

import msgspec

from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder
from hashaudit.content.containers.seven_zip_header import (
    AES,
    COPY,
    DAMAGED,
    ENCODED,
    HEADER,
    LZMA,
    LZMA2,
    MAIN,
    UNKNOWN_ENCRYPTION,
    UNSUPPORTED,
    Coder,
    Folder,
    HeaderReader,
    Streams,
    is_read_by_library,
    read_streams,
    written,
)
from hashaudit.content.containers.seven_zip_keys import BLOCK_BYTES, SevenZipPasswords, aes_properties, cbc
from hashaudit.model.faults import FaultCode

NO_PASSWORD = "the central directory is encrypted; no password fits"  # noqa: S105 # a message

_START_BYTES = 32
"""Length of what stands before the packed data."""
MOST_HEADER_BYTES = 256 << 20


class PackedPart(msgspec.Struct, frozen=True):
    """A packed stream, without the padding that encryption adds."""

    begin: int
    """Its place in the archive without encryption."""
    end: int
    stored_at: int
    """Its place in the archive."""
    stored_bytes: int
    key: bytes
    """Empty: it is not encrypted."""
    vector: bytes


class DecryptedArchive(ReadInOrder):
    """A 7z archive without encryption, as one password shows it.

    Args:
        source: the archive.
        header: without encryption.
        parts: the packed data, in its order.
    """

    def __init__(self, source: RandomSource, header: bytes, parts: list[PackedPart]) -> None:
        self._source = source
        self._parts = parts
        self._begins = [part.begin for part in parts]
        self._data_end = parts[-1].end if parts else _START_BYTES
        place = struct.pack("<QQI", self._data_end - _START_BYTES, len(header), zlib.crc32(header))
        self._head = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(place)) + place
        self._header = header
        self.size = self._data_end + len(header)

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        end = min(offset + count, self.size)
        found = []
        while 0 <= offset < end:
            data = self._piece(offset, end - offset)
            if not data:
                break
            found.append(data)
            offset += len(data)
        return b"".join(found)

    def _piece(self, offset: int, count: int) -> bytes:
        if offset < _START_BYTES:
            return self._head[offset : offset + count]
        if offset >= self._data_end:
            at = offset - self._data_end
            return self._header[at : at + count]
        part = self._parts[bisect_right(self._begins, offset) - 1]
        count = min(count, part.end - offset)
        within = offset - part.begin
        if not part.key:
            return self._source.read_at(part.stored_at + within, count)
        first = within - within % BLOCK_BYTES
        before = max(0, first - BLOCK_BYTES)
        last = min(part.stored_bytes, within + count + -(within + count) % BLOCK_BYTES)
        data, vector = self._source.read_at(part.stored_at + before, last - before), part.vector
        if first:
            data, vector = data[BLOCK_BYTES:], data[:BLOCK_BYTES]
        whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
        if len(vector) < BLOCK_BYTES:
            return b""
        return cbc(part.key, vector).update(data[:whole])[within - first : within - first + count]


def decrypted_archives(source: RandomSource, start: int, passwords: SevenZipPasswords) -> list[DecryptedArchive]:
    """Returns the archive as each password shows it that may be right; none if the archive is not encrypted.

    Args:
        source: the archive.
        start: where it begins.
        passwords: at least one.

    Raises:
        ContainerError: no password fits, or the header is damaged.
    """
    found_header = _open_header(source, start, passwords)
    if found_header is None or not found_header.is_encrypted:
        return []
    is_sealed, streams, behind = found_header.is_sealed, found_header.streams, found_header.behind
    words = passwords.words[:1] if is_sealed else list(passwords.words)
    found = []
    for word in words:
        parts = _parts(start, streams, word, passwords)
        sizes = [part.end - part.begin for part in parts]
        plain = bytes((HEADER, MAIN)) + written(streams.folders, sizes) + behind
        found.append(DecryptedArchive(source, plain, parts))
    return found


class _OpenHeader(msgspec.Struct, frozen=True):
    is_sealed: bool
    """The header itself was encrypted."""
    streams: Streams
    behind: bytes
    """The rest of the header."""

    @property
    def is_encrypted(self) -> bool:
        return self.is_sealed or _has_aes(self.streams)


def _open_header(source: RandomSource, start: int, passwords: SevenZipPasswords) -> _OpenHeader | None:
    """Returns the header, unpacked; ``None``: it has no streams, or is damaged in a way that every reader finds."""
    head = source.read_at(start, _START_BYTES)
    data_bytes, length, crc = struct.unpack_from("<QQI", head, 12)
    if length > MOST_HEADER_BYTES:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    header = source.read_at(start + _START_BYTES + data_bytes, length)
    if len(header) < length or zlib.crc32(header) != crc or not header:
        return None
    is_sealed = False
    for _ in range(4):
        if header[0] != ENCODED:
            break
        streams, _ = read_streams(HeaderReader(header, 1))
        is_sealed = is_sealed or _has_aes(streams)
        header = _unpacked_header(source, start, streams, passwords)
    if not header or header[0] != HEADER:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    reader = HeaderReader(header, 1)
    if reader.peek() != MAIN:
        return None
    reader.byte()
    streams, end = read_streams(reader)
    return _OpenHeader(is_sealed, streams, header[end:])


def _has_aes(streams: Streams) -> bool:
    return any(coder.method == AES for folder in streams.folders for coder in folder.coders)


def is_encrypted(source: RandomSource, start: int) -> bool:
    """Returns whether some member of an archive is certainly encrypted. Its header is not."""
    try:
        header = _open_header(source, start, SevenZipPasswords(()))
    except ContainerError:
        return False
    return header is not None and header.is_encrypted


def has_unread_method(source: RandomSource, start: int) -> bool:
    """Returns whether the library cannot unpack some member, although it calls that damage.

    Args:
        source: the archive.
        start: where it begins.
    """
    try:
        header = _open_header(source, start, SevenZipPasswords(()))
    except ContainerError:
        return False
    folders = header.streams.folders if header is not None else []
    return any(not is_read_by_library(folder) for folder in folders)


def _parts(start: int, streams: Streams, word: str, passwords: SevenZipPasswords) -> list[PackedPart]:
    """Returns the packed streams as a password decrypts them."""
    found: list[PackedPart] = []
    at, stored_at, sizes = _START_BYTES, start + _START_BYTES + streams.position, iter(streams.sizes)
    for folder in streams.folders:
        of_input = _aes_inputs(folder)
        for packed in folder.packed:
            stored_bytes, key, vector = next(sizes), b"", b""
            size = stored_bytes
            if packed in of_input:
                coder, output = of_input[packed]
                size = min(size, folder.sizes[output])
                power, salt, vector = aes_properties(coder.properties or b"")
                key = passwords.key(word, salt, power)
            found.append(PackedPart(at, at + size, stored_at, stored_bytes, key, vector))
            at += size
            stored_at += stored_bytes
    return found


def _aes_inputs(folder: Folder) -> dict[int, tuple[Coder, int]]:
    """Returns the steps of AES that packed streams feed, and the numbers of their outputs, by those of their inputs."""
    found, at, output = {}, 0, 0
    for coder in folder.coders:
        if coder.method == AES:
            if (coder.inputs, coder.outputs) != (1, 1) or at not in folder.packed:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            found[at] = coder, output
        at += coder.inputs
        output += coder.outputs
    return found


def _unpacked_header(source: RandomSource, start: int, streams: Streams, passwords: SevenZipPasswords) -> bytes:
    """Returns the header that another one describes, as the first password shows it that its checksum confirms."""
    if len(streams.folders) != 1 or len(streams.sizes) != 1 or max(streams.sizes) > MOST_HEADER_BYTES:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    [folder] = streams.folders
    packed = source.read_at(start + _START_BYTES + streams.position, streams.sizes[0])
    steps = _chain(folder)
    is_encrypted = any(coder.method == AES for coder, _ in steps)
    for word in list(passwords.words) if is_encrypted else [""]:
        data = packed
        for coder, size in steps:
            data = _undone(coder, data, size, word, passwords)
        if len(data) == steps[-1][1] and folder.crc in {None, zlib.crc32(data)}:
            if is_encrypted:
                passwords.first(word)
            return data
    raise ContainerError(*((FaultCode.ENCRYPTED, NO_PASSWORD) if is_encrypted else (FaultCode.DAMAGED, DAMAGED)))


def _chain(folder: Folder) -> list[tuple[Coder, int]]:
    """Returns the steps from the packed stream on, with the lengths of what they give."""
    if any((coder.inputs, coder.outputs) != (1, 1) for coder in folder.coders) or len(folder.packed) != 1:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    feeds = {output: number for number, output in folder.bonds}
    found, at = [], folder.packed[0]
    for _ in folder.coders:
        if not at < len(folder.coders):
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        found.append((folder.coders[at], folder.sizes[at]))
        if at not in feeds:
            break
        at = feeds[at]
    if len(found) != len(folder.coders) or max(folder.sizes) > MOST_HEADER_BYTES:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    return found


def _undone(coder: Coder, data: bytes, size: int, word: str, passwords: SevenZipPasswords) -> bytes:
    properties = coder.properties or b""
    if coder.method == AES:
        power, salt, vector = aes_properties(properties)
        whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
        return cbc(passwords.key(word, salt, power), vector).update(data[:whole])[:size]
    if coder.method == COPY:
        return data[:size]
    form: dict[str, Any]
    if coder.method == LZMA and len(properties) == 5 and properties[0] < 225:
        rest, lc = divmod(properties[0], 9)
        form = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": rest % 5, "pb": rest // 5}
        form["dict_size"] = int.from_bytes(properties[1:], "little")
    elif coder.method == LZMA2 and len(properties) == 1 and properties[0] <= 40:
        bits = properties[0]
        form = {"id": lzma.FILTER_LZMA2, "dict_size": min((2 | bits & 1) << bits // 2 + 11, 0xFFFFFFFF)}
    else:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    # No more of the dictionary is needed than what is unpacked.
    form["dict_size"] = max(4096, min(form["dict_size"], size + 4096))
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[form]).decompress(data, size)
    except (lzma.LZMAError, ValueError):
        return b""
