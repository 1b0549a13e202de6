"""Undoes the filters of PDF streams that give back the bytes of a file.

Source: ISO 32000-2 7.4.
"""

import binascii
from collections.abc import Callable, Iterator

from hashaudit.content.containers import compressed_stream
from hashaudit.content.containers.compressed_stream import ENDS_EARLY, WRONG_DATA, unpacked
from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError
from hashaudit.model.faults import FaultCode

UNKNOWN_FILTER = "a filter of the member is not supported"

IMAGE_FILTERS = {b"DCTDecode": b".jpg", b"DCT": b".jpg", b"JPXDecode": b".jp2"}
"""Filters whose data is an image file as it stands, with the usual suffix of the file."""

_SPACE = b"\0\t\n\f\r "

Chunks = Iterator[bytes]


def decoded(chunks: Chunks, filters: tuple[bytes, ...]) -> Chunks:
    """Yields what a stream encodes.

    Raises:
        ContainerError: the data is damaged, or a filter is not supported.
    """
    for name in filters:
        if name not in _FILTERS:
            raise ContainerError(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)
        chunks = _FILTERS[name](chunks)
    yield from chunks


def _flate(chunks: Chunks) -> Chunks:
    decoder, is_empty = compressed_stream.zlib_wrapped(), True
    for data in chunks:
        is_empty = False
        yield from unpacked(decoder, data)
        if decoder.eof:
            return
    if is_empty:
        return  # programs write an empty content so
    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _hex(chunks: Chunks) -> Chunks:
    rest = b""
    for chunk in chunks:
        text, end, _ = (rest + chunk.translate(None, _SPACE)).partition(b">")
        text += b"0" if end and len(text) % 2 else b""
        whole = len(text) // 2 * 2
        rest = text[whole:]
        try:
            yield binascii.unhexlify(text[:whole])
        except ValueError:
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA) from None
        if end:
            return
    if rest:
        yield binascii.unhexlify(rest + b"0")


def _ascii85(chunks: Chunks) -> Chunks:
    rest = b""
    is_first = True
    for chunk in chunks:
        text = rest + chunk.translate(None, _SPACE)
        if is_first and text.startswith(b"<~"):
            text = text[2:]
        is_first = False
        text, end, _ = text.partition(b"~")
        found, rest = _groups(text, has_ended=bool(end))
        yield found
        if end:
            return
    yield _groups(rest, has_ended=True)[0]


def _groups(text: bytes, *, has_ended: bool) -> tuple[bytes, bytes]:
    """Returns what whole groups of five characters encode, and the rest."""
    parts, at = bytearray(), 0
    while at < len(text):
        if text[at] == 0x7A:  # z
            parts += b"\0\0\0\0"
            at += 1
            continue
        group = text[at : at + 5]
        if len(group) < 5 and not has_ended:
            break
        if len(group) == 1:
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
        value = 0
        for byte in group.ljust(5, b"u"):
            if not 0x21 <= byte <= 0x75:
                raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
            value = value * 85 + byte - 0x21
        if value >= 1 << 32:
            raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
        parts += value.to_bytes(4)[: len(group) - 1]
        at += 5
    return bytes(parts), text[at:]


def _run_length(chunks: Chunks) -> Chunks:
    rest = b""
    for chunk in chunks:
        data, at = rest + chunk, 0
        parts: list[bytes] = []
        length = 0
        while at < len(data):
            code = data[at]
            if code == 128:
                yield b"".join(parts)
                return
            needed = code + 2 if code < 128 else 2
            if at + needed > len(data):
                break
            piece = data[at + 1 : at + needed] if code < 128 else data[at + 1 : at + 2] * (257 - code)
            parts.append(piece)
            length += len(piece)
            at += needed
            if length > CHUNK_BYTES:
                yield b"".join(parts)
                parts, length = [], 0
        yield b"".join(parts)
        rest = data[at:]
    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _lzw(chunks: Chunks) -> Chunks:
    """Undoes LZW with early change, the default (7.4.4.2)."""
    table: list[bytes] = []
    single = [bytes([value]) for value in range(256)] + [b"", b""]
    width, bits, count, before = 9, 0, 0, b""
    table = list(single)
    for chunk in chunks:
        parts: list[bytes] = []
        length = 0
        for byte in chunk:
            bits = bits << 8 | byte
            count += 8
            if count < width:
                continue
            count -= width
            code = bits >> count
            bits &= (1 << count) - 1
            if code == 256:
                table, width, before = list(single), 9, b""
                continue
            if code == 257:
                yield b"".join(parts)
                return
            if code < len(table):
                piece = table[code]
            elif code == len(table) and before:
                piece = before + before[:1]
            else:
                raise ContainerError(FaultCode.DAMAGED, WRONG_DATA)
            parts.append(piece)
            length += len(piece)
            if before and len(table) < 4096:
                table.append(before + piece[:1])
            before = piece
            width = 9 if len(table) < 511 else 10 if len(table) < 1023 else 11 if len(table) < 2047 else 12
            if length > CHUNK_BYTES:
                yield b"".join(parts)
                parts, length = [], 0
        yield b"".join(parts)
    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _identity(chunks: Chunks) -> Chunks:
    return chunks


_FILTERS: dict[bytes, Callable[[Chunks], Chunks]] = {
    b"FlateDecode": _flate,
    b"Fl": _flate,
    b"ASCIIHexDecode": _hex,
    b"AHx": _hex,
    b"ASCII85Decode": _ascii85,
    b"A85": _ascii85,
    b"RunLengthDecode": _run_length,
    b"RL": _run_length,
    b"LZWDecode": _lzw,
    b"LZW": _lzw,
    b"Crypt": _identity,
}
