"""Compares PDQ with the reference implementation. Collected only if it is installed."""

import importlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.orientation import ORIENTATIONS

pdqhash = importlib.import_module("pdqhash")
Maker = Callable[[str, int, int], npt.NDArray[np.uint8]]


@given(
    kind=st.sampled_from(["noise", "flat", "ramp", "squares", "blocks", "blobs"]),
    rows=st.integers(5, 300),
    columns=st.integers(5, 300),
)
def test_bits_and_quality_equal_the_references(kind: str, rows: int, columns: int, picture: Maker) -> None:
    pixels = picture(kind, rows, columns)
    bits, quality = pdqhash.compute(pixels)
    ours = pdq.transform(pixels)
    assert ours is not None
    assert (ours.hash(), ours.quality) == (np.packbits(bits).tobytes(), quality)
    turned, _ = pdqhash.compute_dihedral(pixels)
    # At 64 x 64 the reference filters for its dihedral hashes, and not for the plain one.
    if (rows, columns) != (64, 64):
        assert [ours.hash(orientation) for orientation in ORIENTATIONS] == [
            np.packbits(one).tobytes() for one in turned
        ]
