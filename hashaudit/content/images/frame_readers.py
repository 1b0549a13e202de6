"""Reads the frames of a file: one class for each way in which formats hold them.

A reader tries the file as it is, then without what its decoder stumbles over, then as far as it is intact. It never
takes an image without content from a damaged file.
"""

import io
import struct
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import msgspec
from PIL import Image, UnidentifiedImageError

from hashaudit.content.images import gif
from hashaudit.content.images.bitmap import UnsupportedBitmapError, decode_bitmap
from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.frame_count import png_frames
from hashaudit.content.images.iso_media import clean_aperture
from hashaudit.content.images.jpeg import Span, frame_header, jpeg_streams
from hashaudit.content.images.limits import MAX_COUNTED_FRAMES, DecodeLimits
from hashaudit.content.images.netpbm import decode_netpbm
from hashaudit.content.images.pillow import can_decode, open_image, open_stream, with_limits
from hashaudit.content.images.pixel_modes import UnsupportedModeError
from hashaudit.content.images.raw import raw_previews, viewable_pages
from hashaudit.content.images.refusal import DamagedError, RefusalError, unsupported
from hashaudit.content.images.repair import is_cut_animation, repaired
from hashaudit.content.images.tiff import Directory, directories, first_offset
from hashaudit.content.images.tiff_samples import (
    UnsupportedTiffError,
    decode_tiff,
    has_known_compression,
    is_plain,
)
from hashaudit.model.faults import FaultCode

DRAFT_SIDE_PX = 512
"""Shortest side to which the JPEG decoder may shrink an image. Below it, hashes drift beyond their thresholds
(docs/concepts/perceptual.md)."""
_NO_CODING = "this coding of the format is not decoded"
_ANY_JPEG_PIXELS = 1 << 32
"""More than the format can hold: only the pixels after scaling count."""
_CODECS = {ImageFormat.AVIF: ImageFormat.HEIC, ImageFormat.HEIC: ImageFormat.AVIF}
_Result = TypeVar("_Result")
_DECIDED = (RefusalError, MemoryError, UnsupportedModeError, Image.DecompressionBombError)
"""Errors that another attempt would only repeat."""


class Clock:
    """The time limit of one file, checked between frames."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def check(self) -> None:
        """Raises :class:`RefusalError` after the limit."""
        if time.monotonic() > self._end:
            raise RefusalError(FaultCode.DECODE_TIMEOUT, f"not decoded within {self._timeout_s:g} s")


class Source(msgspec.Struct, frozen=True):
    """A file and the settings for its decoding."""

    data: bytes
    kind: ImageFormat
    limits: DecodeLimits
    clock: Clock
    colour: bool
    """Full size and colours are required."""


class Picture(msgspec.Struct, frozen=True):
    """A decoded frame in the mode of its decoder."""

    image: Image.Image
    truncated: bool = False
    uncropped: Image.Image | None = None
    """The image beyond its clean aperture."""


class FrameReader(Protocol):
    """Decodes the frames of a file, in ascending order."""

    def count(self) -> int:
        """Returns the number of frames, at least 1, and at most one that is counted."""
        ...

    def read(self, number: int) -> Picture:
        """Decodes a frame. Errors of decoders propagate."""
        ...


def reader_of(source: Source) -> FrameReader:
    """Returns the reader for a file."""
    if source.kind is ImageFormat.GIF:
        return _GifReader(source)
    if source.kind in {ImageFormat.BMP, ImageFormat.DIB}:
        return _ArrayReader(source, decode_bitmap)
    if source.kind is ImageFormat.NETPBM:
        return _ArrayReader(source, decode_netpbm)
    if source.kind is ImageFormat.TIFF:
        previews = raw_previews(source.data)
        return _TiffReader(source) if previews is None else _RawReader(source, previews)
    if source.kind is ImageFormat.JPEG:
        streams = jpeg_streams(source.data)
        return _StreamsReader(source, streams) if len(streams) > 1 else PillowReader(source)
    return PillowReader(source)


class _Attempt(msgspec.Struct, frozen=True):
    data: bytes
    kind: ImageFormat
    is_tolerant: bool = False
    is_scaled: bool = True
    is_cut: bool = False


class PillowReader:
    """Decodes the frames of one stream by Pillow.

    Args:
        source: the file.
        span: the stream in it; ``None``: the whole file.
    """

    def __init__(self, source: Source, span: Span | None = None) -> None:
        self._source = source
        self._data = source.data if span is None else source.data[slice(*span)]
        self._attempts = self._plan()
        self._attempt = next(self._attempts)
        self._image: Image.Image | None = None
        self._at = 0

    def count(self) -> int:
        """Returns the number of frames in the stream."""
        kind = self._source.kind
        if kind is ImageFormat.PNG:
            return png_frames(self._data, MAX_COUNTED_FRAMES)
        if kind not in {ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.HEIC}:
            return 1
        return self._trying(self._stated_frames)

    def read(self, number: int) -> Picture:
        """Decodes a frame of the stream."""
        return self._trying(lambda: self._read(number))

    def _plan(self) -> Iterator[_Attempt]:
        """Yields the attempts: first the file as it is, last as far as it is intact."""
        data, kind = self._data, self._source.kind
        is_jpeg = kind is ImageFormat.JPEG
        yield _Attempt(data, kind)
        if is_jpeg:
            yield _Attempt(data, kind, is_scaled=False)
        mended = repaired(data, kind)
        if mended is not None:
            yield _Attempt(mended, kind, is_cut=kind is ImageFormat.WEBP and is_cut_animation(data))
            if is_jpeg:
                yield _Attempt(mended, kind, is_scaled=False)
        other = _CODECS.get(kind)
        if other is not None and can_decode(other):
            yield _Attempt(data, other)
        yield _Attempt(data, kind, is_tolerant=True)
        if mended is not None:
            yield _Attempt(mended, kind, is_tolerant=True)
        if is_jpeg:
            yield _Attempt(mended or data, kind, is_tolerant=True, is_scaled=False)

    def _trying(self, act: Callable[[], _Result]) -> _Result:
        """Calls ``act`` with one attempt after the other. Later frames begin with the attempt that succeeded."""
        first: Exception | None = None
        while True:
            try:
                return act()
            except _DECIDED:
                raise
            except Exception as error:
                first = first or error
                self._image = None
                following = next(self._attempts, None)
                if following is None:
                    raise self._verdict(first) from error
                self._attempt = following

    def _verdict(self, error: Exception) -> Exception:
        """Returns the refusal of a coding that is not decoded, else the error."""
        if self._source.kind is ImageFormat.JPEG:
            header = frame_header(repaired(self._data, ImageFormat.JPEG) or self._data)
            if header is not None and not header.is_decoded:
                return unsupported(_NO_CODING)
        return unsupported(_NO_CODING) if isinstance(error, NotImplementedError) else error

    def _stated_frames(self) -> int:
        with with_limits(self._source.limits.max_pixels):
            return int(getattr(self._opened(), "n_frames", 1))

    def _read(self, number: int) -> Picture:
        attempt, source = self._attempt, self._source
        is_jpeg = attempt.kind is ImageFormat.JPEG
        limit = _ANY_JPEG_PIXELS if is_jpeg else source.limits.max_pixels
        with with_limits(limit, truncated=attempt.is_tolerant):
            source.clock.check()
            image = self._opened()
            # Animations build each frame on the one before. Single steps allow checking the clock.
            while self._at < number:
                image.seek(self._at + 1)
                self._at += 1
                source.clock.check()
            check_sides(image)
            if is_jpeg and attempt.is_scaled:
                _scale(image, source)
            check_size(image, source.limits)
            image.load()
            check_sides(image)
            check_size(image, source.limits)
            if attempt.is_tolerant:
                refuse_flat(image)
            aperture = clean_aperture(attempt.data, *image.size) if attempt.kind is ImageFormat.AVIF else None
            truncated = attempt.is_tolerant or attempt.is_cut
            if aperture is None:
                # The decoder of an animation reuses its image for the next frame.
                return Picture(image.copy() if number or getattr(image, "is_animated", False) else image, truncated)
            box = (aperture.left, aperture.top, aperture.right, aperture.bottom)
            return Picture(image.crop(box), truncated, image.copy())

    def _opened(self) -> Image.Image:
        if self._image is None:
            self._image, self._at = open_image(self._attempt.data, self._attempt.kind), 0
        return self._image


def _scale(image: Image.Image, source: Source) -> None:
    if not source.colour:
        image.draft("L", (DRAFT_SIDE_PX, DRAFT_SIDE_PX))
    elif image.width * image.height > source.limits.max_pixels:
        image.draft("RGB", (DRAFT_SIDE_PX, DRAFT_SIDE_PX))


def check_sides(image: Image.Image) -> None:
    """Raises :class:`RefusalError` if a side has no pixels."""
    if not image.width * image.height:
        raise RefusalError(FaultCode.DECODE_ERROR, "a side of the image has no pixels")


def check_size(image: Image.Image, limits: DecodeLimits) -> None:
    """Raises :class:`RefusalError` if an image is larger than its limit."""
    if image.width * image.height > limits.max_pixels:
        message = f"{image.width} x {image.height} pixels; at most {limits.max_pixels} are decoded"
        raise RefusalError(FaultCode.TOO_MANY_PIXELS, message)


def refuse_flat(image: Image.Image) -> None:
    """Raises :class:`DamagedError` if the image has no content, as a decoder that gives up leaves it."""
    extremes = image.getextrema()
    bands = list(extremes) if isinstance(extremes[0], tuple) else [extremes]
    # An alpha channel alone is not content.
    colours = bands[:-1] if image.mode in {"RGBA", "LA", "PA"} else bands
    if all(band[0] == band[1] for band in colours):
        raise DamagedError("no content could be decoded")


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
        limit = self._source.limits.max_pixels
        try:
            return self._loaded(data, limit, truncated=False)
        except _DECIDED:
            raise
        except Exception:  # noqa: BLE001 # decoders of hostile files raise anything
            image = self._loaded(data, limit, truncated=True)
            refuse_flat(image)
            self._truncated = True
            return image

    def _loaded(self, data: bytes, limit: int, *, truncated: bool) -> Image.Image:
        with with_limits(limit, truncated=truncated):
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
        limit = self._source.limits.max_pixels
        truncated = False
        try:
            image = self._decode(self._source.data, limit, is_tolerant=False)
        except UnsupportedBitmapError as error:
            raise unsupported(_NO_CODING) from error
        except ValueError:
            image, truncated = self._decode(self._source.data, limit, is_tolerant=True), True
            if image is not None:
                refuse_flat(image)
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


class _TiffReader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._pages = directories(source.data, source.limits.max_frames_passed + 1)
        self._at = 0
        self._file = io.BytesIO(source.data)
        """Its first page is set to the one that is read."""

    def count(self) -> int:
        return max(sum(1 for _ in directories(self._source.data, MAX_COUNTED_FRAMES)), 1)

    def read(self, number: int) -> Picture:
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
            raise unsupported(_NO_CODING)
        is_big_endian_bigtiff = self._source.data[:4] == b"MM\0+"
        if not is_plain(directory, big_endian_bigtiff=is_big_endian_bigtiff):
            return self._by_samples(directory, None)
        try:
            return self._by_pillow(directory)
        except UnidentifiedImageError as error:
            return self._by_samples(directory, error)

    def _by_samples(self, directory: Directory, refused: Exception | None) -> Picture:
        data, limit = self._source.data, self._source.limits.max_pixels
        try:
            return Picture(decode_tiff(data, directory, limit, is_tolerant=False))
        except UnsupportedTiffError as error:
            raise unsupported(_NO_CODING) from error
        except ValueError as error:
            try:
                image = decode_tiff(data, directory, limit, is_tolerant=True)
                refuse_flat(image)
            except ValueError:
                raise refused or error from error
            return Picture(image, truncated=True)

    def _by_pillow(self, directory: Directory | None) -> Picture:
        try:
            return self._loaded(directory, is_tolerant=False)
        except (*_DECIDED, UnidentifiedImageError):
            raise
        except Exception as error:  # noqa: BLE001 # decoders of hostile files raise anything
            try:
                picture = self._loaded(directory, is_tolerant=True)
                refuse_flat(picture.image)
            except DamagedError:
                raise error from None
            return picture

    def _loaded(self, directory: Directory | None, *, is_tolerant: bool) -> Picture:
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
            return Picture(image.copy(), is_tolerant)


class _RawReader:
    """Reads the previews of a raw photograph, and the pages that a viewer of TIFF files shows."""

    def __init__(self, source: Source, previews: list[Span]) -> None:
        self._jpeg = msgspec.structs.replace(source, kind=ImageFormat.JPEG)
        self._previews = previews
        self._pages = viewable_pages(source.data)
        self._tiff = _TiffReader(source)

    def count(self) -> int:
        return max(len(self._previews) + len(self._pages), 1)

    def read(self, number: int) -> Picture:
        if number < len(self._previews):
            return PillowReader(self._jpeg, self._previews[number]).read(0)
        if not self._pages:
            raise unsupported("raw photograph without a JPEG preview")
        return self._tiff.read_directory(self._pages[number - len(self._previews)])
