"""Decodes JPEG XL, JPEG XR, Radiance HDR and rare codings of JPEG with imagecodecs, an optional dependency.

Its decoders allocate an image before they return, so the size is read from the header first.

Source of the headers: ITU-T T.832 annex A (JPEG XR); the Radiance reference manual, "file formats".
"""

import importlib
import importlib.util
import re
import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.jpeg import FrameHeader
from hashaudit.content.images.jpeg_xl_header import header_of
from hashaudit.content.images.refusal import unsupported_coding
from hashaudit.content.images.sample_depth import to_8_bits

MODULE = "imagecodecs"
EXTRA = "images-more"
"""The name under which this project's package requires it."""
FORMATS = frozenset({ImageFormat.JPEG_XL, ImageFormat.JPEG_XR, ImageFormat.HDR})
"""Formats that only this decoder reads."""
_JPEG_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3})
"""Codings of JPEG: sequential, progressive, lossless; with any depth. JPEG-LS is excluded: its decoder takes half a
minute for some files of a hundred bytes."""
_LOSSLESS = 0xC3
_XR_WIDTH, _XR_HEIGHT, _XR_PIXEL_FORMAT, _XR_START, _XR_BYTES = 0xBC80, 0xBC81, 0xBC01, 0xBCC0, 0xBCC1
_XR_CMYK = frozenset({0x1C, 0x1F})
_XR_MODES = frozenset({0x05, 0x08, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x15, 0x16, 0x17, 0x1C, 0x1D, 0x1F, 0xE9})
"""Last bytes of the identifiers of pixel formats in grey, RGB, RGBA and CMYK, of integers."""
_HDR_SIZE = re.compile(rb"\n-Y (\d{1,9}) \+X (\d{1,9})\n")
MAX_HDR_HEADER_BYTES = 65_536
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

Samples = npt.NDArray[Any]


class Size(msgspec.Struct, frozen=True):
    """The size of an image, from its header."""

    width: int
    height: int
    is_cmyk: bool = False


def is_installed() -> bool:
    """Returns whether the optional dependency is installed."""
    return importlib.util.find_spec(MODULE) is not None


def decodes_jpeg(header: FrameHeader | None) -> bool:
    """Returns whether a JPEG image that the ordinary decoder refuses is decoded here."""
    return header is not None and not header.is_decoded and header.marker in _JPEG_MARKERS and is_installed()


def stated_size(data: bytes, kind: ImageFormat) -> Size:
    """Reads the size of an image of :data:`FORMATS`.

    Raises:
        RefusalError: a coding that is not decoded here.
        ValueError: the header is damaged.
    """
    if kind is ImageFormat.JPEG_XL:
        header = header_of(data)
        if header.is_cmyk:
            raise unsupported_coding()
        return Size(header.width, header.height)
    if kind is ImageFormat.JPEG_XR:
        return _xr_size(data)
    found = _HDR_SIZE.search(data, 0, MAX_HDR_HEADER_BYTES)
    if found is None:
        # Other orders of rows and columns are valid, and rare.
        raise unsupported_coding()
    return Size(int(found[2]), int(found[1]))


def _xr_size(data: bytes) -> Size:
    if not data.startswith(b"II\xbc"):
        raise unsupported_coding()
    try:
        (at,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, at)
        values = {}
        for entry in range(count):
            tag, kind, number = struct.unpack_from("<HHI", data, at + 2 + 12 * entry)
            form = {1: "<B", 3: "<H"}.get(kind, "<I")
            (values[tag],) = struct.unpack_from(form, data, at + 10 + 12 * entry)
            if tag == _XR_PIXEL_FORMAT and number == 16:
                values[tag] = data[values[tag] + 15]
    except (struct.error, IndexError) as error:
        raise ValueError("the header of the image is cut off") from error
    if values.get(_XR_START, 0) + values.get(_XR_BYTES, 0) > len(data):
        # The decoder does not notice.
        raise ValueError("the image is cut off")
    if values.get(_XR_PIXEL_FORMAT) not in _XR_MODES:
        raise unsupported_coding()
    return Size(values.get(_XR_WIDTH, 0), values.get(_XR_HEIGHT, 0), values[_XR_PIXEL_FORMAT] in _XR_CMYK)


def decode_frames(data: bytes, kind: ImageFormat, size: Size) -> list[Image.Image]:
    """Decodes all frames of an image of :data:`FORMATS`.

    Raises:
        ValueError: the decoder refuses the image, or gives another size.
        RefusalError: the channels or samples are of an unknown kind.
    """
    samples = _decoded(data, kind)
    is_still = samples.shape[:2] in {(size.height, size.width), (size.width, size.height)}
    frames = [samples] if is_still else list(samples)
    if not frames or frames[0].shape[:2] not in {(size.height, size.width), (size.width, size.height)}:
        raise ValueError("the image has another size than its header states")
    if kind is ImageFormat.HDR:
        return [_image(_displayed(frame), is_cmyk=False, kinds="f") for frame in frames]
    return [_image(frame, is_cmyk=size.is_cmyk) for frame in frames]


def _decoded(data: bytes, kind: ImageFormat) -> Samples:
    codecs = importlib.import_module(MODULE)
    try:
        if kind is ImageFormat.JPEG_XL:
            samples: Samples = codecs.jpegxl_decode(data, numthreads=1)
        elif kind is ImageFormat.JPEG_XR:
            samples = codecs.jpegxr_decode(data)
        else:
            samples = codecs.rgbe_decode(data)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError("the decoder refuses the image") from error
    return samples


def decode_jpeg(data: bytes, header: FrameHeader) -> Image.Image:
    """Decodes a JPEG image of a coding for which :func:`decodes_jpeg` is true.

    Raises:
        ValueError: the decoder refuses the image.
    """
    codecs = importlib.import_module(MODULE)
    try:
        if header.marker == _LOSSLESS:
            samples: Samples = codecs.jpegsof3_decode(data)
        else:
            samples = codecs.jpeg8_decode(data)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError("the decoder refuses the image") from error
    if samples.dtype.itemsize == 2 and header.precision < 16:
        samples = samples << (16 - header.precision)
    return _image(samples, is_cmyk=False)


def _displayed(samples: Samples) -> Samples:
    """Returns linear light as a display shows it: above white it is white. Source: IEC 61966-2-1."""
    light = np.clip(np.nan_to_num(samples.astype(np.float32)), 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _image(samples: Samples, *, is_cmyk: bool, kinds: str = "u") -> Image.Image:
    """Returns an image of 8 bits. Floating-point numbers of the other formats may be linear or not."""
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    if samples.ndim not in {2, 3} or channels not in _MODES or samples.dtype.kind not in kinds:
        raise unsupported_coding()
    plane = samples if samples.dtype == np.uint8 else to_8_bits(samples, 8 * samples.itemsize)
    image = Image.fromarray(np.ascontiguousarray(plane))
    if not is_cmyk:
        return image
    # Stored as amounts of ink.
    return Image.frombytes("CMYK", image.size, image.tobytes())
