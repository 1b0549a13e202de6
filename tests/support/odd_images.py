"""Files of one image in forms that decoders get wrong or pass over: valid, damaged and rare ones."""

import functools
import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

DECODABLE = """
junk-after-start.jpg short-adobe.jpg short-profile.jpg broken-exif.jpg lossless.jpg header-checksum.png
unknown-chunk.png text-method.png profile-method.png profile-content.png array.bmp no-file-header.dib gbr.bmp
xbgr.bmp 444.bmp bgr565.bmp ten-bits.bmp alpha-of-zeros.bmp short-header.bmp large-palette.bmp
runs-of-four-bits.bmp white-is-zero-16.tif planar-16.tif unsigned-32.tif signed-8.tif signed-16.tif
ten-of-16.tif float-16.tif float-64.tif float-outlier.tif tiles-as-strips.tif tiles-16.tif map-of-8-bits.tif
big-endian-bigtiff.tif grey-alpha-16.tif cmyk-alpha.tif deflate-16.tif predictor-16.tif bits-reversed.tif
no-photometric.tif plain.ppm plain.tga plain.pcx plain.sgi plain.dds plain.qoi runs.tga plain.pgm plain.pfm
plain.pam colour.pfm plain.ras flat.psd size-too-small.webp opaque.webp brand-of-items.heif
"""
UNDECODABLE = """
garbage.png header-only.bmp cut-in-header.bmp strips-missing.tif deep-strips-missing.tif cut-header.gif cut.jp2
jpeg-2000.tif lossless-16.jpg x.pdf x.eps x.svg x.svgz x.jxr x.jng x.mng x.exr x.hdr x.dpx x.fits x.iff x.pict
x.wbmp x.wmf x.emf x.x3f x.blp x.pcd header-only.tga x.miff x.viff x.vicar x.phm x.jxl
"""
"""The names of files, in their order; tests are collected by them."""


def scene(width: int = 320, height: int = 240, seed: int = 5) -> Image.Image:
    """Soft light and dark spots at all scales, as a photograph has them, in colours."""
    random = np.random.default_rng(seed)
    channels = []
    for _ in range(3):
        light = np.zeros((height, width))
        for cells in (4, 8, 16, 32):
            small = Image.fromarray(random.integers(0, 256, (cells, cells), dtype=np.uint8))
            light += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(np.float64) / cells
        channels.append(255 * (light - light.min()) / np.ptp(light))
    mixed = np.stack([channels[0], (channels[0] + channels[1]) / 2, (channels[0] + channels[2]) / 2], axis=-1)
    return Image.fromarray(mixed.astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Returns the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reduced(image: Image.Image, colours: int = 256) -> Image.Image:
    """Returns an image with a palette, by the method that takes a hundredth of the time of the default one."""
    return image.quantize(colours, Image.Quantize.FASTOCTREE)


class LazyFiles:
    """Files by name that are made at first use, because all processes of a test run collect all tests.

    Args:
        names: of the files, in their order.
        make: makes all of them.
    """

    def __init__(self, names: str, make: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
        self.names = tuple(names.split())
        self._make = make

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """All files."""
        files = dict(self._make())
        assert tuple(files) == self.names, "every file has a test"
        return files

    def __getitem__(self, name: str) -> bytes:
        return self.files[name]


def decodable(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yields files that every good decoder shows as the image."""
    colour, grey = image.convert("RGB"), image.convert("L")
    yield from _jpegs(colour, grey)
    yield from _pngs(colour)
    yield from _bitmaps(colour)
    yield from _tiffs(colour, grey)
    yield from _other_formats(colour, grey)


def _jpegs(colour: Image.Image, grey: Image.Image) -> Iterator[tuple[str, bytes]]:
    jpeg = encoded(colour, "JPEG", quality=92)
    yield "junk-after-start.jpg", b"\xff\xd8" + b"\0\1junk" + jpeg[2:]
    yield "short-adobe.jpg", jpeg[:2] + b"\xff\xee\0\7Adobe" + jpeg[2:]
    yield "short-profile.jpg", jpeg[:2] + b"\xff\xe2\0\x0eICC_PROFILE\0" + jpeg[2:]
    yield "broken-exif.jpg", jpeg[:2] + b"\xff\xe1\0\x10Exif\0\0II*\0\xff\xff" + jpeg[2:]
    yield "lossless.jpg", lossless_jpeg(np.asarray(grey))


def _pngs(colour: Image.Image) -> Iterator[tuple[str, bytes]]:
    png = encoded(colour, "PNG")
    header = bytearray(png)
    header[29] ^= 0x55
    yield "header-checksum.png", bytes(header)
    for name, content in (
        ("unknown-chunk", chunk(b"q\xe9Xx", b"hello")),
        ("text-method", chunk(b"zTXt", b"Comment\0\7garbage")),
        ("profile-method", chunk(b"iCCP", b"name\0\7garbage")),
        ("profile-content", chunk(b"iCCP", b"name\0\0garbage")),
    ):
        yield f"{name}.png", png[:33] + content + png[33:]


def _bitmaps(colour: Image.Image) -> Iterator[tuple[str, bytes]]:
    pixels = np.asarray(colour)
    bmp = encoded(colour, "BMP")
    yield "array.bmp", b"BA" + struct.pack("<IIHH", 40, 0, 640, 480) + bmp[:10] + struct.pack("<I", 68) + bmp[14:]
    yield "no-file-header.dib", bmp[14:]
    yield "gbr.bmp", masked_bitmap(pixels, (0xFF00, 0xFF0000, 0xFF), 32)
    yield "xbgr.bmp", masked_bitmap(pixels, (0xFF00, 0xFF0000, 0xFF000000), 32)
    yield "444.bmp", masked_bitmap(pixels, (0xF00, 0xF0, 0xF), 16)
    yield "bgr565.bmp", masked_bitmap(pixels, (0x1F, 0x7E0, 0xF800), 16)
    yield "ten-bits.bmp", masked_bitmap(pixels, (0x3FF00000, 0xFFC00, 0x3FF), 32)
    yield "alpha-of-zeros.bmp", masked_bitmap(pixels, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 32)
    yield "short-header.bmp", os2_bitmap(pixels, 16)
    palette = bytes(level for index in range(300) for level in (index % 256,) * 3 + (0,))
    yield "large-palette.bmp", _palette_bitmap(np.asarray(colour.convert("L")), palette)
    yield "runs-of-four-bits.bmp", run_length_bitmap(np.asarray(colour.convert("L")))


def _tiffs(colour: Image.Image, grey: Image.Image) -> Iterator[tuple[str, bytes]]:
    pixels, levels = np.asarray(colour), np.asarray(grey)
    deep = levels.astype("<u2") * 257
    outlier = (levels / 255).astype("<f4")
    outlier[3, 3] = 1e30
    alpha = np.full((*levels.shape, 1), 255, dtype=np.uint8)
    cmyk = np.asarray(colour.convert("CMYK"))
    yield "white-is-zero-16.tif", tiff(0xFFFF - deep, photometric=0)
    yield "planar-16.tif", tiff(pixels.astype("<u2") * 257, photometric=2, planar=True)
    yield "unsigned-32.tif", tiff(levels.astype("<u4") * 0x1010101, photometric=1)
    yield "signed-8.tif", tiff((levels.astype(np.int16) - 128).astype("i1"), photometric=1, form=2)
    yield "signed-16.tif", tiff((deep.astype(np.int32) - 32768).astype("<i2"), photometric=1, form=2)
    yield "ten-of-16.tif", tiff(levels.astype("<u2") * 4, photometric=1)
    yield "float-16.tif", tiff((levels / 255).astype("<f2"), photometric=1, form=3)
    yield "float-64.tif", tiff((levels / 255).astype("<f8"), photometric=1, form=3)
    yield "float-outlier.tif", tiff(outlier, photometric=1, form=3)
    yield "tiles-as-strips.tif", tiff(levels, photometric=1, tile=64, as_strips=True)
    yield "tiles-16.tif", tiff(deep, photometric=1, tile=64)
    yield "map-of-8-bits.tif", tiff(levels, photometric=3, colours=list(range(256)) * 3)
    yield "big-endian-bigtiff.tif", tiff(pixels, photometric=2, big=True, order=">")
    yield "grey-alpha-16.tif", tiff(np.dstack([deep, alpha.astype("<u2") * 257]), photometric=1, extra=2)
    yield "cmyk-alpha.tif", tiff(np.dstack([cmyk, alpha]), photometric=5, extra=2)
    yield "deflate-16.tif", tiff(0xFFFF - deep, photometric=0, compression=8)
    yield "predictor-16.tif", tiff(deep, photometric=1, compression=8, predictor=2)
    reverse = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
    turned = np.frombuffer(deep.tobytes().translate(reverse), dtype="<u2").reshape(deep.shape)
    yield "bits-reversed.tif", tiff(turned, photometric=1, fill_order=2)
    yield "no-photometric.tif", tiff((levels / 255).astype("<f4"), photometric=None, form=3)


def _other_formats(colour: Image.Image, grey: Image.Image) -> Iterator[tuple[str, bytes]]:
    pixels = np.asarray(colour)
    height, width = pixels.shape[:2]
    for kind, ending in (
        ("PPM", "ppm"),
        ("TGA", "tga"),
        ("PCX", "pcx"),
        ("SGI", "sgi"),
        ("DDS", "dds"),
        ("QOI", "qoi"),
    ):
        yield f"plain.{ending}", encoded(colour, kind)
    yield "runs.tga", encoded(colour, "TGA", compression="tga_rle")
    yield "plain.pgm", encoded(grey, "PPM")
    yield "plain.pfm", encoded(Image.fromarray((np.asarray(grey) / 255).astype(np.float32)), "PPM")
    pam = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n".encode()
    yield "plain.pam", pam + pixels.tobytes()
    rows = (pixels[::-1] / 255).astype("<f4")
    yield "colour.pfm", f"PF\n{width} {height}\n-1.0\n".encode() + rows.tobytes()
    yield (
        "plain.ras",
        struct.pack(">8I", 0x59A66A95, width, height, 24, pixels.nbytes, 1, 0, 0) + pixels[:, :, ::-1].tobytes(),
    )
    layers = struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3) + bytes(14)
    yield "flat.psd", b"8BPS" + layers + pixels.transpose(2, 0, 1).tobytes()
    yield "size-too-small.webp", _webp_of_size(encoded(colour, "WEBP", quality=90), 100)
    yield "opaque.webp", encoded(colour, "WEBP", quality=90)
    avif = encoded(colour, "AVIF", quality=90, speed=9)
    length = int.from_bytes(avif[:4], "big")
    yield "brand-of-items.heif", avif[:8] + b"mif1" + avif[12:length].replace(b"avif", b"mif1") + avif[length:]


def undecodable(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yields damaged files of which nothing is left, and images of formats without a decoder here."""
    colour = image.convert("RGB")
    png = encoded(colour, "PNG")
    at = png.index(b"IDAT")
    yield "garbage.png", png[: at + 4] + bytes(range(256)) * 20 + png[at + 5124 :]
    yield "header-only.bmp", encoded(colour, "BMP")[:54]
    yield "cut-in-header.bmp", encoded(colour, "BMP")[:30]
    yield "strips-missing.tif", encoded(colour, "TIFF")[:250]
    yield "deep-strips-missing.tif", tiff(np.asarray(image.convert("L")).astype("<u2") * 257, photometric=1)[:9]
    yield "cut-header.gif", encoded(colour, "GIF")[:800]
    yield "cut.jp2", _cut(encoded(colour, "JPEG2000"))
    yield "jpeg-2000.tif", tiff(np.asarray(colour), photometric=2, claimed_compression=34712)
    yield (
        "lossless-16.jpg",
        lossless_jpeg(np.asarray(image.convert("L"))).replace(b"\xff\xc3\0\x0b\x08", b"\xff\xc3\0\x0b\x10"),
    )
    yield "x.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"
    yield "x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    yield "x.svg", b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>'
    yield "x.svgz", zlib_gzip(b'<svg xmlns="http://www.w3.org/2000/svg" width="9"/>')
    yield "x.jxr", b"II\xbc\x01 \0\0\0"
    yield "x.jng", b"\x8bJNG\r\n\x1a\n" + bytes(20)
    yield "x.mng", b"\x8aMNG\r\n\x1a\n" + bytes(20)
    yield "x.exr", b"v/1\x01\x02\0\0\0"
    yield "x.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n"
    yield "x.dpx", b"SDPX\0\0\x08\0V1.0"
    yield "x.fits", b"SIMPLE  =                    T" + b" " * 50
    yield "x.iff", b"FORM\0\0\1\0ILBMBMHD"
    yield "x.pict", bytes(512) + b"\x01\0\0\0\0\0\0\x09\0\x09\x00\x11\x02\xff\x0c\0\xff\xfe"
    yield "x.wbmp", b"\0\0\x10\x10" + bytes(range(32))
    yield "x.wmf", b"\xd7\xcd\xc6\x9a" + bytes(18)
    yield "x.emf", b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(40)
    yield "x.x3f", b"FOVb" + bytes(40)
    yield "x.blp", b"BLP2\1\0\0\0" + bytes(20)
    yield "x.pcd", bytes(2048) + b"PCD_IPI" + bytes(40)
    yield "header-only.tga", bytes.fromhex("000101000000010800000000800080000800")
    yield "x.miff", b"id=ImageMagick  version=1.0\nclass=DirectClass\n"
    yield "x.viff", b"\xab\1\1\3\2" + bytes(40)
    yield "x.vicar", b"LBLSIZE=4096 FORMAT='BYTE' TYPE='IMAGE'"
    yield "x.phm", b"PH\n9 9\n-1.000000\n" + bytes(486)
    yield "x.jxl", b"\xff\x0a\xfa\x7f"


def masked_bitmap(pixels: Pixels, masks: tuple[int, ...], depth: int) -> bytes:
    """Returns a bitmap with the given masks of red, green, blue and alpha. Its alpha channel is 0 everywhere."""
    height, width = pixels.shape[:2]
    words = np.zeros((height, width), dtype=np.uint64)
    for channel, mask in enumerate(masks[:3]):
        shift = (mask & -mask).bit_length() - 1
        words |= (pixels[:, :, channel].astype(np.uint64) * (mask >> shift) // 255) << np.uint64(shift)
    rows = words[::-1].astype("<u4" if depth == 32 else "<u2")
    header_bytes = 124 if len(masks) == 4 else 40
    stated = b"".join(mask.to_bytes(4, "little") for mask in masks)
    header = struct.pack("<IiiHHIIiiII", header_bytes, width, height, 1, depth, 3, rows.nbytes, 0, 0, 0, 0) + stated
    header = header.ljust(header_bytes, b"\0")
    return (
        b"BM" + struct.pack("<IHHI", 14 + len(header) + rows.nbytes, 0, 0, 14 + len(header)) + header + rows.tobytes()
    )


def os2_bitmap(pixels: Pixels, header_bytes: int) -> bytes:
    """Returns a bitmap whose header ends early."""
    height, width = pixels.shape[:2]
    header = struct.pack("<IiiHH", header_bytes, width, height, 1, 24).ljust(header_bytes, b"\0")
    body = pixels[::-1, :, ::-1].tobytes()
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body


def _palette_bitmap(grey: Pixels, palette: bytes) -> bytes:
    height, width = grey.shape
    body = np.pad(grey[::-1], ((0, 0), (0, -width % 4))).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, len(body), 0, 0, len(palette) // 4, 0) + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body


def run_length_bitmap(grey: Pixels) -> bytes:
    """Returns a bitmap of runs of four bits, whose last run of a row holds a pixel too many."""
    height, width = grey.shape[0], grey.shape[1] - 1 + grey.shape[1] % 2
    nibbles = (grey[:, :width] >> 4).astype(int)
    body = bytearray()
    for row in nibbles[::-1]:
        for start in range(0, width, 252):
            part = [*row[start : start + 252]]
            part += [0] * (len(part) % 2)
            if len(part) < 3:
                body += bytes([len(part), part[0] << 4 | part[1]])
                continue
            packed = bytes(first << 4 | second for first, second in zip(part[::2], part[1::2], strict=True))
            body += bytes([0, len(part)]) + packed + b"\0" * (len(packed) % 2)
        body += b"\0\0"
    body += b"\0\1"
    palette = bytes(level for index in range(16) for level in (index * 17, index * 17, index * 17, 0))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 4, 2, len(body), 0, 0, 16, 0) + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + bytes(body)


def tiff(
    samples: npt.NDArray[np.generic],
    *,
    photometric: int | None,
    form: int = 1,
    planar: bool = False,
    tile: int = 0,
    as_strips: bool = False,
    colours: list[int] | None = None,
    big: bool = False,
    order: str = "<",
    extra: int | None = None,
    compression: int = 1,
    claimed_compression: int | None = None,
    predictor: int = 1,
    fill_order: int | None = None,
) -> bytes:
    """Returns a TIFF file of one page.

    Args:
        samples: rows x columns, or rows x columns x channels, in the byte order of the file.
        photometric: number of TIFF 6.0.
        form: 1 unsigned, 2 signed, 3 floating-point.
        planar: one plane after the other.
        tile: side of square tiles; 0: one strip.
        as_strips: the tiles stand in the tags of strips.
        colours: the colour map.
        big: a BigTIFF file.
        order: ``<`` or ``>``.
        extra: meaning of the last channel.
        compression: 1 or 8.
        claimed_compression: another number in the tag.
        predictor: 1 or 2.
        fill_order: order of the bits of a byte.
    """
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    parts = _parts(samples, planar=planar, tile=tile, predictor=predictor)
    strips = [zlib.compress(part) if compression == 8 else part for part in parts]
    first = 16 if big else 8
    offsets, at = [], first
    for strip in strips:
        offsets.append(at)
        at += len(strip)
    bits = samples.dtype.itemsize * 8
    values: dict[int, list[int]] = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [claimed_compression or compression],
        277: [channels],
        284: [2 if planar else 1],
        339: [form] * channels,
    }
    if tile:
        values |= {322: [tile], 323: [tile]}
    for tag, value in ((262, photometric), (266, fill_order)):
        if value is not None:
            values[tag] = [value]
    if predictor > 1:
        values[317] = [predictor]
    values |= (
        {273: offsets, 279: list(map(len, strips))}
        if as_strips or not tile
        else {324: offsets, 325: list(map(len, strips))}
    )
    if not tile:
        values[278] = [height]
    if colours is not None:
        values[320] = colours
    if extra is not None:
        values[338] = [extra]
    return _assembled(values, b"".join(strips), big=big, order=order)


def _parts(samples: npt.NDArray[np.generic], *, planar: bool, tile: int, predictor: int) -> list[bytes]:
    if predictor == 2:
        samples = np.concatenate([samples[:, :1], np.diff(samples, axis=1)], axis=1).astype(samples.dtype)
    if planar:
        return [np.ascontiguousarray(samples[:, :, channel]).tobytes() for channel in range(samples.shape[2])]
    if not tile:
        return [samples.tobytes()]
    height, width = samples.shape[:2]
    padded = np.pad(samples, ((0, -height % tile), (0, -width % tile)))
    return [
        np.ascontiguousarray(padded[top : top + tile, left : left + tile]).tobytes()
        for top in range(0, height, tile)
        for left in range(0, width, tile)
    ]


def _assembled(values: dict[int, list[int]], body: bytes, *, big: bool, order: str) -> bytes:
    first = 16 if big else 8
    code, slot = ("Q", 8) if big else ("I", 4)
    entries, more = b"", b""
    more_at = first + len(body) + (8 if big else 2) + (20 if big else 12) * len(values) + slot
    for tag, numbers in sorted(values.items()):
        wide = max(numbers) > 0xFFFF
        packed = struct.pack(f"{order}{len(numbers)}{'I' if wide else 'H'}", *numbers)
        inline = packed.ljust(slot, b"\0") if len(packed) <= slot else struct.pack(order + code, more_at + len(more))
        more += b"" if len(packed) <= slot else packed
        entries += struct.pack(f"{order}HH{code}", tag, 4 if wide else 3, len(numbers)) + inline
    mark = b"II" if order == "<" else b"MM"
    at = first + len(body)
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, at) if big else struct.pack(order + "HI", 42, at))
    return head + body + struct.pack(order + ("Q" if big else "H"), len(values)) + entries + bytes(slot) + more


def lossless_jpeg(grey: Pixels) -> bytes:
    """Returns a lossless JPEG (SOF3), predictor 1, with a code of 5 bits for each of 17 sizes."""
    height, width = grey.shape
    levels = grey.astype(int)
    predicted = np.empty_like(levels)
    predicted[:, 1:] = levels[:, :-1]
    predicted[1:, 0] = levels[:-1, 0]
    predicted[0, 0] = 128
    out: list[str] = []
    for difference in (levels - predicted).ravel().tolist():
        size = abs(difference).bit_length()
        value = difference if difference > 0 else difference + (1 << size) - 1
        out.append(f"{size:05b}" + (f"{value:0{size}b}" if size else ""))
    bits = "".join(out)
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    table = b"\xff\xc4\0\x24\0" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    frame = b"\xff\xc3\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    return b"\xff\xd8" + frame + table + b"\xff\xda\0\x08\1\1\0\1\0\0" + packed + b"\xff\xd9"


def chunk(name: bytes, content: bytes) -> bytes:
    """Returns a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def zlib_gzip(content: bytes) -> bytes:
    """Returns gzipped content."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _webp_of_size(data: bytes, size: int) -> bytes:
    return data[:4] + struct.pack("<I", size) + data[8:]
