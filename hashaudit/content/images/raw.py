"""Finds what viewers show of raw photographs that are TIFF files (DNG, CR2, NEF, ARW).

The sensor data is not developed, because every raw converter produces another image. A JPEG preview is the image that
the camera displayed. A viewer of TIFF files shows the pages, which can be another image than the preview.

Source: TIFF/EP (ISO 12234-2), DNG specification 1.6 ("Preview Images"), TIFF technical note 2.
"""

from collections.abc import Iterator

from hashaudit.content.images.jpeg import START, Span, stated_pixels
from hashaudit.content.images.tiff import Directory, directories
from hashaudit.content.images.tiff_samples import is_viewable

MAX_DIRECTORIES = 64
"""A raw photograph has fewer than ten."""
MAX_PREVIEWS = 8
"""Largest previews that are hashed. A camera stores up to four."""
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
    return [span for pixels, span in sorted(sized, reverse=True) if pixels][:MAX_PREVIEWS]


def viewable_pages(data: bytes) -> list[Directory]:
    """Returns the pages of a raw photograph that a viewer of TIFF files shows, other than a single JPEG stream."""
    return [
        page
        for page in directories(data, MAX_DIRECTORIES)
        if is_viewable(page)
        and page.number(_COMPRESSION) not in _SENSOR_COMPRESSIONS
        and _stream(data, page, _STRIP_OFFSETS, _STRIP_BYTES) is None
    ]


def _is_sensor_data(directory: Directory) -> bool:
    return (
        _DNG_VERSION in directory.values
        or directory.number(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
        or directory.number(_COMPRESSION) in _SENSOR_COMPRESSIONS
    )


def _streams(data: bytes, directory: Directory) -> Iterator[Span]:
    for offset_tag, bytes_tag in ((_JPEG_OFFSET, _JPEG_BYTES), (_STRIP_OFFSETS, _STRIP_BYTES)):
        span = _stream(data, directory, offset_tag, bytes_tag)
        if span is not None:
            yield span


def _stream(data: bytes, directory: Directory, offset_tag: int, bytes_tag: int) -> Span | None:
    offsets, sizes = directory.numbers(offset_tag), directory.numbers(bytes_tag)
    if len(offsets) == len(sizes) == 1 and data[offsets[0] : offsets[0] + 3] == START:
        return offsets[0], offsets[0] + sizes[0]
    return None
