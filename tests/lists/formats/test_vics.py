import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import ListError

MD5, SHA1 = "B1946AC92492D2347C6235B4D2611184", "F572D396FAE9206628714FB2CE00F72E94F2258F"
EMPTY_MD5 = "D41D8CD98F00B204E9800998ECF8427E"
V2 = ("@odata.context", "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media")
V1 = ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media")


def vics(*media: Any, key: tuple[str, str] = V2) -> bytes:
    return json.dumps({key[0]: key[1], "value": list(media)}).encode()


@pytest.mark.parametrize(("key", "version"), [(V1, "1.3"), (V2, "2.0 US")])
def test_media(read: Callable[..., Any], key: tuple[str, str], version: str) -> None:
    medium = {"MediaID": 7, "Category": 2, "MD5": MD5, "SHA1": SHA1, "MediaSize": "6", "Series": "S", "Tags": ""}
    result = read(vics(medium, key=key))
    assert (result.format, result.strict, result.meta.version) == ("vics", True, version)
    assert result.hashes == [{"md5": MD5.lower(), "sha1": SHA1.lower()}]
    assert (result.ids, result.entries[0].size) == (["7"], 6)
    assert result.labels == [{"category": "2", "category_scheme": f"vics {version}", "series": "S"}]


def test_cases_hold_media(read: Callable[..., Any]) -> None:
    key = (V2[0], V2[1].replace("#Media", "#Cases"))
    case = {"CaseNumber": "1", "TotalMediaFiles": 99, "Media": [{"MediaID": 1, "MD5": MD5}, {"MediaID": 2, "MD5": MD5}]}
    assert read(vics(case, {"Media": [{"MediaID": 3, "SHA1": SHA1}]}, key=key)).ids == ["1", "2", "3"]


def test_a_file_of_another_kind_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="neither media nor cases"):
        read(vics({"MD5": MD5}, key=(V2[0], V2[1].replace("#Media", "#Users"))))


def test_category_zero_and_no_category_differ(read: Callable[..., Any]) -> None:
    labels = read(vics({"MD5": MD5, "Category": 0}, {"MD5": MD5, "Category": None}, {"MD5": MD5})).labels
    assert labels == [{"category": "0", "category_scheme": "vics 2.0 US"}, {}, {}]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (True, "true"),
        ("true", "true"),
        ("True", "true"),
        ("Y", "true"),
        (False, "false"),
        ("false", "false"),
        ("N", "false"),
    ],
)
def test_truth_values_in_every_spelling(read: Callable[..., Any], written: object, label: str) -> None:
    assert read(vics({"MD5": MD5, "VictimIdentified": written})).labels == [{"victim_identified": label}]


@pytest.mark.parametrize("written", [None, "", "perhaps", {}])
def test_an_unclear_truth_value_gives_no_label(read: Callable[..., Any], written: object) -> None:
    assert read(vics({"MD5": MD5, "VictimIdentified": written})).labels == [{}]


def test_photodna_is_stored_wherever_it_occurs(read: Callable[..., Any]) -> None:
    alternative = [{"MD5": EMPTY_MD5, "HashName": "PhotoDNA", "HashValue": "AAAA"}]
    result = read(vics({"MD5": MD5, "PhotoDNA": "BBBB"}, {"MD5": MD5, "AlternativeHashes": alternative}))
    assert [entry.unsupported for entry in result.entries] == [{"photodna": "BBBB"}, {"photodna": "AAAA"}]
    assert read(vics({"PhotoDNA": "BBBB"}, {"MD5": MD5})).rejects == [(1, "unsupported")]


def test_hashes_inside_other_objects_are_not_the_mediums(read: Callable[..., Any]) -> None:
    nested = {"MD5": MD5, "Exifs": [{"MD5": SHA1}], "MediaFiles": [{"MD5": EMPTY_MD5, "ParentMD5": SHA1}]}
    assert read(vics(nested)).hashes == [{"md5": MD5.lower()}]


@pytest.mark.parametrize(
    ("medium", "reason"),
    [
        ("text", "malformed"),
        ({}, "unsupported"),
        ({"MD5": 7}, "malformed"),
        ({"MD5": 17}, "wrong_length"),
        ({"MD5": MD5[:-1] + "G"}, "malformed"),
        ({"MD5": SHA1}, "wrong_length"),
        ({"MD5": EMPTY_MD5, "SHA1": SHA1}, "empty_input"),
    ],
)
def test_invalid(read: Callable[..., Any], medium: object, reason: str) -> None:
    result = read(vics({"MD5": MD5}, medium))
    assert len(result.entries) == 1
    assert result.rejects == [(2, reason)]


@pytest.mark.parametrize("keep", [-1, -2, -40, 130])
def test_a_truncated_file_is_refused(read: Callable[..., Any], keep: int) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(vics({"MD5": MD5}, {"MD5": MD5, "Comments": "x" * 50})[:keep])


@pytest.mark.parametrize("tail", ["}", "[", "x", ',"a":1}'])
def test_text_after_the_end_is_refused(read: Callable[..., Any], tail: str) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(vics({"MD5": MD5}) + tail.encode())


def test_the_message_does_not_quote_the_text(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError) as raised:
        read(vics({"MD5": MD5})[:-2] + b' "5ec2e7" }')
    assert "5ec2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_sample(read_path: Callable[..., Any], samples: Path) -> None:
    result = read_path(samples / "vics20_hashset_bom.json")
    assert result.ids == ["1", "2"]
    assert result.rejects == [(3, "empty_input")]
    assert result.labels[0]["is_distributed"] == "true"
    assert len(result.entries[0].unsupported["photodna"]) == 192
