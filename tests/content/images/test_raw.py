import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.jpeg import jpeg_streams, stated_pixels
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.images.raw import raw_previews
from hashaudit.content.images.tiff import directories
from hashaudit.model.faults import Fault, FaultCode

Encoder = Callable[..., bytes]
Tags = dict[int, int | tuple[int, ...]]
DATA_AT = 2000
"""Position of the first stream, after the directories."""


def tiff_of(order: str, pages: list[Tags], nested: list[Tags], streams: bytes, mark: bytes = b"") -> bytes:
    """A TIFF structure: a chain of pages, the first of which has the nested directories."""
    places = [200 * (number + 1) for number in range(len(pages) + len(nested))]
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, places[0]) + mark
    out = bytearray(head.ljust(DATA_AT, b"\0") + streams)
    for number, tags in enumerate(pages + nested):
        full = dict(tags)
        if number == 0 and nested:
            full[0x014A] = tuple(places[len(pages) :])
        following = places[number + 1] if number + 1 < len(pages) else 0
        _write(out, order, places[number], full, following)
    return bytes(out)


def _write(out: bytearray, order: str, at: int, tags: Tags, following: int) -> None:
    struct.pack_into(f"{order}H", out, at, len(tags))
    for place, (tag, value) in enumerate(sorted(tags.items())):
        values = value if isinstance(value, tuple) else (value,)
        where = at + 2 + 12 * place
        if len(values) == 1:
            struct.pack_into(f"{order}HHII", out, where, tag, 4, 1, values[0])
        else:
            aside = at + 150
            struct.pack_into(f"{order}HHII", out, where, tag, 4, len(values), aside)
            struct.pack_into(f"{order}{len(values)}I", out, aside, *values)
    struct.pack_into(f"{order}I", out, at + 2 + 12 * len(tags), following)


@pytest.fixture
def small(photo: Image.Image, encode: Encoder) -> bytes:
    return encode(photo.resize((160, 120)), "JPEG")


@pytest.fixture
def large(photo: Image.Image, encode: Encoder) -> bytes:
    return encode(photo, "JPEG")


def test_dng_with_its_preview_in_a_nested_directory(small: bytes, large: bytes) -> None:
    sensor: Tags = {0x0106: 32803, 0x0111: DATA_AT, 0x0117: 10}
    preview: Tags = {0x0103: 7, 0x0111: DATA_AT + len(small), 0x0117: len(large)}
    thumbnail: Tags = {0xC612: 0x01040000, 0x0201: DATA_AT, 0x0202: len(small)}
    data = tiff_of("<", [thumbnail], [sensor, preview], small + large)
    assert raw_previews(data) == [(DATA_AT + len(small), DATA_AT + len(small + large)), (DATA_AT, DATA_AT + len(small))]
    first, second = decode(data, DecodeLimits())
    assert isinstance(first, Frame)
    assert first.plane.shape == (480, 640)
    assert isinstance(second, Frame)
    assert second.plane.shape == (120, 160)


def test_cr2_with_its_preview_as_a_strip(small: bytes, large: bytes) -> None:
    pages: list[Tags] = [
        {0x0103: 6, 0x0111: DATA_AT + len(small), 0x0117: len(large)},
        {0x0201: DATA_AT, 0x0202: len(small)},
    ]
    data = tiff_of("<", pages, [], small + large, mark=b"CR\2\0")
    frame, _ = decode(data, DecodeLimits())
    assert isinstance(frame, Frame)
    assert frame.plane.shape == (480, 640)


@pytest.mark.parametrize("compression", [34713, 32767])
def test_nef_and_arw_by_their_makers_compression(compression: int, large: bytes) -> None:
    nested: list[Tags] = [{0x0103: compression}, {0x0201: DATA_AT, 0x0202: len(large)}]
    data = tiff_of(">", [{0x0100: 160}], nested, large)
    (frame,) = decode(data, DecodeLimits())
    assert isinstance(frame, Frame)
    assert frame.plane.shape == (480, 640)


def test_a_damaged_preview_is_a_fault_and_the_next_is_hashed(small: bytes, large: bytes) -> None:
    broken = bytearray(large)
    at = broken.index(b"\xff\xc0")
    broken[at + 9] = 99
    preview: Tags = {0x0201: DATA_AT + len(small), 0x0202: len(large)}
    pages: list[Tags] = [{0xC612: 1, 0x0201: DATA_AT, 0x0202: len(small)}]
    fault, frame = decode(tiff_of("<", pages, [preview], small + bytes(broken)), DecodeLimits())
    assert isinstance(fault, Fault)
    assert isinstance(frame, Frame)
    assert frame.plane.shape == (120, 160)


def test_a_raw_photograph_without_a_preview_is_reported() -> None:
    data = tiff_of("<", [{0xC612: 1}], [{0x0106: 32803, 0x0111: DATA_AT, 0x0117: 9}], bytes(20))
    (fault,) = decode(data, DecodeLimits())
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE


def test_a_lossless_stream_is_not_a_preview(large: bytes) -> None:
    lossless = large.replace(b"\xff\xc0", b"\xff\xc3", 1)
    data = tiff_of("<", [{0xC612: 1}], [{0x0111: DATA_AT, 0x0117: len(large)}], lossless)
    assert raw_previews(data) == []


def test_an_ordinary_tiff_is_not_a_raw_photograph(photo: Image.Image, encode: Encoder) -> None:
    assert raw_previews(encode(photo, "TIFF")) is None
    assert raw_previews(encode(photo, "TIFF", compression="jpeg")) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_that_form_a_loop_end(order: str) -> None:
    data = bytearray(tiff_of(order, [{0x0100: 1}, {0x0100: 2}, {0x0100: 3}], [], b""))
    assert [page.number(0x0100) for page in directories(bytes(data), 99)] == [1, 2, 3]
    struct.pack_into(f"{order}I", data, 600 + 2 + 12, 200)
    assert [page.number(0x0100) for page in directories(bytes(data), 99)] == [1, 2, 3]
    assert len(list(directories(bytes(data), 2))) == 2


def test_nested_directories_only_on_request() -> None:
    data = tiff_of("<", [{0x0100: 1}], [{0x0100: 2}, {0x0100: 3}], b"")
    assert [page.number(0x0100) for page in directories(data, 99)] == [1]
    assert sorted(page.number(0x0100) or 0 for page in directories(data, 99, nested=True)) == [1, 2, 3]


def test_a_nested_directory_that_contains_itself_ends() -> None:
    data = tiff_of("<", [{0x0100: 1, 0x014A: 200}], [], b"")
    assert len(list(directories(data, 99, nested=True))) == 1


def test_big_tiff_pages(photo: Image.Image, encode: Encoder) -> None:
    data = encode(photo, "TIFF", big_tiff=True, save_all=True, append_images=[photo])
    assert [page.number(0x0100) for page in directories(data, 99)] == [640, 640]


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"]))
def test_any_bytes_after_a_header_end(data: bytes, head: bytes) -> None:
    assert len(list(directories(head + data, 9, nested=True))) <= 9
    assert raw_previews(head + data) in (None, [])


@given(st.binary(max_size=200))
def test_any_bytes_after_a_start_of_image_end(data: bytes) -> None:
    stream = b"\xff\xd8\xff" + data
    assert jpeg_streams(stream)[0] == (0, len(stream))
    assert stated_pixels(stream) >= 0


def test_pixels_that_a_stream_states(large: bytes) -> None:
    assert stated_pixels(large) == 640 * 480
    assert stated_pixels(large[:30]) == 0
    assert stated_pixels(b"no stream") == 0
    assert stated_pixels(b"\xff\xd8\xff\xff\xff" + large[3:]) == 640 * 480
