"""Bounds the memory that one message of a worker can take, before it is decoded.

Source of the format: the MessagePack specification (github.com/msgpack/msgpack, spec.md).
"""

MAX_MESSAGE_BYTES = 64 << 20
"""Longest message. An honest worker answers early, for a part of its batch, long before (:data:`FULL_ANSWER_BYTES`)."""

FULL_ANSWER_BYTES = 8 << 20
"""A worker ends its answer once its results are this long. One more result, of at most a record's length, still fits
into a message."""

SMALL_MESSAGE_BYTES = 1 << 20
"""Messages up to this size are not counted: they cannot become more than some 20 MiB."""

MAX_OBJECTS = 1 << 20
"""Values in one message. Each costs some 60 bytes in memory, however few it has in the message."""

_LENGTHS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
"""Bytes behind the tag of a number."""
_SIZES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""Bytes of the length of binary data and text."""
_COUNTS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""Bytes of the length of an array and of a map, and the values of each element."""


def check_objects(message: memoryview) -> None:
    """Checks that a message does not hold too many values.

    Raises:
        ValueError: it does, or its structure is invalid.
    """
    if len(message) > SMALL_MESSAGE_BYTES and _exceeds(bytes(message), MAX_OBJECTS):
        raise ValueError("too many values in one message")


def _exceeds(data: bytes, limit: int) -> bool:
    at, left, seen = 0, 1, 0
    while left and seen + left <= limit:
        if at >= len(data):
            raise ValueError("a message that ends early")
        tag = data[at]
        at += 1
        left -= 1
        seen += 1
        if tag < 0x80 or tag >= 0xE0:
            continue
        if tag < 0x90:
            left += 2 * (tag & 0x0F)
        elif tag < 0xA0:
            left += tag & 0x0F
        elif tag < 0xC0:
            at += tag & 0x1F
        elif tag in _LENGTHS:
            at += _LENGTHS[tag]
        elif tag in _SIZES:
            size = _SIZES[tag]
            at += size + int.from_bytes(data[at : at + size])
        elif tag in _COUNTS:
            size, values = _COUNTS[tag]
            left += values * int.from_bytes(data[at : at + size])
            at += size
        elif tag not in {0xC0, 0xC2, 0xC3}:
            raise ValueError("a value that no message has")
    return left > 0
