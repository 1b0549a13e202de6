"""Chooses the reader for the frames of a file: one class for each way in which formats hold them.

No reader takes an image without content from a damaged file.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PIL import Image

from hashaudit.content.images import gif, more_codecs
from hashaudit.content.images.bitmap import decode_bitmap
from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.jpeg import FrameHeader, Span, frame_header, has_end, jpeg_streams
from hashaudit.content.images.limits import MAX_COUNTED_FRAMES
from hashaudit.content.images.netpbm import decode_netpbm
from hashaudit.content.images.picture_source import (
    FrameReader,
    Picture,
    Source,
    as_far_as_intact,
    check_stated_size,
    refuse_flat,
)
from hashaudit.content.images.pillow import open_image, with_limits
from hashaudit.content.images.pillow_reader import PillowReader
from hashaudit.content.images.raw import raw_previews
from hashaudit.content.images.tiff_reader import RawReader, TiffReader


def reader_of(source: Source) -> FrameReader:
    """Returns the reader for a file."""
    return _READERS.get(source.kind, PillowReader)(source)


def _tiff_reader(source: Source) -> FrameReader:
    previews = raw_previews(source.data)
    return TiffReader(source) if previews is None else RawReader(source, previews)


def _jpeg_reader(source: Source) -> FrameReader:
    header = frame_header(source.data)
    if header is not None and more_codecs.decodes_jpeg(header):
        return _JpegCodecReader(source, header)
    streams = jpeg_streams(source.data)
    return _StreamsReader(source, streams) if len(streams) > 1 else PillowReader(source)


class _GifReader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._canvas = gif.GifCanvas(source.data, self._decode, source.limits.max_pixels)
        self._at = 0
        self._truncated = False

    def count(self) -> int:
        return max(gif.count_frames(self._source.data, MAX_COUNTED_FRAMES), 1)

    def read(self, number: int) -> Picture:
        while self._at < number:
            self._advance()
        return Picture(self._advance(), self._truncated)

    def _advance(self) -> Image.Image:
        self._source.clock.check()
        self._at += 1
        return self._canvas.advance()

    def _decode(self, data: bytes) -> Image.Image:
        image, truncated = as_far_as_intact(partial(self._loaded, data))
        self._truncated = self._truncated or truncated
        return image

    def _loaded(self, data: bytes, *, is_tolerant: bool) -> Image.Image:
        with with_limits(self._source.limits.max_pixels, truncated=is_tolerant):
            image = open_image(data, ImageFormat.GIF)
            image.load()
            return image


class _ArrayReader:
    """Decodes the kinds that Pillow does not read correctly by a function of this package, others by Pillow."""

    def __init__(self, source: Source, decode: "_ArrayDecoder") -> None:
        self._source = source
        self._decode = decode

    def count(self) -> int:
        return 1

    def read(self, number: int) -> Picture:
        self._source.clock.check()
        data, limit = self._source.data, self._source.limits.max_pixels
        image, truncated = as_far_as_intact(partial(self._decode, data, limit))
        return PillowReader(self._source).read(number) if image is None else Picture(image, truncated)


class _ArrayDecoder(Protocol):
    def __call__(self, data: bytes, max_pixels: int, *, is_tolerant: bool) -> Image.Image | None: ...


class _StreamsReader:
    """Reads the images of an MPO file."""

    def __init__(self, source: Source, streams: list[Span]) -> None:
        self._source = source
        self._streams = streams

    def count(self) -> int:
        return len(self._streams)

    def read(self, number: int) -> Picture:
        return PillowReader(self._source, self._streams[number]).read(0)


class _CodecReader:
    """Reads the frames of a format that only an optional dependency decodes."""

    def __init__(self, source: Source) -> None:
        source.clock.check()
        size = more_codecs.stated_size(source.data, source.kind)
        check_stated_size(size.width, size.height, source.limits)
        self._frames = more_codecs.decode_frames(source.data, source.kind, size)

    def count(self) -> int:
        return len(self._frames)

    def read(self, number: int) -> Picture:
        return Picture(self._frames[number])


class _JpegCodecReader:
    """Reads a JPEG image of a coding that only an optional dependency decodes."""

    def __init__(self, source: Source, header: FrameHeader) -> None:
        self._source = source
        self._header = header

    def count(self) -> int:
        return 1

    def read(self, number: int) -> Picture:  # noqa: ARG002 # one image
        self._source.clock.check()
        check_stated_size(self._header.width, self._header.height, self._source.limits)
        image = more_codecs.decode_jpeg(self._source.data, self._header)
        # The decoder fills what is missing.
        truncated = not has_end(self._source.data)
        if truncated:
            refuse_flat(image)
        return Picture(image, truncated)


_READERS: dict[ImageFormat, Callable[[Source], FrameReader]] = {
    ImageFormat.GIF: _GifReader,
    ImageFormat.BMP: lambda source: _ArrayReader(source, decode_bitmap),
    ImageFormat.DIB: lambda source: _ArrayReader(source, decode_bitmap),
    ImageFormat.NETPBM: lambda source: _ArrayReader(source, decode_netpbm),
    ImageFormat.TIFF: _tiff_reader,
    ImageFormat.JPEG: _jpeg_reader,
    **dict.fromkeys(more_codecs.FORMATS, _CodecReader),
}
