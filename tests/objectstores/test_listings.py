"""Tests that a listing that ends early, breaks or is not in key order is never accepted as complete."""

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import ByteRange, ListedObject, ObjectRef, Store, StoreError, StoreOptions
from hashaudit.objectstores.resume_listing import after_key
from hashaudit.objectstores.store_registry import open_store
from object_store import AZURE_ACCOUNT, AZURE_KEY, CREDENTIALS, Answer, Proxy, proxied

KEYS = "<Contents><Key>a</Key><Size>1</Size><ETag>x</ETag></Contents>"
VERSIONS = "<Version><Key>a</Key><VersionId>1</VersionId><Size>1</Size><ETag>x</ETag></Version>"
BLOBS = (
    "<Blobs><Blob><Name>a</Name><Properties><BlobType>BlockBlob</BlobType><Content-Length>1</Content-Length>"
    "<Etag>x</Etag></Properties></Blob></Blobs>"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[str, Proxy]]:
    account = {"AZURE_STORAGE_ACCOUNT": AZURE_ACCOUNT, "AZURE_STORAGE_KEY": AZURE_KEY}
    for name, value in {**CREDENTIALS, **account, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    with proxied("http://127.0.0.1:1") as pair:
        yield pair


def listed(store: Store, scheme: str, *, all_versions: bool = False) -> list[bytes]:
    """Returns the listed keys, and ``b"!"`` last if the listing failed."""
    keys = []
    try:
        for page in store.pages(BucketRef(scheme, "bucket"), b"", None, all_versions=all_versions):
            keys += [item.key for item in page]
    except StoreError:
        keys.append(b"!")
    return keys


def s3_page(*parts: str, root: str = "ListBucketResult") -> bytes:
    return f"<{root}>{''.join(parts)}</{root}>".encode()


MORE, END = "<IsTruncated>true</IsTruncated>", "<IsTruncated>false</IsTruncated>"


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ([Answer(200, s3_page(END, KEYS))], [b"a"]),
        ([Answer(200, s3_page(END))], []),
        (
            [
                Answer(200, s3_page(MORE, "<NextContinuationToken>t</NextContinuationToken>")),
                Answer(200, s3_page(END, KEYS)),
            ],
            [b"a"],
        ),
        ([Answer(200, s3_page(KEYS))], [b"!"]),
        ([Answer(200, s3_page("<NextContinuationToken>t</NextContinuationToken>", KEYS))], [b"!"]),
        ([Answer(200, s3_page(MORE, KEYS))], [b"a", b"!"]),
        (
            [Answer(200, s3_page(MORE, KEYS, "<NextContinuationToken>t</NextContinuationToken>"))] * 2,
            [b"a", b"a", b"!"],
        ),
        ([Answer(200, s3_page(END, KEYS)[:-30])], [b"!"]),
        ([Answer(200, s3_page(END, KEYS), cut=60)], [b"!"]),
        ([Answer(200, b"")], [b"!"]),
        ([Answer(200, b"<html><body>log in first</body></html>")], [b"!"]),
        ([Answer(200, b"<Error><Code>InternalError</Code></Error>")], [b"!"]),
        ([Answer(200, s3_page(END, "<Contents><Size>1</Size></Contents>"))], [b"!"]),
        ([Answer(200, s3_page(END, "<Contents><Key>a</Key><Size>many</Size></Contents>"))], [b"!"]),
        ([Answer(200, s3_page(END, "<Contents><Key>a</Key><LastModified>x</LastModified></Contents>"))], [b"!"]),
    ],
)
def test_a_listing_of_s3_is_complete_or_fails(
    server: tuple[str, Proxy], answers: list[Answer], keys: list[bytes]
) -> None:
    url, proxy = server
    proxy.behave = lambda asked: answers[min(asked.before, len(answers) - 1)]
    assert listed(open_store("s3", StoreOptions(url)), "s3") == keys


@pytest.mark.parametrize(
    ("first", "keys"),
    [
        (
            "<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>",
            [b"a", b"a"],
        ),
        ("<NextKeyMarker>a</NextKeyMarker>", [b"!"]),
        ("", [b"a", b"!"]),
    ],
)
def test_a_listing_of_versions_continues_after_a_version(
    server: tuple[str, Proxy], first: str, keys: list[bytes]
) -> None:
    url, proxy = server
    answers = [s3_page(MORE, VERSIONS, first), s3_page(END, VERSIONS)]
    proxy.behave = lambda asked: Answer(200, answers[asked.before])
    assert listed(open_store("s3", StoreOptions(url)), "s3", all_versions=True) == keys


@pytest.mark.parametrize(
    ("parts", "keys"),
    [
        ([BLOBS + "<NextMarker/>"], [b"a"]),
        (["<Blobs/><NextMarker/>"], []),
        ([BLOBS + "<NextMarker>t</NextMarker>", BLOBS + "<NextMarker />"], [b"a", b"a"]),
        ([BLOBS], [b"!"]),
        (["<NextMarker/>"], [b"!"]),
        (["<Blobs><Blob/></Blobs><NextMarker/>"], [b"!"]),
        (["<html>"], [b"!"]),
    ],
)
def test_a_listing_of_azure_is_complete_or_fails(
    server: tuple[str, Proxy], parts: list[str], keys: list[bytes]
) -> None:
    url, proxy = server
    pages = [f'<?xml version="1.0"?><EnumerationResults>{part}</EnumerationResults>'.encode() for part in parts]
    headers = {"content-type": "application/xml"}
    proxy.behave = lambda asked: Answer(200, pages[min(asked.before, len(pages) - 1)], headers=headers)
    assert listed(open_store("az", StoreOptions(f"{url}/{AZURE_ACCOUNT}")), "az") == keys


@pytest.mark.parametrize(
    ("content_range", "right"), [("bytes 2-4/5", True), ("bytes 0-2/5", False), ("bytes 1-3/5", False)]
)
@pytest.mark.parametrize("scheme", ["s3", "az"])
def test_another_range_than_requested_is_refused(
    server: tuple[str, Proxy], scheme: str, content_range: str, *, right: bool
) -> None:
    url, proxy = server
    headers = {"etag": '"tag"', "content-range": content_range, "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    proxy.behave = lambda _asked: Answer(206, b"abc", headers=headers)
    store = open_store(scheme, StoreOptions(f"{url}/{AZURE_ACCOUNT}" if scheme == "az" else url))
    entry = ObjectRef(BucketRef(scheme, "bucket"), b"key", ObjectState(5, "tag", 0))
    if right:
        response = store.get(entry, ByteRange(2, 4))
        assert response.read(10) == b"abc"
        response.close()
        return
    with pytest.raises(StoreError, match="another range"):
        store.get(entry, ByteRange(2, 4))


def pages_of(keys: list[bytes]) -> list[list[ListedObject]]:
    return [
        [ListedObject(key, ObjectState(0, "x", 0)) for key in keys[first : first + 2]]
        for first in range(0, len(keys), 2)
    ]


@given(st.lists(st.binary(min_size=1, max_size=2), unique=True, min_size=1), st.data())
def test_all_keys_after_one_are_yielded_in_any_order(keys: list[bytes], data: st.DataObject) -> None:
    ascending = next((at for at in range(1, len(keys)) if keys[at] < keys[at - 1]), len(keys))
    at = data.draw(st.integers(0, ascending - 1))
    assert [item.key for page in after_key(keys[at], pages_of(keys)) for item in page] == keys[at + 1 :]


def test_without_the_key_the_keys_must_ascend() -> None:
    assert [item.key for page in after_key(b"b", pages_of([b"a", b"c", b"d"])) for item in page] == [b"c", b"d"]
    with pytest.raises(StoreError) as caught:
        list(after_key(b"a/b", pages_of([b"a", b"a-b", b"c/b", b"c-b"])))
    assert caught.value.code is FaultCode.NOT_FOUND
