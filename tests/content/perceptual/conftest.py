"""Fixtures: images from integer arithmetic only, so that every machine and version makes the same ones."""

import importlib.util
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Rgb = npt.NDArray[np.uint8]
Maker = Callable[[str, int, int], Rgb]

# The reference implementation needs a compiler to install; where it is there, everything is compared with it.
collect_ignore = [] if importlib.util.find_spec("pdqhash") else ["test_pdq_oracle.py"]


def _noise(rows: int, columns: int) -> npt.NDArray[np.uint64]:
    state = np.arange(rows * columns * 3, dtype=np.uint64).reshape(rows, columns, 3) + np.uint64(1)
    for _ in range(2):
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return state >> np.uint64(56)


def make_picture(kind: str, rows: int, columns: int) -> Rgb:
    """A picture of ``kind``: noise, flat, ramp, squares, blocks or blobs."""
    y, x = np.mgrid[0:rows, 0:columns]
    match kind:
        case "noise":
            values = _noise(rows, columns)
        case "flat":
            values = np.full((rows, columns, 3), (190, 17, 101))
        case "ramp":
            values = np.stack([x * 255 // columns, y * 255 // rows, (x + y) * 255 // (rows + columns)], axis=-1)
        case "squares":
            values = np.repeat(((x // 16 + y // 16) % 2 * 255)[:, :, None], 3, axis=2)
        case "blocks":
            cells = _noise(9, 11)
            values = cells[y * 9 // rows, x * 11 // columns]
        case "blobs":
            wave = (x * x * 7 // columns + y * y * 5 // rows) % 512
            values = np.stack([np.abs(wave - 256), (x * y // 97) % 256, wave // 2], axis=-1)
        case _:
            raise ValueError(kind)
    return np.minimum(values, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def picture() -> Maker:
    return make_picture
