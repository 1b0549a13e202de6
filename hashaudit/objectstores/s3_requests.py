"""Makes the requests to S3, which libcurl signs and sends.

Source: curl_easy_setopt(3), CURLOPT_AWS_SIGV4(3); Amazon S3 API Reference, GetObject, HeadObject, HeadBucket.
"""

import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pycurl

from hashaudit.errors import HostError
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.http_transfers import Request
from hashaudit.objectstores.interface import ByteRange, ObjectRef, StoreError
from hashaudit.objectstores.s3_access import Keys, S3Access, S3Site

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
"""Longest wait for a byte. Even a few attempts stay below the time after which the parent ends a silent worker."""

EXACT_VERSION = 0x080B00
"""8.11.0. The signatures of earlier ones were not compared with botocore's."""

BUFFER_BYTES = 128 * 1024
"""Most bytes that libcurl receives at once."""


class S3Requests:
    """Makes requests. May be used by several threads.

    Args:
        access: credentials and certificates.
        request_payer: accept the charges.

    Raises:
        HostError: libcurl is too old.
    """

    def __init__(self, access: S3Access, *, request_payer: bool) -> None:
        version = pycurl.version_info()
        if int(version[2]) < EXACT_VERSION:
            raise HostError(
                f"cannot use s3://; libcurl {version[1]} is older than 8.11, so its signatures are not exact",
                hint="pip install --upgrade pycurl",
            )
        self._access = access
        self._payer = ("x-amz-request-payer: requester",) if request_payer else ()
        self._signing: tuple[tuple[Keys, S3Site], tuple[tuple[int, str], ...]] | None = None

    def content(self, site: S3Site, entry: ObjectRef, span: ByteRange | None) -> Request:
        """Makes the request for an object in the entry's state, or a range of it.

        Raises:
            StoreError: no request can name the object or its state.
        """
        etag = entry.state.etag
        if not etag:
            raise StoreError(FaultCode.IO_ERROR, "no ETag from the store; reads are pinned to it")
        if not is_plain_value(etag) or '"' in etag:
            raise StoreError(FaultCode.IO_ERROR, "an ETag from the store that no request can name")
        headers = [f'If-Match: "{etag}"', "x-amz-checksum-mode: ENABLED", *self._payer]
        if span is not None:
            headers.append(f"Range: bytes={span.first}-{span.last}")
        return self._signed(site, object_url(site, entry), headers)

    def metadata(self, site: S3Site, entry: ObjectRef) -> Request:
        """Makes the request for the metadata of an object.

        Raises:
            StoreError: no request can name the object.
        """
        headers = ["x-amz-checksum-mode: ENABLED", *self._payer]
        return self._signed(site, object_url(site, entry), headers, is_head=True)

    def bucket(self, site: S3Site) -> Request:
        """Makes the request for the metadata of a bucket.

        Raises:
            StoreError: the credentials cannot be used.
        """
        return self._signed(site, _bucket_url(site), (), is_head=True)

    def listing(self, site: S3Site, query: Mapping[str, bytes | None]) -> Request:
        """Makes the request for a page of a listing.

        Args:
            site: of the bucket.
            query: names and values of the query; ``None``: a name alone.

        Raises:
            StoreError: the credentials cannot be used.
        """
        text = "&".join(name if value is None else f"{name}={quote(value, safe='~')}" for name, value in query.items())
        return self._signed(site, f"{_bucket_url(site)}?{text}", self._payer)

    @staticmethod
    def configure(handle: pycurl.Curl) -> None:
        """Sets the options that all requests share."""
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        # Signatures and tokens are for one host.
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.NOPROXY, "")  # the environment has been asked, by the rules of Python
        handle.setopt(pycurl.USERAGENT, "hashaudit")
        handle.setopt(pycurl.BUFFERSIZE, BUFFER_BYTES)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, READ_TIMEOUT_S)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)

    def _server_options(self, site: S3Site) -> tuple[tuple[int, str], ...]:
        """Returns the options of the way to a server."""
        proxy = (pycurl.PROXY, site.proxy)
        if not any(url.startswith("https:") for url in (site.base_url, site.proxy)):
            return (proxy,)
        certificates = self._access.certificates
        if os.path.isdir(certificates):
            return proxy, (pycurl.CAPATH, certificates), (pycurl.PROXY_CAPATH, certificates)
        return proxy, (pycurl.CAINFO, certificates), (pycurl.PROXY_CAINFO, certificates)

    def _signed(self, site: S3Site, url: str, headers: Sequence[str], *, is_head: bool = False) -> Request:
        keys = self._access.keys()
        signing = self._signing
        if signing is None or signing[0] != (keys, site):
            if not all(is_plain_value(part) for part in keys if part):
                raise StoreError(FaultCode.IO_ERROR, "the credentials contain a character that no request can contain")
            options = (
                (pycurl.USERNAME, keys[0]),
                (pycurl.PASSWORD, keys[1]),
                (pycurl.AWS_SIGV4, f"aws:amz:{site.region}:s3"),
                *self._server_options(site),
            )
            self._signing = signing = (keys, site), options
        if _has_dot_segment(url):
            lines = _signed_by_botocore("HEAD" if is_head else "GET", url, headers, keys, site.region)
            return Request(url, lines, ((pycurl.PATH_AS_IS, 1), *self._server_options(site)), is_head)
        if keys[2]:
            headers = [*headers, f"x-amz-security-token: {keys[2]}"]
        return Request(url, headers, signing[1], is_head)


def _has_dot_segment(url: str) -> bool:
    """Returns whether libcurl would request another path, which it does not sign otherwise."""
    if "/." not in url and "%2" not in url:
        return False
    path = url.partition("?")[0].lower().replace("%2e", ".")
    return not {".", ".."}.isdisjoint(path.split("/"))


def _signed_by_botocore(method: str, url: str, headers: Sequence[str], keys: Keys, region: str) -> list[str]:
    """Returns lines of a head with its signature."""
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415 # slow to import, and few keys need it
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 # as above
    from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415 # as above

    request = AWSRequest(method, url, headers=dict(line.split(": ", 1) for line in headers))
    S3SigV4Auth(ReadOnlyCredentials(*keys), "s3", region).add_auth(request)
    return [f"{name}: {value}" for name, value in request.headers.items()]


def _bucket_url(site: S3Site) -> str:
    """Returns the URL of a bucket: the path of a host is never empty."""
    return site.base_url if "/" in site.base_url.partition("://")[2] else f"{site.base_url}/"


def object_url(site: S3Site, entry: ObjectRef) -> str:
    """Returns the URL of an object.

    Raises:
        StoreError: the key is empty, so the URL would be that of the bucket.
    """
    if not entry.key:
        raise StoreError(FaultCode.IO_ERROR, "an object without a name cannot be requested")
    version = entry.state.version
    query = f"?versionId={quote(version, safe='')}" if version is not None else ""
    return f"{site.base_url}/{quote(entry.key, safe='/~')}{query}"


def is_plain_value(text: str) -> bool:
    """Returns whether a text is the value of a header as it is."""
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()
