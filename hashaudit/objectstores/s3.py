"""Lists and reads Amazon S3 and compatible stores through botocore.

Listing uses botocore's client. Reading uses only its signer and HTTP session, because the client's serialiser, parser
and retries double the CPU time of signing and sending (docs/adr/0061-pin-object-reads.md).

Source: Amazon S3 API Reference, GetObject, HeadObject, ListObjectsV2, ListObjectVersions.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from hashaudit.errors import HostError
from hashaudit.model.entry import is_versioned
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores import s3_responses as responses
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
from hashaudit.objectstores.s3_bulk import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, S3Bulk, S3Site, is_exact

READ_BYTES = 256 * 1024
LIST_ATTEMPTS = 6
"""Attempts for one page, with pauses that double up to 20 s (botocore's retry mode ``standard``)."""

CONNECTIONS = 64
"""Connections kept open: the most requests that a worker has in flight."""

AMAZON_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")

_ETAG_IN_ONE_PIECE = re.compile("[0-9a-f]{32}")
"""The tag of an object that was not uploaded in parts."""

FALLBACK_REGION = "us-east-1"
"""The region that compatible stores expect in signatures unless configured otherwise."""


@functools.cache
def _data_loader(path: str | None) -> Loader:
    """Returns what reads botocore's descriptions of services, and keeps them: they take as long as a start."""
    return create_loader(path)


def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _data_loader(session.get_config_variable("data_path")))
    # botocore's own parser of times takes three quarters of the time of a listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=responses.instant)
    return session


def warm_up() -> None:
    """Loads what every store loads, so that copies of this process have it."""
    # A configuration that is unusable is reported by the store.
    with contextlib.suppress(BotoCoreError, ValueError):
        session = _session()
        session.set_credentials("none", "none")
        session.create_client("s3", FALLBACK_REGION)


class S3Store:
    """An S3 service. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        """Finds credentials and the region through botocore's standard chain.

        Raises:
            HostError: credentials are missing, or the configuration is unusable.
        """
        self._options = options
        style = "path" if options.path_style or options.endpoint_url is not None else "auto"
        retries = {} if "AWS_MAX_ATTEMPTS" in os.environ else {"total_max_attempts": LIST_ATTEMPTS, "mode": "standard"}
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries=retries,
            s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"},
        )
        try:
            self._session = _session()
            self._region = self._session.get_config_variable("region") or FALLBACK_REGION
            self._client = self._client_in(self._region)
            self._credentials = self._session.get_credentials()
            bundle = self._session.get_config_variable("ca_bundle")
        except (BotoCoreError, ValueError) as error:
            raise HostError(f"cannot use S3; {error}") from error
        if self._credentials is None:
            raise HostError(
                "no credentials for S3", hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )
        self._verify: str | bool = bundle or True
        self._proxies = get_environ_proxies(self._client.meta.endpoint_url)
        self._http = URLLib3Session(
            verify=self._verify,
            proxies=self._proxies,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            max_pool_connections=CONNECTIONS,
        )
        self._sites: dict[str, S3Site] = {}
        self._clients: dict[str, Any] = {}
        """Clients in the regions of the buckets."""
        self._lock = Lock()

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        operation = "list_object_versions" if all_versions else "list_objects_v2"
        arguments = {"Bucket": bucket.name, "Prefix": _text(prefix)}
        if self._options.request_payer:
            arguments["RequestPayer"] = "requester"
        if after is not None:
            arguments["KeyMarker" if all_versions else "StartAfter"] = _text(after)
        listed = responses.versions if all_versions else responses.objects
        try:
            truncated = False
            for page in self._client.get_paginator(operation).paginate(**arguments):
                truncated = responses.is_truncated(page)
                yield listed(page)
        except ClientError as error:
            raise responses.refusal_of(error) from error
        except (BotoCoreError, HTTPError) as error:
            raise responses.network_failure(error) from error
        except (ResponseParserError, LookupError, ValueError) as error:
            raise StoreError(FaultCode.IO_ERROR, "invalid or truncated listing from the store") from error
        if truncated:
            raise StoreError(FaultCode.IO_ERROR, "truncated listing without a continuation token")

    def head(self, entry: ObjectRef) -> Head:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        response = self._send("HEAD", entry, {})
        error = response.raw.read()  # empty; reading it returns the connection to the pool
        if response.status_code != responses.OK:
            raise responses.refusal(response.status_code, error)
        return responses.head(response.headers, entry.state)

    def get(self, entry: ObjectRef, span: ByteRange | None) -> "S3Response":
        """See :class:`hashaudit.objectstores.interface.Store`."""
        if not entry.state.etag:
            raise StoreError(FaultCode.IO_ERROR, "no ETag from the store; reads are pinned to it")
        headers = {"If-Match": f'"{entry.state.etag}"'}
        if span is not None:
            headers["Range"] = f"bytes={span.first}-{span.last}"
        response = self._send("GET", entry, headers)
        try:
            head = responses.accepted(
                response.status_code,
                response.headers,
                entry,
                span,
                lambda: response.raw.read(responses.ERROR_BYTES),
            )
        except (StoreError, OverwrittenError):
            response.raw.close()
            raise
        return S3Response(response.raw, head)

    @property
    def site(self) -> str:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        url: str = self._client.meta.endpoint_url
        if (urlsplit(url).hostname or "").endswith(AMAZON_HOSTS):
            # Names of buckets are unique in a partition, in all regions together.
            return str(self._client.meta.partition)
        return url.rstrip("/")

    def has_open_upload(self, entry: ObjectRef) -> bool:
        """See :class:`hashaudit.objectstores.interface.Store`.

        An object that was uploaded in parts has the time at which its upload began, and the same tag as all whose parts
        have the same MD5 digests. So it is the same state that another upload of that time can complete later.

        Source: Amazon S3 User Guide, "Working with object metadata", Last-Modified; "Checking object integrity", ETag.
        """
        state = entry.state
        if is_versioned(state.version) or _ETAG_IN_ONE_PIECE.fullmatch(state.etag):
            return False
        arguments = {"Bucket": entry.bucket.name, "Prefix": _text(entry.key)}
        if self._options.request_payer:
            arguments["RequestPayer"] = "requester"
        try:
            page = self._client_of(entry.bucket.name).list_multipart_uploads(**arguments)
            # The uploads of a key come before those of longer keys.
            return any(upload["Key"] == arguments["Prefix"] for upload in page.get("Uploads", ()))
        except ClientError as error:
            raise responses.refusal_of(error) from error
        except (BotoCoreError, HTTPError) as error:
            raise responses.network_failure(error) from error
        except (ResponseParserError, LookupError, ValueError) as error:
            raise StoreError(FaultCode.IO_ERROR, "invalid listing of uploads from the store") from error

    def bulk(self, settings: BulkSettings) -> Bulk | None:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        if self._proxies or not is_exact():
            return None
        return S3Bulk(
            settings, self._site, self._keys, get_cert_path(self._verify), request_payer=self._options.request_payer
        )

    def _keys(self) -> tuple[str, str, str | None]:
        """Returns access key, secret key and token. Asked for at each request, because this renews expired ones.

        Raises:
            StoreError: they cannot be renewed.
        """
        try:
            keys = self._credentials.get_frozen_credentials()
        except (BotoCoreError, HTTPError) as error:
            raise responses.network_failure(error) from error
        return keys.access_key, keys.secret_key, keys.token

    def _send(self, method: str, entry: ObjectRef, headers: dict[str, str]) -> Any:
        try:
            site = self._site(entry.bucket.name)
            version = entry.state.version
            query = f"?versionId={quote(version, safe='')}" if version is not None else ""
            headers["x-amz-checksum-mode"] = "ENABLED"
            if self._options.request_payer:
                headers["x-amz-request-payer"] = "requester"
            url = f"{site.base_url}/{quote(entry.key, safe='/~')}{query}"
            request = AWSRequest(method, url, headers=headers, stream_output=True)
            # Requested each time, because this renews expired credentials.
            S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", site.region).add_auth(request)
            return self._http.send(request.prepare())
        except (BotoCoreError, HTTPError) as error:
            raise responses.network_failure(error) from error

    def _site(self, bucket: str) -> S3Site:
        """Returns the base URL of a bucket's objects, and the region for signatures."""
        with self._lock:
            site = self._sites.get(bucket)
            if site is None:
                site = self._sites[bucket] = self._find_site(bucket)
            return site

    def _find_site(self, bucket: str) -> S3Site:
        region = self._region
        if self._options.endpoint_url is None:
            region = self._region_of(bucket) or region
        client = self._client if region == self._region else self._client_in(region)
        self._clients[bucket] = client
        # Only the client knows the rules for endpoints. A URL that it makes shows the endpoint of this bucket.
        parts = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
        return S3Site(f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/k')}", region)

    def _client_of(self, bucket: str) -> Any:
        self._site(bucket)
        return self._clients[bucket]

    def _region_of(self, bucket: str) -> str | None:
        try:
            response = self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            response = error.response  # a refusal names the region too
        region: str | None = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return region

    def _client_in(self, region: str) -> Any:
        return self._session.create_client(
            "s3", region_name=region, endpoint_url=self._options.endpoint_url, config=self._config
        )


class S3Response:
    """See :class:`hashaudit.objectstores.interface.Response`."""

    def __init__(self, raw: Any, head: Head) -> None:
        self._raw = raw
        self.head = head

    def read(self, limit: int) -> bytes:
        """See :class:`hashaudit.objectstores.interface.Response`."""
        try:
            data: bytes = self._raw.read(min(READ_BYTES, limit))
        except (HTTPError, OSError) as error:
            raise responses.network_failure(error) from error
        return data

    def close(self) -> None:
        """Closes the connection, unless all was read and it is back in the pool."""
        self._raw.close()


def _text(key: bytes) -> str:
    return key.decode(errors="surrogateescape")
