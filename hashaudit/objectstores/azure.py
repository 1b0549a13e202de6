"""Lists and reads Azure Blob Storage through Microsoft's library.

Source: Blob service REST API, List Blobs, Get Blob, Get Blob Properties, "Status and error codes"; the environment
variables are those of the ``az storage`` commands.
"""

import base64
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient

from hashaudit.errors import HostError
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.conclusive_states import http_date_ns, is_settled, is_strong
from hashaudit.objectstores.interface import (
    BulkSettings,
    ByteRange,
    Checksum,
    Head,
    ListedObject,
    ObjectRef,
    OverwrittenError,
    StoreError,
    StoreOptions,
)
from hashaudit.objectstores.resume_listing import after_key

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
"""Longest wait for a byte. Even a few attempts stay below the time after which the parent ends a silent worker."""

CONNECTIONS = 64
"""Connections kept open: the most requests that a worker has in flight."""

LIST_ATTEMPTS = 5
"""Attempts for one page, with growing pauses."""

MAX_RESPONSE_BYTES = 1 << 30
"""Largest response: more than any request here asks for, so that the library never splits a request."""

_NS_PER_S = 1_000_000_000

_BY_CODE = {
    "BlobArchived": FaultCode.ARCHIVED,
    "BlobBeingRehydrated": FaultCode.ARCHIVED,
}
_BY_STATUS = {
    401: FaultCode.PERMISSION_DENIED,
    403: FaultCode.PERMISSION_DENIED,
    404: FaultCode.NOT_FOUND,
    408: FaultCode.TIMEOUT,
}
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_OK = 200
_PARTIAL = 206
_PRECONDITION_FAILED = 412


class AzureStore:
    """The blobs of one account. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        """Finds the account and credentials.

        Raises:
            HostError: the environment names none, or the library for the credentials is missing.
        """
        self._list_service = _service(options, retry_total=LIST_ATTEMPTS - 1)
        # The library does not retry reads: the caller does, and resumes where a broken response ended.
        self._read_service = _service(options, retry_total=0)

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        container = self._list_service.get_container_client(bucket.name)
        include = ["versions"] if all_versions else None
        try:
            check = _PageCheck()
            listing = container.list_blobs(
                name_starts_with=prefix.decode(errors="surrogateescape"), include=include, raw_response_hook=check
            )
            pages = (
                [
                    ListedObject(blob.name.encode(errors="surrogateescape"), _listed_state(blob, check.sent_ns))
                    for blob in page
                ]
                for page in listing.by_page()
            )
            yield from pages if after is None else after_key(after, pages)
        except AzureError as error:
            raise _failure(error) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:  # the library's, if elements are missing
            raise StoreError(FaultCode.IO_ERROR, "invalid or truncated listing from the store") from error

    def head(self, entry: ObjectRef) -> Head:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        try:
            return _head(self._blob(entry).get_blob_properties(**_version(entry)), entry.state)
        except AzureError as error:
            raise _failure(error) from error

    def get(self, entry: ObjectRef, span: ByteRange | None) -> "AzureResponse":
        """See :class:`hashaudit.objectstores.interface.Store`."""
        part: dict[str, Any] = {}
        if span is not None:
            part = {"offset": span.first, "length": span.last + 1 - span.first, "raw_response_hook": _check_range(span)}
        try:
            stream = self._blob(entry).download_blob(
                etag=f'"{entry.state.etag}"',
                match_condition=MatchConditions.IfNotModified,
                **part,
                **_version(entry),
            )
        except HttpResponseError as error:
            if error.status_code == _PRECONDITION_FAILED:
                raise OverwrittenError from error
            raise _failure(error) from error
        except AzureError as error:
            raise _failure(error) from error
        return AzureResponse(stream, _head(stream.properties, entry.state))

    def bulk(self, settings: BulkSettings) -> None:
        """See :class:`hashaudit.objectstores.interface.Store`."""

    @property
    def site(self) -> str:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        url = urlsplit(self._list_service.url)  # its query can be a signature
        return f"{url.scheme}://{url.netloc}{url.path}".rstrip("/")

    def has_open_upload(self, entry: ObjectRef) -> bool:  # noqa: ARG002 # the same for every blob
        """See :class:`hashaudit.objectstores.interface.Store`. A blob gets the time at which its blocks are joined."""
        return False

    def _blob(self, entry: ObjectRef) -> Any:
        if {b".", b".."} & set(entry.key.split(b"/")):
            # The library's HTTP client resolves these as directories, and would request another blob.
            raise StoreError(FaultCode.IO_ERROR, "cannot request a name with '.' or '..' between slashes")
        return self._read_service.get_blob_client(entry.bucket.name, entry.key.decode(errors="surrogateescape"))


class AzureResponse:
    """See :class:`hashaudit.objectstores.interface.Response`."""

    def __init__(self, stream: Any, head: Head) -> None:
        self.head = head
        self._stream = stream

    def read(self, limit: int) -> bytes:
        """See :class:`hashaudit.objectstores.interface.Response`."""
        try:
            data: bytes = self._stream.read(limit)
        except AzureError as error:
            raise _failure(error) from error
        return data

    def close(self) -> None:
        """Does nothing: the library has returned the connection to the pool."""


def _service(options: StoreOptions, retry_total: int) -> BlobServiceClient:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
    more: dict[str, Any] = {
        "transport": RequestsTransport(session=session, session_owner=False),
        "retry_total": retry_total,
        "connection_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "max_single_get_size": MAX_RESPONSE_BYTES,
    }
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    account = os.environ.get("AZURE_STORAGE_ACCOUNT")
    try:
        if options.endpoint_url is None and connection is not None:
            return BlobServiceClient.from_connection_string(connection, **more)
        url = options.endpoint_url or (f"https://{account}.blob.core.windows.net" if account else None)
        if url is None:
            raise HostError("no account for az://", hint="set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING")
        return BlobServiceClient(url, credential=_credential(account), **more)
    except ValueError as error:  # its message can contain the connection string
        raise HostError("cannot use az://; the account, its URL or its key is malformed") from error


def _credential(account: str | None) -> Any:
    key = os.environ.get("AZURE_STORAGE_KEY")
    if key is not None and account is not None:
        return {"account_name": account, "account_key": key}
    token = os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    if token is not None:
        return token
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 # optional, and slow to import
    except ModuleNotFoundError as error:
        raise HostError(
            "no credentials for az://",
            hint="set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN, or install"
            " azure-identity",
        ) from error
    return DefaultAzureCredential()


class _PageCheck:
    """Refuses a page without a continuation marker. Every complete page has one; that of the last page is empty.

    Source: List Blobs, "Response body".
    """

    def __init__(self) -> None:
        self.sent_ns: int | None = None
        """When the last page was sent, by the store's clock."""

    def __call__(self, response: Any) -> None:
        http = response.http_response
        self.sent_ns = http_date_ns(http.headers.get("Date"))
        if http.status_code == _OK and b"<NextMarker" not in http.body():
            raise StoreError(FaultCode.IO_ERROR, "incomplete listing from the store: no continuation marker")


def _check_range(span: ByteRange) -> Callable[[Any], None]:
    """Makes a hook that refuses another range than the requested one, because the library does not check it."""

    def check(response: Any) -> None:
        content_range = response.http_response.headers.get("Content-Range", "")
        if response.http_response.status_code == _PARTIAL and not content_range.startswith(f"bytes {span.first}-"):
            raise StoreError(FaultCode.IO_ERROR, "the store sent another range of the object than requested")

    return check


def _version(entry: ObjectRef) -> dict[str, str]:
    return {} if entry.state.version is None else {"version_id": entry.state.version}


def _state(blob: Any) -> ObjectState:
    modified = blob.last_modified
    return ObjectState(
        size=blob.size,
        etag=blob.etag.strip('"'),
        last_modified_ns=0 if modified is None else int(modified.timestamp()) * _NS_PER_S,
        version=getattr(blob, "version_id", None),
        storage_class=blob.blob_tier,
    )


def _listed_state(blob: Any, now_ns: int | None) -> ObjectState:
    state = _state(blob)
    # A version id proves nothing here: appended blocks and written pages change a version.
    # Source: "Blob versioning", "Append and page blobs".
    is_conclusive = is_strong(blob.etag) and is_settled(state.last_modified_ns, now_ns)
    return msgspec.structs.replace(state, is_conclusive=is_conclusive)


def _head(properties: Any, requested: ObjectState) -> Head:
    digest = properties.content_settings.content_md5
    checksum = None if digest is None else Checksum("md5", base64.b64encode(bytes(digest)).decode("ascii"))
    is_conclusive = requested.is_conclusive and is_strong(properties.etag)
    state = msgspec.structs.replace(_state(properties), is_conclusive=is_conclusive)
    # For a range, the library's size is that of the range. The size of the object follows the slash.
    total = (properties.content_range or "").rpartition("/")[2]
    if total.isdigit():
        state = msgspec.structs.replace(state, size=int(total))
    return Head(state, checksum)


def _failure(error: AzureError) -> StoreError:
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        status = error.status_code
        error_code = str(getattr(error, "error_code", None) or "")
        code = _BY_CODE.get(error_code) or _BY_STATUS.get(status, FaultCode.IO_ERROR)
        reason = f"HTTP {status} {error_code}".rstrip()
        if code is FaultCode.ARCHIVED:
            reason = "archived; restore it first"
        return StoreError(code, f"the store refused the request: {reason}", transient=status in _TRANSIENT_STATUS)
    timed_out = isinstance(error, ServiceResponseTimeoutError) or "timed out" in str(error)
    code = FaultCode.TIMEOUT if timed_out else FaultCode.IO_ERROR
    return StoreError(code, f"the network or the store failed: {type(error).__name__}", transient=True)
