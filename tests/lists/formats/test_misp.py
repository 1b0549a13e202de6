import json
from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import Role

MD5, SHA1 = "b1946ac92492d2347c6235b4d2611184", "f572d396fae9206628714fb2ce00f72e94f2258f"
SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def attribute(kind: str, value: str, **fields: Any) -> dict[str, Any]:
    return {"uuid": f"u-{kind}", "type": kind, "value": value, "to_ids": True, "deleted": False, **fields}


def event(*attributes: object, **fields: Any) -> dict[str, Any]:
    return {
        "Event": {"uuid": "e", "info": "case", "Tag": [{"name": "tlp:amber"}], "Attribute": [*attributes], **fields}
    }


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "wrap",
    [
        dump,
        lambda one: dump([one]),
        lambda one: dump({"response": [one]}),
        lambda one: dump({"response": one}),
        lambda one: dump(one) + b"\n",
    ],
)
def test_events_in_every_wrapping(read: Callable[..., Any], wrap: Callable[[Any], bytes]) -> None:
    result = read(wrap(event(attribute("md5", MD5.upper(), comment="c", Tag=[{"name": "x"}]))))
    assert (result.format, result.strict, result.ids) == ("misp-event", False, ["u-md5"])
    assert result.hashes == [{"md5": MD5}]
    assert result.labels == [{"event": "case", "tlp": "amber", "comment": "c", "tags": "x"}]


def test_events_one_after_the_other_number_their_records_on(read: Callable[..., Any]) -> None:
    content = dump(event(attribute("md5", MD5), attribute("md5", "x"))) + dump(event(attribute("md5", "y")))
    assert read(content).rejects == [(2, "malformed"), (3, "malformed")]


@pytest.mark.parametrize(
    ("kind", "value", "hashes", "name"),
    [
        ("sha1", SHA1, {"sha1": SHA1}, None),
        ("sha3-256", SHA256, {"sha3-256": SHA256}, None),
        ("filename|sha256", f"a|b.exe|{SHA256}", {"sha256": SHA256}, "a|b.exe"),
        ("malware-sample", f"b.exe|{MD5}", {"md5": MD5}, "b.exe"),
    ],
)
def test_types(read: Callable[..., Any], kind: str, value: str, hashes: dict[str, str], name: str | None) -> None:
    result = read(dump(event(attribute(kind, value))))
    assert result.hashes == [hashes]
    assert result.labels[0].get("name") == name


def test_a_file_object_is_one_entry(read: Callable[..., Any]) -> None:
    parts = [
        attribute("filename", "a.exe", to_ids=False),
        attribute("size-in-bytes", "6", to_ids=False),
        attribute("md5", MD5),
        attribute("sha256", SHA256),
        attribute("sha1", SHA1, to_ids=False),
        attribute("ssdeep", "3:a:b"),
    ]
    result = read(dump(event(Object=[{"uuid": "o", "name": "file", "comment": "k", "Attribute": parts}])))
    assert (result.ids, result.hashes) == (["o"], [{"md5": MD5, "sha256": SHA256}])
    assert result.entries[0].size == 6
    assert result.entries[0].unsupported == {"ssdeep": "3:a:b"}
    assert result.labels == [{"event": "case", "tlp": "amber", "name": "a.exe", "comment": "k"}]


RED, GREEN = {"name": "TLP:RED"}, {"name": "tlp:green"}


def test_an_attribute_is_marked_as_it_says_and_else_as_its_event(read: Callable[..., Any]) -> None:
    attributes = [attribute("md5", MD5, Tag=[{"name": "x"}, RED]), attribute("sha1", SHA1, Tag=[{"name": "x"}])]
    result = read(dump(event(*attributes)))
    assert [labels["tlp"] for labels in result.labels] == ["red", "amber"]
    assert [labels["tlp"] for labels in read(dump(event(*attributes, Tag=[GREEN, RED]))).labels] == ["red", "green red"]
    assert ["tlp" in labels for labels in read(dump(event(*attributes, Tag=[]))).labels] == [True, False]


def test_an_object_is_marked_as_its_hashes_are(read: Callable[..., Any]) -> None:
    parts = [
        attribute("md5", MD5, Tag=[RED]),
        attribute("sha1", SHA1),
        attribute("sha256", SHA256, to_ids=False, Tag=[GREEN]),
    ]
    result = read(dump(event(Object=[{"uuid": "o", "Attribute": parts}])))
    assert result.labels[0]["tlp"] == "amber red"
    parts[1]["Tag"] = [RED]
    assert read(dump(event(Object=[{"uuid": "o", "Attribute": parts}]))).labels[0]["tlp"] == "red"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (attribute("md5", MD5, deleted=True), "withdrawn"),
        (attribute("md5", MD5, to_ids=False), "unsupported"),
        (attribute("md5", MD5, to_ids=None), "unsupported"),
        (attribute("ssdeep", "3:a:b"), "unsupported"),
        (attribute("imphash", MD5), "unsupported"),
        (attribute("sha512/256", SHA256), "unsupported"),
        (attribute("md5", SHA1), "wrong_length"),
        (attribute("md5", "hello"), "malformed"),
        (attribute("md5", ""), "unsupported"),
        (attribute("md5", EMPTY_MD5), "empty_input"),
    ],
)
def test_rejects(read: Callable[..., Any], other: dict[str, Any], reason: str) -> None:
    result = read(dump(event(attribute("sha1", SHA1), other)))
    assert (result.hashes, result.rejects) == ([{"sha1": SHA1}], [(2, reason)])


@pytest.mark.parametrize(
    ("kind", "value"), [("url", "http://x"), ("ip-dst", "192.0.2.1"), ("x509-fingerprint-md5", MD5)]
)
def test_attributes_that_are_not_file_hashes_are_not_records(read: Callable[..., Any], kind: str, value: str) -> None:
    result = read(dump(event(attribute(kind, value), attribute("md5", MD5))))
    assert (len(result.entries), result.rejects) == (1, [])


def test_a_deleted_object_is_withdrawn(read: Callable[..., Any]) -> None:
    content = event(Object=[{"uuid": "o", "deleted": "1", "Attribute": [attribute("md5", MD5)]}])
    assert read(dump(content)).rejects == [(1, "withdrawn")]


def test_a_truncated_event_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(dump(event(attribute("md5", MD5)))[:-1])


def test_unmarked_hashes_are_taken_if_the_user_says_so(read: Callable[..., Any]) -> None:
    content = dump(event(attribute("md5", MD5, to_ids=False), attribute("sha1", SHA1, to_ids=False, deleted=True)))
    assert read(content).details == ["not marked for detection", ""]
    result = read(content, ParseOptions(include_unmarked=True))
    assert (result.hashes, result.rejects) == ([{"md5": MD5}], [(2, "withdrawn")])


def test_a_hash_of_an_unknown_type_is_counted(read: Callable[..., Any]) -> None:
    found = [attribute("other", MD5), attribute("ja3-fingerprint-md5", MD5), attribute("md5", MD5)]
    result = read(dump(event(*found)))
    assert (result.hashes, result.details) == ([{"md5": MD5}], ["what looks like a hash has an unknown kind"])


def test_the_result_of_a_search_for_attributes(read: Callable[..., Any]) -> None:
    found = [{**attribute("md5", MD5), "Event": {"info": "i"}}, attribute("domain", "x"), attribute("sha1", SHA1)]
    result = read(dump({"response": {"Attribute": found}}))
    assert (result.format, result.hashes) == ("misp-event", [{"md5": MD5}, {"sha1": SHA1}])
    assert result.labels[0]["event"] == "i"


def test_a_size_beyond_64_bits_is_not_used(read: Callable[..., Any]) -> None:
    parts = [attribute("md5", MD5), attribute("size-in-bytes", "9" * 30)]
    result = read(dump(event(Object=[{"uuid": "o", "Attribute": parts}])))
    assert (result.entries[0].size, result.remarks) == (None, ["a size is over 63 bits and is not used"])


def test_one_bad_hash_of_a_file_leaves_the_others(read: Callable[..., Any]) -> None:
    parts = [attribute("md5", "N/A"), attribute("sha1", SHA1 + "0"), attribute("sha256", SHA256)]
    result = read(dump(event(Object=[{"uuid": "o", "Attribute": parts}])))
    assert (result.hashes, len(result.remarks)) == ([{"sha256": SHA256}], 2)


def test_warninglist(read: Callable[..., Any]) -> None:
    content = {"name": "Empty", "version": 3, "description": "d", "matching_attributes": ["md5"]}
    result = read(dump({**content, "list": [MD5, SHA256, EMPTY_MD5, "example.org", "10.0.0.0/8", MD5[:-1] + "g"]}))
    assert (result.format, result.strict) == ("misp-warninglist", False)
    assert (result.meta.name, result.meta.version) == ("Empty", "3")
    assert result.hashes == [{"md5": MD5}, {"sha256": SHA256}]
    assert [entry.role for entry in result.entries] == [Role.KNOWN] * 2
    assert [reason for _, reason in result.rejects] == ["empty_input", *["unsupported"] * 3]


@pytest.mark.parametrize("content", [{"list": ["a"]}, {"description": "d"}, {"description": "d", "list": [7]}])
def test_other_json_is_not_a_warninglist(read: Callable[..., Any], content: object) -> None:
    with pytest.raises(ListError, match="unrecognised list format"):
        read(dump(content))


def test_a_truncated_warninglist_is_refused(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(dump({"description": "d", "list": [MD5]})[:-1])
