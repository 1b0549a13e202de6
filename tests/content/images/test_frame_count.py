from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hashaudit.content.images.frame_count import png_frames
from hashaudit.content.images.gif import count_frames as gif_frames

Encoder = Callable[..., bytes]


def frames(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (20, 10), (number * 9 % 256, 255 - number, 30)) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_are_those_that_pillow_finds(count: int, encode: Encoder) -> None:
    first, *others = frames(count)
    gif = encode(first, "GIF", save_all=True, append_images=others)
    png = encode(first, "PNG", save_all=True, append_images=others)
    assert gif_frames(gif, 100) == count
    assert png_frames(png, 100) == count


def test_a_default_image_before_an_animation_is_a_frame(encode: Encoder) -> None:
    first, *others = frames(4)
    png = encode(first, "PNG", save_all=True, append_images=others, default_image=True)
    assert png_frames(png, 100) == 4


def test_counting_ends_at_the_limit(encode: Encoder) -> None:
    first, *others = frames(9)
    assert gif_frames(encode(first, "GIF", save_all=True, append_images=others), 5) == 5
    assert png_frames(encode(first, "PNG", save_all=True, append_images=others), 5) == 5


def test_a_claimed_number_of_frames_is_not_trusted(encode: Encoder) -> None:
    first, *others = frames(3)
    png = encode(first, "PNG", save_all=True, append_images=others)
    at = png.index(b"acTL") + 4
    assert png_frames(png[:at] + (2**31 - 1).to_bytes(4, "big") + png[at + 4 :], 1000) == 3


def test_the_end_mark_ends_a_gif(encode: Encoder) -> None:
    gif = encode(frames(1)[0], "GIF")
    assert gif_frames(gif + gif[13:], 100) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_counted_within_the_limit(data: bytes) -> None:
    assert 0 <= gif_frames(data, 7) <= 7
    assert 0 <= gif_frames(b"GIF89a\1\0\1\0\0\0\0" + data, 7) <= 7
    assert 1 <= png_frames(b"\x89PNG\r\n\x1a\n" + data, 7) <= 8
