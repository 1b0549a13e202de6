import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import ListError

MD5, SHA1 = "b1946ac92492d2347c6235b4d2611184", "f572d396fae9206628714fb2ce00f72e94f2258f"
SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def indicator(pattern: object = f"[file:hashes.MD5 = '{MD5}']", **fields: Any) -> dict[str, Any]:
    identity = {"type": "indicator", "id": "indicator--1", "modified": "2026-01-01T00:00:00Z"}
    return {**identity, "pattern": pattern, "pattern_type": "stix", **fields}


def bundle(*objects: object) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}).encode()


@pytest.mark.parametrize(
    ("pattern", "hashes"),
    [
        (f"[file:hashes.MD5 = '{MD5.upper()}']", [{"md5": MD5}]),
        (f"[file:hashes.'SHA-256'='{SHA256}']", [{"sha256": SHA256}]),
        (f"[ file:hashes.'SHA-256' = '{SHA256}' OR file:hashes.MD5 = '{MD5}' ]", [{"sha256": SHA256}, {"md5": MD5}]),
        (f"[file:hashes.'SHA-1' = '{SHA1}'] OR [file:hashes.MD5 = '{MD5}']", [{"sha1": SHA1}, {"md5": MD5}]),
        (f"([(file:hashes.MD5 = '{MD5}')] OR ([file:hashes.'SHA-1' = '{SHA1}']))", [{"md5": MD5}, {"sha1": SHA1}]),
        (f"[file:hashes.'SHA3-256' = '{SHA256}']", [{"sha3-256": SHA256}]),
        (f"[artifact:hashes.MD5 = '{MD5}']", [{"md5": MD5}]),
        (f"[file:hashes.SHA-256 = '{SHA256}']", [{"sha256": SHA256}]),
        (f"[file:hashes.MD5 IN ('{MD5}','{MD5[::-1]}')]", [{"md5": MD5}, {"md5": MD5[::-1]}]),
        (f"[file:hashes.MD5 = '{MD5}' OR file:name = 'a']", [{"md5": MD5}]),
        (f"[file:hashes.MD5 = '{MD5}' OR domain-name:value = 'a']", [{"md5": MD5}]),
        (f"[file:hashes.MD5 = '{MD5}' AND file:hashes.'SHA-1' = '{SHA1}']", [{"md5": MD5, "sha1": SHA1}]),
        (f"[file:hashes.MD5 = '{MD5}' AND file:name = 'a' AND file:size = 6]", [{"md5": MD5}]),
        (
            f"[(file:hashes.MD5 = '{MD5}' OR file:hashes.'SHA-1' = '{SHA1}') AND file:size = 6]",
            [{"md5": MD5}, {"sha1": SHA1}],
        ),
        (" OR ".join([f"[file:hashes.MD5 = '{MD5}']"] * 300), [{"md5": MD5}] * 300),
    ],
)
def test_patterns(read: Callable[..., Any], pattern: str, hashes: list[dict[str, str]]) -> None:
    result = read(bundle(indicator(pattern)))
    assert (result.format, result.strict) == ("stix", False)
    assert result.hashes == hashes
    assert set(result.ids) == {"indicator--1"}
    assert result.rejects == []


@pytest.mark.parametrize(
    "pattern",
    [
        f"[file:hashes.MD5 = '{MD5}' AND process:pid = 6]",
        f"[file:hashes.MD5 = '{MD5}' AND file:hashes.MD5 = '{MD5[::-1]}']",
        f"[file:hashes.MD5 = '{MD5}' AND NOT file:name = 'a']",
        f"[file:hashes.MD5 NOT IN ('{MD5}')]",
        f"[file:hashes.MD5 = '{MD5}' AND (file:name = 'a']",
        "[" + "(" * 5000,
        f"[file:hashes.MD5 = '{MD5}'] AND [file:hashes.MD5 = '{MD5}']",
        f"[file:hashes.MD5 = '{MD5}'] FOLLOWEDBY [file:hashes.MD5 = '{MD5}']",
        f"[file:hashes.MD5 = '{MD5}'] WITHIN 5 SECONDS",
        f"[file:hashes.MD5 != '{MD5}']",
        f"[NOT file:hashes.MD5 = '{MD5}']",
        f"[x:file:hashes.MD5 = '{MD5}']",
        f"file:hashes.MD5 = '{MD5}'",
        f"[file:hashes.MD5 = '{MD5}'",
        f"[file:hashes.MD5 = '{MD5}'] OR",
        f"[file:hashes.MD5 = '{MD5}' \ue000]",
        "[\ue000]",
        "\ue001",
        "[ipv4-addr:value = '192.0.2.1']",
        "[]",
        "",
        None,
        7,
    ],
)
def test_patterns_that_ask_for_anything_else_are_counted(read: Callable[..., Any], pattern: object) -> None:
    result = read(bundle(indicator(pattern)))
    assert (result.entries, result.rejects) == ([], [(1, "unsupported")])


def test_a_pattern_in_another_language_is_counted(read: Callable[..., Any]) -> None:
    assert read(bundle(indicator(pattern_type="yara"))).rejects == [(1, "unsupported")]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"revoked": True}, False),
        ({"revoked": False}, True),
        ({"valid_until": "2001-01-01T00:00:00Z"}, False),
        ({"valid_until": "2001-01-01T00:00:00"}, False),
        ({"valid_until": "2999-01-01T00:00:00.123456Z"}, True),
        ({"valid_until": None}, True),
        ({"revoked": True, "valid_until": "whenever"}, False),
    ],
)
def test_revoked_and_expired_indicators(read: Callable[..., Any], fields: dict[str, Any], kept: bool) -> None:
    result = read(bundle(indicator(**fields)))
    assert len(result.entries) == kept
    assert result.rejects == ([] if kept else [(1, "withdrawn")])


def test_the_latest_version_of_an_object_counts(read: Callable[..., Any]) -> None:
    later = indicator(revoked=True, modified="2026-02-01T00:00:00Z")
    result = read(bundle(later, indicator(), indicator(id="indicator--2")))
    assert result.ids == ["indicator--2"]
    assert sorted(result.rejects) == [(1, "withdrawn"), (2, "duplicate")]


def test_labels_and_markings(read: Callable[..., Any]) -> None:
    red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
    named = indicator(name="N", indicator_types=["malicious-activity", "x"], object_marking_refs=[red, "other"])
    assert read(bundle(named)).labels == [{"name": "N", "category": "malicious-activity x", "tlp": "red"}]


@pytest.mark.parametrize("given", ["whenever", "", "2999-13-01T00:00:00Z", "2999", 4e9, True, [], {}])
def test_an_indicator_with_an_invalid_end_time_is_malformed(read: Callable[..., Any], given: object) -> None:
    result = read(bundle(indicator(valid_until=given), indicator(id="indicator--2")))
    assert (result.ids, result.rejects) == (["indicator--2"], [(1, "malformed")])


TLP_2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"


@pytest.mark.parametrize(
    ("definition", "label"),
    [
        ({"definition_type": "tlp", "definition": {"tlp": "amber"}}, {"tlp": "amber"}),
        ({"definition_type": "tlp", "definition": {"tlp": "TLP:Amber"}}, {"tlp": "amber"}),
        ({"extensions": {TLP_2: {"tlp_2_0": "amber+strict"}}}, {"tlp": "amber+strict"}),
        ({"definition_type": "statement", "definition": {"statement": "red"}}, {}),
        ({"extensions": {"extension-definition--1": {"tlp_2_0": "red"}}}, {}),
        ({"definition": "red", "extensions": ["red"]}, {}),
    ],
)
@pytest.mark.parametrize("behind", [True, False])
def test_markings_that_the_bundle_defines(
    read: Callable[..., Any], definition: dict[str, Any], label: dict[str, str], behind: bool
) -> None:
    defined = {"type": "marking-definition", "id": "marking-definition--1", **definition}
    marked = indicator(object_marking_refs=["marking-definition--1"])
    result = read(bundle(marked, defined) if behind else bundle(defined, marked))
    assert (result.labels, result.rejects) == ([label], [])


def test_no_bundle_redefines_the_markings_of_the_standard(read: Callable[..., Any]) -> None:
    red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
    green = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
    defined = {"type": "marking-definition", "id": red, "definition_type": "tlp", "definition": {"tlp": "white"}}
    file = {"type": "file", "id": "file--1", "hashes": {"MD5": MD5}, "object_marking_refs": [green, red]}
    assert read(bundle(defined, file)).labels == [{"tlp": "green red"}]


def test_file_objects(read: Callable[..., Any]) -> None:
    file = {
        "type": "file",
        "id": "file--1",
        "name": "a",
        "size": 6,
        "hashes": {"MD5": MD5, "SHA-1": SHA1, "TLSH": "T1"},
    }
    result = read(bundle(file, {"type": "file", "id": "file--2", "name": "b"}, {"type": "identity"}, 7))
    assert result.hashes == [{"md5": MD5, "sha1": SHA1}]
    assert (result.ids, result.entries[0].size, result.entries[0].unsupported) == (["file--1"], 6, {"tlsh": "T1"})
    assert (result.rejects, result.details) == ([(4, "malformed")], ["the record is not an object"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [(MD5[:-1] + "g", "malformed"), (SHA1, "wrong_length"), (EMPTY_MD5, "empty_input"), ("", "unsupported")],
)
def test_hashes_that_are_none(read: Callable[..., Any], value: str, reason: str) -> None:
    file = {"type": "file", "id": "file--1", "hashes": {"MD5": value}}
    assert read(bundle(file)).rejects == [(1, reason)]
    assert read(bundle(indicator(f"[file:hashes.MD5 = '{value}']"))).rejects == [(1, reason)]


def test_a_pattern_gives_the_name_and_size_of_the_file(read: Callable[..., Any]) -> None:
    pattern = f"[file:hashes.MD5 = '{MD5}' AND file:name = 'it\\'s' AND file:size = {'9' * 40}]"
    result = read(bundle(indicator(pattern, name=None)))
    assert (result.entries[0].labels["name"], result.entries[0].size) == ("it's", None)
    assert result.remarks == ["a size is over 63 bits and is not used"]


@pytest.mark.parametrize("name", ["' '", "'x y'", "X"])
def test_a_hash_with_an_unknown_name_is_counted(read: Callable[..., Any], name: str) -> None:
    result = read(bundle(indicator(f"[file:hashes.{name} = '{'2d' * 32}']")))
    assert (result.hashes, result.rejects) == ([], [(1, "unsupported")])


def test_one_alternative_with_other_conditions_is_counted(read: Callable[..., Any]) -> None:
    pattern = f"[file:hashes.MD5 = '{MD5}' OR (file:hashes.'SHA-1' = '{SHA1}' AND process:pid = 1)]"
    result = read(bundle(indicator(pattern)))
    assert (result.hashes, result.rejects) == ([{"md5": MD5}], [(1, "unsupported")])


def test_files_inside_observed_data_of_version_2_0(read: Callable[..., Any]) -> None:
    objects = {
        "0": {"type": "file", "name": "a", "size": 6, "hashes": {"MD5": MD5}},
        "1": {"type": "domain-name", "value": "x"},
        "2": {"type": "file", "hashes": {"SHA-1": SHA1}},
    }
    result = read(bundle({"type": "observed-data", "id": "observed-data--1", "objects": objects}))
    assert result.hashes == [{"md5": MD5}, {"sha1": SHA1}]
    assert (result.ids, result.labels[0]) == (["observed-data--1"] * 2, {"name": "a"})


@pytest.mark.parametrize("keys", [{"more": True, "next": "2"}, {}])
def test_an_envelope_of_taxii(read: Callable[..., Any], keys: dict[str, Any]) -> None:
    one = {**indicator(), "id": "indicator--00000000-0000-4000-8000-000000000000"}
    assert read(json.dumps({**keys, "objects": [one]}).encode()).format == "stix"


@pytest.mark.parametrize("length", [10, 200_000])
def test_the_type_of_a_bundle_may_come_last(read: Callable[..., Any], length: int) -> None:
    objects = [{"type": "note", "x": "y" * length}, indicator()]
    assert len(read(json.dumps({"objects": objects, "type": "bundle"}).encode()).entries) == 1


def test_a_truncated_bundle_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(bundle(indicator())[:-1])


def test_sample(read_path: Callable[..., Any], samples: Path) -> None:
    result = read_path(samples / "stix21_finding_bundle.json")
    assert [list(hashes) for hashes in result.hashes] == [["md5", "sha256"], ["sha256"]]
