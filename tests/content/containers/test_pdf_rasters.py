"""Images in PDF documents that are no files by themselves."""

import io
import struct
import zlib
from functools import partial

import numpy as np
import pikepdf
import pytest
from PIL import Image

from hashaudit.content.containers.pdf_reader import read_pdf
from reader_lab import damaged, read

RASTERS = partial(read_pdf, rasters=True)
X, Y = np.meshgrid(np.arange(40), np.arange(30))
RGB = Image.fromarray(np.stack([X * 6, Y * 8, (X * Y) % 256], axis=-1).astype(np.uint8))
GREY, BITS, PALETTE, CMYK = RGB.convert("L"), RGB.convert("1"), RGB.quantize(16), RGB.convert("CMYK")
N = pikepdf.Name


def document(data: bytes, mode: pikepdf.ObjectStreamMode, **how: object) -> bytes:
    made = pikepdf.new()
    made.add_blank_page()
    stream = pikepdf.Stream(made, data, Type=N.XObject, Subtype=N.Image, Width=40, Height=30)
    for key, value in how.items():
        stream[f"/{key}"] = value(made) if callable(value) else value
    made.Root.Picture = made.make_indirect(stream)
    target = io.BytesIO()
    made.save(target, object_stream_mode=mode, compress_streams=False, encryption=how.get("secret", False))  # type: ignore[arg-type]
    return target.getvalue()


def png_rows(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    data, at, parts = target.getvalue(), 8, []
    while at < len(data):
        length = struct.unpack_from(">I", data, at)[0]
        parts += [data[at + 8 : at + 8 + length]] if data[at + 4 : at + 8] == b"IDAT" else []
        at += length + 12
    return b"".join(parts)


def predicted(colours: int, bits: int = 8) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(Predictor=15, Colors=colours, BitsPerComponent=bits, Columns=40)


def indexed(made: pikepdf.Pdf) -> pikepdf.Object:
    table = made.make_indirect(pikepdf.Stream(made, bytes(PALETTE.getpalette() or ())))
    return made.make_indirect(pikepdf.Array([N.Indexed, N.DeviceRGB, 15, table]))


def with_profile(made: pikepdf.Pdf) -> pikepdf.Object:
    profile = made.make_indirect(pikepdf.Stream(made, b"profile", N=3))
    return made.make_indirect(pikepdf.Array([N.ICCBased, profile]))


def fax() -> bytes:
    target = io.BytesIO()
    BITS.save(target, "TIFF", compression="group4")
    image = Image.open(target)
    assert image.tag_v2[262] == 1  # type: ignore[attr-defined] # a black run is white
    [at], [count] = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    return target.getvalue()[at : at + count]


FORMS: dict[str, tuple[bytes, dict[str, object], Image.Image]] = {
    "rgb": (RGB.tobytes(), {"ColorSpace": N.DeviceRGB}, RGB),
    "flate": (zlib.compress(RGB.tobytes()), {"ColorSpace": with_profile, "Filter": N.FlateDecode}, RGB),
    "hex": (RGB.tobytes().hex().encode() + b">", {"ColorSpace": N.RGB, "Filter": N.ASCIIHexDecode}, RGB),
    "predictor": (
        png_rows(RGB), {"ColorSpace": with_profile, "Filter": N.FlateDecode, "DecodeParms": predicted(3)}, RGB,
    ),
    "grey predictor": (
        png_rows(GREY), {"ColorSpace": N.DeviceGray, "Filter": N.FlateDecode, "DecodeParms": predicted(1)}, GREY,
    ),
    "indexed": (PALETTE.tobytes(), {"ColorSpace": indexed}, PALETTE.convert("RGB")),
    "indexed predictor": (
        png_rows(PALETTE),
        {"ColorSpace": indexed, "Filter": N.FlateDecode, "DecodeParms": predicted(1, 4), "BitsPerComponent": 4},
        PALETTE.convert("RGB"),
    ),
    "inverted": (
        bytes(255 - value for value in GREY.tobytes()), {"ColorSpace": N.DeviceGray, "Decode": [1, 0]}, GREY,
    ),
    "cmyk": (zlib.compress(CMYK.tobytes()), {"ColorSpace": N.DeviceCMYK, "Filter": N.FlateDecode}, CMYK),
    "mask": (BITS.tobytes(), {"ImageMask": True, "BitsPerComponent": 1}, BITS),
    "fax": (
        fax(), {"Filter": N.CCITTFaxDecode, "DecodeParms": pikepdf.Dictionary(K=-1, Columns=40, BlackIs1=True)}, BITS,
    ),
    "fax in flate": (
        zlib.compress(fax()),
        {
            "Filter": pikepdf.Array([N.FlateDecode, N.CCITTFaxDecode]),
            "DecodeParms": pikepdf.Array([None, pikepdf.Dictionary(K=-1, Columns=40, BlackIs1=True)]),
        },
        BITS,
    ),
    "negative fax": (
        fax(), {"Filter": N.CCITTFaxDecode, "DecodeParms": pikepdf.Dictionary(K=-1, Columns=40)},
        BITS.convert("L").point(lambda value: 255 - value).convert("1", dither=Image.Dither.NONE),
    ),
    "encrypted": (
        png_rows(RGB),
        {
            "ColorSpace": with_profile, "Filter": N.FlateDecode, "DecodeParms": predicted(3),
            "secret": pikepdf.Encryption(owner="o", R=6),
        },
        RGB,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_an_image_is_what_was_put_in(form: str) -> None:
    data, how, image = FORMS[form]
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        found = read(RASTERS, document(data, mode, **({"BitsPerComponent": 8} | how)))
        assert (len(found.members), found.faults) == (1, []), found
        [content] = found.contents
        opened = Image.open(io.BytesIO(content)).convert(image.mode)
        # A TIFF and a PNG of two tones differ in which bit is black; the tones do not.
        assert opened.tobytes() == image.tobytes()


def test_what_has_no_file_form_is_a_fault_and_nothing_without_perceptual_lists() -> None:
    mode = pikepdf.ObjectStreamMode.disable
    tinted = pikepdf.Array([N.Separation, N.Black, N.DeviceCMYK, pikepdf.Dictionary()])
    for how in (
        {"ColorSpace": N.Lab, "BitsPerComponent": 8},
        {"ColorSpace": tinted, "BitsPerComponent": 8},
        {"ColorSpace": N.DeviceRGB, "BitsPerComponent": 7},
        {"Filter": N.CCITTFaxDecode, "DecodeParms": pikepdf.Dictionary(EncodedByteAlign=True)},
        {"ColorSpace": N.DeviceCMYK, "BitsPerComponent": 8, "Filter": N.FlateDecode, "DecodeParms": predicted(4)},
    ):
        made = document(RGB.tobytes(), mode, **how)
        assert read(RASTERS, made) == ([], ["unsupported"]), how
        assert read(read_pdf, made) == ([], [])
    short = document(RGB.tobytes()[:-1], mode, ColorSpace=N.DeviceRGB, BitsPerComponent=8)
    assert read(RASTERS, short) == ([], ["damaged"])
    coded = document(b"coded", mode, Filter=N.JBIG2Decode)
    assert read(RASTERS, coded).contents == {b"\x97JB2\r\n\x1a\n\x01\0\0\0\x01coded"}


def test_damaged_documents_end() -> None:
    for form in ("indexed predictor", "fax in flate", "encrypted"):
        data, how, _ = FORMS[form]
        whole = document(data, pikepdf.ObjectStreamMode.generate, **({"BitsPerComponent": 8} | how))
        for mutant in damaged(whole, 40):
            read(RASTERS, mutant)
