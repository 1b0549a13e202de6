"""Lists a bucket of S3 page by page.

Source: Amazon S3 API Reference, ListObjectsV2, ListObjectVersions, ListMultipartUploads.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, ParseError, fromstring  # by expat, which limits entities

import msgspec

from hashaudit.model.faults import FaultCode
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.interface import ListedObject, StoreError
from hashaudit.retry import RetryPolicy, retry

ATTEMPTS = 6
"""Attempts for one page unless the environment says otherwise."""

MAX_PAGE_BYTES = 64 << 20
"""Largest page: 1,000 keys take less than 8 MiB, and some stores send 10,000."""

_ROOTS = {"ListBucketResult", "ListVersionsResult", "ListMultipartUploadsResult"}
_INVALID = "invalid or truncated listing from the store"

Query = dict[str, bytes | None]


class FetchedPage(msgspec.Struct, frozen=True):
    """A page as the store sent it."""

    body: bytes
    sent_ns: int | None
    """When, by the store's clock; ``None``: unknown."""


Fetch = Callable[[Query], FetchedPage]
"""Returns a page by the query for it."""


def objects(fetch: Fetch, prefix: bytes, after: bytes | None) -> Iterator[list[ListedObject]]:
    """Yields the objects of a bucket.

    Raises:
        StoreError: the rest is unknown.
    """
    query: Query = {"list-type": b"2", "prefix": prefix, "encoding-type": b"url"}
    if after is not None:
        query["start-after"] = after
    while True:
        page = _page(fetch, query)
        yield _checked(page.objects)
        if not page.is_truncated():
            return
        token = page.text("NextContinuationToken")
        if not token:
            raise StoreError(FaultCode.IO_ERROR, "truncated listing without a continuation token")
        if query.get("continuation-token") == token.encode():
            raise StoreError(FaultCode.IO_ERROR, "the store repeats a page of the listing")
        query["continuation-token"] = token.encode()


def versions(fetch: Fetch, prefix: bytes, after: bytes | None) -> Iterator[list[ListedObject]]:
    """Yields the versions and delete markers of a bucket, newest first for each key.

    Raises:
        StoreError: the rest is unknown.
    """
    query: Query = {"versions": None, "prefix": prefix, "encoding-type": b"url"}
    if after is not None:
        query["key-marker"] = after
    while True:
        page = _page(fetch, query)
        key, version = page.name("NextKeyMarker"), page.text("NextVersionIdMarker").encode()
        if page.is_truncated() and key and not version:
            raise StoreError(FaultCode.IO_ERROR, "truncated listing without a version to continue after")
        yield _checked(page.versions)
        if not page.is_truncated():
            return
        if not key:
            raise StoreError(FaultCode.IO_ERROR, "truncated listing without a continuation token")
        if (query.get("key-marker"), query.get("version-id-marker")) == (key, version):
            raise StoreError(FaultCode.IO_ERROR, "the store repeats a page of the listing")
        query["key-marker"], query["version-id-marker"] = key, version


def has_upload(fetch: Fetch, key: bytes) -> bool:
    """Returns whether an upload of an object in parts has begun and not ended.

    Raises:
        StoreError: the store does not say.
    """
    # The uploads of a key come before those of longer keys, so that the first page is enough.
    page = _page(fetch, {"uploads": None, "prefix": key, "encoding-type": b"url"})
    return page.uploads(key)


class _Page:
    """One page."""

    def __init__(self, root: Element, sent_ns: int | None) -> None:
        self._root = root
        self._sent_ns = sent_ns
        self._is_encoded = self.text("EncodingType") == "url"

    def text(self, name: str) -> str:
        """Returns the text of an element of the page; empty: there is none."""
        return self._root.findtext(f"{{*}}{name}") or ""

    def name(self, name: str) -> bytes:
        """Returns a key that an element of the page holds."""
        return self._key(self.text(name))

    def is_truncated(self) -> bool:
        """Returns whether another page follows.

        Raises:
            StoreError: the page does not say so. Without this check the listing would seem complete.
        """
        said = self.text("IsTruncated").strip().lower()
        if said not in {"true", "false"}:
            raise StoreError(FaultCode.IO_ERROR, "incomplete listing from the store: no IsTruncated element")
        return said == "true"

    def objects(self) -> list[ListedObject]:
        """Returns the objects of a page of ListObjectsV2."""
        self.is_truncated()
        return [self._listed(fields) for name, fields in self._items() if name == "Contents"]

    def versions(self) -> list[ListedObject]:
        """Returns the versions and delete markers of a page of ListObjectVersions."""
        kinds = {"Version": False, "DeleteMarker": True}
        found = [self._listed(fields, deleted=kinds[name]) for name, fields in self._items() if name in kinds]
        return responses.newest_first(found)

    def uploads(self, key: bytes) -> bool:
        """Returns whether a page of ListMultipartUploads names an upload of a key."""
        return any(name == "Upload" and self._key(fields.get("Key", "")) == key for name, fields in self._items())

    def _items(self) -> Iterator[tuple[str, dict[str, str]]]:
        for item in self._root:
            yield _local(item.tag), {_local(field.tag): field.text or "" for field in item}

    def _listed(self, fields: Mapping[str, str], *, deleted: bool = False) -> ListedObject:
        return ListedObject(self._key(fields["Key"]), responses.listed_state(fields, self._sent_ns), deleted)

    def _key(self, text: str) -> bytes:
        return unquote_to_bytes(text.replace("+", " ")) if self._is_encoded else text.encode()


def _page(fetch: Fetch, query: Query) -> _Page:
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS") or ATTEMPTS)
    policy = RetryPolicy(attempts=attempts, backoff_s=1.0, jitter=1.0)
    return retry(lambda: _parse(fetch(query)), policy, lambda error: isinstance(error, StoreError) and error.transient)


def _parse(page: FetchedPage) -> _Page:
    body = page.body
    try:
        root = fromstring(body)  # noqa: S314 # as above
    except (ParseError, ValueError) as error:
        raise StoreError(FaultCode.IO_ERROR, _INVALID) from error
    if _local(root.tag) == "Error":
        raise responses.refusal(responses.INTERNAL_ERROR, body)
    if _local(root.tag) not in _ROOTS:
        raise StoreError(FaultCode.IO_ERROR, _INVALID)
    return _Page(root, page.sent_ns)


def _checked(read: Callable[[], list[ListedObject]]) -> list[ListedObject]:
    try:
        return read()
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        raise StoreError(FaultCode.IO_ERROR, _INVALID) from error


def _local(tag: str) -> str:
    """Returns the name of an element without its namespace, which not all stores write."""
    return tag.rpartition("}")[2]
