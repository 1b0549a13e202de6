import subprocess
import sys

import imagehash
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.hex import from_hex
from hashaudit.content.perceptual.interface import Metric
from hashaudit.content.perceptual.perceptual_registry import ALGORITHMS, PDQ, algorithm_named

PHASH = ALGORITHMS[next(name for name in ALGORITHMS if name == "phash")]
COLORHASH = ALGORITHMS[next(name for name in ALGORITHMS if name == "colorhash")]


@pytest.mark.parametrize(
    ("spelling", "name", "bits", "threshold"),
    [
        ("PDQ", "pdq", 256, 31),
        ("phash", "phash", 64, 4),
        ("phash-8", "phash", 64, 4),
        ("phash-16", "phash-16", 256, 16),
        ("average_hash", "ahash", 64, 0),
        ("ahash-16", "ahash-16", 256, 0),
        ("dhash_vertical", "dhash_vertical", 64, 4),
        ("whash-haar", "whash", 64, 4),
        ("whash-db4", "whash_db4", 196, 12),
        ("whash-db4-16", "whash_db4-16", 484, 30),
        (" Colorhash ", "colorhash", 42, 0),
        ("colorhash-4", "colorhash-4", 56, 0),
        ("crop_resistant_hash", "crop_resistant", 64, 0),
    ],
)
def test_spellings_in_use(spelling: str, name: str, bits: int, threshold: int) -> None:
    algorithm = algorithm_named(spelling)
    assert algorithm is not None
    assert (algorithm.name, algorithm.bits, algorithm.threshold) == (name, bits, threshold)


@pytest.mark.parametrize(
    "name",
    ["", "md5", "phas", "phash-1", "phash-33", "phash-", "phash-0", "whash-9", "pdq-8", "crop_resistant-8", "phash 8",
     "colorhash-0", "colorhash-9", "phash--8", "-8", "pdna"],
)  # fmt: skip
def test_other_names_are_unknown(name: str) -> None:
    assert algorithm_named(name) is None


@given(st.text(max_size=20))
def test_any_name_is_known_or_not(name: str) -> None:
    algorithm = algorithm_named(name)
    assert algorithm is None or algorithm_named(algorithm.name) == algorithm


@pytest.mark.parametrize(
    ("text", "value"),
    [("8f373714acfcf4d0", "8f373714acfcf4d0"), ("8F373714ACFCF4D0", "8f373714acfcf4d0"), ("0" * 16, "0" * 16)],
)
def test_hex_is_read(text: str, value: str) -> None:
    assert from_hex(PHASH, text).hex() == value


def test_an_odd_number_of_digits_is_padded_in_front() -> None:
    assert from_hex(COLORHASH, "38000000000").hex() == "038000000000"
    assert from_hex(COLORHASH, "038000000000").hex() == "038000000000"


@pytest.mark.parametrize(
    "text", ["", "8f373714acfcf4d", "8f373714acfcf4d00", "8f373714acfcf4dg", " 8f373714acfcf4d", "0x373714acfcf4d0",
             "+f373714acfcf4d0", "8f37_714acfcf4d0", "\u0661" * 16],
)  # fmt: skip
def test_invalid_hex_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="hex digits") as caught:
        from_hex(PHASH, text)
    assert not text or text not in str(caught.value)


def test_bits_beyond_the_hash_are_refused() -> None:
    with pytest.raises(ValueError, match="42 bits"):
        from_hex(COLORHASH, "78000000000")


@given(st.binary(min_size=8, max_size=8))
def test_hex_from_before_4_equals_the_librarys_reading(value: bytes) -> None:
    bits = imagehash.old_hex_to_hash(value.hex()).hash.ravel()
    expected = int("".join("1" if bit else "0" for bit in bits), 2).to_bytes(8)
    assert from_hex(PHASH, value.hex(), imagehash_pre4=True) == expected


def test_hex_from_before_4_has_whole_bytes() -> None:
    with pytest.raises(ValueError, match="before imagehash"):
        from_hex(COLORHASH, "38000000000", imagehash_pre4=True)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_distances_are_their_definitions(first: bytes, second: bytes) -> None:
    pairs = list(zip(first, second, strict=True))
    assert distance(Metric.HAMMING, first, second) == sum((one ^ other).bit_count() for one, other in pairs)
    assert distance(Metric.SQUARED, first, second) == sum((one - other) ** 2 for one, other in pairs)
    assert distance(Metric.HAMMING, first, first) == distance(Metric.SQUARED, second, second) == 0


@pytest.mark.parametrize("metric", Metric)
def test_values_of_different_lengths_have_no_distance(metric: Metric) -> None:
    with pytest.raises(ValueError, match="lengths"):
        distance(metric, b"ab", b"abc")


@pytest.mark.parametrize("value", [bytes(32), b"\xff" * 32, b"\x80" + bytes(31)])
def test_constants_of_pdq(value: bytes) -> None:
    assert PDQ.is_constant(value)
    assert not PDQ.is_constant(value[:-1] + b"\x55")


def test_the_registry_does_not_load_the_familys_libraries() -> None:
    code = (
        "import sys, hashaudit.content.perceptual.hash_image\n"
        "import hashaudit.content.perceptual.perceptual_registry as r; r.algorithm_named('phash')\n"
    )
    code += "sys.exit(any(name in sys.modules for name in ('imagehash', 'scipy', 'pywt')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
