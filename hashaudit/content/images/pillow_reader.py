"""Reads the frames of one stream by Pillow.

It tries the file as it is, then without the parts that its decoder fails at, then as far as it is intact.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from PIL import Image

from hashaudit.content.images import more_codecs
from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.frame_count import png_frames
from hashaudit.content.images.iso_media import clean_aperture
from hashaudit.content.images.jpeg import Span, frame_header
from hashaudit.content.images.limits import MAX_COUNTED_FRAMES
from hashaudit.content.images.picture_source import DECIDED, Picture, Source, check_sides, check_size, refuse_flat
from hashaudit.content.images.pillow import can_decode, open_image, with_limits
from hashaudit.content.images.refusal import unsupported_coding
from hashaudit.content.images.repair import is_cut_animation, repair

DRAFT_SIDE_PX = 512
"""Shortest side to which the JPEG decoder may shrink an image. Below it, hashes drift beyond their thresholds
(docs/concepts/perceptual.md)."""
_ANY_JPEG_PIXELS = 1 << 32
"""More than the format can hold: only the pixels after scaling count."""
_CODECS = {ImageFormat.AVIF: ImageFormat.HEIC, ImageFormat.HEIC: ImageFormat.AVIF}
_Result = TypeVar("_Result")


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
            except DECIDED:
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
                return unsupported_coding("" if more_codecs.is_installed() else more_codecs.EXTRA)
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
