"""Calls Pillow with this project's settings: every call of a decoder is inside :func:`with_limits`.

Pillow keeps its limits in module globals. They are restored after each call, so that other code in the process does not
see them.
"""

import contextlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import Iterator

from PIL import AvifImagePlugin, Image, ImageFile

from hashaudit.content.images import more_codecs
from hashaudit.content.images.formats import ImageFormat

PILLOW_NAMES: dict[ImageFormat, str] = {
    ImageFormat.JPEG: "JPEG",
    ImageFormat.PNG: "PNG",
    ImageFormat.GIF: "GIF",
    ImageFormat.WEBP: "WEBP",
    ImageFormat.BMP: "BMP",
    ImageFormat.TIFF: "TIFF",
    ImageFormat.AVIF: "AVIF",
    ImageFormat.JPEG_2000: "JPEG2000",
    ImageFormat.ICO: "ICO",
    ImageFormat.CUR: "CUR",
    ImageFormat.DIB: "DIB",
    ImageFormat.NETPBM: "PPM",
    ImageFormat.TGA: "TGA",
    ImageFormat.PCX: "PCX",
    ImageFormat.SGI: "SGI",
    ImageFormat.DDS: "DDS",
    ImageFormat.QOI: "QOI",
    ImageFormat.ICNS: "ICNS",
    ImageFormat.XBM: "XBM",
    ImageFormat.XPM: "XPM",
    ImageFormat.SUN: "SUN",
    ImageFormat.PSD: "PSD",
    ImageFormat.HEIC: "HEIF",
}
"""The decoders in use. A file is decoded only by the decoder of its detected format."""
_HEIC_MODULE = "pillow_heif"
_MODULES = tuple(
    f"PIL.{name}ImagePlugin"
    for name in (
        *("Avif", "Bmp", "Gif", "Ico", "Jpeg", "Jpeg2K", "Mpo", "Png", "Ppm", "Tiff", "WebP"),
        *("Cur", "Tga", "Pcx", "Sgi", "Dds", "Qoi", "Icns", "Xbm", "Xpm", "Sun", "Psd"),
    )
)
"""The modules of :data:`PILLOW_NAMES`, and Ppm, which Pillow loads with them."""


@contextlib.contextmanager
def with_limits(max_pixels: int, *, truncated: bool = False) -> Iterator[None]:
    """Sets Pillow's globals for the calls in the context.

    Args:
        max_pixels: largest frame; Pillow refuses larger ones.
        truncated: leaves missing parts of a file grey or black instead of raising an error.
    """
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, AvifImagePlugin.DEFAULT_MAX_THREADS
    with warnings.catch_warnings():
        # Warnings of decoders concern metadata only, and a library must not write to the terminal.
        warnings.simplefilter("ignore")
        # Pillow warns above this number and refuses above twice the number.
        Image.MAX_IMAGE_PIXELS = max_pixels // 2
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated
        # The pool runs a worker for each processor; additional threads cost more than they gain.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, AvifImagePlugin.DEFAULT_MAX_THREADS = before


def load_decoders() -> None:
    """Imports the modules that the decoders would import at their first use."""
    for module in _MODULES:
        importlib.import_module(module)
    if can_decode(ImageFormat.HEIC):
        _register_heic()


def _register_heic() -> None:
    importlib.import_module(_HEIC_MODULE).register_heif_opener(thumbnails=False)


def can_decode(kind: ImageFormat) -> bool:
    """Returns whether there is a decoder. Those of HEIC and of a few others are optional dependencies."""
    if kind is ImageFormat.HEIC:
        return importlib.util.find_spec(_HEIC_MODULE) is not None
    if kind in more_codecs.FORMATS:
        return more_codecs.is_installed()
    return kind in PILLOW_NAMES


def open_image(data: bytes, kind: ImageFormat) -> Image.Image:
    """Reads the header of ``data`` with the decoder of ``kind``. Errors of Pillow propagate."""
    if kind is ImageFormat.HEIC:
        # Imported only if needed, because it is optional and loads large libraries.
        _register_heic()
    return open_stream(io.BytesIO(data), kind)


def open_stream(file: io.BytesIO, kind: ImageFormat) -> Image.Image:
    """Reads the header of a file in memory with the decoder of ``kind``. Errors of Pillow propagate."""
    if PILLOW_NAMES[kind] not in Image.OPEN:
        # Pillow knows only the formats of its most frequent modules before it is asked for another one.
        load_decoders()
    return Image.open(file, formats=(PILLOW_NAMES[kind],))
