"""Rewrites a file without the parts that its decoder fails at and other viewers skip.

Metadata is removed, checksums are corrected, and the incomplete end of an animation is cut off. Pixels stay.

Source: ITU-T T.81 annex B; W3C PNG (third edition) 5.3 and 11; RFC 9649 section 2.
"""

import zlib
from collections.abc import Callable, Iterator

from hashaudit.content.images.formats import ImageFormat, first_marker
from hashaudit.content.images.jpeg import MAX_SEGMENTS

_PNG_SIGNATURE_BYTES = 8
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"})
_PNG_CONTENT = frozenset({b"IDAT", b"fdAT"})
_APP0, _APP14, _APP15, _COMMENT, _START_OF_SCAN = 0xE0, 0xEE, 0xEF, 0xFE, 0xDA
_ADOBE_BYTES = 12


def repair(data: bytes, kind: ImageFormat) -> bytes | None:
    """Returns the file without metadata and with valid lengths; ``None`` if that changes nothing."""
    repair_kind = _REPAIRS.get(kind)
    repaired = None if repair_kind is None else repair_kind(data)
    return None if repaired == data else repaired


def _jpeg(data: bytes) -> bytes | None:
    """Removes stray bytes, application segments and comments before the first scan."""
    at = first_marker(data) if data[:2] == b"\xff\xd8" else None
    if at is None:
        return None
    kept = [b"\xff\xd8"]
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return None
        marker = data[at + 1]
        if marker in {0x00, 0xFF, 0x01, 0xD8} or 0xD0 <= marker <= 0xD7:
            at += 1
            continue
        if marker == _START_OF_SCAN:
            kept.append(data[at:])
            return b"".join(kept)
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4:
            at += 2
            continue
        is_metadata = _APP0 <= marker <= _APP15 or marker == _COMMENT
        is_colour = marker == _APP14 and data[at + 4 : at + 9] == b"Adobe" and end - at - 4 >= _ADOBE_BYTES
        if is_metadata and data[end : end + 1] != b"\xff":
            # The length is wrong: the next marker decides.
            end = at + 2
        elif not is_metadata or is_colour:
            kept.append(data[at:end])
        at = end
    return None


def _png(data: bytes) -> bytes:
    """Removes ancillary chunks and corrects the checksums of the others, except those of pixels."""
    kept = [data[:_PNG_SIGNATURE_BYTES]]
    for name, start, stop in _png_chunks(data):
        if name not in _PNG_KEPT:
            continue
        head = data[start - 8 : stop]
        is_whole = stop + 4 <= len(data)
        if name in _PNG_CONTENT or not is_whole:
            kept.append(data[start - 8 : stop + 4])
        else:
            kept.append(head + zlib.crc32(head[4:]).to_bytes(4, "big"))
    return b"".join(kept)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = _PNG_SIGNATURE_BYTES
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at + 8, min(at + 8 + length, len(data))
        at += 12 + length


def _webp(data: bytes) -> bytes | None:
    """Keeps the chunks that are complete, without metadata, and states the size that they have."""
    chunks = list(_riff_chunks(data, 12))
    if not chunks:
        return None
    kept = []
    for name, start, stop, is_whole in chunks:
        content = data[start:stop]
        if (
            (name in {b"VP8X", b"ANIM", b"ALPH"} and is_whole)
            or name in {b"VP8 ", b"VP8L"}
            or (name == b"ANMF" and is_whole)
        ):
            kept.append(_riff_chunk(name, content))
    body = b"WEBP" + b"".join(kept)
    if chunks[0][0] == b"VP8X" and len(body) > 20:
        # The flags of a profile and of metadata state chunks that are removed.
        flags = body[12] & ~0x2C
        body = body[:12] + bytes([flags]) + body[13:]
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _riff_chunks(data: bytes, at: int) -> Iterator[tuple[bytes, int, int, bool]]:
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        stop = at + 8 + size
        yield data[at : at + 4], at + 8, min(stop, len(data)), stop <= len(data)
        at = stop + size % 2


def is_cut_animation(data: bytes) -> bool:
    """Returns whether a WebP animation ends before its last frame does."""
    chunks = list(_riff_chunks(data, 12))
    return bool(chunks) and any(name == b"ANMF" for name, *_ in chunks) and not chunks[-1][3]


def _iso_media(data: bytes) -> bytes:
    """States the size of the first box in 32 bits. No position in the file changes."""
    size = int.from_bytes(data[8:16], "big")
    if data[:8] == b"\0\0\0\1ftyp" and 24 <= size <= len(data):
        data = (size - 8).to_bytes(4, "big") + b"ftyp" + data[16:size] + b"\0\0\0\x08free" + data[size:]
    return data


def _avif(data: bytes) -> bytes:
    """Names the codec as the brand of the file, because Pillow looks only there."""
    return data[:8] + b"avif" + data[12:] if data[4:8] == b"ftyp" else data


_REPAIRS: dict[ImageFormat, Callable[[bytes], bytes | None]] = {
    ImageFormat.JPEG: _jpeg,
    ImageFormat.PNG: _png,
    ImageFormat.WEBP: _webp,
    ImageFormat.HEIC: _iso_media,
    ImageFormat.AVIF: lambda data: _avif(_iso_media(data)),
}
