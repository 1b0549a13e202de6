"""Converts the responses of S3 to values: listings, headers, refusals.

Source: Amazon S3 API Reference: "Error responses", ListObjectsV2, ListObjectVersions, GetObject.
"""

import email.utils
import heapq
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import pycurl

from hashaudit.model.entry import ObjectState, is_versioned
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.checksums import ALGORITHMS
from hashaudit.objectstores.conclusive_states import is_settled, is_strong
from hashaudit.objectstores.interface import (
    ByteRange,
    Checksum,
    Head,
    ListedObject,
    ObjectRef,
    OverwrittenError,
    StoreError,
)

OK = 200
INTERNAL_ERROR = 500
PARTIAL = 206
PRECONDITION_FAILED = 412

ERROR_BYTES = 4096
"""Bytes read of the body of a refusal, which is short."""

_ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)\Z")
_UTC_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3}|\.\d{6})?Z\Z", re.ASCII)
_OF_PARTS = re.compile(r"-\d+$")
"""End of the entity tag of an object that was uploaded in parts (Amazon S3 API Reference, Object: ETag)."""

_IMF_DATE = re.compile(
    r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) GMT\Z", re.ASCII
)
"""The form of dates that servers send (RFC 9110, 5.6.7). The library's parser, for all other forms, takes ten times as
long."""
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
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
"""Codes sent with status 400. An expired token is renewed for the next attempt."""


def instant(text: str) -> datetime:
    """Returns an instant of a listing, by the fastest parser that takes it.

    Raises:
        ValueError: it is not an instant.
    """
    if _UTC_TIME.match(text):
        return datetime.fromisoformat(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = email.utils.parsedate_to_datetime(text)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def listed_state(fields: Mapping[str, str], now_ns: int | None = None) -> ObjectState:
    """Returns the state of an object from the fields of a listing.

    Args:
        fields: names and texts.
        now_ns: when the listing was sent, by the store's clock; ``None``: unknown.

    Raises:
        ValueError: a field has no such value.
    """
    modified = fields.get("LastModified")
    size = fields.get("Size", "0")
    if not (size.isascii() and size.isdigit()):
        raise ValueError(size)
    etag, version = fields.get("ETag", ""), fields.get("VersionId")
    last_modified_ns = _ns(instant(modified), 0) if modified is not None else 0
    return ObjectState(
        size=int(size),
        etag=_unquoted(etag),
        last_modified_ns=last_modified_ns,
        version=version,
        storage_class=fields.get("StorageClass"),
        is_conclusive=is_strong(etag) and (is_versioned(version) or is_settled(last_modified_ns, now_ns)),
    )


def newest_first(found: list[ListedObject]) -> list[ListedObject]:
    """Merges the versions and the delete markers of a page by key, and then newest first.

    Each of both has the store's order, which is not changed.
    """
    kept, deleted = ([one for one in found if one.deleted is which] for which in (False, True))
    return list(heapq.merge(kept, deleted, key=lambda listed: (listed.key, -listed.state.last_modified_ns)))


def begins_at(headers: Mapping[str, str], first: int) -> bool:
    """Returns whether a response carries a range of an object that begins at byte ``first``."""
    return headers.get("content-range", "").startswith(f"bytes {first}-")


def accepted(
    status: int, headers: Mapping[str, str], entry: ObjectRef, span: ByteRange | None, error: Callable[[], bytes]
) -> Head:
    """Returns the metadata of an object whose content a response carries, in the entry's state.

    Args:
        status: of the response.
        headers: of the response.
        entry: the requested object.
        span: the requested range; ``None``: the whole object.
        error: returns the beginning of the body of a refusal.

    Raises:
        OverwrittenError: the object has another state.
        StoreError: the response carries something else.
    """
    if status == (OK if span is None else PARTIAL):
        found = head(headers, entry.state)
        if found.state.etag != entry.state.etag:
            raise OverwrittenError  # the server ignores If-Match
        if span is None or begins_at(headers, span.first):
            return found
    if status == PARTIAL:
        raise StoreError(FaultCode.IO_ERROR, "the store sent another range of the object than requested")
    if status == PRECONDITION_FAILED:
        raise OverwrittenError
    if status == OK:
        raise StoreError(FaultCode.IO_ERROR, "the store does not serve ranges of objects")
    raise refusal(status, error())


def head(headers: Mapping[str, str], requested: ObjectState) -> Head:
    """Returns the metadata of the whole object from the headers of GetObject or HeadObject.

    Args:
        headers: of the response.
        requested: the listed state. It fills fields that the headers do not have.
    """
    total = _TOTAL.match(headers.get("content-range", ""))
    length = total[1] if total is not None else headers.get("content-length", "")
    state = ObjectState(
        size=int(length) if length.isdigit() else -1,
        etag=_unquoted(headers.get("etag", "")),
        is_conclusive=requested.is_conclusive and is_strong(headers.get("etag", "")),
        last_modified_ns=_last_modified_ns(headers.get("last-modified"), requested.last_modified_ns),
        version=headers.get("x-amz-version-id", requested.version),
        storage_class=headers.get("x-amz-storage-class", requested.storage_class),
    )
    return Head(state, _checksum(headers))


def refusal(status: int, body: bytes) -> StoreError:
    """Makes the error for a refused request."""
    code = _ERROR_CODE.search(body)
    return _refusal(status, code[1].decode() if code is not None else "")


def curl_failure(code: int | None) -> StoreError:
    """Makes the error for a request of libcurl without a complete response, by libcurl's number of the error."""
    fault = FaultCode.TIMEOUT if code == pycurl.E_OPERATION_TIMEDOUT else FaultCode.IO_ERROR
    return StoreError(fault, f"the network or the store failed: libcurl error {code}", transient=True)


def _refusal(status: int, code: str) -> StoreError:
    fault = _BY_CODE.get(code) or _BY_STATUS.get(status, FaultCode.IO_ERROR)
    reason = f"HTTP {status} {code}".rstrip()
    if fault is FaultCode.ARCHIVED:
        reason = "archived; restore it first"
    transient = status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES
    return StoreError(fault, f"the store refused the request: {reason}", transient=transient)


def _checksum(headers: Mapping[str, str]) -> Checksum | None:
    kind = headers.get("x-amz-checksum-type", "")
    # Stores that name no type send the checksum of the parts' checksums for what was uploaded in parts.
    if kind == "COMPOSITE" or (not kind and _OF_PARTS.search(_unquoted(headers.get("etag", "")))):
        return None
    for algorithm in ALGORITHMS:
        value = headers.get(f"x-amz-checksum-{algorithm}")
        if value is not None:
            return Checksum(algorithm, value)
    return None


def _last_modified_ns(text: str | None, default_ns: int) -> int:
    if text is None:
        return default_ns
    parts = _IMF_DATE.match(text)
    if parts is not None:
        day, month, year, hour, minute, second = parts.groups()
        try:
            days = date(int(year), _MONTHS[month], int(day)).toordinal() - _EPOCH_DAY
        except (KeyError, ValueError):
            return default_ns
        return (days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)) * _NS_PER_S
    try:
        return _ns(email.utils.parsedate_to_datetime(text), default_ns)
    except (IndexError, TypeError, ValueError):
        return default_ns


def _unquoted(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _ns(instant: datetime, default_ns: int) -> int:
    try:
        return int(instant.timestamp()) * _NS_PER_S + instant.microsecond * 1000
    except (OverflowError, ValueError):
        return default_ns
