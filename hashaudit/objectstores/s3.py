"""Amazon S3 and what speaks its language, through botocore: its client lists, its signer and HTTP session read.

Reading goes around the client, whose serialiser, parser and retries cost as much CPU time again as signing and sending
(docs/adr/0061-pin-object-reads.md). Source: Amazon S3 API Reference, GetObject, HeadObject, ListObjectsV2,
ListObjectVersions.
"""

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
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from hashaudit.errors import HostError
from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores import s3_responses as answers
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
"""Without a byte. With a few attempts it is still below the time after which a silent worker is ended."""

LIST_ATTEMPTS = 6
"""Of one page, with pauses that double up to 20 s (botocore's retry mode ``standard``)."""

CONNECTIONS = 64
"""Kept open for the next request: as many as a worker ever has in flight."""

FALLBACK_REGION = "us-east-1"
"""What S3's other implementations take requests to be signed for when nothing says otherwise."""


class S3Store:
    """S3 by one set of options. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        """Finds credentials and the region by botocore's standard chain.

        Raises:
            HostError: there are no credentials, or the configuration cannot be used.
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
            self._session = botocore.session.get_session()
            self._region = self._session.get_config_variable("region") or FALLBACK_REGION
            self._client = self._client_in(self._region)
            self._credentials = self._session.get_credentials()
            bundle = self._session.get_config_variable("ca_bundle")
        except (BotoCoreError, ValueError) as error:
            raise HostError(f"S3 cannot be used: {error}") from error
        if self._credentials is None:
            raise HostError("no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
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
        listed = answers.versions if all_versions else answers.objects
        try:
            truncated = False
            for page in self._client.get_paginator(operation).paginate(**arguments):
                truncated = answers.goes_on(page)
                yield listed(page)
        except ClientError as error:
            raise answers.refusal_of(error) from error
        except (BotoCoreError, HTTPError) as error:
            raise answers.network_failure(error) from error
        except (ResponseParserError, LookupError, ValueError) as error:
            raise StoreError(FaultCode.IO_ERROR, "what the store sent is no listing, or a part of one") from error
        if truncated:
            raise StoreError(FaultCode.IO_ERROR, "the store says that there are more keys, and not how to go on")

    def head(self, entry: ObjectRef) -> Head:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        response = self._send("HEAD", entry, {})
        error = response.raw.read()  # nothing, which gives the connection back
        if response.status_code != answers.OK:
            raise answers.refusal(response.status_code, error)
        return answers.head(response.headers, entry.state)

    def get(self, entry: ObjectRef, span: ByteRange | None) -> "S3Reply":
        """See :class:`hashaudit.objectstores.interface.Store`."""
        if not entry.state.etag:
            raise StoreError(FaultCode.IO_ERROR, "the store told no entity tag, which a read is pinned to")
        headers = {"If-Match": f'"{entry.state.etag}"'}
        if span is not None:
            headers["Range"] = f"bytes={span.first}-{span.last}"
        response = self._send("GET", entry, headers)
        reply = S3Reply(response, entry.state)
        if response.status_code == (answers.OK if span is None else answers.PARTIAL):
            if reply.head.state.etag != entry.state.etag:
                reply.close()  # a server that does not know If-Match
                raise OverwrittenError
            if span is None or answers.begins_at(response.headers, span.first):
                return reply
        try:
            if response.status_code == answers.PARTIAL:
                raise StoreError(FaultCode.IO_ERROR, "the store sent another part of the object than was asked for")
            if response.status_code == answers.PRECONDITION_FAILED:
                raise OverwrittenError
            if response.status_code == answers.OK:
                raise StoreError(FaultCode.IO_ERROR, "the store does not send parts of objects")
            raise answers.refusal(response.status_code, response.raw.read(answers.ERROR_BYTES))
        finally:
            reply.close()

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
            # Asked for each time, because credentials that end are renewed on the way.
            S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", region).add_auth(request)
            return self._http.send(request.prepare())
        except (BotoCoreError, HTTPError) as error:
            raise answers.network_failure(error) from error

    def _site(self, bucket: str) -> tuple[str, str]:
        """Where a bucket's objects are asked for, and the region that requests are signed for."""
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
        # The client alone knows the rules for endpoints; a URL that it makes shows what they say of this bucket.
        parts = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
        return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/k')}", region

    def _region_of(self, bucket: str) -> str | None:
        try:
            answer = self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response  # a refusal names the region too
        region: str | None = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return region

    def _client_in(self, region: str) -> Any:
        return self._session.create_client(
            "s3", region_name=region, endpoint_url=self._options.endpoint_url, config=self._config
        )


class S3Reply:
    """See :class:`hashaudit.objectstores.interface.Response`."""

    def __init__(self, response: Any, asked: ObjectState) -> None:
        self._raw = response.raw
        self.head = answers.head(response.headers, asked)

    def read(self, limit: int) -> bytes:
        """See :class:`hashaudit.objectstores.interface.Response`."""
        try:
            data: bytes = self._raw.read(min(READ_BYTES, limit))
        except (HTTPError, OSError) as error:
            raise answers.network_failure(error) from error
        return data

    def close(self) -> None:
        """Closes the connection unless all was read, which has given it back."""
        self._raw.close()


def _text(key: bytes) -> str:
    return key.decode(errors="surrogateescape")
