from datetime import UTC, datetime

import pytest
from botocore.utils import parse_timestamp

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.interface import Checksum, ListedObject

REQUESTED = ObjectState(5, "tag", 7, None, "GLACIER_IR")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def listed(key: str, second: int, *, deleted: bool = False) -> ListedObject:
    fields = {"LastModified": f"2026-11-21T12:00:0{second}.000Z", "VersionId": f"{key}{second}"}
    return ListedObject(key.encode(), responses.listed_state(fields), deleted)


def test_versions_and_markers_are_ordered_by_key_and_newest_first() -> None:
    versions = [listed("a", 3), listed("a", 1), listed("b", 2)]
    markers = [listed("a", 2, deleted=True), listed("b", 5, deleted=True), listed("c", 1, deleted=True)]
    merged = responses.newest_first([*versions, *markers])
    assert [one.state.version for one in merged] == ["a3", "a2", "a1", "b5", "b2", "c1"]
    assert [one.deleted for one in merged] == [False, True, False, True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:00:00.000Z",
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00",
        "2026-11-21T13:00:00+01:00",
        "20261121T120000Z",
        "Sat, 21 Nov 2026 12:00:00 GMT",
    ],
)
def test_times_of_a_listing(text: str) -> None:
    assert responses.instant(text) == NOON == parse_timestamp(text).astimezone(UTC).replace(tzinfo=UTC)


def test_the_head_of_a_range_describes_the_whole_object() -> None:
    head = responses.head({"content-range": "bytes 0-9/1000", "content-length": "10", "etag": '"x"'}, REQUESTED)
    assert head.state == ObjectState(1000, "x", 7, None, "GLACIER_IR")
    assert responses.head({"content-length": "10"}, REQUESTED).state.size == 10
    assert responses.head({}, REQUESTED).state.size == -1


@pytest.mark.parametrize(
    ("headers", "checksum"),
    [
        ({"x-amz-checksum-crc32": "AAAA"}, Checksum("crc32", "AAAA")),
        ({"x-amz-checksum-sha256": "BB", "x-amz-checksum-crc64nvme": "AA"}, Checksum("crc64nvme", "AA")),
        ({"x-amz-checksum-crc32": "AAAA", "x-amz-checksum-type": "COMPOSITE"}, None),
        ({"x-amz-checksum-crc32": "AAAA", "etag": '"d41d8cd9-2"'}, None),
        (
            {"x-amz-checksum-crc32": "AAAA", "etag": '"d41d8cd9-2"', "x-amz-checksum-type": "FULL_OBJECT"},
            Checksum("crc32", "AAAA"),
        ),
        ({"x-amz-checksum-crc32": "AAAA", "etag": '"d41d8cd9"'}, Checksum("crc32", "AAAA")),
        ({}, None),
    ],
)
def test_checksums(headers: dict[str, str], checksum: Checksum | None) -> None:
    assert responses.head(headers, REQUESTED).checksum == checksum


@pytest.mark.parametrize(
    ("status", "error_code", "code", "transient"),
    [
        (403, "AccessDenied", FaultCode.PERMISSION_DENIED, False),
        (403, "InvalidObjectState", FaultCode.ARCHIVED, False),
        (404, "NoSuchKey", FaultCode.NOT_FOUND, False),
        (405, "MethodNotAllowed", FaultCode.NOT_FOUND, False),
        (400, "RequestTimeout", FaultCode.IO_ERROR, True),
        (400, "ExpiredToken", FaultCode.IO_ERROR, True),
        (400, "InvalidRequest", FaultCode.IO_ERROR, False),
        (500, "InternalError", FaultCode.IO_ERROR, True),
        (503, "SlowDown", FaultCode.IO_ERROR, True),
        (429, "", FaultCode.IO_ERROR, True),
        (301, "PermanentRedirect", FaultCode.IO_ERROR, False),
    ],
)
def test_refusals(status: int, error_code: str, code: FaultCode, transient: bool) -> None:
    error = responses.refusal(status, f"<Error><Code>{error_code}</Code></Error>".encode())
    assert (error.code, error.transient) == (code, transient)
    assert (error_code in str(error)) is (code is not FaultCode.ARCHIVED)
