"""Detects formats of photographs from the first bytes of a file, never from its name.

Source of the signatures: ITU-T T.81, W3C PNG (third edition) 5.2, GIF89a 17, RFC 9649, the DIB header structures of the
Windows documentation, TIFF 6.0 section 2, ISO/IEC 14496-12 4.3, ISO/IEC 15444-1 annex I, ISO/IEC 18181-2 9.
"""

from enum import StrEnum

SNIFF_REVISION = 1
"""Raise it when :func:`sniff` detects images in other files."""
HEAD_BYTES = 4096
"""Most bytes of a file that :func:`sniff` needs."""
MAX_BRANDS = 64
"""Most brands of an ISO media file that are checked; real files have fewer than ten."""


class ImageFormat(StrEnum):
    """An image format."""

    JPEG = "jpeg"
    """MPO too: several JPEG images in one file."""
    PNG = "png"
    """APNG too."""
    GIF = "gif"
    WEBP = "webp"
    BMP = "bmp"
    TIFF = "tiff"
    """Raw photographs that are TIFF files too: DNG, CR2, NEF, ARW."""
    AVIF = "avif"
    JPEG_2000 = "jpeg_2000"
    ICO = "ico"
    HEIC = "heic"
    JPEG_XL = "jpeg_xl"
    PSD = "psd"
    RAW = "raw"
    """Raw photographs that are not TIFF files: CR3, RAF, ORF, RW2."""


_DIB_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})

_SIGNATURES: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", ImageFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", ImageFormat.PNG),
    (b"GIF87a", ImageFormat.GIF),
    (b"GIF89a", ImageFormat.GIF),
    (b"II*\0", ImageFormat.TIFF),
    (b"MM\0*", ImageFormat.TIFF),
    (b"II+\0", ImageFormat.TIFF),
    (b"MM\0+", ImageFormat.TIFF),
    (b"\0\0\0\x0cjP  \r\n\x87\n", ImageFormat.JPEG_2000),
    (b"\xff\x4f\xff\x51", ImageFormat.JPEG_2000),
    (b"\0\0\0\x0cJXL \r\n\x87\n", ImageFormat.JPEG_XL),
    (b"\xff\x0a", ImageFormat.JPEG_XL),
    (b"8BPS\0\x01", ImageFormat.PSD),
    (b"8BPS\0\x02", ImageFormat.PSD),
    (b"FUJIFILMCCD-RAW", ImageFormat.RAW),
    (b"IIRO", ImageFormat.RAW),
    (b"IIRS", ImageFormat.RAW),
    (b"MMOR", ImageFormat.RAW),
    (b"IIU\0", ImageFormat.RAW),
)


def sniff(head: bytes) -> ImageFormat | None:
    """Returns the format of an image, or ``None``.

    Args:
        head: first bytes of the file, up to :data:`HEAD_BYTES`.
    """
    for signature, known in _SIGNATURES:
        if head.startswith(signature):
            return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_HEADER_SIZES:
        return ImageFormat.BMP
    if head[:4] == b"\0\0\1\0" and _is_icon_directory(head):
        return ImageFormat.ICO
    return None


def _iso_media(head: bytes) -> ImageFormat | None:
    length = min(int.from_bytes(head[:4], "big"), len(head), 8 + 4 * MAX_BRANDS)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
    if brands[0] == b"crx ":
        return ImageFormat.RAW
    if not _AVIF_BRANDS.isdisjoint(brands):
        return ImageFormat.AVIF
    return None if _HEIC_BRANDS.isdisjoint(brands) else ImageFormat.HEIC


def _is_icon_directory(head: bytes) -> bool:
    """Returns whether the first entry is valid too, because the signature of an icon is mostly zeros."""
    count = int.from_bytes(head[4:6], "little")
    planes, depth = int.from_bytes(head[10:12], "little"), int.from_bytes(head[12:14], "little")
    offset = int.from_bytes(head[18:22], "little")
    return count > 0 and len(head) >= 22 and head[9] == 0 and planes <= 1 and depth <= 32 and offset >= 6 + 16 * count
