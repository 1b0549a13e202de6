"""The directories of a TIFF structure: enough to count pages and to find the previews of a raw photograph.

Every offset comes from the file, so each is checked, none is followed twice, and there is a bound on all of them.

Source: TIFF 6.0 section 2; the BigTIFF design of libtiff; TIFF/EP (ISO 12234-2) for SubIFDs.
"""

import struct
from collections.abc import Iterator

import msgspec

MAX_ENTRIES = 4096
"""Of one directory; real ones have about a hundred."""
MAX_VALUES = 65_536
"""Of one entry. What has more is left unread: a list of strips is all that could."""
_SUB_IFDS = 0x014A
_TYPE_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of TIFF values as ``struct`` names them; fractions and floating numbers are left unread."""

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
    """As ``struct`` writes byte order."""

    def number(self, tag: int) -> int | None:
        """The first value of ``tag`` where it is a number."""
        value = self.values.get(tag)
        return value[0] if isinstance(value, tuple) and value else None

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All values of ``tag`` where they are numbers."""
        value = self.values.get(tag)
        return value if isinstance(value, tuple) else ()


def directories(data: bytes, at_most: int, *, nested: bool = False) -> Iterator[Directory]:
    """Yields the pages of a TIFF structure, and with ``nested`` their SubIFDs too.

    Ends where the structure is damaged or turns back on itself. ``at_most`` bounds the directories.
    """
    layout = _layout(data)
    if layout is None:
        return
    seen: set[int] = set()
    first_at = 8 if layout.offset == "Q" else 4
    pending = [*_unpack(data, layout.order + layout.offset, first_at)]
    while pending and len(seen) < at_most:
        at = pending.pop()
        if not at or at in seen:
            continue
        seen.add(at)
        read = _read(data, at, layout)
        if read is None:
            continue
        directory, following = read
        yield directory
        pending.append(following)
        if nested:
            pending.extend(reversed(directory.numbers(_SUB_IFDS)[:at_most]))


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
    """The directory at ``at`` and the offset of the one that follows."""
    head = _unpack(data, layout.order + layout.count, at)
    if not head or head[0] > MAX_ENTRIES:
        return None
    first = at + struct.calcsize(layout.order + layout.count)
    values: dict[int, Value] = {}
    for entry in range(head[0]):
        place = first + entry * layout.entry_bytes
        fields = _unpack(data, f"{layout.order}HH{layout.offset}", place)
        if not fields:
            return None
        value = _value(data, fields, place + layout.value_at, layout)
        if value is not None:
            values[fields[0]] = value
    following = _unpack(data, layout.order + layout.offset, first + head[0] * layout.entry_bytes)
    return Directory(values, layout.order), following[0] if following else 0


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
