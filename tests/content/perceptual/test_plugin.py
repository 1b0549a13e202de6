import io
import sys
import types
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import Metric, Needs
from hashaudit.content.perceptual.plugin import load_hasher
from hashaudit.errors import UsageError
from hashaudit.model.faults import FaultCode, Stage


class Toy:
    """Mean levels of 12 x 12 tiles: as long as the hash that it stands for, and of no use."""

    name = "toy"
    length_bytes = 144
    needs = "luma"
    metric = "squared"
    threshold = 40_000

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        if min(pixels.shape) < 12:
            return None
        rows, columns = (np.arange(13) * side // 12 for side in pixels.shape)
        sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.int64), rows[:-1], 0), columns[:-1], 1)
        return (sums // np.outer(np.diff(rows), np.diff(columns))).astype(np.uint8).tobytes()


class Failing(Toy):
    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        raise RuntimeError(f"secret {pixels.shape}")


class Short(Toy):
    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        return bytes(pixels.shape[0] % 2 + 3)


class Colours(Toy):
    needs = "colour"

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes | None:
        return super().hash(pixels[:, :, 0])


def broken(**changes: object) -> type:
    return type("Broken", (Toy,), dict(changes))


@pytest.fixture(autouse=True)
def licensed() -> Iterator[types.ModuleType]:
    module = types.ModuleType("licensed_hash")
    members = {
        "Toy": Toy,
        "Failing": Failing,
        "Short": Short,
        "Colours": Colours,
        "Nothing": object,
        "no_class": 7,
        "Pdq": broken(name="pdq"),
        "Shouting": broken(name="TOY"),
        "Long": broken(length_bytes=1025),
        "Empty": broken(length_bytes=0),
        "Negative": broken(threshold=-1),
        "Sound": broken(needs="sound"),
        "Cosine": broken(metric="cosine"),
    }
    for name, value in members.items():
        setattr(module, name, value)
    sys.modules["licensed_hash"] = module
    yield module
    del sys.modules["licensed_hash"]


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    y, x = np.mgrid[0:120, 0:160]
    return Image.fromarray(np.stack([x, 2 * y, (x + y) % 250], axis=-1).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_plugin_is_a_row_of_the_registry(scene: Image.Image) -> None:
    algorithm = load_hasher("licensed_hash:Toy")
    assert (algorithm.name, algorithm.length_bytes, algorithm.threshold) == ("toy", 144, 40_000)
    assert (algorithm.metric, algorithm.needs) == (Metric.SQUARED, Needs.LUMA)
    result = hash_image(png(scene), [algorithm], HashOptions(Variants.DIHEDRAL))
    assert not result.faults
    assert len({found.value for found in result.hashes}) == len(result.hashes) == 8


def test_a_changed_copy_is_within_the_threshold_and_another_image_is_not(scene: Image.Image) -> None:
    algorithm = load_hasher("licensed_hash:Toy")

    def value(image: Image.Image) -> bytes:
        (found,) = hash_image(png(image), [algorithm], HashOptions(Variants.NONE)).hashes
        return bytes.fromhex(found.value)

    near = distance(Metric.SQUARED, value(scene), value(scene.resize((80, 60))))
    far = distance(Metric.SQUARED, value(scene), value(scene.transpose(Image.Transpose.ROTATE_180)))
    assert near <= algorithm.threshold < far


@pytest.mark.parametrize("turn", ["rotate_90", "rotate_270", "flip_x", "flip_plus_1", "flip_minus_1"])
def test_orientations_of_plugins_equal_those_of_other_hashes(turn: str, scene: Image.Image) -> None:
    transposes = {
        "rotate_90": Image.Transpose.ROTATE_90,
        "rotate_270": Image.Transpose.ROTATE_270,
        "flip_x": Image.Transpose.FLIP_TOP_BOTTOM,
        "flip_plus_1": Image.Transpose.TRANSPOSE,
        "flip_minus_1": Image.Transpose.TRANSVERSE,
    }
    algorithm = load_hasher("licensed_hash:Toy")
    hashes = hash_image(png(scene), [algorithm], HashOptions(Variants.DIHEDRAL)).hashes
    (turned,) = hash_image(png(scene.transpose(transposes[turn])), [algorithm], HashOptions(Variants.NONE)).hashes
    assert [found.variant for found in hashes if found.value == turned.value] == [turn]


def test_a_hasher_of_colours_gets_colours(scene: Image.Image) -> None:
    found = hash_image(png(scene), [load_hasher("licensed_hash:Colours")], HashOptions(Variants.NONE))
    assert len(found.hashes) == 1
    assert not found.faults


def test_an_image_without_a_value_has_no_hash(scene: Image.Image) -> None:
    small = png(scene.resize((9, 9)))
    assert hash_image(small, [load_hasher("licensed_hash:Toy")], HashOptions()).hashes == ()


@pytest.mark.parametrize("name", ["Failing", "Short"])
def test_a_failure_is_a_fault_and_the_other_hashes_count(name: str, scene: Image.Image) -> None:
    algorithms = [load_hasher(f"licensed_hash:{name}"), load_hasher("licensed_hash:Colours")]
    found = hash_image(png(scene), algorithms, HashOptions(Variants.NONE))
    (fault,) = found.faults
    assert len(found.hashes) == 1
    assert (fault.stage, fault.code) == (Stage.HASH, FaultCode.INTERNAL_ERROR)
    assert "secret" not in fault.message


@pytest.mark.parametrize(
    "reference",
    ["", "licensed_hash", "licensed_hash:", ":Toy", "licensed_hash:Toy.hash", "licensed_hash:Toy()", "../x:Toy",
     "no_such_module_here:Toy", "licensed_hash:Missing", "licensed_hash:no_class", "licensed_hash:Nothing",
     *(f"licensed_hash:{name}" for name in ("Pdq", "Shouting", "Long", "Empty", "Negative", "Sound", "Cosine"))],
)  # fmt: skip
def test_an_invalid_hasher_is_refused(reference: str) -> None:
    with pytest.raises(UsageError):
        load_hasher(reference)
