"""What is asked of S3, seen by a server that answers itself."""

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
def test_the_key_that_was_listed_is_asked_for(server: tuple[str, Proxy], key: bytes) -> None:
    url, proxy = server
    reply = S3Store(StoreOptions(url)).get(entry(key), None)
    assert reply.read(100) == b"bytes"
    reply.close()
    (asked,) = proxy.asked
    assert asked.path.encode() == b"/bucket/" + key
    assert asked.headers["if-match"] == '"tag"'
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_versions_spans_and_who_pays_are_asked_for(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    proxy.behave = lambda _asked: Answer(
        status=206, body=b"ab", headers={"etag": '"tag"', "content-range": "bytes 1-2/5", "x-amz-version-id": "v/1"}
    )
    reply = S3Store(StoreOptions(url, request_payer=True)).get(entry(b"key", "v/1"), ByteRange(1, 2))
    reply.close()
    assert (reply.head.state.size, reply.head.state.version) == (5, "v/1")
    (asked,) = proxy.asked
    assert asked.query == "versionId=v%2F1"
    assert (asked.headers["range"], asked.headers["x-amz-request-payer"]) == ("bytes=1-2", "requester")


def test_another_state_is_never_taken_for_the_listed_one(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    store = S3Store(StoreOptions(url))
    proxy.behave = lambda _asked: Answer(status=200, body=b"bytes", headers={"etag": '"other"'})
    with pytest.raises(OverwrittenError):
        store.get(entry(b"key"), None)
    proxy.behave = lambda _asked: Answer(status=412)
    with pytest.raises(OverwrittenError):
        store.get(entry(b"key"), None)


def test_a_whole_object_in_answer_to_a_span_is_refused(server: tuple[str, Proxy]) -> None:
    with pytest.raises(StoreError, match="does not send parts"):
        S3Store(StoreOptions(server[0])).get(entry(b"key"), ByteRange(1, 2))


def test_a_listing_that_does_not_say_how_to_go_on_is_no_whole_one(server: tuple[str, Proxy]) -> None:
    url, proxy = server
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    proxy.behave = lambda _asked: Answer(status=200, body=body)
    with pytest.raises(StoreError, match="not how to go on"):
        list(S3Store(StoreOptions(url)).pages(BucketRef("s3", "bucket"), b"", None, all_versions=False))


def test_nobody_there_may_pass(server: tuple[str, Proxy]) -> None:
    store = S3Store(StoreOptions("http://127.0.0.1:1"))
    with pytest.raises(StoreError) as caught:
        store.get(entry(b"key"), None)
    assert (caught.value.code, caught.value.transient) == (FaultCode.IO_ERROR, True)
    assert "127.0.0.1" not in str(caught.value)
    assert not server[1].asked


def test_a_store_whose_library_is_missing_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name}", name="botocore")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(HostError, match=r"pip install 'hashaudit\[s3\]' \(botocore\)"):
        open_store("s3", StoreOptions())
