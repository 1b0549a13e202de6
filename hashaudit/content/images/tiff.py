"""Reads the directories of a TIFF structure: enough to count pages and to find the previews of a raw photograph.

Offsets come from the file, so each is checked, none is followed twice, and their number is limited.

Source: TIFF 6.0 section 2; the BigTIFF design of libtiff; TIFF/EP (ISO 12234-2) for SubIFDs.
"""

import struct
from collections.abc import Iterator

import msgspec

MAX_ENTRIES = 4096
"""Most entries of one directory; real ones have about a hundred."""
MAX_VALUES = 65_536
"""Most values of one entry. A longer entry is ignored; only a list of strips can be longer."""
_SUB_IFDS = 0x014A
_TYPE_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Format characters of ``struct`` by TIFF type. Fractions and floating-point numbers are ignored."""

Value = tuple[int, ...] | bytes


class _Layout(msgspec.Struct, frozen=True):
    order: str
    offset: str
    count: str
    entry_bytes: int
    value_at: int


_CLASSIC = ("I", "H", 12, 8)
_BIG = ("Q", "Q", 20, 12)


class Directory(msgspec.Struct, frozen=True):
    """The integer and byte values of one directory, by tag."""

    values: dict[int, Value]
    order: str
    """Byte order, as a character of ``struct``."""
    at: int = 0
    """Position of the directory in the structure."""

    def number(self, tag: int) -> int | None:
        """Returns the first value of ``tag`` if it is a number."""
        value = self.values.get(tag)
        return value[0] if isinstance(value, tuple) and value else None

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Returns all values of ``tag`` if they are numbers."""
        value = self.values.get(tag)
        return value if isinstance(value, tuple) else ()


def directories(data: bytes, at_most: int, *, nested: bool = False) -> Iterator[Directory]:
    """Yields the pages of a TIFF structure.

    Skips damaged directories and those that were already read.

    Args:
        data: the whole structure.
        at_most: most directories that are read.
        nested: yields the SubIFDs of each page too.
    """
    layout = _layout(data)
    if layout is None:
        return
    visited: set[int] = set()
    first_at = 8 if layout.offset == "Q" else 4
    pending = [*_unpack(data, layout.order + layout.offset, first_at)]
    while pending and len(visited) < at_most:
        at = pending.pop()
        if not at or at in visited:
            continue
        visited.add(at)
        read = _read(data, at, layout)
        if read is None:
            continue
        directory, following = read
        yield directory
        pending.append(following)
        if nested:
            pending.extend(reversed(directory.numbers(_SUB_IFDS)[:at_most]))


def first_offset(data: bytes) -> tuple[int, str]:
    """Returns where a TIFF structure states the position of its first page, and the ``struct`` format of it."""
    layout = _layout(data)
    if layout is None:
        raise ValueError("not a TIFF structure")
    return (8 if layout.offset == "Q" else 4), layout.order + layout.offset


def _layout(data: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    version = _unpack(data, f"{order}H", 2) if order else ()
    if order and version == (42,):
        return _Layout(order, *_CLASSIC)
    if order and version == (43,):
        return _Layout(order, *_BIG)
    return None


def _unpack(data: bytes, form: str, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except (struct.error, OverflowError):
        return ()


def _read(data: bytes, at: int, layout: _Layout) -> tuple[Directory, int] | None:
    """Returns the directory at ``at`` and the offset of the next one."""
    head = _unpack(data, layout.order + layout.count, at)
    if not head or head[0] > MAX_ENTRIES:
        return None
    first = at + struct.calcsize(layout.order + layout.count)
    values: dict[int, Value] = {}
    for entry in range(head[0]):
        entry_at = first + entry * layout.entry_bytes
        fields = _unpack(data, f"{layout.order}HH{layout.offset}", entry_at)
        if not fields:
            return None
        value = _value(data, fields, entry_at + layout.value_at, layout)
        if value is not None:
            values[fields[0]] = value
    following = _unpack(data, layout.order + layout.offset, first + head[0] * layout.entry_bytes)
    return Directory(values, layout.order, at), following[0] if following else 0


def _value(data: bytes, fields: tuple[int, ...], at: int, layout: _Layout) -> Value | None:
    _, kind, count = fields
    code = _TYPE_CODES.get(kind)
    if code is None or count > MAX_VALUES:
        return None
    form = f"{layout.order}{count}{code}"
    if struct.calcsize(form) > struct.calcsize(layout.order + layout.offset):
        target = _unpack(data, layout.order + layout.offset, at)
        if not target:
            return None
        at = target[0]
    try:
        unpacked = struct.unpack_from(form, data, at)
    except (struct.error, OverflowError):
        return None
    return unpacked[0] if code == "s" else unpacked
