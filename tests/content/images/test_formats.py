from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hashaudit.content.images.formats import HEAD_BYTES, ImageFormat, sniff

ENCODED = [
    ("JPEG", ImageFormat.JPEG),
    ("PNG", ImageFormat.PNG),
    ("GIF", ImageFormat.GIF),
    ("WEBP", ImageFormat.WEBP),
    ("BMP", ImageFormat.BMP),
    ("TIFF", ImageFormat.TIFF),
    ("AVIF", ImageFormat.AVIF),
    ("JPEG2000", ImageFormat.JPEG_2000),
    ("ICO", ImageFormat.ICO),
    ("MPO", ImageFormat.JPEG),
]
HEADS = [
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ImageFormat.HEIC),
    (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", ImageFormat.HEIC),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", ImageFormat.AVIF),
    (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", ImageFormat.RAW),
    (b"\0\0\0\x0cJXL \r\n\x87\n", ImageFormat.JPEG_XL),
    (b"\xff\x0a\xfa\x7f", ImageFormat.JPEG_XL),
    (b"8BPS\0\1\0\0", ImageFormat.PSD),
    (b"FUJIFILMCCD-RAW 0201", ImageFormat.RAW),
    (b"IIRO\x08\0\0\0", ImageFormat.RAW),
    (b"MM\0+\0\x08\0\0", ImageFormat.TIFF),
    (b"II*\0\x10\0\0\0CR\2\0", ImageFormat.TIFF),
    (b"GIF87a", ImageFormat.GIF),
    (b"\xff\x4f\xff\x51\0", ImageFormat.JPEG_2000),
]
NO_PICTURES = [
    b"",
    b"\xff\xd8",
    b"\x89PNG\r\n\x1a\r",
    b"GIF88a",
    b"RIFF\x24\0\0\0WAVEfmt ",
    b"BM" + bytes(40),
    b"\0\0\1\0" + bytes(40),
    b"\0\0\1\0\1\0\x10\x10\0\1",
    b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    b"\0\0\0\x10ftypisom\0\0\0\0avif",
    b"8BPS\0\3",
    b"II*\1",
]


@pytest.mark.parametrize(("encoder", "expected"), ENCODED)
def test_encoded_images_are_detected(
    encoder: str, expected: ImageFormat, encode: Callable[..., bytes], photo: Image.Image
) -> None:
    assert sniff(encode(photo.resize((64, 64)), encoder)[:HEAD_BYTES]) is expected


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_signatures_are_detected(head: bytes, expected: ImageFormat) -> None:
    assert sniff(head) is expected


@pytest.mark.parametrize("head", NO_PICTURES)
def test_similar_heads_are_not_images(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_an_image_or_not(head: bytes) -> None:
    assert sniff(head) in {None, *ImageFormat}
