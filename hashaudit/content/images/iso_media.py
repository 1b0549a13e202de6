"""Reads the boxes of ISO media image files (HEIF, AVIF): the types of items, and a clean aperture.

Offsets and sizes come from the file, so each is checked, and the depth and number of boxes are limited.

Source: ISO/IEC 14496-12 4.2, 8.11.4 and 8.11.6, 12.1.4.1; ISO/IEC 23008-12 6.5 and 9.3.
"""

from collections.abc import Iterator
from fractions import Fraction

import msgspec

MAX_BOXES = 4096
"""Most boxes that are read at one level. A property box for each of a few hundred items is common."""


class Aperture(msgspec.Struct, frozen=True):
    """The part of an image that is displayed, in pixels. The upper bounds are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def item_types(data: bytes) -> frozenset[bytes]:
    """Returns the types of the items of a file, such as ``av01`` and ``hvc1``.

    Args:
        data: the file, or its beginning.
    """
    meta = _find(data, 0, len(data), b"meta")
    info = _find(data, meta[0] + 4, meta[1], b"iinf") if meta else None
    if info is None:
        return frozenset()
    first = info[0] + (6 if data[info[0] : info[0] + 1] == b"\0" else 8)
    types = set()
    for name, start, stop in boxes(data, first, info[1]):
        version = data[start] if start < len(data) else 0
        if name == b"infe" and version >= 2:
            at = start + 4 + (2 if version == 2 else 4) + 2
            types.add(bytes(data[at : min(at + 4, stop)]))
    return frozenset(types)


def clean_aperture(data: bytes, width: int, height: int) -> Aperture | None:
    """Returns the clean aperture of the primary item; ``None`` if it has none, or one that is the whole image.

    Args:
        data: the file.
        width: of the decoded image, in pixels.
        height: of the decoded image, in pixels.
    """
    meta = _find(data, 0, len(data), b"meta")
    if meta is None:
        return None
    primary = _primary_item(data, meta)
    properties = _find(data, meta[0] + 4, meta[1], b"iprp")
    container = _find(data, *properties, b"ipco") if properties else None
    if primary is None or properties is None or container is None:
        return None
    numbered = list(boxes(data, *container))
    for name, start, stop in boxes(data, *properties):
        if name != b"ipma":
            continue
        for index in _associations(data, start, stop, primary):
            if 0 < index <= len(numbered) and numbered[index - 1][0] == b"clap":
                return _aperture(data[numbered[index - 1][1] : numbered[index - 1][2]], width, height)
    return None


def _aperture(content: bytes, width: int, height: int) -> Aperture | None:
    if len(content) < 32:
        return None
    numbers = [int.from_bytes(content[at : at + 4], "big", signed=at in {16, 24}) for at in range(0, 32, 4)]
    if 0 in numbers[1::2]:
        return None
    wide, high, across, down = (Fraction(numbers[at], numbers[at + 1]) for at in range(0, 8, 2))
    left = Fraction(width - 1, 2) + across - (wide - 1) / 2
    top = Fraction(height - 1, 2) + down - (high - 1) / 2
    bounds = (round(left), round(top), round(left + wide), round(top + high))
    is_inside = 0 <= bounds[0] < bounds[2] <= width and 0 <= bounds[1] < bounds[3] <= height
    return Aperture(*bounds) if is_inside and bounds != (0, 0, width, height) else None


def _primary_item(data: bytes, meta: tuple[int, int]) -> int | None:
    found = _find(data, meta[0] + 4, meta[1], b"pitm")
    if found is None or found[0] >= len(data):
        return None
    size = 4 if data[found[0]] else 2
    return int.from_bytes(data[found[0] + 4 : found[0] + 4 + size], "big")


def _associations(data: bytes, start: int, stop: int, item: int) -> Iterator[int]:
    """Yields the numbers of an item's properties, from 1."""
    stop = min(stop, len(data))
    if start + 8 > stop:
        return
    id_bytes = 4 if data[start] else 2
    is_wide = data[start + 3] & 1
    count, at = int.from_bytes(data[start + 4 : start + 8], "big"), start + 8
    for _ in range(min(count, MAX_BOXES)):
        if at + id_bytes >= stop:
            return
        number, held = int.from_bytes(data[at : at + id_bytes], "big"), data[at + id_bytes]
        at += id_bytes + 1
        for _ in range(held):
            size = 2 if is_wide else 1
            index = int.from_bytes(data[at : at + size], "big") & (0x7FFF if is_wide else 0x7F)
            at += size
            if number == item:
                yield index


def _find(data: bytes, start: int, stop: int, name: bytes) -> tuple[int, int] | None:
    """Returns the start and end of the content of the first box of a name."""
    return next(((first, last) for found, first, last in boxes(data, start, stop) if found == name), None)


def boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields the name of each box, and the start and end of its content. The last one may end beyond the data."""
    at = start
    for _ in range(MAX_BOXES):
        if at + 8 > min(stop, len(data)):
            return
        size, first = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, first = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = stop if size == 0 else at + size
        if end < first:
            return
        yield data[at + 4 : at + 8], first, min(end, stop)
        at = end
