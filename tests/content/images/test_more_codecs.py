"""JPEG XL, JPEG XR, Radiance HDR and rare codings of JPEG, by the optional dependency."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hashaudit.content.images import more_codecs
from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.jpeg_xl_header import header_of
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.model.faults import Fault, FaultCode
from odd_images import LazyFiles, lossless_jpeg, scene

codecs: Any = pytest.importorskip("imagecodecs", reason="imagecodecs is not installed (PyPI: imagecodecs)")
IMAGE = scene(331, 217)
PIXELS = np.asarray(IMAGE)
GREY = np.asarray(IMAGE.convert("L")).astype(np.uint16)
LIGHT = ((PIXELS / 255) ** 2.2).astype(np.float32)
OPAQUE = np.full((*GREY.shape, 1), 255, dtype=np.uint8)


def made() -> Iterator[tuple[str, bytes]]:
    yield "colour.jxl", codecs.jpegxl_encode(PIXELS)
    yield "lossless.jxl", codecs.jpegxl_encode(PIXELS, lossless=True)
    yield "grey.jxl", codecs.jpegxl_encode(GREY.astype(np.uint8))
    yield "deep.jxl", codecs.jpegxl_encode(PIXELS.astype(np.uint16) * 257)
    yield "alpha.jxl", codecs.jpegxl_encode(np.concatenate([PIXELS, OPAQUE], axis=2))
    yield "colour.jxr", codecs.jpegxr_encode(PIXELS)
    yield "grey.jxr", codecs.jpegxr_encode(GREY.astype(np.uint8))
    yield "deep.jxr", codecs.jpegxr_encode(PIXELS.astype(np.uint16) * 257)
    yield "colour.hdr", codecs.rgbe_encode(LIGHT)
    yield "twelve-bits.jpg", codecs.jpeg8_encode(GREY * 16, bitspersample=12)
    yield "twelve-bits-colour.jpg", codecs.jpeg8_encode(PIXELS.astype(np.uint16) * 16, bitspersample=12)
    yield "lossless-16.jpg", codecs.ljpeg_encode(GREY * 257)
    yield "lossless-12.jpg", codecs.ljpeg_encode(GREY * 16, bitspersample=12)


FILES = LazyFiles(
    "colour.jxl lossless.jxl grey.jxl deep.jxl alpha.jxl colour.jxr grey.jxr deep.jxr colour.hdr "
    "twelve-bits.jpg twelve-bits-colour.jpg lossless-16.jpg lossless-12.jpg ",
    made,
)


def bits(image: Image.Image) -> int:
    transform = pdq.transform(np.asarray(image.convert("RGB")))
    assert transform is not None
    return int.from_bytes(transform.hash())


def items_of(data: bytes, limits: DecodeLimits | None = None) -> list[object]:
    return list(decode(data, limits or DecodeLimits()))


@pytest.mark.parametrize("name", FILES.names)
def test_the_image_is_the_one_that_was_stored(name: str) -> None:
    (frame,) = items_of(FILES[name])
    assert isinstance(frame, Frame)
    assert frame.luma.size == IMAGE.size
    assert (bits(frame.colour or frame.luma) ^ bits(IMAGE)).bit_count() <= 10
    assert not frame.truncated


@pytest.mark.parametrize("name", FILES.names)
def test_a_cut_file_is_never_clean(name: str) -> None:
    data = FILES[name]
    for share in (0.1, 0.4, 0.7, 0.97):
        (item,) = items_of(data[: int(len(data) * share)])
        assert isinstance(item, Fault) or (isinstance(item, Frame) and item.truncated), (name, share, item)


@pytest.mark.parametrize("name", FILES.names)
def test_a_large_image_is_refused_before_it_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib, "import_module", _refuse)
    (fault,) = items_of(FILES[name], DecodeLimits(max_pixels=331 * 217 - 1))
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.TOO_MANY_PIXELS


def _refuse(name: str) -> None:
    raise AssertionError(name)


def test_every_frame_of_an_animation() -> None:
    found = items_of(codecs.jpegxl_encode(np.stack([PIXELS, PIXELS[::-1], PIXELS[::-1], 255 - PIXELS])))
    frames = [item for item in found if isinstance(item, Frame)]
    assert [frame.number for frame in frames] == [0, 1, 3]


@pytest.mark.parametrize("name", FILES.names)
def test_without_the_dependency_a_fault_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(more_codecs, "is_installed", lambda: False)
    (fault,) = items_of(FILES[name])
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE
    assert "install hashaudit[images-more]" in fault.message


@pytest.mark.parametrize(
    "make",
    [
        lambda: codecs.jpegxl_encode(LIGHT, lossless=True),
        lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n+Y 9 +X 9\n" + bytes(400),
        lambda: codecs.jpegls_encode(PIXELS),
    ],
    ids=["light", "turned", "lossless"],
)
def test_what_may_be_seen_in_other_ways_is_refused(make: Callable[[], bytes]) -> None:
    (fault,) = items_of(make())
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE


@pytest.mark.parametrize("size", [(8, 8), (64, 256), (333, 217), (500, 250), (4000, 3000), (20_000, 9)])
def test_the_size_of_a_jpeg_xl_image(size: tuple[int, int]) -> None:
    width, height = size
    header = header_of(codecs.jpegxl_encode(np.zeros((height, width), dtype=np.uint8), effort=1))
    assert (header.width, header.height) == size
    assert not header.is_cmyk


def test_a_lossless_jpeg_of_8_bits_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(more_codecs, "is_installed", lambda: False)
    (frame,) = items_of(lossless_jpeg(GREY.astype(np.uint8)))
    assert isinstance(frame, Frame)


@pytest.mark.parametrize("name", FILES.names)
def test_damaged_files_end_as_items(name: str) -> None:
    data = FILES[name]
    for at in range(0, min(len(data), 1000), 197):
        assert all(isinstance(item, (Frame, Fault)) for item in items_of(data[:at] + b"\xff" * 8 + data[at + 8 :]))
