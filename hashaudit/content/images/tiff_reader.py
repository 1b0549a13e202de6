"""Reads the pages of a TIFF file, and the images of a raw photograph."""

import io
import struct
from functools import partial

import msgspec
from PIL import Image, UnidentifiedImageError

from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.jpeg import Span
from hashaudit.content.images.limits import MAX_COUNTED_FRAMES
from hashaudit.content.images.picture_source import Picture, Source, as_far_as_intact, check_sides, check_size
from hashaudit.content.images.pillow import open_stream, with_limits
from hashaudit.content.images.pillow_reader import PillowReader
from hashaudit.content.images.raw import viewable_pages
from hashaudit.content.images.refusal import unsupported, unsupported_coding
from hashaudit.content.images.tiff import Directory, directories, first_offset
from hashaudit.content.images.tiff_samples import decode_tiff, has_known_compression, is_plain


class TiffReader:
    """Reads the pages of a TIFF file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pages = directories(source.data, source.limits.max_frames_passed + 1)
        self._at = 0
        self._file = io.BytesIO(source.data)
        """Its first page is set to the one that is read."""

    def count(self) -> int:
        """Returns the number of images."""
        return max(sum(1 for _ in directories(self._source.data, MAX_COUNTED_FRAMES)), 1)

    def read(self, number: int) -> Picture:
        """Decodes an image."""
        self._source.clock.check()
        directory = None
        while self._at <= number:
            directory = next(self._pages, None)
            self._at += 1
        return self.read_directory(directory)

    def read_directory(self, directory: Directory | None) -> Picture:
        """Decodes the image of a directory; ``None``: no directory is intact."""
        if directory is None:
            return self._by_pillow(None)
        if not has_known_compression(directory):
            raise unsupported_coding()
        is_big_endian_bigtiff = self._source.data[:4] == b"MM\0+"
        if not is_plain(directory, big_endian_bigtiff=is_big_endian_bigtiff):
            return self._by_samples(directory)
        try:
            return self._by_pillow(directory)
        except UnidentifiedImageError as error:
            try:
                return self._by_samples(directory)
            except ValueError:
                raise error from None

    def _by_samples(self, directory: Directory) -> Picture:
        data, limit = self._source.data, self._source.limits.max_pixels
        return Picture(*as_far_as_intact(partial(decode_tiff, data, directory, limit)))

    def _by_pillow(self, directory: Directory | None) -> Picture:
        return Picture(*as_far_as_intact(partial(self._loaded, directory)))

    def _loaded(self, directory: Directory | None, *, is_tolerant: bool) -> Image.Image:
        limits = self._source.limits
        with with_limits(limits.max_pixels, truncated=is_tolerant):
            if directory is not None:
                at, form = first_offset(self._source.data)
                if struct.unpack_from(form, self._source.data, at)[0] != directory.at or self._at > 1:
                    self._file.seek(at)
                    self._file.write(struct.pack(form, directory.at))
            self._file.seek(0)
            image = open_stream(self._file, ImageFormat.TIFF)
            check_sides(image)
            check_size(image, limits)
            image.load()
            # Its file is set to another page for the next image.
            return image.copy()


class RawReader:
    """Reads the previews of a raw photograph, and the pages that a viewer of TIFF files shows."""

    def __init__(self, source: Source, previews: list[Span]) -> None:
        self._jpeg = msgspec.structs.replace(source, kind=ImageFormat.JPEG)
        self._previews = previews
        self._pages = viewable_pages(source.data)
        self._tiff = TiffReader(source)

    def count(self) -> int:
        """Returns the number of images."""
        return max(len(self._previews) + len(self._pages), 1)

    def read(self, number: int) -> Picture:
        """Decodes an image."""
        if number < len(self._previews):
            return PillowReader(self._jpeg, self._previews[number]).read(0)
        if not self._pages:
            raise unsupported("raw photograph without a JPEG preview")
        return self._tiff.read_directory(self._pages[number - len(self._previews)])
