import importlib.metadata
import warnings
from collections.abc import Callable

import imagehash
import numpy as np
import pytest
from PIL import Image

from hashaudit.content.perceptual.hex import from_hex
from hashaudit.content.perceptual.imagehash_family import packed, versions
from hashaudit.content.perceptual.interface import Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, algorithm_named

ORIGINAL = (Orientation.ORIGINAL,)
LIBRARY: dict[str, Callable[..., imagehash.ImageHash]] = {
    "ahash": imagehash.average_hash,
    "phash": imagehash.phash,
    "phash_simple": imagehash.phash_simple,
    "dhash": imagehash.dhash,
    "dhash_vertical": imagehash.dhash_vertical,
    "whash": imagehash.whash,
    "whash_db4": lambda image, hash_size=8: imagehash.whash(image, hash_size=hash_size, mode="db4"),
    "colorhash": lambda image, hash_size=3: imagehash.colorhash(image, binbits=hash_size),
}
TRANSPOSES = {
    Orientation.ROTATE_90: Image.Transpose.ROTATE_90,
    Orientation.ROTATE_180: Image.Transpose.ROTATE_180,
    Orientation.ROTATE_270: Image.Transpose.ROTATE_270,
    Orientation.FLIP_X: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.FLIP_Y: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.FLIP_PLUS_1: Image.Transpose.TRANSPOSE,
    Orientation.FLIP_MINUS_1: Image.Transpose.TRANSVERSE,
}


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    y, x = np.mgrid[0:300, 0:403].astype(np.float64)
    channels = [127 + 120 * np.sin(x / 61 + y / 97), 90 + 80 * np.cos(x * y / 9000), 255 * (x > y) * (x < 300)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def row(name: str) -> PerceptualAlgorithm:
    algorithm = algorithm_named(name)
    assert algorithm is not None
    return algorithm


def seen(algorithm: PerceptualAlgorithm, image: Image.Image) -> Image.Image:
    return image if algorithm.needs is Needs.COLOUR else image.convert("L")


@pytest.mark.parametrize("name", LIBRARY)
def test_values_equal_the_librarys(name: str, scene: Image.Image) -> None:
    algorithm = row(name)
    (hashed,) = algorithm.hasher.hashes(seen(algorithm, scene), ORIGINAL)
    theirs = LIBRARY[name](scene)
    assert len(theirs) == algorithm.bits
    assert hashed.value == from_hex(algorithm, str(theirs))
    assert len(hashed.value) == algorithm.length_bytes


@pytest.mark.parametrize("name", [name for name in LIBRARY if name != "colorhash"])
@pytest.mark.parametrize("size", [4, 16])
def test_values_of_other_sizes_equal_the_librarys(name: str, size: int, scene: Image.Image) -> None:
    algorithm = row(f"{name}-{size}")
    (hashed,) = algorithm.hasher.hashes(scene.convert("L"), ORIGINAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, on wavelets longer than what they are applied to
        theirs = LIBRARY[name](scene, hash_size=size)
    assert len(theirs) == algorithm.bits
    assert hashed.value == from_hex(algorithm, str(theirs))


def test_colours_in_other_sizes(scene: Image.Image) -> None:
    (hashed,) = row("colorhash-4").hasher.hashes(scene, ORIGINAL)
    assert hashed.value == from_hex(row("colorhash-4"), str(imagehash.colorhash(scene, binbits=4)))


@pytest.mark.parametrize("name", [name for name in LIBRARY if name != "colorhash"])
def test_orientations_equal_those_of_the_rotated_image(name: str, scene: Image.Image) -> None:
    algorithm = row(name)
    luma = scene.convert("L")
    found = {one.orientation: one.value for one in algorithm.hasher.hashes(luma, ORIENTATIONS)}
    assert list(found) == list(ORIENTATIONS)
    assert len(set(found.values())) == 8
    for orientation, transpose in TRANSPOSES.items():
        turned = from_hex(algorithm, str(LIBRARY[name](luma.transpose(transpose))))
        assert (int.from_bytes(found[orientation]) ^ int.from_bytes(turned)).bit_count() <= 2, orientation


def test_colours_and_segments_are_hashed_once(scene: Image.Image) -> None:
    assert [one.orientation for one in row("colorhash").hasher.hashes(scene, ORIENTATIONS)] == ["original"]
    segments = row("crop_resistant").hasher.hashes(scene.convert("L"), ORIENTATIONS)
    assert {one.orientation for one in segments} == {"original"}


def test_segments_equal_the_librarys_without_duplicates(scene: Image.Image) -> None:
    luma = scene.convert("L")
    theirs = [str(segment) for segment in imagehash.crop_resistant_hash(luma).segment_hashes]
    ours = [one.value.hex() for one in row("crop_resistant").hasher.hashes(luma, ORIGINAL)]
    assert len(ours) > 1
    assert ours == list(dict.fromkeys(theirs))


def test_an_image_too_small_for_the_longer_wavelet_has_no_hash() -> None:
    small = Image.linear_gradient("L").resize((20, 20))
    assert row("whash_db4").hasher.hashes(small, ORIENTATIONS) == []
    assert len(row("whash").hasher.hashes(small, ORIENTATIONS)) == 8


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("name", [*LIBRARY, "crop_resistant"])
def test_values_of_uniform_images_are_constant(name: str, level: int) -> None:
    algorithm = row(name)
    flat = seen(algorithm, Image.new("RGB", (300, 200), (level, level, level)))
    assert all(algorithm.is_constant(one.value) for one in algorithm.hasher.hashes(flat, ORIENTATIONS))


@pytest.mark.parametrize("name", LIBRARY)
def test_values_of_other_images_are_not_constant(name: str, scene: Image.Image) -> None:
    algorithm = row(name)
    assert not any(
        algorithm.is_constant(one.value) for one in algorithm.hasher.hashes(seen(algorithm, scene), ORIGINAL)
    )


def test_bits_are_packed_from_the_end() -> None:
    assert packed(np.array([True, False, True])) == b"\x05"
    assert packed(np.ones((3, 3), dtype=bool)) == b"\x01\xff"


def test_versions_are_reported() -> None:
    assert versions() == {"imagehash": imagehash.__version__, "pillow": importlib.metadata.version("pillow")}


def test_the_registry_is_complete() -> None:
    assert set(ALGORITHMS) == {"pdq", *LIBRARY, "crop_resistant"}
