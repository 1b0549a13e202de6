"""Fixtures: images in memory, encoded by Pillow."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

Encoder = Callable[..., bytes]


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A smooth colour picture of 640 x 480 with contrast at all scales."""
    y, x = np.mgrid[0:480, 0:640].astype(np.float64)
    red = 127 + 120 * np.sin(x / 61 + y / 97) * np.cos(y / 41)
    green = 127 + 120 * np.cos(x / 83) * np.sin(y / 53 + x / 301)
    blue = 127 + 120 * np.sin((x + 2 * y) / 119)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


@pytest.fixture(scope="session")
def encode() -> Encoder:
    def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return encoded
