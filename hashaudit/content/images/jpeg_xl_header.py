"""Reads the size and the first extra channel from the header of a JPEG XL image, without decoding it.

Source: ISO/IEC 18181-1 annexes B (fields) and D (image headers); ISO/IEC 18181-2 9 (boxes).
"""

import msgspec

from hashaudit.content.images.iso_media import boxes

_CODESTREAM = b"\xff\x0a"
MAX_HEADER_BYTES = 256
"""Most bytes that the fields read here take."""
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height by the number of the ratio, from 1."""
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
_BLACK = 4


class Header(msgspec.Struct, frozen=True):
    """The header of an image."""

    width: int
    height: int
    is_cmyk: bool
    """The first extra channel is black."""


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Returns the number in the next bits. Raises :class:`ValueError` at the end."""
        if count > self._left:
            raise ValueError("the header of the image is cut off")
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        self._left -= count
        return value

    def choose(self, *forms: tuple[int, int]) -> int:
        """Returns a number in one of four forms: an offset, and the bits that are added to it."""
        offset, count = forms[self.take(2)]
        return offset + self.take(count)


def header_of(data: bytes) -> Header:
    """Reads the header of a file.

    Raises:
        ValueError: it is cut off or damaged.
    """
    bits = _Bits(_codestream(data)[len(_CODESTREAM) :])
    width, height = _size(bits)
    if bits.take(1):
        # All of the metadata has its default.
        return Header(width, height, is_cmyk=False)
    if bits.take(1):
        _skip_extra_fields(bits)
    if bits.take(1):
        bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
    else:
        bits.choose((8, 0), (10, 0), (12, 0), (1, 6))
    bits.take(1)
    extra_channels = bits.choose((0, 0), (1, 0), (2, 4), (1, 12))
    is_default_alpha = bool(extra_channels) and bits.take(1) == 1
    kind = bits.choose((0, 0), (1, 0), (2, 4), (18, 6)) if extra_channels and not is_default_alpha else 0
    return Header(width, height, is_cmyk=kind == _BLACK)


def _codestream(data: bytes) -> bytes:
    """Returns the beginning of the codestream."""
    if data.startswith(_CODESTREAM):
        return data[:MAX_HEADER_BYTES]
    for name, start, _ in boxes(data, 0, len(data)):
        if name in {b"jxlc", b"jxlp"}:
            # A part of a codestream follows its number.
            first = start + (4 if name == b"jxlp" else 0)
            if data.startswith(_CODESTREAM, first):
                return data[first : first + MAX_HEADER_BYTES]
    raise ValueError("the file has no codestream")


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if is_small else bits.choose(*_SIDE)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (bits.take(5) + 1) if is_small else bits.choose(*_SIDE)), height


def _skip_extra_fields(bits: _Bits) -> None:
    """Skips orientation, intrinsic size, preview and animation."""
    bits.take(3)
    if bits.take(1):
        _size(bits)
    if bits.take(1):
        forms = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.take(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
        bits.choose(*forms)
        if not bits.take(3):
            bits.choose(*forms)
    if bits.take(1):
        bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
        bits.take(1)
