"""Pillow behind the project's own settings: every call into a decoder is made inside :func:`with_limits`.

Pillow keeps its limits in module globals. They hold for the length of one call and are then put back, so that nothing
else in the process sees them.
"""

import contextlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import Iterator

from PIL import AvifImagePlugin, Image, ImageFile

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
    ImageFormat.HEIC: "HEIF",
}
"""The decoders in use. A file gets the one of the format that its content shows, and no other."""
_HEIC_MODULE = "pillow_heif"
_MODULES = tuple(
    f"PIL.{name}ImagePlugin"
    for name in ("Avif", "Bmp", "Gif", "Ico", "Jpeg", "Jpeg2K", "Mpo", "Png", "Ppm", "Tiff", "WebP")
)
"""The modules behind :data:`PILLOW_NAMES`, and Ppm, which Pillow loads with them."""


@contextlib.contextmanager
def with_limits(max_pixels: int, *, truncated: bool = False) -> Iterator[None]:
    """Sets Pillow's globals for the calls inside.

    Args:
        max_pixels: Pillow refuses frames above.
        truncated: what is missing of a file is left grey or black instead of being an error.
    """
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, AvifImagePlugin.DEFAULT_MAX_THREADS
    with warnings.catch_warnings():
        # A decoder's remarks on a file's metadata are of no interest, and the library writes to no terminal.
        warnings.simplefilter("ignore")
        # Pillow warns above this number and refuses above twice it.
        Image.MAX_IMAGE_PIXELS = max_pixels // 2
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated
        # The pool runs a worker a processor; threads beside them cost more than they bring.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, AvifImagePlugin.DEFAULT_MAX_THREADS = before


def load_decoders() -> None:
    """Imports what the decoders would import at their first use."""
    for module in _MODULES:
        importlib.import_module(module)
    if can_decode(ImageFormat.HEIC):
        _register_heic()


def _register_heic() -> None:
    importlib.import_module(_HEIC_MODULE).register_heif_opener(thumbnails=False)


def can_decode(kind: ImageFormat) -> bool:
    """Tells if there is a decoder; the one of HEIC is an optional dependency."""
    if kind is ImageFormat.HEIC:
        return importlib.util.find_spec(_HEIC_MODULE) is not None
    return kind in PILLOW_NAMES


def open_image(data: bytes, kind: ImageFormat) -> Image.Image:
    """Reads the header of ``data`` with the decoder of ``kind``; raises what Pillow raises."""
    if kind is ImageFormat.HEIC:
        # Imported only where it is needed: it is optional and loads large libraries.
        _register_heic()
    return Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[kind],))
