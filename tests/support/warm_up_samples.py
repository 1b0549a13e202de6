"""Makes the images of hashaudit/content/images/samples: python tests/support/warm_up_samples.py.

One tiny image for each decoder and for each of its modes that loads code of its own.
"""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "hashaudit" / "content" / "images" / "samples"


def main() -> None:
    """Writes every sample."""
    grey = Image.linear_gradient("L").rotate(20).resize((24, 20))
    flips = (grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    colour = Image.merge("RGB", (grey, *flips))
    small, turned = colour.resize((8, 8)), colour.rotate(90).resize((8, 8))
    deep = Image.frombytes("I;16", (8, 8), bytes(range(128)))
    made: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("grey.jpg", grey, "JPEG", {"quality": 30}),
        ("progressive.jpg", colour, "JPEG", {"quality": 30, "progressive": True}),
        ("cmyk.jpg", colour.convert("CMYK"), "JPEG", {"quality": 20}),
        ("two.mpo", colour, "MPO", {"save_all": True, "append_images": [grey.convert("RGB")], "quality": 20}),
        ("palette.png", colour.quantize(8), "PNG", {}),
        ("alpha.png", small.convert("RGBA"), "PNG", {}),
        ("grey-alpha.png", small.convert("LA"), "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("one-bit.png", grey.convert("1"), "PNG", {}),
        ("animated.png", small, "PNG", {"save_all": True, "append_images": [turned]}),
        ("one.gif", small.quantize(4), "GIF", {}),
        (
            "animated.gif",
            colour.quantize(8),
            "GIF",
            {
                "save_all": True,
                "append_images": [colour.rotate(90).quantize(4)],
                "transparency": 0,
                "disposal": 2,
            },
        ),
        ("lossy.webp", colour, "WEBP", {"quality": 10}),
        ("alpha.webp", small.convert("RGBA"), "WEBP", {"lossless": True}),
        ("animated.webp", small, "WEBP", {"save_all": True, "append_images": [turned], "quality": 10}),
        ("colour.bmp", small, "BMP", {}),
        ("palette.bmp", small.quantize(4), "BMP", {}),
        ("plain.tif", small, "TIFF", {}),
        ("lzw.tif", small, "TIFF", {"compression": "tiff_lzw"}),
        ("jpeg.tif", colour, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", grey.convert("1"), "TIFF", {"compression": "group4"}),
        ("cmyk.tif", small.convert("CMYK"), "TIFF", {}),
        ("colour.avif", small, "AVIF", {"speed": 10, "quality": 10}),
        ("colour.jp2", small, "JPEG2000", {}),
        ("colour.ppm", small, "PPM", {}),
        ("grey.pfm", grey.convert("F"), "PPM", {}),
        ("colour.tga", small, "TGA", {"compression": "tga_rle"}),
        ("colour.pcx", small, "PCX", {}),
        ("colour.sgi", small, "SGI", {}),
        ("colour.dds", small, "DDS", {}),
        ("dxt.dds", small, "DDS", {"pixel_format": "DXT1"}),
        ("colour.qoi", small, "QOI", {}),
        ("one-bit.xbm", grey.convert("1"), "XBM", {}),
        ("colour.dib", small, "DIB", {}),
        ("alpha.ico", colour.convert("RGBA").resize((16, 16)), "ICO", {"sizes": [(16, 16)]}),
    ]
    SAMPLES.mkdir(exist_ok=True)
    for name, content in _by_hand(small).items():
        (SAMPLES / name).write_bytes(content)
    for name, image, form, options in made:
        image.save(SAMPLES / name, form, **options)
    for name, encoded in _by_imagecodecs(np.asarray(small)).items():
        (SAMPLES / name).write_bytes(encoded)


def _by_imagecodecs(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> dict[str, bytes | bytearray]:
    """Returns files of the formats of hashaudit/content/images/more_codecs.py."""
    deep = pixels[:, :, 0].astype(np.uint16)
    return {
        "colour.jxl": imagecodecs.jpegxl_encode(pixels),
        "colour.jxr": imagecodecs.jpegxr_encode(pixels),
        "colour.hdr": imagecodecs.rgbe_encode((pixels / 255).astype(np.float32)),
        "deep.jpg": imagecodecs.jpeg8_encode(deep * 16, bitspersample=12),
        "deep-lossless.jpg": imagecodecs.ljpeg_encode(deep * 257),
    }


def _by_hand(image: Image.Image) -> dict[str, bytes]:
    """Returns files of kinds that Pillow does not write."""
    width, height = image.size
    pixels = np.asarray(image)
    blue_first = pixels[::-1, :, ::-1]
    masked = np.dstack([blue_first, np.full((height, width, 1), 255, dtype=np.uint8)]).tobytes()
    header = struct.pack(
        "<IiiHHIIiiII4I", 56, width, height, 1, 32, 3, 0, 0, 0, 0, 0, 0xFF0000, 0xFF00, 0xFF, 0xFF << 24
    )
    bitmap = b"BM" + struct.pack("<IHHI", 14 + 56 + len(masked), 0, 0, 70) + header + masked
    runs = b"".join(bytes([width, row % 16 * 17]) + b"\0\0" for row in range(height)) + b"\0\1"
    palette = bytes(level for index in range(16) for level in (index * 17, index * 17, index * 16, 0))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 4, 2, len(runs), 0, 0, 16, 0)
    short_runs = b"BM" + struct.pack("<IHHI", 14 + 40 + 64 + len(runs), 0, 0, 118) + info + palette + runs
    pam = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n".encode() + pixels.tobytes()
    pfm = f"PF\n{width} {height}\n-1.0\n".encode() + (pixels / 255).astype("<f4").tobytes()
    rows = b"".join(b'"' + b"ab"[row % 2 : row % 2 + 1] * width + b'",\n' for row in range(height))
    colours = f'/* XPM */\nstatic char *x[] = {{\n"{width} {height} 2 1",\n"a c #102030",\n"b c #f0e0d0",\n'.encode()
    sun = struct.pack(">8I", 0x59A66A95, width, height, 24, width * height * 3, 1, 0, 0) + pixels.tobytes()
    psd = (
        b"8BPS"
        + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
        + bytes(12)
        + b"\0\0"
        + pixels.transpose(2, 0, 1).tobytes()
    )
    # Pillow's writer adds every size up to 1,024 pixels.
    portable = io.BytesIO()
    image.resize((16, 16)).convert("RGBA").save(portable, "PNG")
    entry = b"icp4" + struct.pack(">I", 8 + portable.tell()) + portable.getvalue()
    icon = io.BytesIO()
    image.resize((16, 16)).convert("RGBA").save(icon, "ICO", sizes=[(16, 16)], bitmap_format="bmp")
    cursor = b"\0\0\2\0" + icon.getvalue()[4:10] + b"\1\0\1\0" + icon.getvalue()[14:]
    return {
        "masks.bmp": bitmap,
        "rle4.bmp": short_runs,
        "colour.pam": pam,
        "colour.pfm": pfm,
        "colour.xpm": colours + rows + b"};\n",
        "colour.ras": sun,
        "colour.psd": psd,
        "alpha.cur": cursor,
        "colour.icns": b"icns" + struct.pack(">I", 8 + len(entry)) + entry,
        "float.tif": _tiff((pixels[:, :, 0] / 255).astype("<f4"), 3, 1, None),
        "deflate-16.tif": _tiff(pixels[:, :, 0].astype("<u2") * 257, 1, 0, 8),
        "lzw-16.tif": _lzw(pixels[:, :, 0]),
        "lab.tif": _tiff(pixels.astype("<u2"), 1, 8, None),
        "cmyk-16.tif": _tiff(np.dstack([pixels, pixels[:, :, :1]]).astype("<u2") * 257, 1, 5, None),
        "associated.tif": _tiff(np.dstack([pixels, pixels[:, :, :1]]).astype("<u2") * 257, 1, 2, None, extra=1),
    }


def _tiff(
    samples: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    form: int,
    photometric: int,
    compression: int | None,
    extra: int | None = None,
) -> bytes:
    """Returns a TIFF file of one strip."""
    content = samples.tobytes() if compression is None else zlib.compress(samples.tobytes())
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    bits = samples.dtype.itemsize * 8
    values: dict[int, tuple[int, ...]] = {
        256: (samples.shape[1],),
        257: (samples.shape[0],),
        258: (bits,) * channels,
        259: (compression or 1,),
        262: (photometric,),
        273: (8,),
        277: (channels,),
        278: (samples.shape[0],),
        279: (len(content),),
        339: (form,) * channels,
    }
    if extra is not None:
        values[338] = (extra,)
    entries, more = b"", b""
    more_at = 8 + len(content) + 2 + 12 * len(values) + 4
    for tag, numbers in sorted(values.items()):
        packed = struct.pack(f"<{len(numbers)}H", *numbers)
        inline = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", more_at + len(more))
        more += b"" if len(packed) <= 4 else packed
        entries += struct.pack("<HHI", tag, 3, len(numbers)) + inline
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(content))
        + content
        + struct.pack("<H", len(values))
        + entries
        + bytes(4)
        + more
    )


def _lzw(grey: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    """Returns a TIFF file of 16 bits that libtiff compressed, with WhiteIsZero set."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(grey.astype(np.uint16) * 257)).save(file, "TIFF", compression="tiff_lzw")
    content = file.getvalue()
    entry = struct.pack("<HHI", 262, 3, 1) + struct.pack("<I", 1)
    return content.replace(entry, struct.pack("<HHI", 262, 3, 1) + bytes(4))


if __name__ == "__main__":
    main()
