"""Tests the requests to S3 against a fake server."""

from collections.abc import Generator

import pytest

from hashaudit.errors import HostError
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import ByteRange, ObjectRef, OverwrittenError, StoreError, StoreOptions
from hashaudit.objectstores.s3 import S3Store
from hashaudit.objectstores.store_registry import open_store
from object_store import CREDENTIALS, Answer, Proxy, proxied


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[str, Proxy]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with proxied("http://127.0.0.1:1") as (url, proxy):
        proxy.behave = lambda _asked: Answer(status=200, body=b"bytes", headers={"etag": '"tag"'})
        yield url, proxy


def entry(key: bytes, version: str | None = None) -> ObjectRef:
    return ObjectRef(BucketRef("s3", "bucket"), key, ObjectState(5, "tag", 0, version))


@pytest.mark.parametrize("key", [b"a\nb\r\x01", b"../../x", b"a//", b"/", b"%2e%2e", b"a?b#c", b"+ "])
def test_the_listed_key_is_requested(server: tuple[str, Proxy], key: bytes) -> None:
    url, proxy = server
    response = S3Store(StoreOptions(url)).get(entry(key), None)
    assert response.read(100) == b"bytes"
    response.close()
    (asked,) = proxy.asked
    assert asked.path.encode() == b"/bucket/" + key
    assert asked.headers["if-match"] == '"tag"'
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_request_names_version_range_and_payer(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    proxy.behave = lambda _asked: Answer(
        status=206, body=b"ab", headers={"etag": '"tag"', "content-range": "bytes 1-2/5", "x-amz-version-id": "v/1"}
    )
    response = S3Store(StoreOptions(url, request_payer=True)).get(entry(b"key", "v/1"), ByteRange(1, 2))
    response.close()
    assert (response.head.state.size, response.head.state.version) == (5, "v/1")
    (asked,) = proxy.asked
    assert asked.query == "versionId=v%2F1"
    assert (asked.headers["range"], asked.headers["x-amz-request-payer"]) == ("bytes=1-2", "requester")


def test_another_state_is_never_accepted_as_the_listed_one(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    store = S3Store(StoreOptions(url))
    proxy.behave = lambda _asked: Answer(status=200, body=b"bytes", headers={"etag": '"other"'})
    with pytest.raises(OverwrittenError):
        store.get(entry(b"key"), None)
    proxy.behave = lambda _asked: Answer(status=412)
    with pytest.raises(OverwrittenError):
        store.get(entry(b"key"), None)


def test_a_whole_object_is_refused_as_a_range(server: tuple[str, Proxy]) -> None:
    with pytest.raises(StoreError, match="does not serve ranges"):
        S3Store(StoreOptions(server[0])).get(entry(b"key"), ByteRange(1, 2))


def test_a_truncated_listing_without_token_is_not_complete(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    proxy.behave = lambda _asked: Answer(status=200, body=body)
    with pytest.raises(StoreError, match="without a continuation token"):
        list(S3Store(StoreOptions(url)).pages(BucketRef("s3", "bucket"), b"", None, all_versions=False))


def test_a_refused_connection_is_transient(server: tuple[str, Proxy]) -> None:
    store = S3Store(StoreOptions("http://127.0.0.1:1"))
    with pytest.raises(StoreError) as caught:
        store.get(entry(b"key"), None)
    assert (caught.value.code, caught.value.transient) == (FaultCode.IO_ERROR, True)
    assert "127.0.0.1" not in str(caught.value)
    assert not server[1].asked


def test_the_error_of_a_missing_library_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name}", name="botocore")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(HostError, match="'botocore' is not installed") as caught:
        open_store("s3", StoreOptions())
    assert caught.value.hint == "pip install 'hashaudit[s3]'"
