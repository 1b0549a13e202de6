"""Certificates, proxies and redirects: a request with a signature reaches only the server that it is for."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hashaudit.model.entry import ObjectState
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import (
    BulkSettings,
    ByteRange,
    ObjectRef,
    OverwrittenError,
    StoreError,
    StoreOptions,
)
from hashaudit.objectstores.s3 import S3Store
from object_store import CREDENTIALS
from raw_server import BODY, HEAD, raw_server, tls_for_localhost, tunnel_proxy

BUCKET = BucketRef("s3", "bucket")
ENTRY = ObjectRef(BUCKET, b"key", ObjectState(5, "tag", 0))
PAGE = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
LISTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)


def get(store: S3Store) -> bytes:
    response = store.get(ENTRY, None)
    try:
        return response.read(100)
    finally:
        response.close()


def bulk_get(store: S3Store) -> bytes:
    bulk = store.bulk(BulkSettings(lambda _: None, 4))
    bulk.start(bulk.request(ENTRY, None))
    while True:
        for _, answer in bulk.run(10):
            if answer.error is not None:
                raise answer.error
            return b"".join(answer.chunks)


def head(store: S3Store) -> bytes:
    return BODY if store.head(ENTRY).state.etag == "tag" else b""


READS: list[Callable[[S3Store], bytes]] = [get, bulk_get, head]


@pytest.mark.parametrize("read", READS)
def test_only_trusted_certificates_of_the_right_name_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[S3Store], bytes]
) -> None:
    context, certificate = tls_for_localhost(tmp_path)
    folder = tmp_path / "trusted"
    folder.mkdir()
    shutil.copy(certificate, folder)
    subprocess.run(["openssl", "rehash", folder], check=True, capture_output=True)
    with raw_server(context) as server:
        with pytest.raises(StoreError):
            read(S3Store(StoreOptions(server.url)))
        for name, path in (
            ("REQUESTS_CA_BUNDLE", certificate),
            ("AWS_CA_BUNDLE", certificate),
            ("AWS_CA_BUNDLE", folder),
        ):
            monkeypatch.setenv(name, str(path))
            assert read(S3Store(StoreOptions(server.url))) == BODY
        with pytest.raises(StoreError):
            read(S3Store(StoreOptions(server.url.replace("localhost", "127.0.0.1"))))
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with raw_server() as server, raw_server() as other:
        for location in (other.url, f"{server.url}/elsewhere"):
            answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            server.reply = lambda _request, answer=answer: (answer, True)  # type: ignore[misc]
            store = S3Store(StoreOptions(server.url))
            for read in READS:
                with pytest.raises(StoreError):
                    read(store)
            with pytest.raises(StoreError):
                list(store.pages(BUCKET, b"", None, all_versions=False))
        assert (other.requests, len(server.requests)) == ([], 8)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with raw_server() as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", "//user:hunter2@"))
        store = S3Store(StoreOptions("http://store.test"))
        assert [read(store) for read in READS] == [BODY] * 3
        proxy.reply = lambda _request: (LISTED, True)
        assert list(store.pages(BUCKET, b"", None, all_versions=False)) == [[]]
        for request in proxy.requests:
            assert b" http://store.test/bucket" in request.partition(b"\r\n")[0]
            assert b"\r\nProxy-Authorization: Basic " in request
            assert b"\r\nAuthorization: AWS4-HMAC-SHA256 " in request
        assert len(proxy.requests) == 4


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server() as server, raw_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "localhost")
        store = S3Store(StoreOptions(server.url))
        assert [read(store) for read in READS] == [BODY] * 3
        assert (len(server.requests), len(proxy.requests)) == (3, 0)


def test_signatures_pass_a_proxy_only_through_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = tls_for_localhost(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with raw_server(context) as server, tunnel_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:hunter2@127.0.0.1:{proxy.port}")
        store = S3Store(StoreOptions(server.url))
        assert [read(store) for read in READS] == [BODY] * 3
        assert all(request.startswith(b"CONNECT localhost:") for request in proxy.requests)
        assert not any(b"AWS4" in request for request in proxy.requests)
        assert not any(b"Proxy-Authorization" in request for request in server.requests)
        for refusal in (HEAD.replace(b"200 OK", b"403 No") + BODY, HEAD.replace(b"200 OK", b"412 No") + BODY, b""):
            proxy.refusal = refusal or b"nothing"
            for read in READS:
                with pytest.raises(StoreError) as caught:
                    read(S3Store(StoreOptions(server.url)))
                assert caught.value.transient
        assert len(server.requests) == 3


def test_a_proxy_that_is_out_of_reach_is_not_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server() as server:
        monkeypatch.setenv("http_proxy", "127.0.0.1:1")
        for read in READS:
            with pytest.raises(StoreError) as caught:
                read(S3Store(StoreOptions(server.url)))
            assert "127.0.0.1" not in str(caught.value)
        assert server.requests == []


def test_a_range_with_other_bytes_than_requested_is_refused() -> None:
    answers = {
        b"2-4/5": (b"206 Partial", b"abc", None),
        b"0-2/5": (b"206 Partial", b"abc", StoreError),
        b"": (b"200 OK", b"abcde", StoreError),
        b"gone": (b"412 No", b"", OverwrittenError),
    }
    with raw_server() as server:
        bulk = S3Store(StoreOptions(server.url)).bulk(BulkSettings(lambda _: None, 4))
        for content_range, (status, body, error) in answers.items():
            lines = [b"HTTP/1.1 " + status, b'ETag: "tag"', b"Content-Length: %d" % len(body)]
            if content_range:
                lines.append(b"Content-Range: bytes " + content_range)
            answer = b"\r\n".join([*lines, b"", body])
            server.reply = lambda _request, answer=answer: (answer, True)  # type: ignore[misc]
            bulk.start(bulk.request(ENTRY, ByteRange(2, 4)))
            came = None
            while came is None:
                came = next((found for _, found in bulk.run(10)), None)
            assert (None if came.error is None else type(came.error)) is error
            assert b"".join(came.chunks) == (body if error is None else b"")
