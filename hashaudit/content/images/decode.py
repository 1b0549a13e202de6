"""Decodes an image once for all algorithms, frame by frame, within limits.

For any file the result is frames and faults, never an exception. Faults are data (:class:`Fault`). Frames before a
fault stay valid.
"""

import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images.formats import HEAD_BYTES, ImageFormat, sniff
from hashaudit.content.images.frame_count import chosen_frames, gif_frames, png_frames
from hashaudit.content.images.jpeg import Span, jpeg_streams
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.images.pillow import can_decode, open_image, with_limits
from hashaudit.content.images.pixel_modes import UnsupportedModeError, is_grey, to_colour, to_luma
from hashaudit.content.images.raw import raw_previews
from hashaudit.content.images.tiff import directories
from hashaudit.model.faults import Fault, FaultCode, Stage

DRAFT_SIDE_PX = 512
"""Shortest side to which the JPEG decoder may shrink an image. Below it, hashes drift beyond their thresholds
(docs/concepts/perceptual.md)."""
MAX_COLOUR_PIXELS = 32_000_000
"""Larger images keep RGB beside luma only if it is required: with the arrays made from both, a pixel takes 8 bytes."""
MAX_MESSAGE = 160
"""Most characters of a decoder's message in a fault."""


class Frame(msgspec.Struct, frozen=True):
    """One decoded frame."""

    number: int
    """Number of the frame, from 0, in the file's order."""
    luma: Image.Image
    """Mode ``L``. That of a JPEG may be shrunk, but not to a side below 512 px."""
    colour: Image.Image | None
    """Mode ``RGB``, in full size. Set if it was required, or if the decoder delivers colours anyway (up to 32 MP)."""
    truncated: bool
    """The file is truncated or damaged, and the decoder filled the missing part."""

    @property
    def plane(self) -> npt.NDArray[np.uint8]:
        """The luma as an array of rows x columns."""
        return np.asarray(self.luma)


class _RefusalError(Exception):
    """A limit or a missing decoder ends the decoding of a file. Becomes a fault."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def decode(data: bytes, limits: DecodeLimits, *, colour: bool = False) -> Iterator[Frame | Fault]:
    """Yields the frames of an image, and a fault for each frame that cannot be decoded.

    Yields nothing if ``data`` is not an image.

    Args:
        data: the whole file.
        limits: limits on the file.
        colour: requires ``RGB`` beside luma, which costs a decode in full size.
    """
    kind = sniff(data[:HEAD_BYTES])
    if kind is None:
        return
    try:
        yield from _decode(data, kind, limits, colour=colour)
    except Exception as error:  # noqa: BLE001 # decoders of hostile files raise anything; each is a fault of the file
        yield _fault(kind, error)


def _decode(data: bytes, kind: ImageFormat, limits: DecodeLimits, *, colour: bool) -> Iterator[Frame | Fault]:
    if len(data) > limits.max_bytes:
        raise _RefusalError(FaultCode.TOO_MANY_BYTES, f"{len(data)} bytes; at most {limits.max_bytes} are decoded")
    if not can_decode(kind):
        advice = "; install hashaudit[heic]" if kind is ImageFormat.HEIC else ""
        raise _RefusalError(FaultCode.UNSUPPORTED_IMAGE, f"no decoder for this format{advice}")
    source = _Source(data, kind, limits, _Clock(limits.deadline_s(len(data))), colour)
    previews = raw_previews(data) if kind is ImageFormat.TIFF else None
    if previews is not None:
        yield _largest_preview(previews, source)
        return
    streams = jpeg_streams(data) if kind is ImageFormat.JPEG else []
    if len(streams) > 1:
        yield from _read_frames(source, len(streams), lambda number: _Reader(source, streams[number]).frame(0, number))
    else:
        reader = _Reader(source)
        yield from _read_frames(source, reader.count(), lambda number: reader.frame(number, number))


def _largest_preview(previews: list[Span], source: "_Source") -> Frame:
    if not previews:
        raise _RefusalError(FaultCode.UNSUPPORTED_IMAGE, "raw photograph without a JPEG preview")
    inside = msgspec.structs.replace(source, kind=ImageFormat.JPEG)
    for span in previews[:-1]:
        try:
            return _Reader(inside, span).frame(0, 0)
        except (OSError, SyntaxError, ValueError):
            continue
    return _Reader(inside, previews[-1]).frame(0, 0)


def _read_frames(source: "_Source", count: int, read: Callable[[int], Frame]) -> Iterator[Frame | Fault]:
    limits = source.limits
    for number in chosen_frames(min(count, limits.max_frames_passed), limits.max_frames):
        try:
            frame = read(number)
        except (_RefusalError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 # as in decode; later frames may be intact
            yield _fault(source.kind, error, number)
        else:
            yield frame
    if count > limits.max_frames_passed:
        raise _RefusalError(
            FaultCode.TOO_MANY_FRAMES, f"more than {limits.max_frames_passed} frames; later ones were not examined"
        )


class _Clock:
    """The time limit of one file, checked between frames."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def check(self) -> None:
        if time.monotonic() > self._end:
            raise _RefusalError(FaultCode.DECODE_TIMEOUT, f"not decoded within {self._timeout_s:g} s")


class _Source(msgspec.Struct, frozen=True):
    """A file and the settings for its decoding."""

    data: bytes
    kind: ImageFormat
    limits: DecodeLimits
    clock: _Clock
    colour: bool


class _Reader:
    """Decodes the frames of one stream in a file, in ascending order."""

    def __init__(self, source: _Source, span: Span | None = None) -> None:
        self._kind = source.kind
        self._limits = source.limits
        self._clock = source.clock
        self._colour = source.colour
        self._data = source.data if span is None else source.data[slice(*span)]
        self._truncated = False
        self._count = 1
        self._image: Image.Image | None = None
        self._at = 0

    def count(self) -> int:
        """Returns the number of frames in the stream; counts at most one frame beyond the limit."""
        self._count = self._count_frames()
        return self._count

    def _count_frames(self) -> int:
        at_most = self._limits.max_frames_passed + 1
        if self._kind is ImageFormat.GIF:
            return max(gif_frames(self._data, at_most), 1)
        if self._kind is ImageFormat.PNG:
            return png_frames(self._data, at_most)
        if self._kind is ImageFormat.TIFF:
            return max(sum(1 for _ in directories(self._data, at_most)), 1)
        if self._kind in {ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.HEIC}:
            with with_limits(self._limits.max_pixels):
                return int(getattr(self._opened(), "n_frames", 1))
        return 1

    def frame(self, number: int, reported_number: int) -> Frame:
        """Decodes a frame of the stream. Decodes a damaged frame again, as far as possible.

        Args:
            number: number of the frame in the stream.
            reported_number: number of the frame in the file.
        """
        try:
            return self._frame(number, reported_number)
        except (_RefusalError, MemoryError, UnsupportedModeError, Image.DecompressionBombError):
            raise
        except Exception:
            if self._truncated:
                raise
            self._truncated = True
            self._image = None
            return self._frame(number, reported_number)

    def _frame(self, number: int, reported_number: int) -> Frame:
        with with_limits(self._limits.max_pixels, truncated=self._truncated):
            self._clock.check()
            image = self._opened()
            # Animations build each frame on the one before. Single steps allow checking the clock.
            while self._at < number:
                image.seek(self._at + 1)
                self._at += 1
                self._clock.check()
            self._check_size(image)
            if self._kind is ImageFormat.JPEG and not self._colour:
                image.draft("L", (DRAFT_SIDE_PX, DRAFT_SIDE_PX))
            image.load()
            self._check_size(image)
            return Frame(reported_number, *self._planes(image), self._truncated)

    def _planes(self, image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
        """Returns luma, and RGB if it is required or if the image has colours and is small enough to keep both."""
        if self._count > 1:
            # The decoder of an animation reuses its image for the next frame.
            image = image.copy()
        if not self._colour and is_grey(image):
            return to_luma(image), None
        colour = to_colour(image)
        kept = self._colour or image.width * image.height <= MAX_COLOUR_PIXELS
        return colour.convert("L"), colour if kept else None

    def _opened(self) -> Image.Image:
        if self._image is None:
            self._image, self._at = open_image(self._data, self._kind), 0
        return self._image

    def _check_size(self, image: Image.Image) -> None:
        pixels = image.width * image.height
        if not pixels:
            raise _RefusalError(FaultCode.DECODE_ERROR, "a side of the image has no pixels")
        if pixels > self._limits.max_pixels:
            message = f"{image.width} x {image.height} pixels; at most {self._limits.max_pixels} are decoded"
            raise _RefusalError(FaultCode.TOO_MANY_PIXELS, message)


def _fault(kind: ImageFormat, error: Exception, frame: int | None = None) -> Fault:
    if isinstance(error, _RefusalError):
        code = error.code
    elif isinstance(error, MemoryError):
        code = FaultCode.OUT_OF_MEMORY
    elif isinstance(error, Image.DecompressionBombError):
        code = FaultCode.TOO_MANY_PIXELS
    elif isinstance(error, UnsupportedModeError):
        code = FaultCode.UNSUPPORTED_IMAGE
    else:
        code = FaultCode.DECODE_ERROR
    where = kind.value if frame is None else f"{kind.value}, frame {frame}"
    return Fault(Stage.DECODE, code, f"{where}: {_printable(error)}")


def _printable(error: Exception) -> str:
    """Returns a decoder's message without terminal control characters and object addresses."""
    if isinstance(error, _RefusalError | UnsupportedModeError):
        return str(error)
    message = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in str(error))
    message = message.partition(" <")[0][:MAX_MESSAGE]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
