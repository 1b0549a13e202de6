"""Many requests at once name exactly what was listed, are signed as botocore signs, and take no wrong answer for a
right one."""

import random
from collections.abc import Generator
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hashaudit.errors import HostError
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import (
    Answer,
    Bulk,
    BulkSettings,
    ObjectRef,
    OverwrittenError,
    StoreError,
    StoreOptions,
)
from hashaudit.objectstores.s3 import S3Store
from raw_server import BODY, HEAD, RawServer, raw_server

KEYS = [
    b"a//b", b"/lead", b"//", b"dir/", b"a b+c%20%2F", b"control\x01\x1b[31m\x7f\t\r\n", "ü/é😀".encode(),
    b"\xff\xfe/x", b"k" * 1024, b"q?x=1&y#z", b"<&>\"'", b"back\\slash", b"~t", b"%2e%2e/%2E", b"...", b"a/.../b",
    b".hidden/..x", b"..", b"../x", b"a/../b", b"./y", b"a/.", b".", b";v=1,$@:!*()[]{}|^`", b"=", b"a:b@c", b"http://x/y",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a+secret/with:signs")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Generator[RawServer]:
    with raw_server() as made:
        yield made


def bulk_of(url: str, **options: Any) -> tuple[S3Store, Bulk]:
    store = S3Store(StoreOptions(url, **options))
    bulk = store.bulk(BulkSettings(lambda _: None, 4))
    assert bulk is not None
    return store, bulk


def entry(key: bytes, version: str | None = None, etag: str = "tag", size: int = 5) -> ObjectRef:
    return ObjectRef(BucketRef("s3", "bucket"), key, ObjectState(size, etag, 0, version))


def answer(bulk: Bulk, ref: ObjectRef) -> Answer:
    ticket = bulk.start(bulk.request(ref, None))
    while True:
        for found, came in bulk.run(10):
            assert found is ticket
            return came


def fields(request: bytes) -> tuple[bytes, dict[str, str]]:
    first, *lines = request.split(b"\r\n")
    parts = (line.decode("latin-1").partition(": ") for line in lines)
    return first, {name.lower(): value for name, _, value in parts}


def botocores_signature(request: bytes, token: str | None) -> str:
    """Returns the signature that botocore computes for the same request at the same time."""
    first, sent = fields(request)
    names = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    pinned = {name for name in sent if name in {"if-match", "range"} or name.startswith("x-amz-")}
    assert {"host", "x-amz-date"} | pinned <= set(names)
    url = f"http://{sent['host']}{first.split()[1].decode()}"
    signed = AWSRequest(first.split()[0].decode(), url, headers={name: sent[name] for name in names})
    signed.context["timestamp"] = sent["x-amz-date"]
    auth = S3SigV4Auth(Credentials("an id", "a+secret/with:signs", token).get_frozen_credentials(), "s3", "us-east-1")
    return str(auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed))


@pytest.mark.parametrize("token", [None, "to/ken=="])
def test_requests_name_the_listed_key_and_are_rightly_signed(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    if token is not None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    store, bulk = bulk_of(server.url, request_payer=token is not None)
    random_keys = [random.Random(number).randbytes(30) for number in range(60)]
    for key in [*KEYS, *random_keys]:
        ref = entry(key, None if token is None else "v/1+=&")
        assert answer(bulk, ref).chunks == [BODY]
        store.get(ref, None).close()
        sent = [fields(request) for request in server.requests[-2:]]
        for (first, headers), request in zip(sent, server.requests[-2:], strict=True):
            assert first.split()[0] == b"GET"
            path, _, query = first.split()[1].partition(b"?")
            assert unquote_to_bytes(path) == b"/bucket/" + key
            assert query == (b"" if token is None else b"versionId=v%2F1%2B%3D%26")
            assert headers["if-match"] == '"tag"'
            assert headers.get("x-amz-request-payer") == (None if token is None else "requester")
            assert headers.get("x-amz-security-token") == token
            assert headers["authorization"].rpartition("Signature=")[2] == botocores_signature(request, token)


@pytest.mark.parametrize("all_versions", [False, True])
def test_listings_are_rightly_signed(server: RawServer, all_versions: bool) -> None:
    store = S3Store(StoreOptions(f"{server.url}/a%2Fb/", request_payer=True))
    server.reply = lambda _request: (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True)
    for prefix in (b"", b"a b+c/\xff~&=", "ü/é".encode()):
        with pytest.raises(StoreError):
            list(store.pages(BucketRef("s3", "bucket"), prefix, b"after/" + prefix, all_versions=all_versions))
        first, headers = fields(server.requests[-1])
        path, _, query = first.split()[1].partition(b"?")
        assert path == b"/a%2Fb/bucket"
        named = dict(part.partition(b"=")[::2] for part in query.split(b"&"))
        assert unquote_to_bytes(named[b"prefix"]) == prefix
        assert unquote_to_bytes(named[b"key-marker" if all_versions else b"start-after"]) == b"after/" + prefix
        assert (b"versions" in named) is all_versions
        assert headers["authorization"].rpartition("Signature=")[2] == botocores_signature(server.requests[-1], None)


def test_an_etag_or_a_key_that_no_request_can_name_is_refused(server: RawServer) -> None:
    store, bulk = bulk_of(server.url)
    for ref in [entry(b""), *(entry(b"key", etag=etag) for etag in ("", 'a"b', "a\r\nX: y", "é", " a"))]:
        with pytest.raises(StoreError):
            store.get(ref, None)
        with pytest.raises(StoreError):
            bulk.start(bulk.request(ref, None))
    assert server.requests == []


def test_a_password_in_the_endpoint_is_not_sent(server: RawServer) -> None:
    store, bulk = bulk_of(server.url.replace("//", "//user:hunter2@"))
    assert answer(bulk, entry(b"key")).chunks == [BODY]
    store.head(entry(b"key"))
    assert all(b"hunter2" not in request and b"Basic" not in request for request in server.requests)


@pytest.mark.parametrize("endpoint", ["ftp://host", "host", "http://", "http://a b", "http://host/?x", "http://h:x"])
def test_an_endpoint_that_is_no_url_of_a_server_is_refused(endpoint: str) -> None:
    with pytest.raises(HostError, match="invalid endpoint"):
        S3Store(StoreOptions(endpoint))


def test_an_older_libcurl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycurl.version_info", lambda: (11, "8.10.1", 0x080A01))
    with pytest.raises(HostError, match=r"8\.10\.1"):
        S3Store(StoreOptions("http://example.test"))


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (HEAD.replace(b"tag", b"other") + BODY, OverwrittenError()),
        (b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", OverwrittenError()),
        (HEAD.replace(b"200 OK", b"206 Partial Content") + BODY, FaultCode.IO_ERROR),
        (b"HTTP/1.1 301 Moved\r\nLocation: /bucket/other\r\nContent-Length: 0\r\n\r\n", FaultCode.IO_ERROR),
        (b"HTTP/1.1 403 No\r\nContent-Length: 37\r\n\r\n<Code>InvalidObjectState</Code>.......", FaultCode.ARCHIVED),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", FaultCode.NOT_FOUND),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes", OverwrittenError()),
        (b"", FaultCode.IO_ERROR),
        (b"bytes without a head", FaultCode.IO_ERROR),
        (HEAD[:25], FaultCode.IO_ERROR),
        (b"HTTP/1.1 404 Not Found\r\n", FaultCode.IO_ERROR),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20), FaultCode.IO_ERROR),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_object_has_a_reason(
    server: RawServer, reply: bytes, found: FaultCode | OverwrittenError
) -> None:
    server.reply = lambda _request: (reply, False)
    came = answer(bulk_of(server.url)[1], entry(b"key"))
    assert (came.head, came.is_whole(5)) == (None, False)
    assert (came.error.code if isinstance(came.error, StoreError) else type(came.error)) == (
        found if isinstance(found, FaultCode) else OverwrittenError
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "chunks", "has_error"),
    [
        (HEAD + b"byt", [b"byt"], True),
        (HEAD.replace(b": 5", b": 9") + b"more than", [b"more than"], False),
        (HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"3\r\nbyt\r\n", [b"byt"], True),
        (
            HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
            + b'5\r\nbytes\r\n0\r\nETag: "other"\r\nContent-Length: 7\r\n\r\n',
            [BODY],
            False,
        ),
        (HEAD.replace(b"ETag", b"Content-Encoding: gzip\r\nETag") + BODY, [BODY], False),
        (b'HTTP/1.1 100 Continue\r\nETag: "other"\r\n\r\n' + HEAD + BODY, [BODY], False),
    ],
)
def test_content_is_taken_as_it_came(
    server: RawServer,
    reply: bytes,
    chunks: list[bytes],
    has_error: bool,
) -> None:
    server.reply = lambda _request: (reply, False)
    came = answer(bulk_of(server.url)[1], entry(b"key", size=9 if b"more" in reply else 5))
    assert came.head is not None
    assert came.head.state.etag == "tag"
    assert (b"".join(came.chunks), came.error is not None) == (b"".join(chunks), has_error)
    if b"chunked" in reply:
        assert came.head.state.size == -1, "no listed size is equal to it"


def test_more_than_was_listed_is_not_kept(server: RawServer) -> None:
    head = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nConnection: close\r\n\r\n'
    server.reply = lambda _request: (head + bytes(1 << 20), False)
    came = answer(bulk_of(server.url)[1], entry(b"key"))
    assert sum(map(len, came.chunks)) < 10_000
    assert not came.is_whole(5)


def test_a_given_up_request_leaves_the_others_alone(server: RawServer) -> None:
    _, bulk = bulk_of(server.url)
    given_up, kept = (bulk.start(bulk.request(entry(key), None)) for key in (b"first", b"second"))
    bulk.cancel(given_up)
    came = []
    while bulk.active:
        came += bulk.run(10)
    assert [(ticket, item.chunks) for ticket, item in came] == [(kept, [BODY])]


def test_a_refused_connection_is_transient() -> None:
    came = answer(bulk_of("http://127.0.0.1:1")[1], entry(b"key"))
    assert isinstance(came.error, StoreError)
    assert (came.error.code, came.error.transient) == (FaultCode.IO_ERROR, True)
    assert "127.0.0.1" not in str(came.error)
