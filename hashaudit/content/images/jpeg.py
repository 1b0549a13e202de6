"""JPEG streams inside files: the pictures of an MPO file, the dimensions that a stream states.

Source: ITU-T T.81 annex B; CIPA DC-007 (Multi-Picture Format) section 5.
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.images.tiff import directories

START = b"\xff\xd8\xff"
MAX_SEGMENTS = 4096
"""Before the picture itself; metadata of many megabytes stays below."""
_FRAME_HEADERS = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Sequential and progressive; the lossless ones are how raw photographs keep their sensor data."""
_START_OF_SCAN = 0xDA
_APP2 = 0xE2
_MP_ENTRIES = 0xB002
_MP_ENTRY_BYTES = 16


class Segment(msgspec.Struct, frozen=True):
    """One marker segment: where its content begins and ends."""

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
    """A marker may be preceded by any number of 0xFF."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    return at


def stated_pixels(data: bytes) -> int:
    """Pixels that a stream's frame header states; 0 where there is none that a picture decoder reads."""
    if not data.startswith(START):
        return 0
    for segment in segments(data):
        if segment.marker in _FRAME_HEADERS:
            height = int.from_bytes(data[segment.start + 1 : segment.start + 3], "big")
            return height * int.from_bytes(data[segment.start + 3 : segment.start + 5], "big")
    return 0


Span = tuple[int, int]
"""Where a stream begins and ends in a file. A file can name the same megabytes many times: they are not copied."""


def pictures(data: bytes) -> list[Span]:
    """The JPEG streams of a file: one, or all that a Multi-Picture index names, whatever is there."""
    for segment in segments(data):
        if segment.marker == _APP2 and data[segment.start : segment.start + 4] == b"MPF\0":
            return [(0, len(data)), *_other_pictures(data, segment.start + 4, segment.stop)]
    return [(0, len(data))]


def _other_pictures(data: bytes, base: int, stop: int) -> Iterator[Span]:
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
