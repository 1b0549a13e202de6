import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, PDQ, algorithm_named
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import ImageHashes, PerceptualHash

PLAIN = HashOptions(Variants.NONE)


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """Soft light and dark spots at all scales, as a photograph has them."""
    random = np.random.default_rng(5)
    light = np.zeros((768, 1024))
    for cells in (4, 8, 16, 32, 64):
        small = Image.fromarray(random.integers(0, 256, (cells, cells), dtype=np.uint8))
        light += np.asarray(small.resize((1024, 768), Image.Resampling.BICUBIC)).astype(np.float64) / cells
    light = (light - light.min()) / np.ptp(light)
    return Image.fromarray((light[:, :, None] * (255, 190, 90)).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def hashed(data: bytes, options: HashOptions = PLAIN, *names: str) -> list[PerceptualHash]:
    found = hash_image(data, [row(name) for name in names or ("pdq",)], options)
    assert found.faults == ()
    return list(found.hashes)


def row(name: str) -> PerceptualAlgorithm:
    algorithm = algorithm_named(name)
    assert algorithm is not None
    return algorithm


def nearest(listed: PerceptualHash, found: list[PerceptualHash]) -> tuple[int, PerceptualHash]:
    entry = int(listed.value, 16)
    return min(((entry ^ int(one.value, 16)).bit_count(), number, one) for number, one in enumerate(found))[::2]


@pytest.fixture(scope="module")
def listed(scene: Image.Image) -> PerceptualHash:
    return hashed(encoded(scene))[0]


def test_a_hash_names_its_origin(scene: Image.Image) -> None:
    direct = pdq.transform(np.asarray(scene))
    assert direct is not None
    assert hashed(encoded(scene)) == [PerceptualHash(PDQ.name, direct.hash().hex(), direct.quality)]


def test_variants(scene: Image.Image) -> None:
    framed = encoded(ImageOps.expand(scene, border=60, fill="white"))
    assert [one.variant for one in hashed(framed)] == ["original"]
    turned = hashed(framed, HashOptions(Variants.DIHEDRAL))
    assert [(one.variant, one.trimmed) for one in turned] == [(name.value, False) for name in ORIENTATIONS]
    everything = hashed(framed, HashOptions(Variants.ALL))
    assert everything[:8] == turned
    assert [(one.variant, one.trimmed) for one in everything[8:16]] == [(name.value, True) for name in ORIENTATIONS]
    assert list(dict.fromkeys(one.view for one in everything[16:32])) == ["negative"]
    assert {one.view for one in everything[32:]} >= {"widened", "straightened"}
    assert len(hashed(encoded(scene), HashOptions(Variants.ALL))) <= 36


@pytest.mark.parametrize(
    "copy",
    [
        lambda scene: encoded(scene, "JPEG", quality=50),
        lambda scene: encoded(scene, "WEBP", quality=50),
        lambda scene: encoded(scene.convert("L")),
        lambda scene: encoded(scene.quantize(64)),
        lambda scene: encoded(scene, "GIF"),
        lambda scene: encoded(scene.convert("CMYK"), "JPEG"),
        lambda scene: encoded(Image.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)),
        lambda scene: encoded(scene.point(lambda level: round(255 * (level / 255) ** 2))),
        lambda scene: encoded(scene.resize((512, 384))),
        lambda scene: encoded(scene.resize((256, 192))),
    ],
)
def test_a_copy_is_within_the_threshold(copy: object, scene: Image.Image, listed: PerceptualHash) -> None:
    assert callable(copy)
    assert nearest(listed, hashed(copy(scene)))[0] <= PDQ.threshold


@pytest.mark.parametrize(
    ("turn", "back"),
    [
        (Image.Transpose.ROTATE_90, "rotate_270"),
        (Image.Transpose.ROTATE_180, "rotate_180"),
        (Image.Transpose.ROTATE_270, "rotate_90"),
        (Image.Transpose.FLIP_LEFT_RIGHT, "flip_y"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "flip_x"),
        (Image.Transpose.TRANSPOSE, "flip_plus_1"),
        (Image.Transpose.TRANSVERSE, "flip_minus_1"),
    ],
)
def test_a_rotated_copy_matches_by_the_inverse_variant(
    turn: Image.Transpose, back: str, scene: Image.Image, listed: PerceptualHash
) -> None:
    distance, found = nearest(listed, hashed(encoded(scene.transpose(turn)), HashOptions(Variants.DIHEDRAL)))
    assert distance <= PDQ.threshold
    assert found.variant == back


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_framed_copy_matches_trimmed(share: float, scene: Image.Image, listed: PerceptualHash) -> None:
    framed = encoded(ImageOps.expand(scene, border=int(share * 768), fill="white"), "JPEG", quality=75)
    assert nearest(listed, hashed(framed, HashOptions(Variants.DIHEDRAL)))[0] > PDQ.threshold
    distance, found = nearest(listed, hashed(framed, HashOptions(Variants.ALL)))
    assert distance <= PDQ.threshold
    assert (found.trimmed, found.variant) == (True, "original")


@pytest.mark.parametrize("number", [0, 4, 8])
def test_a_frame_of_an_animation_matches(number: int, scene: Image.Image, listed: PerceptualHash) -> None:
    pages = [
        scene.transpose(Image.Transpose.ROTATE_180).point(lambda level, add=add: level // 2 + add) for add in range(9)
    ]
    pages[number] = scene
    first, *others = [page.convert("L").resize((320, 240)) for page in pages]
    data = encoded(first, "GIF", save_all=True, append_images=others)
    distance, found = nearest(listed, hashed(data))
    assert distance <= PDQ.threshold
    assert found.frame == number


def test_one_decode_feeds_all_algorithms(scene: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    image_open = Image.open

    def counted(*arguments: Any, **named: Any) -> Image.Image:
        opened.append(1)
        return image_open(*arguments, **named)

    monkeypatch.setattr(Image, "open", counted)
    names = [name for name in ALGORITHMS if name != "crop_resistant"]
    assert {one.algorithm for one in hashed(encoded(scene), PLAIN, *names)} == set(names)
    assert opened == [1]


def test_colours_require_a_decode_in_full_size(scene: Image.Image) -> None:
    data = encoded(scene.resize((2048, 1536)), "JPEG", quality=90)
    with_colours = hashed(data, PLAIN, "pdq", "colorhash")
    assert [one.algorithm for one in with_colours] == ["pdq", "colorhash"]
    assert nearest(with_colours[0], hashed(data))[0] <= 10


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_a_uniform_image_has_no_hash(level: int) -> None:
    data = encoded(Image.new("RGB", (100, 100), (level, level, level)))
    assert hashed(data, HashOptions(), *(name for name in ALGORITHMS)) == []


def test_a_uniform_image_in_a_frame_has_no_trimmed_hash() -> None:
    framed = ImageOps.expand(Image.new("L", (300, 300), 90), border=40, fill=255)
    assert not any(one.trimmed for one in hashed(encoded(framed), HashOptions(), "pdq", "dhash"))


def test_the_hash_of_a_truncated_image_is_marked(scene: Image.Image, listed: PerceptualHash) -> None:
    data = encoded(scene, "JPEG")
    (found,) = hashed(data[: len(data) * 98 // 100])
    assert found.truncated
    assert nearest(listed, [found])[0] <= PDQ.threshold


def test_a_fault_of_one_frame_leaves_the_others(scene: Image.Image) -> None:
    pages = [Image.new("L", (200, 200))] * 2
    data = encoded(scene.resize((90, 90)), "TIFF", save_all=True, append_images=pages)
    found = hash_image(data, [PDQ], HashOptions(Variants.NONE, DecodeLimits(max_pixels=8100)))
    assert [one.frame for one in found.hashes] == [0]
    assert [fault.code for fault in found.faults] == [FaultCode.TOO_MANY_PIXELS] * 2


@pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF"])
def test_a_file_that_is_not_an_image_has_neither_hash_nor_fault(data: bytes) -> None:
    assert hash_image(data, [PDQ], HashOptions()) == ImageHashes()


def test_without_algorithms_nothing_is_decoded() -> None:
    assert hash_image(b"\xff\xd8\xffbroken", [], HashOptions()) == ImageHashes()


@pytest.mark.parametrize("size", [(4, 200), (200, 4), (1, 30_000), (30_000, 1), (1, 1), (5, 5)])
def test_narrow_images_never_fail(size: tuple[int, int], scene: Image.Image) -> None:
    names = [name for name in ALGORITHMS if name != "crop_resistant"]
    found = hashed(encoded(scene.resize(size)), HashOptions(), *names)
    assert any(one.algorithm == "pdq" for one in found) == (min(size) >= pdq.MIN_SIDE_PX)


@given(
    st.binary(max_size=400),
    st.sampled_from([b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"RIFF....WEBP", b"\x89PNG\r\n\x1a\n"]),
)
def test_no_bytes_raise_an_error(data: bytes, head: bytes) -> None:
    assert isinstance(hash_image(head + data, [PDQ], HashOptions()), ImageHashes)
