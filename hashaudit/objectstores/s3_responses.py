"""What S3 answers, as values: listings, headers, refusals.

Source: Amazon S3 API Reference: "Error responses", ListObjectsV2, ListObjectVersions, GetObject.
"""

import email.utils
import heapq
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.checksums import ALGORITHMS
from hashaudit.objectstores.interface import Checksum, Head, ListedObject, StoreError

OK = 200
PARTIAL = 206
PRECONDITION_FAILED = 412

ERROR_BYTES = 4096
"""Of the body of a refusal, which is short."""

_ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)\Z")
_NS_PER_S = 1_000_000_000

_BY_CODE = {
    "InvalidObjectState": FaultCode.ARCHIVED,
    "KeyTooLongError": FaultCode.NAME_TOO_LONG,
}
_BY_STATUS = {
    401: FaultCode.PERMISSION_DENIED,
    403: FaultCode.PERMISSION_DENIED,
    404: FaultCode.NOT_FOUND,
    405: FaultCode.NOT_FOUND,  # the version is a delete marker
    408: FaultCode.TIMEOUT,
    410: FaultCode.NOT_FOUND,
}
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_TRANSIENT_CODES = frozenset({"RequestTimeout", "ExpiredToken"})
"""Told with status 400; a token that ended is renewed for the next attempt."""


def objects(page: Mapping[str, Any]) -> list[ListedObject]:
    """The keys of a page of ListObjectsV2."""
    return [
        ListedObject(item["Key"].encode(errors="surrogateescape"), _state(item)) for item in page.get("Contents", ())
    ]


def versions(page: Mapping[str, Any]) -> list[ListedObject]:
    """The versions and delete markers of a page of ListObjectVersions, by key and then newest first."""
    found = [_version(item, deleted=False) for item in page.get("Versions", ())]
    markers = [_version(item, deleted=True) for item in page.get("DeleteMarkers", ())]
    return list(heapq.merge(found, markers, key=lambda listed: (listed.key, -listed.state.last_modified_ns)))


def goes_on(page: Mapping[str, Any]) -> bool:
    """Whether a page of a listing is followed by another one.

    Raises:
        StoreError: it does not say, as every listing does, or not behind which version; what came would seem to be all.
    """
    truncated = page.get("IsTruncated")
    if truncated is None:
        raise StoreError(FaultCode.IO_ERROR, "what the store sent does not say whether there are more keys")
    if truncated and page.get("NextKeyMarker") and not page.get("NextVersionIdMarker"):
        raise StoreError(FaultCode.IO_ERROR, "the store does not say behind which version of a key to go on")
    return bool(truncated)


def begins_at(headers: Mapping[str, str], first: int) -> bool:
    """Whether an answer is the part of an object that begins at a byte."""
    return headers.get("content-range", "").startswith(f"bytes {first}-")


def head(headers: Mapping[str, str], asked: ObjectState) -> Head:
    """What the headers of GetObject and HeadObject say of the whole object."""
    total = _TOTAL.match(headers.get("content-range", ""))
    length = total[1] if total is not None else headers.get("content-length", "")
    modified = email.utils.parsedate_to_datetime(headers["last-modified"]) if "last-modified" in headers else None
    state = ObjectState(
        size=int(length) if length.isdigit() else -1,
        etag=_bare(headers.get("etag", "")),
        last_modified_ns=asked.last_modified_ns if modified is None else _ns(modified, asked.last_modified_ns),
        version=headers.get("x-amz-version-id", asked.version),
        storage_class=headers.get("x-amz-storage-class", asked.storage_class),
    )
    return Head(state, _checksum(headers))


def refusal(status: int, body: bytes) -> StoreError:
    """Why a request was refused."""
    code = _ERROR_CODE.search(body)
    return _refusal(status, code[1].decode() if code is not None else "")


def refusal_of(error: ClientError) -> StoreError:
    """Why a request of botocore's client was refused."""
    response = error.response
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _refusal(status, response.get("Error", {}).get("Code", ""))


def network_failure(error: Exception) -> StoreError:
    """A request that got no answer, or half of one. Says no address: it may hold a password."""
    timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError) or "Timeout" in type(error).__name__
    code = FaultCode.TIMEOUT if timed_out else FaultCode.IO_ERROR
    return StoreError(code, f"the network or the store failed: {type(error).__name__}", transient=True)


def _refusal(status: int, code: str) -> StoreError:
    fault = _BY_CODE.get(code) or _BY_STATUS.get(status, FaultCode.IO_ERROR)
    said = f"HTTP {status} {code}".rstrip()
    if fault is FaultCode.ARCHIVED:
        said = "archived: it would have to be restored first"
    transient = status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES
    return StoreError(fault, f"the store refuses it: {said}", transient=transient)


def _state(item: Mapping[str, Any]) -> ObjectState:
    return ObjectState(
        size=item.get("Size", 0),
        etag=_bare(item.get("ETag", "")),
        last_modified_ns=_ns(item["LastModified"], 0) if "LastModified" in item else 0,
        version=item.get("VersionId"),
        storage_class=item.get("StorageClass"),
    )


def _version(item: Mapping[str, Any], *, deleted: bool) -> ListedObject:
    return ListedObject(item["Key"].encode(errors="surrogateescape"), _state(item), deleted)


def _checksum(headers: Mapping[str, str]) -> Checksum | None:
    if headers.get("x-amz-checksum-type", "") == "COMPOSITE":
        return None
    for algorithm in ALGORITHMS:
        value = headers.get(f"x-amz-checksum-{algorithm}")
        if value is not None:
            return Checksum(algorithm, value)
    return None


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _ns(instant: datetime, otherwise_ns: int) -> int:
    try:
        return int(instant.timestamp()) * _NS_PER_S + instant.microsecond * 1000
    except (OverflowError, ValueError):
        return otherwise_ns
