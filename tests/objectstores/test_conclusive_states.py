"""Tests which listed states prove the content of an object. A wrong yes would repeat the hashes of other content."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hashaudit.model.entry import ObjectState
from hashaudit.model.location import BucketRef
from hashaudit.objectstores import azure
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.conclusive_states import http_date_ns, is_settled, is_strong
from hashaudit.objectstores.interface import ObjectRef, StoreError, StoreOptions
from hashaudit.objectstores.s3 import S3Store
from object_store import CREDENTIALS, Answer, Asked, proxied

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOON_NS = int(NOON.timestamp()) * 10**9
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
MD5 = '"d41d8cd98f00b204e9800998ecf8427e"'


@pytest.mark.parametrize(
    ("etag", "strong"),
    [(MD5, True), ("0x8D", True), ('"a-2"', True), (f"W/{MD5}", False), ("", False), ('""', False), ('W/""', False)],
)
def test_strong_tags(etag: str, strong: bool) -> None:
    assert is_strong(etag) is strong


@pytest.mark.parametrize(
    ("age_s", "settled"), [(3600, True), (2, True), (1, False), (0, False), (-1, False), (-3600, False)]
)
def test_a_time_is_settled_once_its_second_is_over(age_s: int, settled: bool) -> None:
    assert is_settled(NOON_NS - age_s * 10**9, NOON_NS) is settled


def test_an_unknown_time_is_never_settled() -> None:
    assert not is_settled(0, NOON_NS)
    assert not is_settled(NOON_NS, None)
    assert http_date_ns(DATE) == NOON_NS
    for text in (None, "", "noon", "Sat, 41 Nov 2026 12:00:00 GMT"):
        assert http_date_ns(text) is None


HOUR_BEFORE, AT_ONCE = "2026-11-21T11:00:00.000Z", "2026-11-21T12:00:00.000Z"


def listed(*, date: str | None = DATE, **fields: str) -> ObjectState:
    item = {"Key": "a", "ETag": MD5, "LastModified": HOUR_BEFORE, **fields}
    return responses.listed_state(item, http_date_ns(date))


@pytest.mark.parametrize(
    ("fields", "conclusive"),
    [
        ({}, True),
        ({"ETag": '"d41d8cd98f00b204e9800998ecf8427e-7"'}, True),
        ({"ETag": f"W/{MD5}"}, False),
        ({"ETag": ""}, False),
        ({"LastModified": AT_ONCE}, False),
        ({"date": None}, False),
    ],
)
def test_listed_objects(fields: dict[str, Any], conclusive: bool) -> None:
    assert listed(**fields).is_conclusive is conclusive


@pytest.mark.parametrize(
    ("fields", "conclusive"),
    [
        ({"VersionId": "v1"}, True),
        ({"VersionId": "v1", "LastModified": AT_ONCE}, True),
        ({"VersionId": "v1", "date": None}, True),
        ({"VersionId": "v1", "ETag": f"W/{MD5}"}, False),
        ({"VersionId": "null"}, True),
        ({"VersionId": "null", "LastModified": AT_ONCE}, False),
        ({"VersionId": "null", "date": None}, False),
    ],
)
def test_listed_versions(fields: dict[str, Any], conclusive: bool) -> None:
    assert listed(**fields).is_conclusive is conclusive


def test_an_answer_with_a_weak_tag_takes_the_proof_back() -> None:
    requested = ObjectState(5, "tag", 7, is_conclusive=True)
    assert responses.head({"etag": '"tag"'}, requested).state.is_conclusive
    assert not responses.head({"etag": 'W/"tag"'}, requested).state.is_conclusive
    assert not responses.head({"etag": '"tag"'}, ObjectState(5, "tag", 7)).state.is_conclusive


def blob(**fields: Any) -> Any:
    common = {"size": 5, "etag": "0x8D", "last_modified": NOON - timedelta(hours=1), "blob_tier": None}
    more = {"content_range": None, "content_settings": SimpleNamespace(content_md5=None)}
    return SimpleNamespace(**{**common, **more, **fields})


@pytest.mark.parametrize(
    ("fields", "now_ns", "conclusive"),
    [
        ({}, NOON_NS, True),
        ({"version_id": "2026-11-21T11:00:00.0000000Z"}, NOON_NS, True),
        # A version of an append blob grows.
        ({"version_id": "2026-11-21T11:00:00.0000000Z", "last_modified": NOON}, NOON_NS, False),
        ({"last_modified": NOON}, NOON_NS, False),
        ({"last_modified": None}, NOON_NS, False),
        ({"etag": 'W/"0x8D"'}, NOON_NS, False),
        ({}, None, False),
    ],
)
def test_listed_blobs(fields: dict[str, Any], now_ns: int | None, conclusive: bool) -> None:
    state = azure._listed_state(blob(**fields), now_ns)
    assert state.is_conclusive is conclusive
    assert azure._head(blob(**fields), state).state.is_conclusive is conclusive


def uploads(*keys: str) -> bytes:
    listed = "".join(f"<Upload><Key>{key}</Key><UploadId>u</UploadId></Upload>" for key in keys)
    return f"<ListMultipartUploadsResult>{listed}</ListMultipartUploadsResult>".encode()


@pytest.mark.parametrize(
    ("answer", "is_open"),
    [
        (Answer(200, uploads()), False),
        (Answer(200, uploads("key")), True),
        (Answer(200, uploads("key/longer", "keys")), False),
        (Answer(403, b"<Error><Code>AccessDenied</Code></Error>"), None),
        (Answer(200, b"<Other"), None),
    ],
)
def test_an_open_upload_of_the_key_may_bring_the_same_state(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, is_open: bool | None
) -> None:
    for name, value in {**CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    with proxied("http://127.0.0.1:1") as (url, proxy):

        def behave(asked: Asked) -> Answer:
            return answer if asked.query.startswith("uploads") else Answer(404)

        proxy.behave = behave
        store = S3Store(StoreOptions(url))
        assert store.site == url

        def ask(etag: str, version: str | None = None) -> bool:
            return store.has_open_upload(ObjectRef(BucketRef("s3", "bucket"), b"key", ObjectState(5, etag, 0, version)))

        if is_open is None:
            with pytest.raises(StoreError):
                ask("a-2")
        else:
            assert ask("a-2") is is_open
        assert len(proxy.asked) == 1
        assert not ask(MD5.strip('"'))
        assert not ask("a-2", "v1")
        assert len(proxy.asked) == 1
