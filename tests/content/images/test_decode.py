import importlib.util
import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from hashaudit.content.images.decode import Frame, SkippedFrames, decode
from hashaudit.content.images.formats import ImageFormat
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.images.pillow import open_image, with_limits
from hashaudit.model.faults import Fault, FaultCode, Stage

Encoder = Callable[..., bytes]
LIMITS = DecodeLimits()


def frames_of(data: bytes, limits: DecodeLimits = LIMITS, *, colour: bool = False) -> list[Frame]:
    items = list(decode(data, limits, colour=colour))
    assert all(isinstance(item, Frame) for item in items), items
    return [item for item in items if isinstance(item, Frame)]


def fault_of(data: bytes, limits: DecodeLimits = LIMITS) -> Fault:
    (item,) = decode(data, limits)
    assert isinstance(item, Fault), item
    assert item.stage is Stage.DECODE
    return item


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def apart(frame: Frame, image: Image.Image) -> float:
    expected = np.asarray(image.convert("L").resize(frame.luma.size)).astype(np.int16)
    return float(np.abs(frame.plane.astype(np.int16) - expected).mean())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"big_tiff": True}),
        ("AVIF", {"quality": 90}),
        ("JPEG2000", {}),
    ],
)
def test_every_format_gives_its_luma(
    kind: str, options: dict[str, object], photo: Image.Image, encode: Encoder
) -> None:
    (frame,) = frames_of(encode(photo, kind, **options))
    assert frame.number == 0
    assert not frame.truncated
    assert frame.plane.shape == (480, 640)
    assert apart(frame, photo) < (8 if kind == "GIF" else 5)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16"])
def test_every_mode_of_a_png(mode: str, photo: Image.Image, encode: Encoder) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) << 8)
    elif mode == "P":
        image = photo.quantize(256)
    else:
        image = photo.convert(mode)
    (frame,) = frames_of(encode(image, "PNG"))
    assert apart(frame, image if mode == "1" else photo) < 8


def test_an_icon_is_decoded_in_its_largest_size(photo: Image.Image, encode: Encoder) -> None:
    (frame,) = frames_of(encode(photo.resize((256, 256)), "ICO", sizes=[(16, 16), (128, 128)]))
    assert frame.plane.shape == (128, 128)


def test_large_jpeg_is_shrunk_to_no_less_than_512(photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo.resize((2400, 1100)), "JPEG")
    (shrunk,) = frames_of(data)
    assert shrunk.plane.shape == (550, 1200)
    assert shrunk.colour is None
    (full,) = frames_of(data, colour=True)
    assert full.colour is not None
    assert full.colour.mode == "RGB"
    assert full.colour.size == full.luma.size == (2400, 1100)
    (small,) = frames_of(encode(photo.resize((2400, 1000)), "JPEG"))
    assert small.plane.shape == (1000, 2400)


def test_orientation_is_not_applied(photo: Image.Image, encode: Encoder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (frame,) = frames_of(encode(photo, "JPEG", exif=exif))
    assert frame.plane.shape == (480, 640)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_all_frames_in_their_order(kind: str, photo: Image.Image, encode: Encoder) -> None:
    pages = [photo.resize((96, 80)).rotate(angle) for angle in (0, 45, 90)]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames = frames_of(encode(pages[0], kind, save_all=True, append_images=pages[1:], **options))
    assert [frame.number for frame in frames] == [0, 1, 2]
    for frame, page in zip(frames, pages, strict=True):
        assert apart(frame, page) < 8, frame.number


def test_frames_of_other_sizes_in_one_mpo(photo: Image.Image, encode: Encoder) -> None:
    first, second = frames_of(encode(photo, "MPO", save_all=True, append_images=[photo.resize((160, 120))]))
    assert first.plane.shape == (480, 640)
    assert second.plane.shape == (120, 160)
    assert apart(second, photo) < 8


def test_an_index_that_lists_no_image_is_a_fault(photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo, "MPO", save_all=True, append_images=[photo.resize((160, 120))])
    second = data.index(b"\xff\xd8\xff", 3)
    first, fault = decode(data[:second] + b"\0" + data[second + 1 :], LIMITS)
    assert isinstance(first, Frame)
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.DECODE_ERROR
    assert "frame 1" in fault.message


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_frames_beyond_the_limit_are_counted(kind: str, encode: Encoder) -> None:
    pages = [Image.new("L", (16, 16), number * 5) for number in range(41)]
    data = encode(pages[0], kind, save_all=True, append_images=pages[1:])
    *frames, skipped = decode(data, DecodeLimits(max_frames=5))
    assert [frame.number for frame in frames if isinstance(frame, Frame)] == [0, 1, 2, 3, 4]
    assert skipped == SkippedFrames(36)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG"])
def test_frames_equal_to_the_one_before_cost_no_place(kind: str, photo: Image.Image, encode: Encoder) -> None:
    still, other = photo.resize((32, 24)), photo.rotate(90).resize((32, 24))
    if kind == "TIFF":
        data = encode(still, kind, save_all=True, append_images=[still] * 29 + [other])
    else:
        # Pillow joins equal frames, so they are written as different ones that show the same.
        data = gif_of([still] * 30 + [other]) if kind == "GIF" else apng_of([still] * 30 + [other])
    assert [frame.number for frame in frames_of(data, DecodeLimits(max_frames=2))] == [0, 30]


def gif_of(pages: list[Image.Image]) -> bytes:
    """A GIF in which no frame is joined with another."""
    parts = []
    for page in pages:
        buffer = io.BytesIO()
        page.convert("L").save(buffer, "GIF")
        alone = buffer.getvalue()
        at = 13 + 3 * 256
        parts.append((alone[:at], alone[at:-1]))
    return parts[0][0] + b"".join(part for _, part in parts) + b";"


def apng_of(pages: list[Image.Image]) -> bytes:
    """An APNG in which no frame is joined with another."""
    width, height = pages[0].size
    body = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", len(pages), 0)),
    ]
    for number, page in enumerate(pages):
        rows = np.asarray(page.convert("L"))
        pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        control = struct.pack(">IIIIIHHBB", max(2 * number - 1, 0), width, height, 0, 0, 1, 10, 0, 0)
        body.append(chunk(b"fcTL", control))
        body.append(chunk(b"fdAT", struct.pack(">I", 2 * number) + pixels) if number else chunk(b"IDAT", pixels))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\x7fELF" + bytes(99)])
def test_a_file_that_is_not_an_image_yields_nothing(data: bytes) -> None:
    assert list(decode(data, LIMITS)) == []


@pytest.mark.parametrize(
    "data",
    [b"v/1\x01\x02\0\0\0", b"%PDF-1.7", b"FUJIFILMCCD-RAW 0201", b"\0\0\0\x10ftypcrx \0\0\0\0"],
)
def test_formats_without_decoder_are_reported(data: bytes) -> None:
    assert fault_of(data).code is FaultCode.UNSUPPORTED_IMAGE


def test_heic_without_its_decoder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    fault = fault_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE
    assert "hashaudit[heic]" in fault.message


def test_too_many_bytes(photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo, "PNG")
    assert fault_of(data, DecodeLimits(max_bytes=len(data) - 1)).code is FaultCode.TOO_MANY_BYTES
    assert frames_of(data, DecodeLimits(max_bytes=len(data)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_too_many_pixels(kind: str, encode: Encoder) -> None:
    data = encode(Image.new("RGB", (100, 80), (9, 200, 30)), kind)
    assert fault_of(data, DecodeLimits(max_pixels=7999)).code is FaultCode.TOO_MANY_PIXELS
    assert frames_of(data, DecodeLimits(max_pixels=8000))


def test_a_bomb_is_refused_by_its_header() -> None:
    assert fault_of(png_of(60_000, 60_000)).code is FaultCode.TOO_MANY_PIXELS


def test_a_bomb_inside_an_icon_is_refused() -> None:
    bomb = png_of(30_000, 30_000)
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(bomb), 22) + bomb
    assert fault_of(icon).code is FaultCode.TOO_MANY_PIXELS


def test_the_decoder_itself_refuses_images_above_the_limit(encode: Encoder) -> None:
    with with_limits(100):
        assert open_image(encode(Image.new("L", (10, 10)), "PNG"), ImageFormat.PNG).size == (10, 10)
        with pytest.raises(Image.DecompressionBombError):
            open_image(encode(Image.new("L", (10, 11)), "PNG"), ImageFormat.PNG)


def test_the_limits_apply_to_later_pages_too(encode: Encoder) -> None:
    data = encode(Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=[Image.new("L", (90, 90))])
    first, fault = decode(data, DecodeLimits(max_pixels=100))
    assert isinstance(first, Frame)
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("size", [(0, 9), (9, 0), (0, 0)])
def test_a_side_without_pixels_is_a_fault(size: tuple[int, int]) -> None:
    assert fault_of(png_of(*size)).code is FaultCode.DECODE_ERROR


def test_a_long_strip_is_decoded(encode: Encoder) -> None:
    strip = Image.new("L", (1, 65_000), 9)
    assert frames_of(encode(strip, "JPEG"))[0].plane.shape == (65_000, 1)
    assert frames_of(encode(Image.new("L", (100_000, 1), 9), "PNG"))[0].plane.shape == (1, 100_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF"])
def test_a_truncated_image_is_decoded_as_far_as_possible(kind: str, photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo, kind, **({"interlace": 0} if kind == "GIF" else {}))
    (frame,) = frames_of(data[: len(data) * 4 // 5])
    assert frame.truncated
    assert frame.plane.shape == (480, 640)
    upper = np.abs(frame.plane[:200].astype(np.int16) - np.asarray(photo.convert("L"))[:200])
    assert upper.mean() < 8


def test_a_truncated_jpeg_in_colour_is_marked_too(photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo, "JPEG")
    (frame,) = frames_of(data[: len(data) // 2], colour=True)
    assert frame.truncated
    assert frame.colour is not None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "BMP"])
def test_a_header_alone_is_a_fault(kind: str, photo: Image.Image, encode: Encoder) -> None:
    assert fault_of(encode(photo, kind)[:24]).code is FaultCode.DECODE_ERROR


def test_time_is_checked_between_frames(encode: Encoder) -> None:
    data = encode(Image.new("L", (16, 16)), "PNG")
    assert fault_of(data, DecodeLimits(timeout_s=-1.0)).code is FaultCode.DECODE_TIMEOUT


def test_a_fault_has_the_decoders_message_and_nothing_else() -> None:
    fault = fault_of(b"GIF89a\1")
    assert fault.message.startswith("gif, frame 0: EOFError")
    assert "0x" not in fault.message
    assert fault.message.isprintable()


def test_missing_memory_is_a_fault(photo: Image.Image, encode: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    data = encode(photo, "PNG")
    monkeypatch.setattr(Image, "open", refuse)
    assert fault_of(data).code is FaultCode.OUT_OF_MEMORY


def test_pillows_settings_are_restored(photo: Image.Image, encode: Encoder) -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    data = encode(photo, "JPEG")
    for _ in decode(data[:5000], LIMITS):
        assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


@given(data=st.data())
def test_no_damage_raises_an_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "ICO", "MPO"]))
    pages = [Image.linear_gradient("L").resize((24, 20)).rotate(angle) for angle in (0, 90)]
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": pages[1:]} if kind in {"GIF", "PNG", "WEBP", "TIFF", "MPO"} else {}
    pages[0].save(buffer, kind, **options)
    damaged = bytearray(buffer.getvalue())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=6)):
        damaged[at] = value
    cut = data.draw(st.integers(0, len(damaged)))
    for item in decode(bytes(damaged[:cut]), DecodeLimits(max_pixels=10_000, max_frames_passed=50, timeout_s=5)):
        assert isinstance(item, Frame | Fault | SkippedFrames)
