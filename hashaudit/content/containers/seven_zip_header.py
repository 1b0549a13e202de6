"""The header of a 7z archive: how its packed streams are unpacked, read and written.

Source: 7zFormat.txt and Methods.txt of the LZMA SDK.
"""

import msgspec

from hashaudit.content.containers.interface import ContainerError
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
UNSUPPORTED = "this form of the archive is not supported"
UNKNOWN_ENCRYPTION = "the member is encrypted in a way that is not supported"

AES, LZMA, LZMA2, COPY = b"\x06\xf1\x07\x01", b"\x03\x01\x01", b"\x21", b"\x00"
_PPMD = b"\x03\x04\x01"
_FILTERS = frozenset((b"\x03\x03\x01\x03", b"\x03\x03\x05\x01", b"\x03\x03\x07\x01", b"\x0a"))
"""Filters of programs for x86, ARM, its short form, and ARM64."""
_READ_METHODS = _FILTERS | {
    AES, LZMA, LZMA2, COPY, _PPMD, b"\x04\x02\x02", b"\x04\x01\x08", b"\x03\x03\x01\x1b", b"\x03",
    b"\x04\xf7\x11\x01",
}  # fmt: skip
"""The methods that libarchive unpacks rightly; it fails on PowerPC, SPARC and IA-64. The last five: bzip2 to zstd."""
_MOST_CODERS = 32
_MOST_FOLDERS = 1_000_000

_END, HEADER, MAIN, _PACK, _UNPACK = b"\x00", 0x01, 0x04, 0x06, 0x07
_SIZES, _CRC, _FOLDERS, _UNPACK_SIZES, ENCODED = 0x09, 0x0A, 0x0B, 0x0C, 0x17


class Coder(msgspec.Struct):
    """One step of unpacking."""

    method: bytes
    properties: bytes | None
    inputs: int
    outputs: int


class Folder(msgspec.Struct):
    """Steps that together unpack some packed streams to one stream."""

    coders: list[Coder]
    bonds: list[tuple[int, int]]
    """Number of an input and of the output that feeds it."""
    packed: list[int]
    """Numbers of the inputs that packed streams feed."""
    sizes: list[int] = []
    """Length of each output."""
    crc: int | None = None


class Streams(msgspec.Struct):
    """The packed streams, and how they are unpacked."""

    position: int
    sizes: list[int]
    folders: list[Folder]


def is_read_by_library(folder: Folder) -> bool:
    """Returns whether libarchive unpacks the steps rightly."""
    methods = {coder.method for coder in folder.coders}
    return methods <= _READ_METHODS and not (_PPMD in methods and methods & _FILTERS)


class HeaderReader:
    """Reads the numbers of a header."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def peek(self) -> int:
        """Returns the next byte; -1 at the end."""
        return self.data[self.at] if self.at < len(self.data) else -1

    def byte(self) -> int:
        """Reads a byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """Reads bytes.

        Raises:
            ContainerError: there are fewer.
        """
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
        """Reads a number.

        Raises:
            ContainerError: it is larger than ``most``.
        """
        value = self.number()
        if value > most:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        return value

    def expect(self, wanted: int) -> None:
        """Reads a byte.

        Raises:
            ContainerError: it is another one.
        """
        if self.byte() != wanted:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)

    def checksums(self, count: int) -> list[int | None]:
        """Reads checksums; ``None``: there is none at this place."""
        present = [True] * count
        if not self.byte():
            bits = self.take((count + 7) // 8)
            present = [bool(bits[place // 8] & 0x80 >> place % 8) for place in range(count)]
        return [int.from_bytes(self.take(4), "little") if has else None for has in present]


def read_streams(reader: HeaderReader) -> tuple[Streams, int]:
    """Reads where packed streams are and how they are packed; returns the position behind that, too.

    Raises:
        ContainerError: it is damaged, or has a form that is not known.
    """
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
    return Streams(position, sizes, folders), reader.at


def _read_folder(reader: HeaderReader) -> Folder:
    coders = []
    for _ in range(reader.count(_MOST_CODERS)):
        flags = reader.byte()
        method = reader.take(flags & 15)
        inputs, outputs = (reader.count(_MOST_CODERS), reader.count(_MOST_CODERS)) if flags & 0x10 else (1, 1)
        properties = reader.take(reader.count(1 << 16)) if flags & 0x20 else None
        coders.append(Coder(method, properties, inputs, outputs))
    inputs, outputs = sum(coder.inputs for coder in coders), sum(coder.outputs for coder in coders)
    bonds = [(reader.number(), reader.number()) for _ in range(max(0, outputs - 1))]
    free = inputs - len(bonds)
    if free == 1:
        packed = [number for number in range(inputs) if all(number != bond[0] for bond in bonds)][:1]
    else:
        packed = [reader.number() for _ in range(max(0, free))]
    if not packed or not outputs or max(packed) >= inputs:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    return Folder(coders, bonds, packed)


def written(encrypted: list[Folder], sizes: list[int]) -> bytes:
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


def _without_aes(folder: Folder) -> Folder:
    """Returns a group of coders without its steps of AES. What they would feed is fed by the packed streams."""
    coders, bonds, packed, sizes = list(folder.coders), list(folder.bonds), list(folder.packed), list(folder.sizes)
    while (number := next((at for at, coder in enumerate(coders) if coder.method == AES), None)) is not None:
        if len(coders) == 1:
            coders = [Coder(COPY, None, 1, 1)]
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
    return Folder(coders, bonds, packed, sizes, folder.crc)


def _number(value: int) -> bytes:
    """Writes a number in the shortest form."""
    for count in range(8):
        if value < 1 << 7 * (count + 1):
            first = (0xFF00 >> count) & 0xFF | value >> 8 * count
            return bytes((first,)) + (value & (1 << 8 * count) - 1).to_bytes(count, "little")
    return b"\xff" + value.to_bytes(8, "little")
