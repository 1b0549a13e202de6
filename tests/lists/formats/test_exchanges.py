"""ThreatExchange, HMA, StopNCII and Tech Against Terrorism."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.errors import ListError
from hashaudit.model.results import Role

MD5, SHA256 = "b1946ac92492d2347c6235b4d2611184", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


CSV_HEADER = "signal_type,signal_str,collab,category,tags\n"


def test_dataset_csv(read: Callable[..., Any]) -> None:
    rows = f"pdq,{SHA256},C,POSITIVE_CLASS,a b\nvideo_md5,{MD5},C,NEGATIVE_CLASS,\n"
    result = read((CSV_HEADER + rows).encode())
    assert (result.format, result.strict) == ("threatexchange-csv", False)
    assert result.hashes == [{"pdq": SHA256}, {"md5": MD5}]
    assert result.labels == [
        {"source": "C", "category": "POSITIVE_CLASS", "tags": "a b"},
        {"source": "C", "category": "NEGATIVE_CLASS"},
    ]
    assert [entry.role for entry in result.entries] == [None, Role.KNOWN]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"url_md5,{MD5},C,,", "unsupported"),
        ("raw_text,hello,C,,", "unsupported"),
        ("photodna,AAAA,C,,", "unsupported"),
        (f"pdq,{MD5},C,,", "wrong_length"),
        (f"pdq,{SHA256[:-1]}g,C,,", "malformed"),
        (f"pdq,{SHA256}", "malformed"),
        (f"md5,{EMPTY_MD5},C,,", "empty_input"),
    ],
)
def test_dataset_csv_rejects(read: Callable[..., Any], row: str, reason: str) -> None:
    assert read(f"{CSV_HEADER}{row}\n".encode()).rejects == [(2, reason)]
    if reason in ("malformed", "wrong_length"):
        cut = pytest.raises(ListError, match="truncated") if "g," not in row else contextlib.nullcontext()
        with cut:
            read(f"{CSV_HEADER}{row}".encode())


def test_local_file(read: Callable[..., Any]) -> None:
    result = read(f"pdq {SHA256}\r\n\nHASH_VIDEO_MD5 {MD5}\nraw_text some words\n".encode())
    assert (result.format, result.strict) == ("threatexchange-local", False)
    assert result.hashes == [{"pdq": SHA256}, {"md5": MD5}]
    assert result.rejects == [(4, "unsupported")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"pdq {MD5}", "wrong_length"),
        (MD5, "malformed"),
        (f"md5 {EMPTY_MD5}", "empty_input"),
        ("md5 " + "x" * 70000, "too_long"),
    ],
)
def test_local_file_rejects(read: Callable[..., Any], line: str, reason: str) -> None:
    assert read(f"pdq {SHA256}\n{line}\n".encode()).rejects == [(2, reason)]
    if reason != "empty_input":
        with pytest.raises(ListError, match="truncated"):
            read(f"pdq {SHA256}\n{line}".encode())


def test_cache_files_are_plain(read: Callable[..., Any]) -> None:
    result = read(f'{MD5},1234,2021-01-01,"a b"\n'.encode())
    assert (result.format, result.hashes) == ("plain", [{"md5": MD5}])


def update(identity: str, **fields: Any) -> dict[str, Any]:
    descriptors = {"data": [{"tags": ["b", "a"], "status": "MALICIOUS"}, {"tags": ["a"], "status": "UNKNOWN"}]}
    record = {"id": identity, "type": "HASH_MD5", "indicator": MD5, "last_updated": 5, "descriptors": descriptors}
    return {**record, **fields}


def test_updates(read: Callable[..., Any]) -> None:
    result = read(dump({"data": [update("1"), update("2", type="HASH_PDQ", indicator=SHA256)], "paging": {}}))
    assert (result.format, result.strict, result.ids) == ("threatexchange-updates", False, ["1", "2"])
    assert result.hashes == [{"md5": MD5}, {"pdq": SHA256}]
    assert result.labels[0] == {"tags": "a b", "status": "MALICIOUS UNKNOWN"}


@pytest.mark.parametrize("deletion", [{"should_delete": True}, {"descriptors": None}, {"descriptors": {"data": []}}])
def test_updates_that_withdraw(read: Callable[..., Any], deletion: dict[str, Any]) -> None:
    pages = dump({"data": [update("1"), update("2")]}) + dump({"data": [update("1", last_updated=10, **deletion)]})
    result = read(pages)
    assert result.ids == ["2"]
    assert sorted(result.rejects) == [(1, "duplicate"), (3, "withdrawn")]


def test_an_update_that_is_older_withdraws_nothing(read: Callable[..., Any]) -> None:
    content = dump({"data": [update("1", last_updated=10), update("1", last_updated=9, should_delete=True)]})
    assert (read(content).ids, read(content).rejects) == (["1"], [(2, "duplicate")])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (update("2", type="HASH_URL_MD5"), "unsupported"),
        (update("2", indicator=SHA256), "wrong_length"),
        (update("2", indicator=EMPTY_MD5), "empty_input"),
        (update("2", indicator=None), "unsupported"),
        ("text", "malformed"),
    ],
)
def test_updates_reject(read: Callable[..., Any], record: object, reason: str) -> None:
    assert read(dump({"data": [update("1"), record]})).rejects == [(2, reason)]


def content(identity: int, **fields: Any) -> dict[str, Any]:
    record = {
        "id": identity,
        "disable_until_ts": 1,
        "bank": {"name": "B", "matching_enabled_ratio": 1.0},
        "signals": {"pdq": SHA256, "video_md5": MD5, "clip": "AAAA"},
        "metadata": {"content_uri": "u"},
        "note": "n",
    }
    return {**record, **fields}


@pytest.mark.parametrize(
    "written",
    [dump(content(7)), dump([content(7)]), b"\n\n" + dump(content(7)) + b"\n"],
    ids=["object", "array", "lines"],
)
def test_bank(read: Callable[..., Any], written: bytes) -> None:
    result = read(written)
    assert (result.format, result.strict, result.ids) == ("hma-bank", False, ["7"])
    assert result.hashes == [{"pdq": SHA256, "md5": MD5}]
    assert result.entries[0].unsupported == {"clip": "AAAA"}
    assert result.labels == [{"set": "B", "source": "u", "comment": "n"}]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"disable_until_ts": 0}, False),
        ({"disable_until_ts": int(time.time()) + 10**6}, False),
        ({"disable_until_ts": 10**9}, True),
        ({"disable_until_ts": 1}, True),
        ({"bank": {"name": "B", "matching_enabled_ratio": 0.0}}, False),
    ],
)
def test_contents_that_are_disabled(read: Callable[..., Any], fields: dict[str, Any], kept: bool) -> None:
    result = read(dump([content(1), content(2, **fields)]))
    assert result.ids == (["1", "2"] if kept else ["1"])
    assert result.rejects == ([] if kept else [(2, "withdrawn")])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (content(2, signals={"pdq": MD5}), "wrong_length"),
        (content(2, signals={}), "unsupported"),
        (content(2, signals={"clip": "A"}), "unsupported"),
        (7, "malformed"),
    ],
)
def test_bank_rejects(read: Callable[..., Any], record: object, reason: str) -> None:
    assert read(dump([content(1), record])).rejects == [(2, reason)]


def stopncii(*records: object) -> bytes:
    return dump({"count": len(records), "nextPageToken": "", "hasMoreRecords": False, "hashRecords": list(records)})


NCII = {"signalType": "ImagePDQ", "hashValue": SHA256, "hashStatus": "Active", "caseNumbers": {"1": "Active"}}


def test_stopncii(read: Callable[..., Any]) -> None:
    feedback = [{"feedbackValue": "Blocked"}, {"feedbackValue": "None"}]
    video = {"signalType": "VideoMD5", "hashValue": MD5.upper(), "hashStatus": "Received"}
    result = read(stopncii({**NCII, "CSPFeedbacks": feedback}, video))
    assert (result.format, result.strict) == ("stopncii", False)
    assert result.hashes == [{"pdq": SHA256}, {"md5": MD5}]
    scheme = {"category": "ncii", "category_scheme": "stopncii"}
    assert result.labels == [{**scheme, "status": "Active", "feedback": "Blocked"}, {**scheme, "status": "Received"}]


@pytest.mark.parametrize("status", ["Withdrawn", "Deleted"])
def test_stopncii_withdraws(read: Callable[..., Any], status: str) -> None:
    later = {**NCII, "hashValue": SHA256.upper(), "hashStatus": status}
    other = {**NCII, "signalType": "VideoMD5", "hashValue": MD5}
    result = read(stopncii(NCII, other) + stopncii(later))
    assert result.hashes == [{"md5": MD5}]
    assert sorted(result.rejects) == [(1, "duplicate"), (3, "withdrawn")]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**NCII, "signalType": "URL"}, "unsupported"),
        ({**NCII, "signalType": "VideoTMK"}, "unsupported"),
        ({**NCII, "hashValue": MD5}, "wrong_length"),
        ({**NCII, "hashValue": ""}, "unsupported"),
        (None, "malformed"),
    ],
)
def test_stopncii_rejects(read: Callable[..., Any], record: object, reason: str) -> None:
    result = read(stopncii(NCII, record))
    assert (len(result.entries), result.rejects) == (1, [(2, reason)])


def terrorism(*records: object) -> bytes:
    return dump({"count": 1, "next": None, "previous": None, "checkpoint": "x", "results": list(records)})


TAT = {
    "hash_digest": MD5,
    "algorithm": "MD5",
    "ideology": "x",
    "file_type": "mp4",
    "deleted": False,
    "id": 4,
    "updated_on": "2",
}


def test_tech_against_terrorism(read: Callable[..., Any]) -> None:
    result = read(terrorism(TAT, {**TAT, "id": 5, "algorithm": "PDQ", "hash_digest": SHA256}))
    assert (result.format, result.strict, result.ids) == ("tech-against-terrorism", False, ["4", "5"])
    assert result.hashes == [{"md5": MD5}, {"pdq": SHA256}]
    assert result.labels[0] == {"category": "x", "category_scheme": "tech-against-terrorism", "media_type": "mp4"}


def test_tech_against_terrorism_withdraws(read: Callable[..., Any]) -> None:
    result = read(terrorism({**TAT, "deleted": True, "updated_on": "3"}, TAT, {**TAT, "id": 5}))
    assert result.ids == ["5"]
    assert sorted(result.rejects) == [(1, "withdrawn"), (2, "duplicate")]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**TAT, "id": 5, "algorithm": "SHA256"}, "wrong_length"),
        ({**TAT, "id": 5, "algorithm": "tlsh"}, "unsupported"),
        ({**TAT, "id": 5, "hash_digest": None}, "unsupported"),
        ([], "malformed"),
    ],
)
def test_tech_against_terrorism_rejects(read: Callable[..., Any], record: object, reason: str) -> None:
    assert read(terrorism(TAT, record)).rejects == [(2, reason)]


@pytest.mark.parametrize("whole", [dump({"data": [update("1")]}), dump(content(1)), stopncii(NCII), terrorism(TAT)])
def test_truncated_pages_are_refused(read: Callable[..., Any], whole: bytes) -> None:
    assert len(read(whole).entries) == 1
    with pytest.raises(ListError, match="damaged or truncated"):
        read(whole[:-1])
