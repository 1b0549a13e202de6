"""Lists and reads Amazon S3 and compatible stores through botocore.

Listing uses botocore's client. Reading uses only its signer and HTTP session, because the client's serialiser, parser
and retries double the CPU time of signing and sending (docs/adr/0061-pin-object-reads.md).

Source: Amazon S3 API Reference, GetObject, HeadObject, ListObjectsV2, ListObjectVersions.
"""

import contextlib
import functools
import os
from collections.abc import Iterator
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from hashaudit.errors import HostError
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.interface import (
    ByteRange,
    Head,
    ListedObject,
    ObjectRef,
    OverwrittenError,
    StoreError,
    StoreOptions,
)

READ_BYTES = 256 * 1024
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
"""Longest wait for a byte. Even a few attempts stay below the time after which the parent ends a silent worker."""

LIST_ATTEMPTS = 6
"""Attempts for one page, with pauses that double up to 20 s (botocore's retry mode ``standard``)."""

CONNECTIONS = 64
"""Connections kept open: the most requests that a worker has in flight."""

FALLBACK_REGION = "us-east-1"
"""The region that compatible stores expect in signatures unless configured otherwise."""


@functools.cache
def _data_loader(path: str | None) -> Loader:
    """Returns what reads botocore's descriptions of services, and keeps them: they take as long as a start."""
    return create_loader(path)


def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _data_loader(session.get_config_variable("data_path")))
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
        self._http = URLLib3Session(
            verify=bundle or True,
            proxies=get_environ_proxies(self._client.meta.endpoint_url),
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            max_pool_connections=CONNECTIONS,
        )
        self._sites: dict[str, tuple[str, str]] = {}
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
        received = S3Response(response, entry.state)
        if response.status_code == (responses.OK if span is None else responses.PARTIAL):
            if received.head.state.etag != entry.state.etag:
                received.close()  # the server ignores If-Match
                raise OverwrittenError
            if span is None or responses.begins_at(response.headers, span.first):
                return received
        try:
            if response.status_code == responses.PARTIAL:
                raise StoreError(FaultCode.IO_ERROR, "the store sent another range of the object than requested")
            if response.status_code == responses.PRECONDITION_FAILED:
                raise OverwrittenError
            if response.status_code == responses.OK:
                raise StoreError(FaultCode.IO_ERROR, "the store does not serve ranges of objects")
            raise responses.refusal(response.status_code, response.raw.read(responses.ERROR_BYTES))
        finally:
            received.close()

    def _send(self, method: str, entry: ObjectRef, headers: dict[str, str]) -> Any:
        try:
            base, region = self._site(entry.bucket.name)
            version = entry.state.version
            query = f"?versionId={quote(version, safe='')}" if version is not None else ""
            headers["x-amz-checksum-mode"] = "ENABLED"
            if self._options.request_payer:
                headers["x-amz-request-payer"] = "requester"
            url = f"{base}/{quote(entry.key, safe='/~')}{query}"
            request = AWSRequest(method, url, headers=headers, stream_output=True)
            # Requested each time, because this renews expired credentials.
            S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", region).add_auth(request)
            return self._http.send(request.prepare())
        except (BotoCoreError, HTTPError) as error:
            raise responses.network_failure(error) from error

    def _site(self, bucket: str) -> tuple[str, str]:
        """Returns the base URL of a bucket's objects, and the region for signatures."""
        with self._lock:
            site = self._sites.get(bucket)
            if site is None:
                site = self._sites[bucket] = self._find_site(bucket)
            return site

    def _find_site(self, bucket: str) -> tuple[str, str]:
        region = self._region
        if self._options.endpoint_url is None:
            region = self._region_of(bucket) or region
        client = self._client if region == self._region else self._client_in(region)
        # Only the client knows the rules for endpoints. A URL that it makes shows the endpoint of this bucket.
        parts = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
        return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/k')}", region

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

    def __init__(self, response: Any, requested: ObjectState) -> None:
        self._raw = response.raw
        self.head = responses.head(response.headers, requested)

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
