import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName

MD5, UUID = "b1946ac92492d2347c6235b4d2611184", "5f3c2a4e-8d1c-4c5e-9b7a-0123456789ab"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{MD5},{UUID}\n{MD5},{UUID}\n", "hashes of attribute values"),
        (json.dumps({UUID: {"Orgc": {"name": "o"}, "info": "i"}}), "manifest"),
        (f"1234:{MD5}:Win.Test-1\n", "program sections"),
        (f"*:{'ab' * 32}:Win.Test-1:73\n", "program sections"),
        ("BEGIN TRANSACTION;\nINSERT INTO FILE VALUES('x');\n", "NSRL delta"),
        ("insert into METADATA values (1);\n", "NSRL delta"),
        ('"hashset_id","name","vendor","package","version"\n1,"a","b","c","d"\n', ".hsh beside it"),
        ('"ProductCode","ProductName","ProductVersion"\n1,"a","b"\n', "NSRLFile.txt"),
        ('"MfgCode","MfgName"\n"1","a"\n', "NSRLFile.txt"),
        ('"OpSystemCode","OpSystemName"\n"1","a"\n', "NSRLFile.txt"),
    ],
)
def test_a_file_that_only_looks_like_a_list_is_refused(read: Callable[..., Any], content: str, message: str) -> None:
    with pytest.raises(ListError) as raised:
        read(content.encode())
    assert message in f"{raised.value}; {raised.value.hint}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(90), "it is an archive; extract the list"),
        (b"Rar!\x1a\x07\x01\0" + bytes(90), "it is an archive; extract the list"),
        (b"a/list.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "it is an archive; extract the list"),
        (b"%PDF-1.7\n" + MD5.encode(), "it is a document; copy its hashes"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "it is a document; copy its hashes"),
        (f"\n<!doctype HTML>\n<p>{MD5}</p>".encode(), "it is a web page; download the list itself"),
        (b'{"a": 1}', "it is a JSON text whose first records have no hash"),
        (b"<?xml version='1.0'?><a/>", "it is an XML text of another kind"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a binary file"),
        (f"\n{MD5}0\n{MD5}1\n".encode(), "line 2: 33 hex digits, the length of no known hash"),
        (b"hello\n", "line 1 is neither a hash, nor the names of columns"),
        (b"# only\n# comments\n", "line 1 is neither a hash"),
    ],
)
def test_a_file_of_no_format_is_named_as_what_it_is(read: Callable[..., Any], content: bytes, message: str) -> None:
    with pytest.raises(ListError) as raised:
        read(content)
    said = f"{raised.value}; {raised.value.hint}"
    assert message in said
    assert "supported formats: " in said


def test_the_hashes_of_a_web_page_are_read_with_a_stated_algorithm(read: Callable[..., Any]) -> None:
    result = read(f"<html>\n<p>{MD5}</p>\n".encode(), ParseOptions(algorithm=AlgorithmName("md5")))
    assert result.hashes == [{"md5": MD5}]


def test_a_bloom_filter_is_not_a_list(read_path: Callable[..., Any], samples: Path) -> None:
    with pytest.raises(ListError, match="Bloom filter"):
        read_path(samples / "hashlookup_synthetic.bloom")


def test_mapped_columns_overrule(read: Callable[..., Any]) -> None:
    result = read(f"{MD5},{UUID}\n".encode(), ParseOptions(columns={"1": "md5", "2": "id"}))
    assert (result.hashes, result.ids) == ([{"md5": MD5}], [UUID])


def test_a_plain_list_with_an_id_beside_each_hash_is_not_mistaken(read: Callable[..., Any]) -> None:
    assert len(read(f"{MD5},{UUID[:-1]}\n".encode()).entries) == 1
    assert len(read(f"{'ab' * 20},{UUID}\n".encode()).entries) == 1
