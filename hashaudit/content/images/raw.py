"""Finds the JPEG previews of raw photographs that are TIFF files (DNG, CR2, NEF, ARW).

The sensor data is not developed, because every raw converter produces another image. The preview is the image that the
camera displayed.

Source: TIFF/EP (ISO 12234-2), DNG specification 1.6 ("Preview Images"), TIFF technical note 2.
"""

from collections.abc import Iterator

from hashaudit.content.images.jpeg import START, Span, stated_pixels
from hashaudit.content.images.tiff import Directory, directories

MAX_DIRECTORIES = 64
"""A raw photograph has fewer than ten."""
_COMPRESSION = 0x0103
_PHOTOMETRIC = 0x0106
_STRIP_OFFSETS = 0x0111
_STRIP_BYTES = 0x0117
_JPEG_OFFSET = 0x0201
_JPEG_BYTES = 0x0202
_DNG_VERSION = 0xC612
_SENSOR_PHOTOMETRICS = frozenset({32803, 34892})
"""Colour filter array, linear raw."""
_SENSOR_COMPRESSIONS = frozenset({32767, 34713})
"""Compressions of Sony and Nikon."""
_CR2_MARK = slice(8, 10)


def raw_previews(data: bytes) -> list[Span] | None:
    """Returns the JPEG previews of a raw photograph, largest first; ``None`` for an ordinary TIFF file."""
    found = list(directories(data, MAX_DIRECTORIES, nested=True))
    if data[_CR2_MARK] != b"CR" and not any(_is_sensor_data(directory) for directory in found):
        return None
    previews = {span for directory in found for span in _streams(data, directory)}
    sized = [(stated_pixels(data[start:stop]), (start, stop)) for start, stop in previews]
    return [span for pixels, span in sorted(sized, reverse=True) if pixels]


def _is_sensor_data(directory: Directory) -> bool:
    return (
        _DNG_VERSION in directory.values
        or directory.number(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
        or directory.number(_COMPRESSION) in _SENSOR_COMPRESSIONS
    )


def _streams(data: bytes, directory: Directory) -> Iterator[Span]:
    for offset_tag, bytes_tag in ((_JPEG_OFFSET, _JPEG_BYTES), (_STRIP_OFFSETS, _STRIP_BYTES)):
        offsets, sizes = directory.numbers(offset_tag), directory.numbers(bytes_tag)
        if len(offsets) == len(sizes) == 1 and data[offsets[0] : offsets[0] + 3] == START:
            yield offsets[0], offsets[0] + sizes[0]
