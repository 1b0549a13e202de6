"""Reads the frames of a file: one class for each way in which formats hold them.

A reader tries the file as it is, then without the parts that its decoder fails at, then as far as it is intact. It
never takes an image without content from a damaged file.
"""

import io
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, TypeVar

import msgspec
from PIL import Image, UnidentifiedImageError

from hashaudit.content.images import gif
from hashaudit.content.images.bitmap import decode_bitmap
from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.frame_count import png_frames
from hashaudit.content.images.iso_media import clean_aperture
from hashaudit.content.images.jpeg import Span, frame_header, jpeg_streams
from hashaudit.content.images.limits import MAX_COUNTED_FRAMES, DecodeLimits
from hashaudit.content.images.netpbm import decode_netpbm
from hashaudit.content.images.pillow import can_decode, open_image, open_stream, with_limits
from hashaudit.content.images.raw import raw_previews, viewable_pages
from hashaudit.content.images.refusal import RefusalError, unsupported, unsupported_coding
from hashaudit.content.images.repair import is_cut_animation, repair
from hashaudit.content.images.tiff import Directory, directories, first_offset
from hashaudit.content.images.tiff_samples import decode_tiff, has_known_compression, is_plain
from hashaudit.model.faults import FaultCode

DRAFT_SIDE_PX = 512
"""Shortest side to which the JPEG decoder may shrink an image. Below it, hashes drift beyond their thresholds
(docs/concepts/perceptual.md)."""
_ANY_JPEG_PIXELS = 1 << 32
"""More than the format can hold: only the pixels after scaling count."""
_CODECS = {ImageFormat.AVIF: ImageFormat.HEIC, ImageFormat.HEIC: ImageFormat.AVIF}
_Result = TypeVar("_Result")
_Decoded = TypeVar("_Decoded", Image.Image, Image.Image | None)
_DECIDED = (RefusalError, MemoryError, Image.DecompressionBombError)
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
        repaired = repair(data, kind)
        if repaired is not None:
            yield _Attempt(repaired, kind, is_cut=kind is ImageFormat.WEBP and is_cut_animation(data))
            if is_jpeg:
                yield _Attempt(repaired, kind, is_scaled=False)
        other = _CODECS.get(kind)
        if other is not None and can_decode(other):
            yield _Attempt(data, other)
        yield _Attempt(data, kind, is_tolerant=True)
        if repaired is not None:
            yield _Attempt(repaired, kind, is_tolerant=True)
        if is_jpeg:
            yield _Attempt(repaired or data, kind, is_tolerant=True, is_scaled=False)

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
            header = frame_header(repair(self._data, ImageFormat.JPEG) or self._data)
            if header is not None and not header.is_decoded:
                return unsupported_coding()
        # Pillow's decoder of DDS raises it for pixel formats that it does not know.
        return unsupported_coding() if isinstance(error, NotImplementedError) else error

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
    """Raises :class:`ValueError` if the image has no content, as a decoder that gives up leaves it."""
    extremes = image.getextrema()
    bands = list(extremes) if isinstance(extremes[0], tuple) else [extremes]
    # An alpha channel alone is not content.
    colours = bands[:-1] if image.mode in {"RGBA", "LA", "PA"} else bands
    if all(band[0] == band[1] for band in colours):
        raise ValueError("no content could be decoded")


def _as_far_as_intact(decode: Callable[..., _Decoded]) -> tuple[_Decoded, bool]:
    """Decodes strictly, then tolerantly. Returns the image, and whether it is truncated.

    Args:
        decode: takes ``is_tolerant``, whether it fills missing pixels. May return ``None`` to leave the file to another
            decoder.

    Raises:
        Exception: the first error, if neither attempt gives content.
    """
    try:
        return decode(is_tolerant=False), False
    except (*_DECIDED, UnidentifiedImageError):
        raise
    except Exception as error:  # noqa: BLE001 # decoders of hostile files raise anything
        try:
            image = decode(is_tolerant=True)
            if image is not None:
                refuse_flat(image)
        except _DECIDED:
            raise
        except Exception:  # noqa: BLE001 # as above
            raise error from None
        return image, True


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
        image, truncated = _as_far_as_intact(partial(self._loaded, data))
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
        image, truncated = _as_far_as_intact(partial(self._decode, data, limit))
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
        return Picture(*_as_far_as_intact(partial(decode_tiff, data, directory, limit)))

    def _by_pillow(self, directory: Directory | None) -> Picture:
        return Picture(*_as_far_as_intact(partial(self._loaded, directory)))

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
