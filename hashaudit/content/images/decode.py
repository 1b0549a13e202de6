"""Decodes an image once for all algorithms, frame by frame, within limits.

For any file the result is frames and faults, never an exception. Faults are data (:class:`Fault`). Frames before a
fault stay valid.
"""

import hashlib
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images import more_codecs
from hashaudit.content.images.formats import HEAD_BYTES, ImageFormat, sniff
from hashaudit.content.images.frame_readers import reader_of
from hashaudit.content.images.iso_media import item_types
from hashaudit.content.images.limits import MAX_FAULTY_FRAMES, DecodeLimits
from hashaudit.content.images.picture_source import Clock, FrameReader, Picture, Source
from hashaudit.content.images.pillow import can_decode
from hashaudit.content.images.pixel_modes import compositions, is_grey, to_colour, to_luma
from hashaudit.content.images.refusal import RefusalError, unsupported
from hashaudit.model.faults import Fault, FaultCode, Stage

MAX_COLOUR_PIXELS = 32_000_000
"""Larger images keep RGB beside luma only if it is required: with the arrays made from both, a pixel takes 8 bytes."""
MAX_MESSAGE = 160
"""Most characters of a decoder's message in a fault."""
_EXTRAS = {ImageFormat.HEIC: "heic"} | dict.fromkeys(more_codecs.FORMATS, more_codecs.EXTRA)
"""The optional dependencies that decode a format."""
_CLEAR_IS_OPAQUE = frozenset({ImageFormat.BMP, ImageFormat.DIB, ImageFormat.ICO, ImageFormat.CUR})
"""Formats whose writers leave an unused alpha channel at 0."""


class View(msgspec.Struct, frozen=True):
    """One way in which a frame is seen."""

    luma: Image.Image
    """Mode ``L``. That of a JPEG may be shrunk, but not to a side below 512 px."""
    colour: Image.Image | None
    """Mode ``RGB``, in full size. Set if it was required, or if the decoder delivers colours anyway (up to 32 MP)."""

    @property
    def plane(self) -> npt.NDArray[np.uint8]:
        """The luma as an array of rows x columns."""
        return np.asarray(self.luma)


class Frame(View, frozen=True):
    """One decoded frame, as it is usually seen."""

    number: int
    """Number of the frame, from 0, in the file's order."""
    truncated: bool
    """The file is truncated or damaged, and the decoder filled the missing part."""
    others: tuple[tuple[str, Callable[[], View]], ...] = ()
    """Other ways in which the frame is seen, by name, and how to make them."""
    is_transparent: bool = False
    """No pixel is visible."""


class SkippedFrames(msgspec.Struct, frozen=True):
    """The frames at the end of a file that were not examined."""

    count: int


def decode(data: bytes, limits: DecodeLimits, *, colour: bool = False) -> Iterator[Frame | Fault | SkippedFrames]:
    """Yields the frames of an image that differ from the one before, and a fault for each that cannot be decoded.

    Yields nothing if ``data`` is not an image. The number of frames beyond the limit comes last.

    Args:
        data: the whole file.
        limits: limits on the file.
        colour: requires ``RGB`` beside luma, which costs a decode in full size.
    """
    kind = sniff(data[:HEAD_BYTES], len(data))
    if kind is None:
        return
    try:
        yield from _decode(data, kind, limits, colour=colour)
    except Exception as error:  # noqa: BLE001 # decoders of hostile files raise anything; each is a fault of the file
        yield _fault(kind, error)


def _decode(
    data: bytes, kind: ImageFormat, limits: DecodeLimits, *, colour: bool
) -> Iterator[Frame | Fault | SkippedFrames]:
    if len(data) > limits.max_bytes:
        raise RefusalError(FaultCode.TOO_MANY_BYTES, f"{len(data)} bytes; at most {limits.max_bytes} are decoded")
    if kind is ImageFormat.HEIC and _has_only_av1(data):
        kind = ImageFormat.AVIF
    if not can_decode(kind):
        extra = _EXTRAS.get(kind)
        raise unsupported("no decoder for this format" + (f"; install hashaudit[{extra}]" if extra else ""))
    source = Source(data, kind, limits, Clock(limits.deadline_s(len(data))), colour)
    yield from _read_frames(source, reader_of(source))


def _has_only_av1(data: bytes) -> bool:
    """Returns whether the codec is AV1, although the beginning of the file does not show it."""
    types = item_types(data)
    return b"av01" in types and b"hvc1" not in types


def _read_frames(source: Source, reader: FrameReader) -> Iterator[Frame | Fault | SkippedFrames]:
    limits = source.limits
    count = reader.count()
    different = failed = number = 0
    before = b""
    while number < min(count, limits.max_frames_passed) and different < limits.max_frames:
        try:
            picture = reader.read(number)
            content = _fingerprint(picture) if count > 1 else b""
            frame = _frame(source, picture, number) if content != before or not number else None
        except (RefusalError, MemoryError) as error:
            if count == 1 or not _is_of_frame(error):
                raise
            yield _fault(source.kind, error, number)
            failed += 1
        except Exception as error:  # noqa: BLE001 # as in decode; later frames may be intact
            yield _fault(source.kind, error, number)
            failed += 1
        else:
            before = content
            if frame is not None:
                different += 1
                yield frame
        number += 1
        if failed == MAX_FAULTY_FRAMES:
            break
    if number < count:
        yield SkippedFrames(count - number)


def _is_of_frame(error: Exception) -> bool:
    """Returns whether a refusal says nothing of the next frame."""
    return isinstance(error, RefusalError) and error.code is not FaultCode.DECODE_TIMEOUT


def _fingerprint(picture: Picture) -> bytes:
    image = picture.image
    about = f"{image.mode} {image.size} {picture.truncated}".encode()
    palette = image.palette.tobytes() if image.mode == "P" and image.palette is not None else b""
    # Processors have instructions for SHA-256, and none for BLAKE2.
    return hashlib.sha256(about + palette + image.tobytes()).digest()


def _frame(source: Source, picture: Picture, number: int) -> Frame:
    others: list[tuple[str, Callable[[], View]]] = []
    image = picture.image
    ways = compositions(image, clear_is_opaque=source.kind in _CLEAR_IS_OPAQUE)
    if ways:
        others += [(way.name, _maker(way.make, source)) for way in ways[1:]]
        main = _view(ways[0].make(), source)
    else:
        main = _view(image, source)
    if picture.uncropped is not None:
        others.append(("uncropped", _maker(picture.uncropped.copy, source)))
    is_clear = len(ways) > 1 and ways[0].image.getchannel("A").getextrema()[1] == 0
    return Frame(main.luma, main.colour, number, picture.truncated, tuple(others), is_clear)


def _maker(make: Callable[[], Image.Image], source: Source) -> Callable[[], View]:
    return lambda: _view(make(), source)


def _view(image: Image.Image, source: Source) -> View:
    """Returns luma, and RGB if it is required or if the image has colours and is small enough to keep both."""
    if not source.colour and is_grey(image):
        return View(to_luma(image), None)
    colour = to_colour(image)
    kept = source.colour or image.width * image.height <= MAX_COLOUR_PIXELS
    return View(colour.convert("L"), colour if kept else None)


def _fault(kind: ImageFormat, error: Exception, frame: int | None = None) -> Fault:
    if isinstance(error, RefusalError):
        code = error.code
    elif isinstance(error, MemoryError):
        code = FaultCode.OUT_OF_MEMORY
    elif isinstance(error, Image.DecompressionBombError):
        code = FaultCode.TOO_MANY_PIXELS
    else:
        code = FaultCode.DECODE_ERROR
    where = kind.value if frame is None else f"{kind.value}, frame {frame}"
    return Fault(Stage.DECODE, code, f"{where}: {_printable(error)}")


def _printable(error: Exception) -> str:
    """Returns a decoder's message without terminal control characters and object addresses."""
    if isinstance(error, RefusalError):
        return str(error)
    message = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in str(error))
    message = message.partition(" <")[0][:MAX_MESSAGE]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
