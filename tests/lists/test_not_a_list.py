import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.interface import ParseOptions

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


def test_a_bloom_filter_is_not_a_list(read_path: Callable[..., Any], samples: Path) -> None:
    with pytest.raises(ListError, match="Bloom filter"):
        read_path(samples / "hashlookup_synthetic.bloom")


def test_mapped_columns_overrule(read: Callable[..., Any]) -> None:
    result = read(f"{MD5},{UUID}\n".encode(), ParseOptions(columns={"1": "md5", "2": "id"}))
    assert (result.hashes, result.ids) == ([{"md5": MD5}], [UUID])


def test_a_plain_list_with_an_id_beside_each_hash_is_not_mistaken(read: Callable[..., Any]) -> None:
    assert len(read(f"{MD5},{UUID[:-1]}\n".encode()).entries) == 1
    assert len(read(f"{'ab' * 20},{UUID}\n".encode()).entries) == 1
