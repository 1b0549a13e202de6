import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.content.digests import digest_registry, selftest
from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.content.digests.multidigest import MultiDigest, ordered
from hashaudit.errors import SelfTestError, UsageError
from hashaudit.model.results import AlgorithmName

ALL = tuple(DIGESTS)


@pytest.mark.parametrize("name", ALL)
def test_every_algorithm_has_a_published_value_and_the_stated_length(name: AlgorithmName) -> None:
    assert len(bytes.fromhex(selftest.ABC_DIGESTS[name])) == DIGESTS[name].length_bytes
    assert len(DIGESTS[name].empty()) == DIGESTS[name].length_bytes


def test_self_test_passes_here() -> None:
    selftest.self_test(ALL)


@pytest.mark.parametrize("name", ALL)
def test_self_test_refuses_a_wrong_implementation(name: AlgorithmName, monkeypatch: pytest.MonkeyPatch) -> None:
    other = AlgorithmName("sha1" if name != "sha1" else "md5")
    row = DIGESTS[name]
    wrong = digest_registry.DigestAlgorithm(name, row.length_bytes, DIGESTS[other].new, row.strength)
    monkeypatch.setitem(DIGESTS, name, wrong)
    with pytest.raises(SelfTestError, match=name):
        selftest.self_test([name])


@given(st.lists(st.binary(max_size=5000), max_size=6))
def test_one_pass_equals_separate_passes(pieces: list[bytes]) -> None:
    running = MultiDigest(ALL)
    for piece in pieces:
        running.update(memoryview(piece))
    whole = b"".join(pieces)
    for name, value in running.digests().items():
        single = DIGESTS[name].new()
        single.update(whole)
        assert value == single.digest()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("md5", "md5sum"),
        ("sha1", "sha1sum"),
        ("sha224", "sha224sum"),
        ("sha256", "sha256sum"),
        ("sha384", "sha384sum"),
        ("sha512", "sha512sum"),
        ("blake2b", "b2sum"),
    ],
)
def test_agrees_with_coreutils(name: str, command: str) -> None:
    data = bytes(range(256)) * 300
    told = subprocess.run([command], input=data, capture_output=True, check=True).stdout.split()[0].decode()
    running = MultiDigest(ordered([name]))
    running.update(data)
    assert running.digests()[AlgorithmName(name)].hex() == told


def test_the_order_is_that_of_the_registry() -> None:
    assert ordered(["sha256", "md5", "sha256"]) == ("md5", "sha256")


def test_unknown_algorithm_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="sha257"):
        ordered(["sha256", "sha257"])


@pytest.mark.parametrize("spelling", ["SHA-256", "sha256", "Sha2-256", " SHA256 "])
def test_spellings_in_use(spelling: str) -> None:
    assert canonical_name(spelling) == "sha256"


@pytest.mark.parametrize("spelling", ["", "sha", "sha-257", "crc32", "ssdeep"])
def test_other_words_are_not_algorithms(spelling: str) -> None:
    assert canonical_name(spelling) is None


def test_md5_is_available_on_a_fips_build() -> None:
    assert DIGESTS[AlgorithmName("md5")].new().digest() == hashlib.md5(usedforsecurity=False).digest()
