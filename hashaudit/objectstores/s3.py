"""Lists and reads Amazon S3 and compatible stores through libcurl, which also signs.

Source: Amazon S3 API Reference, GetObject, HeadObject, HeadBucket, ListObjectsV2, ListObjectVersions.
"""

from collections.abc import Iterator
from threading import Lock

from hashaudit.errors import HostError
from hashaudit.lazy import lazy_pattern
from hashaudit.model.entry import is_versioned
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores import s3_listing
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.conclusive_states import http_date_ns
from hashaudit.objectstores.http_client import HttpClient, OpenResponse
from hashaudit.objectstores.http_transfers import Request
from hashaudit.objectstores.interface import (
    Bulk,
    BulkSettings,
    ByteRange,
    Head,
    ListedObject,
    ObjectRef,
    OverwrittenError,
    StoreError,
    StoreOptions,
)
from hashaudit.objectstores.s3_access import S3Access, S3Site, load_chain
from hashaudit.objectstores.s3_bulk import S3Bulk
from hashaudit.objectstores.s3_requests import READ_TIMEOUT_S, S3Requests

_ETAG_IN_ONE_PIECE = lazy_pattern("[0-9a-f]{32}")
"""The tag of an object that was not uploaded in parts."""


class S3Store:
    """An S3 service. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        """Finds credentials and the region as the AWS tools do.

        Raises:
            HostError: credentials are missing, or the configuration is unusable.
        """
        self._access = S3Access(options)
        self._requests = S3Requests(self._access, request_payer=options.request_payer)
        self._http = HttpClient(self._requests.configure, READ_TIMEOUT_S)
        self._sites: dict[str, S3Site] = {}
        self._lock = Lock()

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        pages = s3_listing.versions if all_versions else s3_listing.objects
        return pages(lambda query: self._page(bucket.name, query), prefix, after)

    def head(self, entry: ObjectRef) -> Head:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        request = self._requests.metadata(self._site(entry.bucket.name), entry)
        response, headers = self._open(request, responses.ERROR_BYTES)
        body = response.read(responses.ERROR_BYTES)
        response.close()
        if response.status != responses.OK:
            raise responses.refusal(response.status, body)
        return responses.head(headers, entry.state)

    def get(self, entry: ObjectRef, span: ByteRange | None) -> "S3Response":
        """See :class:`hashaudit.objectstores.interface.Store`."""
        request = self._requests.content(self._site(entry.bucket.name), entry, span)
        size_bytes = entry.state.size if span is None else span.last + 1 - span.first
        # One byte more than is expected, so that the reader sees that there are too many.
        response, headers = self._open(request, max(size_bytes + 1, responses.ERROR_BYTES))
        try:
            head = responses.accepted(
                response.status, headers, entry, span, lambda: response.read(responses.ERROR_BYTES)
            )
        except (StoreError, OverwrittenError):
            response.close()
            raise
        return S3Response(response, head)

    def bulk(self, settings: BulkSettings) -> Bulk:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return S3Bulk(settings, self._requests, self._site)

    @property
    def site(self) -> str:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._access.service

    def has_open_upload(self, entry: ObjectRef) -> bool:
        """See :class:`hashaudit.objectstores.interface.Store`.

        An object that was uploaded in parts has the time at which its upload began, and the same tag as all whose parts
        have the same MD5 digests. So it is the same state that another upload of that time can complete later.

        Source: Amazon S3 User Guide, "Working with object metadata", Last-Modified; "Checking object integrity", ETag.
        """
        state = entry.state
        if is_versioned(state.version) or _ETAG_IN_ONE_PIECE.fullmatch(state.etag):
            return False
        return s3_listing.has_upload(lambda query: self._page(entry.bucket.name, query), entry.key)

    def _page(self, bucket: str, query: s3_listing.Query) -> s3_listing.FetchedPage:
        request = self._requests.listing(self._site(bucket), query)
        response, headers = self._open(request, s3_listing.MAX_PAGE_BYTES)
        try:
            chunks = []
            while data := response.read(s3_listing.MAX_PAGE_BYTES):
                chunks.append(data)
        finally:
            response.close()
        body = b"".join(chunks)
        if response.status != responses.OK:
            raise responses.refusal(response.status, body[: responses.ERROR_BYTES])
        if response.error is not None:
            raise responses.curl_failure(response.error)
        return s3_listing.FetchedPage(body, http_date_ns(headers.get("date")))

    def _open(self, request: Request, limit_bytes: int) -> tuple[OpenResponse, dict[str, str]]:
        response = self._http.open(request, limit_bytes)
        headers = response.headers()
        if headers is None:
            response.close()
            raise responses.curl_failure(response.error)
        return response, headers

    def _site(self, bucket: str) -> S3Site:
        """Returns where the objects of a bucket are.

        Raises:
            StoreError: it cannot be found out.
        """
        with self._lock:
            site = self._sites.get(bucket)
            if site is None:
                site = self._sites[bucket] = self._find_site(bucket)
            return site

    def _find_site(self, bucket: str) -> S3Site:
        region = self._access.region
        try:
            site = self._access.site(bucket, region)
            if self._access.has_endpoint:
                return site
            found = self._region_of(site)
            return site if found in {None, region} else self._access.site(bucket, str(found))
        except HostError as error:
            raise StoreError(FaultCode.IO_ERROR, str(error)) from error

    def _region_of(self, site: S3Site) -> str | None:
        """Returns the region of a bucket. A refusal names it too."""
        response, headers = self._open(self._requests.bucket(site), responses.ERROR_BYTES)
        response.close()
        return headers.get("x-amz-bucket-region")


class S3Response:
    """See :class:`hashaudit.objectstores.interface.Response`."""

    def __init__(self, response: OpenResponse, head: Head) -> None:
        self._response = response
        self.head = head

    def read(self, limit: int) -> bytes:
        """See :class:`hashaudit.objectstores.interface.Response`."""
        data = self._response.read(limit)
        if not data and self._response.error is not None and not self._response.is_overlong:
            raise responses.curl_failure(self._response.error)
        return data

    def close(self) -> None:
        """See :class:`hashaudit.objectstores.interface.Response`."""
        self._response.close()


def warm_up() -> None:
    """Loads what a store will load, so that copies of this process have it."""
    load_chain()
