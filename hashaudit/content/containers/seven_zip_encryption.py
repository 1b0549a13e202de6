"""Shows an encrypted 7z archive as one that is not, because the library that unpacks it cannot decrypt.

The header is written again, without the steps of AES. The packed data is decrypted where it is read, at any position,
so that nothing is held. Whether a password is right shows in the checksum of the header, or of the first member.

Source: 7zFormat.txt and Methods.txt of the LZMA SDK; 7zAes.cpp of 7-Zip (the derivation of the key).
"""

import hashlib
import lzma
import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder
from hashaudit.model.faults import FaultCode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

DAMAGED = "the archive is damaged; members may be missing"
UNSUPPORTED = "this form of the archive is not supported"
NO_PASSWORD = "the central directory is encrypted; no password fits"  # noqa: S105 # a message
UNKNOWN_ENCRYPTION = "the member is encrypted in a way that is not supported"

_AES, _LZMA, _LZMA2, _COPY = b"\x06\xf1\x07\x01", b"\x03\x01\x01", b"\x21", b"\x00"
_BLOCK_BYTES = 16
_START_BYTES = 32
"""Length of what stands before the packed data."""
MOST_HEADER_BYTES = 256 << 20
MOST_ROUNDS = 1 << 26
"""Most rounds of the derivation of keys for one archive: a minute or so. One password of 7-Zip takes 2^19."""
MOST_KEYS = 1000
"""Most keys that are kept."""
_MOST_POWER = 24
_MOST_CODERS = 32
_MOST_FOLDERS = 1_000_000

_END, _HEADER, _MAIN, _PACK, _UNPACK = b"\x00", 0x01, 0x04, 0x06, 0x07
_SIZES, _CRC, _FOLDERS, _UNPACK_SIZES, _ENCODED = 0x09, 0x0A, 0x0B, 0x0C, 0x17


class SevenZipPasswords:
    """The passwords to try, and the keys that they give. Creating it loads what the sandbox would refuse later."""

    def __init__(self, passwords: Sequence[bytes]) -> None:
        self.words = list(dict.fromkeys(word.decode("utf-8", "surrogateescape") for word in passwords))
        self._keys: dict[tuple[str, bytes, int], bytes] = {}
        self._rounds = 0
        if self.words:
            _cbc(bytes(32), bytes(_BLOCK_BYTES))

    def __bool__(self) -> bool:
        return bool(self.words)

    def for_archive(self) -> "SevenZipPasswords":
        """Returns the same passwords for another archive. Keys are shared, because most archives have no salt."""
        copied = SevenZipPasswords(())
        copied.words, copied._keys = list(self.words), self._keys
        return copied

    def key(self, word: str, salt: bytes, power: int) -> bytes:
        """Returns the key that a password gives.

        Raises:
            ContainerError: it would take too long.
        """
        found = self._keys.get((word, salt, power))
        if found is None:
            if power > _MOST_POWER and power != 0x3F:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            self._rounds += 0 if power == 0x3F else 1 << power
            if self._rounds > MOST_ROUNDS:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            found = self._keys[word, salt, power] = _derived(word.encode("utf-16-le", "surrogatepass"), salt, power)
        return found

    def first(self, word: str) -> None:
        """Notes that a password fitted: it is tried first from now on."""
        self.words.remove(word)
        self.words.insert(0, word)


class _Coder(msgspec.Struct):
    method: bytes
    properties: bytes | None
    inputs: int
    outputs: int


class _Folder(msgspec.Struct):
    coders: list[_Coder]
    bonds: list[tuple[int, int]]
    """Number of an input and of the output that feeds it."""
    packed: list[int]
    """Numbers of the inputs that packed streams feed."""
    sizes: list[int] = []
    """Length of each output."""
    crc: int | None = None


class _Streams(msgspec.Struct):
    position: int
    sizes: list[int]
    folders: list[_Folder]


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
        first = within - within % _BLOCK_BYTES
        before = max(0, first - _BLOCK_BYTES)
        last = min(part.stored_bytes, within + count + -(within + count) % _BLOCK_BYTES)
        data, vector = self._source.read_at(part.stored_at + before, last - before), part.vector
        if first:
            data, vector = data[_BLOCK_BYTES:], data[:_BLOCK_BYTES]
        whole = len(data) // _BLOCK_BYTES * _BLOCK_BYTES
        if len(vector) < _BLOCK_BYTES:
            return b""
        return _cbc(part.key, vector).update(data[:whole])[within - first : within - first + count]


def decrypted_archives(source: RandomSource, start: int, passwords: SevenZipPasswords) -> list[DecryptedArchive]:
    """Returns the archive as each password shows it that may be right; none if the archive is not encrypted.

    Args:
        source: the archive.
        start: where it begins.
        passwords: at least one.

    Raises:
        ContainerError: no password fits, or the header is damaged.
    """
    head = source.read_at(start, _START_BYTES)
    data_bytes, length, crc = struct.unpack_from("<QQI", head, 12)
    if length > MOST_HEADER_BYTES:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    header = source.read_at(start + _START_BYTES + data_bytes, length)
    if len(header) < length or zlib.crc32(header) != crc or not header:
        return []  # its damage is found without decryption
    is_sealed = False
    for _ in range(4):
        if header[0] != _ENCODED:
            break
        streams, _ = _read_streams(_Reader(header, 1))
        is_sealed = is_sealed or any(coder.method == _AES for folder in streams.folders for coder in folder.coders)
        header = _unpacked_header(source, start, streams, passwords)
    if not header or header[0] != _HEADER:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    reader = _Reader(header, 1)
    if reader.peek() != _MAIN:
        return []
    reader.byte()
    streams, end = _read_streams(reader)
    if not is_sealed and not any(coder.method == _AES for folder in streams.folders for coder in folder.coders):
        return []
    words = passwords.words[:1] if is_sealed else list(passwords.words)
    found = []
    for word in words:
        parts = _parts(start, streams, word, passwords)
        sizes = [part.end - part.begin for part in parts]
        plain = bytes((_HEADER, _MAIN)) + _written(streams.folders, sizes) + header[end:]
        found.append(DecryptedArchive(source, plain, parts))
    return found


def _parts(start: int, streams: _Streams, word: str, passwords: SevenZipPasswords) -> list[PackedPart]:
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
                power, salt, vector = _aes_properties(coder.properties or b"")
                key = passwords.key(word, salt, power)
            found.append(PackedPart(at, at + size, stored_at, stored_bytes, key, vector))
            at += size
            stored_at += stored_bytes
    return found


def _aes_inputs(folder: _Folder) -> dict[int, tuple[_Coder, int]]:
    """Returns the steps of AES that packed streams feed, and the numbers of their outputs, by those of their inputs."""
    found, at, output = {}, 0, 0
    for coder in folder.coders:
        if coder.method == _AES:
            if (coder.inputs, coder.outputs) != (1, 1) or at not in folder.packed:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            found[at] = coder, output
        at += coder.inputs
        output += coder.outputs
    return found


def _aes_properties(data: bytes) -> tuple[int, bytes, bytes]:
    """Returns the power of two of the rounds, the salt, and the initialization vector."""
    if not data:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    first, second = data[0], data[1] if len(data) > 1 and data[0] & 0xC0 else 0
    salt_bytes, vector_bytes = (first >> 7 & 1) + (second >> 4), (first >> 6 & 1) + (second & 15)
    salt = data[2 : 2 + salt_bytes]
    vector = data[2 + salt_bytes : 2 + salt_bytes + vector_bytes]
    return first & 0x3F, salt, vector.ljust(_BLOCK_BYTES, b"\0")


def _derived(word: bytes, salt: bytes, power: int) -> bytes:
    if power == 0x3F:
        return (salt + word).ljust(32, b"\0")[:32]
    digest, seed = hashlib.sha256(), salt + word
    step = 1 << min(power, 12)
    for first in range(0, 1 << power, step):
        digest.update(b"".join(seed + number.to_bytes(8, "little") for number in range(first, first + step)))
    return digest.digest()


def _unpacked_header(source: RandomSource, start: int, streams: _Streams, passwords: SevenZipPasswords) -> bytes:
    """Returns the header that another one describes, as the first password shows it that its checksum confirms."""
    if len(streams.folders) != 1 or len(streams.sizes) != 1 or max(streams.sizes) > MOST_HEADER_BYTES:
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    [folder] = streams.folders
    packed = source.read_at(start + _START_BYTES + streams.position, streams.sizes[0])
    steps = _chain(folder)
    is_encrypted = any(coder.method == _AES for coder, _ in steps)
    for word in list(passwords.words) if is_encrypted else [""]:
        data = packed
        for coder, size in steps:
            data = _undone(coder, data, size, word, passwords)
        if len(data) == steps[-1][1] and folder.crc in {None, zlib.crc32(data)}:
            if is_encrypted:
                passwords.first(word)
            return data
    raise ContainerError(*((FaultCode.ENCRYPTED, NO_PASSWORD) if is_encrypted else (FaultCode.DAMAGED, DAMAGED)))


def _chain(folder: _Folder) -> list[tuple[_Coder, int]]:
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


def _undone(coder: _Coder, data: bytes, size: int, word: str, passwords: SevenZipPasswords) -> bytes:
    properties = coder.properties or b""
    if coder.method == _AES:
        power, salt, vector = _aes_properties(properties)
        whole = len(data) // _BLOCK_BYTES * _BLOCK_BYTES
        return _cbc(passwords.key(word, salt, power), vector).update(data[:whole])[:size]
    if coder.method == _COPY:
        return data[:size]
    form: dict[str, Any]
    if coder.method == _LZMA and len(properties) == 5 and properties[0] < 225:
        rest, lc = divmod(properties[0], 9)
        form = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": rest % 5, "pb": rest // 5}
        form["dict_size"] = int.from_bytes(properties[1:], "little")
    elif coder.method == _LZMA2 and len(properties) == 1 and properties[0] <= 40:
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


class _Reader:
    """Reads the numbers of a header."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def peek(self) -> int:
        return self.data[self.at] if self.at < len(self.data) else -1

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        self.at += count
        return found

    def number(self) -> int:
        """Reads a number, of which the first byte says how many follow."""
        first = self.byte()
        value, mask = 0, 0x80
        for place in range(8):
            if not first & mask:
                return value + ((first & (mask - 1)) << 8 * place)
            value |= self.byte() << 8 * place
            mask >>= 1
        return value

    def count(self, most: int) -> int:
        value = self.number()
        if value > most:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        return value

    def expect(self, wanted: int) -> None:
        if self.byte() != wanted:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)

    def checksums(self, count: int) -> list[int | None]:
        present = [True] * count
        if not self.byte():
            bits = self.take((count + 7) // 8)
            present = [bool(bits[place // 8] & 0x80 >> place % 8) for place in range(count)]
        return [int.from_bytes(self.take(4), "little") if has else None for has in present]


def _read_streams(reader: _Reader) -> tuple[_Streams, int]:
    """Reads where packed streams are and how they are packed; returns the position behind that, too."""
    most = len(reader.data)
    reader.expect(_PACK)
    position, sizes = reader.number(), [0] * reader.count(most)
    while kind := reader.byte():
        if kind == _SIZES:
            sizes = [reader.number() for _ in sizes]
        elif kind == _CRC:
            reader.checksums(len(sizes))
        else:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
    reader.expect(_UNPACK)
    reader.expect(_FOLDERS)
    count = reader.count(min(most, _MOST_FOLDERS))
    reader.expect(0)
    folders = [_read_folder(reader) for _ in range(count)]
    reader.expect(_UNPACK_SIZES)
    for folder in folders:
        folder.sizes = [reader.number() for coder in folder.coders for _ in range(coder.outputs)]
    while kind := reader.byte():
        if kind != _CRC:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        for folder, crc in zip(folders, reader.checksums(len(folders)), strict=True):
            folder.crc = crc
    if sum(len(folder.packed) for folder in folders) != len(sizes):
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    return _Streams(position, sizes, folders), reader.at


def _read_folder(reader: _Reader) -> _Folder:
    coders = []
    for _ in range(reader.count(_MOST_CODERS)):
        flags = reader.byte()
        method = reader.take(flags & 15)
        inputs, outputs = (reader.count(_MOST_CODERS), reader.count(_MOST_CODERS)) if flags & 0x10 else (1, 1)
        properties = reader.take(reader.count(1 << 16)) if flags & 0x20 else None
        coders.append(_Coder(method, properties, inputs, outputs))
    inputs, outputs = sum(coder.inputs for coder in coders), sum(coder.outputs for coder in coders)
    bonds = [(reader.number(), reader.number()) for _ in range(max(0, outputs - 1))]
    free = inputs - len(bonds)
    if free == 1:
        packed = [number for number in range(inputs) if all(number != bond[0] for bond in bonds)][:1]
    else:
        packed = [reader.number() for _ in range(max(0, free))]
    if not packed or not outputs or max(packed) >= inputs:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    return _Folder(coders, bonds, packed)


def _written(encrypted: list[_Folder], sizes: list[int]) -> bytes:
    """Returns the description of the packed streams without encryption."""
    folders = [_without_aes(folder) for folder in encrypted]
    parts = [bytes((_PACK,)), _number(0), _number(len(sizes)), bytes((_SIZES,))]
    parts += [*map(_number, sizes), _END, bytes((_UNPACK, _FOLDERS)), _number(len(folders)), _END]
    for folder in folders:
        parts.append(_number(len(folder.coders)))
        for coder in folder.coders:
            is_complex, has_properties = (coder.inputs, coder.outputs) != (1, 1), coder.properties is not None
            parts.append(bytes((len(coder.method) | 0x10 * is_complex | 0x20 * has_properties,)) + coder.method)
            if is_complex:
                parts += [_number(coder.inputs), _number(coder.outputs)]
            if coder.properties is not None:
                parts += [_number(len(coder.properties)), coder.properties]
        parts += [_number(value) for bond in folder.bonds for value in bond]
        parts += [_number(value) for value in folder.packed] if len(folder.packed) > 1 else []
    parts += [bytes((_UNPACK_SIZES,)), *(_number(size) for folder in folders for size in folder.sizes)]
    if any(folder.crc is not None for folder in folders):
        bits = bytearray((len(folders) + 7) // 8)
        for place, folder in enumerate(folders):
            bits[place // 8] |= (0x80 >> place % 8) if folder.crc is not None else 0
        parts += [bytes((_CRC, 0)), bytes(bits)]
        parts += [folder.crc.to_bytes(4, "little") for folder in folders if folder.crc is not None]
    return b"".join([*parts, _END])


def _without_aes(folder: _Folder) -> _Folder:
    """Returns a group of coders without its steps of AES. What they would feed is fed by the packed streams."""
    coders, bonds, packed, sizes = list(folder.coders), list(folder.bonds), list(folder.packed), list(folder.sizes)
    while (number := next((at for at, coder in enumerate(coders) if coder.method == _AES), None)) is not None:
        if len(coders) == 1:
            coders = [_Coder(_COPY, None, 1, 1)]
            break
        own_input = sum(coder.inputs for coder in coders[:number])
        own_output = sum(coder.outputs for coder in coders[:number])
        fed = next((bond for bond in bonds if bond[1] == own_output), None)
        if fed is None or own_input not in packed:
            raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
        bonds.remove(fed)
        packed[packed.index(own_input)] = fed[0]
        del coders[number], sizes[own_output]
        bonds = [(one - (one > own_input), other - (other > own_output)) for one, other in bonds]
        packed = [one - (one > own_input) for one in packed]
    return _Folder(coders, bonds, packed, sizes, folder.crc)


def _number(value: int) -> bytes:
    """Writes a number in the shortest form."""
    for count in range(8):
        if value < 1 << 7 * (count + 1):
            first = (0xFF00 >> count) & 0xFF | value >> 8 * count
            return bytes((first,)) + (value & (1 << 8 * count) - 1).to_bytes(count, "little")
    return b"\xff" + value.to_bytes(8, "little")


def _cbc(key: bytes, vector: bytes) -> "CipherContext":
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 # few archives need it
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 # as above
    from cryptography.hazmat.primitives.ciphers.modes import CBC  # noqa: PLC0415 # as above

    return Cipher(AES(key), CBC(vector)).decryptor()
