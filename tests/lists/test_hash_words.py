import hashlib

import pytest

from hashaudit.lists.hash_words import hash_words, visible
from hashaudit.model.results import AlgorithmName

MD5, SHA1 = hashlib.md5(b"a").hexdigest(), hashlib.sha1(b"a").hexdigest()
SHA256 = hashlib.sha256(b"a").hexdigest()


@pytest.mark.parametrize(
    "mark",
    ["\ufeff", "\u200b", "\u200d", "\u2060", "\u00ad", "\u200e", "\ufe0f", "\u00a0", "\u3000", "\u2003", "\u202f"],
)
def test_invisible_characters_around_a_hash(mark: str) -> None:
    assert visible(f"{mark}{MD5}{mark}".encode()).strip() == MD5.encode()


def test_the_blank_of_windows_1252() -> None:
    assert visible(b"\xa0" + MD5.encode() + b"\xa0").strip() == MD5.encode()
    assert visible("\u0420\u00c0".encode()) == "\u0420\u00c0".encode()


@pytest.mark.parametrize(
    "line",
    [
        f"- {MD5}",
        f"* `{MD5}`",
        f"| {MD5} | name |",
        f'"{MD5}",',
        f"MD5: {MD5}.",
        f"md5={MD5}",
        f"({MD5})",
        f"see <{MD5}> above",
        f"1. {MD5}",
    ],
)
def test_a_hash_among_other_words(line: str) -> None:
    words = hash_words(line.encode(), None)
    assert [(word.algorithm, word.digits.decode()) for word in words.hashes] == [("md5", MD5)]


@pytest.mark.parametrize(
    "line",
    [
        f"https://example.org/{MD5}/x",
        f"{MD5}.exe",
        f"C:\\{MD5}\\x",
        f"0x{SHA1}",
        f"x{MD5}",
        f"{MD5[:-1]}g",
        "00000000-0000-4000-8000-000000000000",
        "2024-01-01 00:00:00",
    ],
)
def test_digits_inside_another_word_are_not_a_hash(line: str) -> None:
    assert hash_words(line.encode(), None).hashes == []


@pytest.mark.parametrize("word", ["imphash", "thumbprint", "ssdeep", "vhash", "commit", "serial"])
def test_the_word_before_gives_another_meaning(word: str) -> None:
    words = hash_words(f"{word}: {MD5}".encode(), None)
    assert (words.hashes, words.unsupported) == ([], True)


def test_tags_and_the_stated_algorithm() -> None:
    (word,) = hash_words(f"BLAKE3 = {SHA256}".encode(), None).hashes
    assert word.algorithm == "blake3"
    blake3 = AlgorithmName("blake3")
    assert [word.algorithm for word in hash_words(f"{SHA256} {MD5}".encode(), blake3).hashes] == ["blake3"]
    assert hash_words(f"sha256: {SHA256}".encode(), blake3).damaged
    assert hash_words(f"md5: {SHA256}".encode(), None).damaged
    assert hash_words(MD5[:-2].encode(), None).damaged
