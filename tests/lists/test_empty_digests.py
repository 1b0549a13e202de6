import hashlib
from collections.abc import Callable
from typing import Any

import blake3
import pytest

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, is_unsupported
from hashaudit.lists.empty_digests import EMPTY_INPUT_NAMES
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName

# b2sum -l N, b3sum -l N, openssl dgst, rhash and xxhsum -H2 over an empty file.
TOOLS = {
    "b2sum": hashlib.blake2b().hexdigest(),
    "b2sum -l 384": hashlib.blake2b(digest_size=48).hexdigest(),
    "b2sum -l 256": hashlib.blake2b(digest_size=32).hexdigest(),
    "b2sum -l 224": hashlib.blake2b(digest_size=28).hexdigest(),
    "b2sum -l 160": hashlib.blake2b(digest_size=20).hexdigest(),
    "b2sum -l 128": "cae66941d9efbd404e4d88758ea67670",
    "blake2s": hashlib.blake2s().hexdigest(),
    "blake2s, 128 bits": "64550d6ffe2c0a01a14aba1eade0200c",
    "b3sum": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    "b3sum -l 64": blake3.blake3().hexdigest(length=64),
    "sha3-224": hashlib.sha3_224().hexdigest(),
    "sha3-256": hashlib.sha3_256().hexdigest(),
    "sha3-384": hashlib.sha3_384().hexdigest(),
    "sha3-512": hashlib.sha3_512().hexdigest(),
    "shake128": "7f9c2ba4e88f827d616045507605853e",
    "shake256": "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f",
    "sha512-256": "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
    "sha512-224": "6ed0dd02806fa89e25de060c19d3ac86cabb87d6a0ddd05c333b84f4",
    "sm3": "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
    "keccak-512": "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304"
    "c00fa9caf9d87976ba469bcbe06713b435f091ef2769fb160cdab33d3670680e",
    "streebog-256": "3f539a213e97c802cc229d474c6aa32a825a360b2a933a949fd925208d9ce1bb",
    "md4": "31d6cfe0d16ae931b73c59d7e0c089c0",
    "md2": "8350e5a3e24c153df2275c9f80692773",
    "ripemd160": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
    "xxh128": "99aa06d3014798d86001c324468d497f",
}

BARE = {
    "plain": "{other}\n{empty}\n{other}\n",
    "plain with words": "{other} x\n{empty} x\n",
    "coreutils": "{other}  a\n{empty}  b\n",
    "NUL": "{other}  a\0{empty}  b\0",
    "table": "name,hash\na,{other}\nb,{empty}\n",
    "kinds": "type,value\nhash,{other}\nhash,{empty}\n",
    "json": '[{{"hash": "{other}"}},{{"hash": "{empty}"}}]',
    "json texts": '["{other}","{empty}"]',
    "warninglist": '{{"description":"d","list":["{other}","{empty}"]}}',
    "loki": "{other};a\n{empty};b\n",
    "yara": 'rule a {{\n meta:\n hash = "{other}"\n hash2 = "{empty}"\n condition: true }}\n',
}


@pytest.mark.parametrize("empty", TOOLS.values(), ids=TOOLS)
def test_the_digest_of_empty_input_shows_the_algorithm(read: Callable[..., Any], empty: str) -> None:
    other = hashlib.shake_256(b"x").hexdigest(len(empty) // 2)
    for form in BARE.values():
        with pytest.raises(ListError, match="the digest of empty input shows that the list has ") as raised:
            read(form.format(other=other, empty=empty).encode())
        hint = raised.value.hint or ""
        name = EMPTY_INPUT_NAMES[bytes.fromhex(empty)]
        assert hint in {f"state the algorithm: {name}=FILE", f"{name} is not supported; use another list"}
        assert hint.endswith("=FILE") == (name in DIGESTS)
        # The stated algorithm is not that of the list either.
        usual = ParseOptions(algorithm=BY_HEX_LENGTH[len(empty)])
        with pytest.raises(ListError, match="the digest of empty input shows"):
            read(f"{other}  a\n{empty}  b\n".encode(), usual)


@pytest.mark.parametrize("digits", BY_HEX_LENGTH)
def test_the_usual_digest_of_empty_input_is_only_left_out(read: Callable[..., Any], digits: int) -> None:
    empty = DIGESTS[BY_HEX_LENGTH[digits]].empty().hex()
    other = hashlib.shake_256(b"x").hexdigest(digits // 2)
    for form in BARE.values():
        result = read(form.format(other=other, empty=empty).encode())
        assert {*result.rejects} == {(result.rejects[0][0], "empty_input")}
        assert {text for hashes in result.hashes for text in hashes.values()} == {other}


@pytest.mark.parametrize("name", ["blake2b", "blake3", "sha3-256"])
def test_a_stated_algorithm_reads_its_own_list(read: Callable[..., Any], name: str) -> None:
    algorithm = AlgorithmName(name)
    empty = DIGESTS[algorithm].empty().hex()
    other = hashlib.shake_256(b"x").hexdigest(len(empty) // 2)
    for form in ("coreutils", "plain", "table"):
        result = read(BARE[form].format(other=other, empty=empty).encode(), ParseOptions(algorithm=algorithm))
        assert {*result.rejects} == {(2 if form != "table" else 3, "empty_input")}
        assert result.hashes[0] == {name: other}


def test_a_column_that_names_another_algorithm_than_it_has_is_told(read: Callable[..., Any]) -> None:
    other = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    result = read(f"sha256\n{other}\n{TOOLS['b3sum']}\n{TOOLS['sm3']}\n".encode())
    assert result.hashes == [{"sha256": other}]
    assert result.details == ["the digest of empty input by another algorithm than the list names"] * 2


@pytest.mark.parametrize(
    "name", ["sha2-512/256", "SHA512_256", "RIPEMD-160", "Keccak-256", "BLAKE2b-200", "SHAKE-128", "sm3"]
)
def test_names_of_tools_are_known(name: str) -> None:
    assert is_unsupported(name)


@pytest.mark.parametrize(
    "name", ["blake2b-512", "blake2b", "blake3", "blake2s-256", "sha3-256", "note", "", "blake2b-"]
)
def test_other_names_are_not_unsupported(name: str) -> None:
    assert not is_unsupported(name)
