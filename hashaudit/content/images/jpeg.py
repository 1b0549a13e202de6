"""Finds JPEG streams in files, such as the images of an MPO file, and reads their dimensions.

Source: ITU-T T.81 annex B; CIPA DC-007 (``Multi-Picture Format``) section 5.
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.images.tiff import directories

START = b"\xff\xd8\xff"
MAX_SEGMENTS = 4096
"""Most segments before the image data. Metadata of many megabytes has fewer."""
_FRAME_HEADERS = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Sequential and progressive frames. The lossless types contain the sensor data of raw photographs."""
_LOSSLESS = 0xC3
_JPEG_LS = 0xF7
_TABLES = frozenset({0xC4, 0xC8, 0xCC})
_START_OF_SCAN = 0xDA
_APP2 = 0xE2
_MP_ENTRIES = 0xB002
_MP_ENTRY_BYTES = 16


class Segment(msgspec.Struct, frozen=True):
    """One marker segment, with the start and end of its content."""

    marker: int
    start: int
    stop: int


def segments(data: bytes) -> Iterator[Segment]:
    """Yields the segments before the first scan."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = _skip_fill(data, at)
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield Segment(data[at + 1], at + 4, at + 2 + length)
        if data[at + 1] == _START_OF_SCAN or length < 2:
            return
        at += 2 + length


def _skip_fill(data: bytes, at: int) -> int:
    """Returns the position of a marker, after any number of fill bytes (0xFF)."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    return at


def stated_pixels(data: bytes) -> int:
    """Returns the number of pixels from a stream's frame header; 0 without a header that image decoders read."""
    if not data.startswith(START):
        return 0
    for segment in segments(data):
        if segment.marker in _FRAME_HEADERS:
            height = int.from_bytes(data[segment.start + 1 : segment.start + 3], "big")
            return height * int.from_bytes(data[segment.start + 3 : segment.start + 5], "big")
    return 0


class FrameHeader(msgspec.Struct, frozen=True):
    """The coding of a stream, from its frame header."""

    marker: int
    precision: int
    """Bits of a sample."""
    width: int
    height: int

    @property
    def is_decoded(self) -> bool:
        """True if the decoder reads this coding: 8 bits; sequential, progressive or lossless."""
        return self.precision == 8 and self.marker in _FRAME_HEADERS | {_LOSSLESS}


def frame_header(data: bytes) -> FrameHeader | None:
    """Returns the first frame header of a stream, of any coding; ``None`` if it has none before its first scan."""
    for segment in segments(data):
        if (0xC0 <= segment.marker <= 0xCF and segment.marker not in _TABLES) or segment.marker == _JPEG_LS:
            fields = data[segment.start : segment.start + 5]
            if len(fields) < 5:
                return None
            height, width = struct.unpack_from(">HH", fields, 1)
            return FrameHeader(segment.marker, fields[0], width, height)
    return None


def has_end(data: bytes) -> bool:
    """Returns whether the end of the image follows its first scan. In a scan, 0xFF is followed by 0 or a restart."""
    scans = (segment.stop for segment in segments(data) if segment.marker == _START_OF_SCAN)
    return data.find(b"\xff\xd9", next(scans, len(data))) >= 0


Span = tuple[int, int]
"""Start and end of a stream in a file. Streams are not copied: a file can list the same megabytes many times."""


def jpeg_streams(data: bytes) -> list[Span]:
    """Returns the JPEG streams of a file: one, or all that the index of an MPO file lists, unchecked."""
    for segment in segments(data):
        if segment.marker == _APP2 and data[segment.start : segment.start + 4] == b"MPF\0":
            return [(0, len(data)), *_indexed_streams(data, segment.start + 4, segment.stop)]
    return [(0, len(data))]


def _indexed_streams(data: bytes, base: int, stop: int) -> Iterator[Span]:
    for directory in directories(data[base:stop], 1):
        entries = directory.values.get(_MP_ENTRIES, b"")
        if not isinstance(entries, bytes):
            return
        form = f"{directory.order}4x2I"
        for at in range(_MP_ENTRY_BYTES, len(entries) - _MP_ENTRY_BYTES + 1, _MP_ENTRY_BYTES):
            size, offset = struct.unpack_from(form, entries, at)
            start = base + offset
            if size:
                yield start, start + size
