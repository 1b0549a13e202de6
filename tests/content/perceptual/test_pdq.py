import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.perceptual import pdq, pdq_downsample, pdq_reference
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation

Rgb = npt.NDArray[np.uint8]
Maker = Callable[[str, int, int], Rgb]

with (Path(os.path.dirname(__file__)) / "data" / "pdq_vectors.csv").open() as table:
    VECTORS = list(csv.DictReader(table))
assert len(VECTORS) == 57
# At 64 x 64 the reference filters for its dihedral hashes, and not for the plain one.
DIHEDRAL_VECTORS = [row for row in VECTORS if (row["rows"], row["columns"]) != ("64", "64")]

TURNS: dict[Orientation, Callable[[Rgb], Rgb]] = {
    Orientation.ORIGINAL: lambda pixels: pixels,
    Orientation.ROTATE_90: np.rot90,
    Orientation.ROTATE_180: lambda pixels: np.rot90(pixels, 2),
    Orientation.ROTATE_270: lambda pixels: np.rot90(pixels, 3),
    Orientation.FLIP_X: lambda pixels: pixels[::-1],
    Orientation.FLIP_Y: lambda pixels: pixels[:, ::-1],
    Orientation.FLIP_PLUS_1: lambda pixels: pixels.swapaxes(0, 1),
    Orientation.FLIP_MINUS_1: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
}


def vector_name(vector: dict[str, str]) -> str:
    return f"{vector['kind']}-{vector['rows']}x{vector['columns']}"


def transformed(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.floating]) -> pdq.PdqTransform:
    result = pdq.transform(pixels)
    assert result is not None
    return result


def apart(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count()


@pytest.mark.parametrize("vector", VECTORS, ids=vector_name)
def test_hash_and_quality_equal_the_references(vector: dict[str, str], picture: Maker) -> None:
    result = transformed(picture(vector["kind"], int(vector["rows"]), int(vector["columns"])))
    assert result.hash().hex() == vector["hash"]
    assert result.quality == int(vector["quality"])


@pytest.mark.parametrize("vector", DIHEDRAL_VECTORS, ids=vector_name)
def test_all_orientations_equal_the_references(vector: dict[str, str], picture: Maker) -> None:
    hashes = transformed(picture(vector["kind"], int(vector["rows"]), int(vector["columns"]))).dihedral()
    assert list(hashes) == list(ORIENTATIONS)
    for orientation in ORIENTATIONS[1:]:
        assert hashes[orientation].hex() == vector[orientation.value], orientation


def test_a_changed_image_has_another_hash(picture: Maker) -> None:
    vector = next(row for row in VECTORS if row["kind"] == "blobs" and row["rows"] == "480")
    pixels = picture("blobs", 480, 640)
    pixels[100:380, 200:440] = 255
    assert transformed(pixels).hash().hex() != vector["hash"]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_an_orientation_equals_the_hash_of_the_rotated_image(orientation: Orientation, picture: Maker) -> None:
    pixels = picture("blocks", 960, 1280)
    turned = transformed(np.ascontiguousarray(TURNS[orientation](pixels)))
    assert apart(transformed(pixels).hash(orientation), turned.hash()) <= 31
    assert sum(apart(transformed(pixels).hash(other), turned.hash()) <= 31 for other in ORIENTATIONS) == 1


@pytest.mark.parametrize(("rows", "columns"), [(4, 5), (5, 4), (1, 100_000), (0, 0), (0, 9)])
def test_a_side_below_five_pixels_has_no_hash(rows: int, columns: int) -> None:
    assert pdq.transform(np.zeros((rows, columns), dtype=np.uint8)) is None


@pytest.mark.parametrize("shape", [(25,), (9, 9, 1), (9, 9, 4), (2, 9, 9, 3)])
def test_an_invalid_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows x columns"):
        pdq.transform(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    plane = np.zeros((9, 9))
    plane[4, 4] = bad
    with pytest.raises(ValueError, match="finite"):
        pdq.transform(plane)


def test_luma_and_the_same_grey_in_colours_have_one_hash(picture: Maker) -> None:
    plane = picture("blobs", 301, 403)[:, :, 0]
    grey = np.repeat(plane[:, :, None], 3, axis=2)
    assert transformed(plane).hash() == transformed(grey).hash() == transformed(plane.astype(np.float64)).hash()


def test_half_of_the_bits_are_set(picture: Maker) -> None:
    assert int.from_bytes(transformed(picture("blobs", 300, 300)).hash()).bit_count() == 128


def test_quality_measures_contrast(picture: Maker) -> None:
    assert transformed(picture("flat", 200, 200)).quality == 0
    assert transformed(picture("blocks", 200, 200)).quality == pdq.MAX_QUALITY
    faint = picture("blocks", 200, 200) // 16 + 100
    assert 0 < transformed(faint).quality < 50


@pytest.mark.parametrize("kind", ["noise", "blocks", "blobs"])
def test_short_sums_agree_with_the_references_order_within_the_stated_rounding(kind: str, picture: Maker) -> None:
    for rows, columns in ((66, 200), (257, 431), (700, 300), (1500, 900)):
        pixels = picture(kind, rows, columns)
        exact = pdq_reference.downsample(pdq_reference.luma(pixels))
        grid = pdq_downsample.downsample(pixels)
        assert np.abs(grid - exact).max() <= max(pdq.MIN_ROUNDING, pdq.ROUNDING_PER_PX * max(rows, columns))
        coefficients = pdq_reference.TRANSFORM @ grid @ pdq_reference.TRANSFORM.T
        assert 2 * np.abs(coefficients - pdq_reference.transform(exact)).max() <= pdq.MIN_COEFFICIENT_ROUNDING


def test_clear_images_do_not_need_the_slow_sums(picture: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("the exact sums were taken")

    monkeypatch.setattr(pdq_reference, "downsample", refuse)
    transformed(picture("blocks", 480, 640))
    with pytest.raises(AssertionError, match="exact sums"):
        transformed(picture("flat", 480, 640))


@given(side=st.integers(5, 3000))
def test_each_kept_value_is_an_average(side: int) -> None:
    taps = pdq_downsample.taps(side)
    assert np.allclose(taps.weights.sum(axis=1), 1.0, atol=1e-5)
    assert (taps.weights >= -1e-6).all()
    assert (taps.positions >= 0).all()
    assert (taps.positions < side).all()
    assert ((pdq_downsample.kept_positions(side) >= taps.positions[:, 0]) & (taps.positions[:, -1] < side)).all()


@given(side=st.integers(5, 400), seed=st.integers(0, 2**32 - 1))
def test_filter_is_two_passes_of_the_box_filter(side: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, side).astype(np.float64)
    window = (side + 127) // 128
    after, filtered = (window + 2) // 2, values
    for _ in range(2):
        spans = [(max(at + after - window, 0), min(at + after, side)) for at in range(side)]
        filtered = np.array([filtered[low:high].mean() for low, high in spans])
    taps = pdq_downsample.taps(side)
    ours = (taps.weights * values[taps.positions]).sum(axis=1)
    assert np.allclose(ours, filtered[[int((kept + 0.5) * side / 64) for kept in range(64)]], atol=1e-3)
