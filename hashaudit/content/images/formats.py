"""Detects formats of images from the first bytes of a file, never from its name.

Every format of an image is detected, also those without a decoder here: their files become faults, not silence.

Source of the signatures: ITU-T T.81, W3C PNG (third edition) 5.2, GIF89a 17, RFC 9649, the DIB header structures of the
Windows documentation, the OS/2 Presentation Manager bitmap headers, TIFF 6.0 section 2, ISO/IEC 14496-12 4.2 and 4.3,
ISO/IEC 15444-1 annex I, ISO/IEC 18181-2 9, the netpbm format pages, Truevision TGA 2.0, PRONOM.
"""

import re
import zlib
from enum import StrEnum

from hashaudit.content.images.iso_media import item_types

SNIFF_REVISION = 4
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
    """OS/2 bitmaps and arrays of bitmaps too."""
    DIB = "dib"
    """A bitmap without its file header."""
    TIFF = "tiff"
    """Raw photographs that are TIFF files too: DNG, CR2, NEF, ARW."""
    AVIF = "avif"
    JPEG_2000 = "jpeg_2000"
    ICO = "ico"
    CUR = "cur"
    HEIC = "heic"
    NETPBM = "netpbm"
    """PBM, PGM, PPM, PFM and PAM."""
    TGA = "tga"
    PCX = "pcx"
    SGI = "sgi"
    DDS = "dds"
    QOI = "qoi"
    ICNS = "icns"
    XBM = "xbm"
    XPM = "xpm"
    SUN = "sun"
    PSD = "psd"
    JPEG_XL = "jpeg_xl"
    JPEG_XR = "jpeg_xr"
    JNG = "jng"
    MNG = "mng"
    EXR = "exr"
    HDR = "hdr"
    DPX = "dpx"
    """Cineon too."""
    FITS = "fits"
    IFF = "iff"
    PICT = "pict"
    WBMP = "wbmp"
    SVG = "svg"
    METAFILE = "metafile"
    """Windows metafiles: WMF, EMF."""
    EPS = "eps"
    """All of PostScript."""
    PDF = "pdf"
    RAW = "raw"
    """Raw photographs that are not TIFF files: CR3, CRW, RAF, ORF, RW2, MRW, X3F."""
    OTHER = "other"
    """Rare formats: BPG, FLIF, DjVu, XCF, DCX, FLI, farbfeld, BLP, FTEX, MSP, PIXAR, IM of IFUNC, PhotoCD, brushes of
    GIMP, JBIG2, thumbnails of XV, MIFF, VIFF, VICAR, half-float maps of ffmpeg."""


_DIB_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32, 64})
_DIB_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_MAX_DIB_HEADER_BYTES = 256
_MAX_COMPRESSION = 13
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_ITEM_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
"""Brands that say nothing of the codec; the type of the items does."""

_SIGNATURES: tuple[tuple[bytes, ImageFormat], ...] = (
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
    (b"II\x1a\0\0\0HEAPCCDR", ImageFormat.RAW),
    (b"\0MRM", ImageFormat.RAW),
    (b"FOVb", ImageFormat.RAW),
    (b"II\xbc", ImageFormat.JPEG_XR),
    (b"WMPHOTO\0", ImageFormat.JPEG_XR),
    (b"\x8bJNG\r\n\x1a\n", ImageFormat.JNG),
    (b"\x8aMNG\r\n\x1a\n", ImageFormat.MNG),
    (b"v/1\x01", ImageFormat.EXR),
    (b"#?RADIANCE", ImageFormat.HDR),
    (b"#?RGBE", ImageFormat.HDR),
    (b"SDPX\0", ImageFormat.DPX),
    (b"XPDS", ImageFormat.DPX),
    (b"\x80\x2a\x5f\xd7", ImageFormat.DPX),
    (b"SIMPLE  =", ImageFormat.FITS),
    (b"DDS \x7c\0\0\0", ImageFormat.DDS),
    (b"qoif", ImageFormat.QOI),
    (b"icns", ImageFormat.ICNS),
    (b"/* XPM */", ImageFormat.XPM),
    (b"\x59\xa6\x6a\x95", ImageFormat.SUN),
    (b"\xd7\xcd\xc6\x9a", ImageFormat.METAFILE),
    (b"%!PS", ImageFormat.EPS),
    (b"\xc5\xd0\xd3\xc6", ImageFormat.EPS),
    (b"%PDF-", ImageFormat.PDF),
    (b"\x97JB2\r\n\x1a\n", ImageFormat.OTHER),
    (b"BPG\xfb", ImageFormat.OTHER),
    (b"FLIF", ImageFormat.OTHER),
    (b"AT&TFORM", ImageFormat.OTHER),
    (b"gimp xcf ", ImageFormat.OTHER),
    (b"\xb1\x68\xde\x3a", ImageFormat.OTHER),
    (b"farbfeld", ImageFormat.OTHER),
    (b"BLP1", ImageFormat.OTHER),
    (b"BLP2", ImageFormat.OTHER),
    (b"FTEX", ImageFormat.OTHER),
    (b"DanM", ImageFormat.OTHER),
    (b"LinS", ImageFormat.OTHER),
    (b"P7 332", ImageFormat.OTHER),
    (b"\x80\xe8\0\0\1\0\0\0", ImageFormat.OTHER),
    (b"Image type: ", ImageFormat.OTHER),
    (b"id=ImageMagick", ImageFormat.OTHER),
    (b"\xab\x01\x01\x03", ImageFormat.OTHER),
    (b"LBLSIZE=", ImageFormat.OTHER),
)
_IFF_IMAGES = frozenset({b"ILBM", b"PBM ", b"ACBM", b"RGB8", b"RGBN", b"DEEP", b"ANIM", b"CIMG"})
_NETPBM = re.compile(rb"P[1-6Ff](?:\s|#[^\n]*\n)+\d{1,9}(?:\s|#[^\n]*\n)+\d{1,9}[\s#]|P7\n")
_HALF_FLOAT_MAP = re.compile(rb"P[Hh]\n\d{1,9} \d{1,9}\n-?\d")
_XBM = re.compile(rb"\s*(?:/\*.{0,1024}?\*/\s*)?#define\s+\w*?_?width\s+\d+\s+#define\s+\w*?_?height\s+\d", re.DOTALL)
_SVG = re.compile(
    r"\ufeff?\s*(?:<\?[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>\s*)*<(?:\w+:)?svg[\s>/]", re.DOTALL
)
_SVG_IN_PROLOGUE = re.compile(r"\ufeff?\s*<(?:!--|!DOCTYPE\s+svg)", re.DOTALL)
_TGA_TYPES = {1: {8, 16}, 2: {15, 16, 24, 32}, 3: {8, 16}, 9: {8, 16}, 10: {15, 16, 24, 32}, 11: {8, 16}}
"""Depths of each type of a TGA image."""
_MARKER = re.compile(rb"\xff[\xc0-\xc7\xc9-\xcf\xda\xdb\xdd\xe0-\xef\xfe]")
_WMF_HEADER = b"\x01\0\x09\0\0\x03"


def sniff(head: bytes, size_bytes: int | None = None) -> ImageFormat | None:
    """Returns the format of an image, or ``None``.

    Args:
        head: first bytes of the file, up to :data:`HEAD_BYTES`.
        size_bytes: size of the file, if known. A format without a signature is only detected by its size.
    """
    if head[:2] == b"\xff\xd8":
        return ImageFormat.JPEG if first_marker(head) is not None else None
    for signature, known in _SIGNATURES:
        if head.startswith(signature):
            return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    return _by_structure(head, size_bytes)


def first_marker(data: bytes) -> int | None:
    """Returns the position of a JPEG's first segment, which may follow stray bytes; ``None`` if there is none."""
    if data[2:3] == b"\xff":
        return 2
    for found in _MARKER.finditer(data, 2, HEAD_BYTES):
        at = found.start()
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        # In arbitrary bytes, a marker is rarely followed by another one at its end.
        if length >= 2 and data[at + 2 + length : at + 3 + length] in {b"\xff", b""}:
            return at
    return None


def _by_structure(head: bytes, size_bytes: int | None) -> ImageFormat | None:
    """Returns the format of an image whose signature is short, by its whole header."""
    tests = (
        (_is_bitmap, ImageFormat.BMP),
        (_is_bitmap_header, ImageFormat.DIB),
        (_is_icon_directory, ImageFormat.ICO),
        (_is_cursor_directory, ImageFormat.CUR),
        (_is_netpbm, ImageFormat.NETPBM),
        (_is_sgi, ImageFormat.SGI),
        (_is_pcx, ImageFormat.PCX),
        (_is_iff, ImageFormat.IFF),
        (_is_pict, ImageFormat.PICT),
        (_is_metafile, ImageFormat.METAFILE),
        (_is_animator, ImageFormat.OTHER),
        (_is_marked_later, ImageFormat.OTHER),
        (_is_xbm, ImageFormat.XBM),
        (_is_tga, ImageFormat.TGA),
        (_is_svg, ImageFormat.SVG),
    )
    for test, kind in tests:
        if test(head):
            return kind
    return ImageFormat.WBMP if size_bytes is not None and _is_wbmp(head, size_bytes) else None


def _iso_media(head: bytes) -> ImageFormat | None:
    large = head[:4] == b"\0\0\0\1"
    first = 16 if large else 8
    stated = int.from_bytes(head[8:16] if large else head[:4], "big")
    length = min(stated or len(head), len(head), first + 4 * MAX_BRANDS)
    brands = [head[first : first + 4], *(head[at : at + 4] for at in range(first + 8, length, 4))]
    if brands[0] == b"crx ":
        return ImageFormat.RAW
    if not _AVIF_BRANDS.isdisjoint(brands):
        return ImageFormat.AVIF
    if not _HEIC_BRANDS.isdisjoint(brands):
        return ImageFormat.HEIC
    if _ITEM_BRANDS.isdisjoint(brands):
        return None
    types = item_types(head)
    return ImageFormat.AVIF if b"av01" in types and b"hvc1" not in types else ImageFormat.HEIC


def _number(head: bytes, at: int, size: int = 2) -> int:
    return int.from_bytes(head[at : at + size], "little")


def _is_bitmap(head: bytes) -> bool:
    if head[:2] == b"BA":
        return head[14:16] == b"BM" and _is_bitmap(head[14:])
    # The signature and a known size of the header are enough: a header that is cut off or damaged is a fault.
    return head[:2] == b"BM" and (_number(head, 14, 4) in _DIB_HEADER_SIZES or _is_bitmap_header(head[14:]))


def _is_bitmap_header(head: bytes) -> bool:
    size = _number(head, 0, 4)
    if size == 12:
        return _number(head, 8) == 1 and _number(head, 10) in _DIB_DEPTHS and 0 not in {head[4] | head[5], head[6]}
    if not 16 <= size <= _MAX_DIB_HEADER_BYTES or len(head) < size or not (_number(head, 4, 4) and _number(head, 8, 4)):
        return False
    # The depth of a bitmap that contains a JPEG or PNG file may be 0.
    depth, compression = _number(head, 14), _number(head, 16, 4) if size > 16 else 0
    is_depth = depth in _DIB_DEPTHS or compression in {4, 5}
    return _number(head, 12) == 1 and is_depth and compression <= _MAX_COMPRESSION


def _is_icon_directory(head: bytes) -> bool:
    """Returns whether the first entry is valid too, because the signature of an icon is mostly zeros."""
    planes, depth = _number(head, 10), _number(head, 12)
    return head[:4] == b"\0\0\1\0" and _is_directory_entry(head) and planes <= 1 and depth <= 32


def _is_cursor_directory(head: bytes) -> bool:
    # A cursor has the position of its hot spot instead of planes and depth.
    return head[:4] == b"\0\0\2\0" and _is_directory_entry(head) and max(_number(head, 10), _number(head, 12)) <= 1024


def _is_directory_entry(head: bytes) -> bool:
    count = _number(head, 4)
    return len(head) >= 22 and count > 0 and head[9] == 0 and _number(head, 18, 4) >= 6 + 16 * count


def _is_netpbm(head: bytes) -> bool:
    return _NETPBM.match(head) is not None and (head[:2] != b"P7" or (b"WIDTH" in head and b"ENDHDR" in head))


def _is_sgi(head: bytes) -> bool:
    return (
        head[:2] == b"\x01\xda"
        and len(head) > 12
        and head[2] <= 1
        and head[3] in {1, 2}
        and int.from_bytes(head[4:6], "big") in {1, 2, 3}
    )


def _is_pcx(head: bytes) -> bool:
    return (
        len(head) >= 128
        and head[0] == 10
        and head[1] in {0, 2, 3, 4, 5}
        and head[2] in {0, 1}
        and head[3] in {1, 2, 4, 8}
        and _number(head, 8) >= _number(head, 4)
        and _number(head, 10) >= _number(head, 6)
        and head[64] == 0
        and head[65] in {1, 2, 3, 4}
    )


def _is_iff(head: bytes) -> bool:
    return head[:4] in {b"FORM", b"FOR4"} and head[8:12] in _IFF_IMAGES


def _is_pict(head: bytes) -> bool:
    second = head[522:528] == b"\x00\x11\x02\xff\x0c\x00"
    first = head[522:524] == b"\x11\x01" and any(head[512:522])
    return (second or first) and not any(head[:512])


def _is_metafile(head: bytes) -> bool:
    return head.startswith(_WMF_HEADER) or (head[:4] == b"\x01\0\0\0" and head[40:44] == b" EMF")


def _is_animator(head: bytes) -> bool:
    return head[4:6] in {b"\x11\xaf", b"\x12\xaf"} and _number(head, 14) in {0, 3}


def _is_marked_later(head: bytes) -> bool:
    """Returns whether the signature of a brush of GIMP or of PhotoCD stands behind the beginning, or is a pattern."""
    is_marked = (head[20:24] == b"GIMP" and head[:2] == b"\0\0") or head[2048:2052] == b"PCD_"
    return is_marked or _HALF_FLOAT_MAP.match(head) is not None


def _is_xbm(head: bytes) -> bool:
    return _XBM.match(head) is not None


def _is_tga(head: bytes) -> bool:
    if len(head) < 18 or head[1] > 1 or head[16] not in _TGA_TYPES.get(head[2], ()) or head[17] & 0xC0:
        return False
    mapped = head[2] in {1, 9}
    has_map = head[1] == 1 and _number(head, 5) > 0 and head[7] in {8, 15, 16, 24, 32}
    has_none = head[1] == 0 and not any(head[3:8])
    is_mapped = has_map if mapped else has_map or has_none
    # Attribute bits beyond those of the depth show that this is another format.
    attribute = head[17] & 0x0F
    return is_mapped and attribute <= 8 and _number(head, 12) > 0 and _number(head, 14) > 0


def _is_svg(head: bytes) -> bool:
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = head.decode("utf-16", errors="replace")
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        text = head.decode("utf-8", errors="replace")
    elif head[:4] in {b"<\0?\0", b"<\0s\0", b"<\0!\0"}:
        text = head.decode("utf-16-le", errors="replace")
    else:
        return False
    # A comment can be longer than the head.
    return _SVG.match(text) is not None or (_SVG_IN_PROLOGUE.match(text) is not None and "<svg" in text)


def _is_wbmp(head: bytes, size_bytes: int) -> bool:
    if head[:2] != b"\0\0" or len(head) < 4:
        return False
    at, sides = 2, []
    for _ in range(2):
        side = 0
        for byte in head[at : at + 3]:
            at += 1
            side = side << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        sides.append(side)
    width, height = sides
    return min(sides) >= 5 and size_bytes == at + (width + 7) // 8 * height
