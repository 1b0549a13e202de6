"""Requests many whole objects of S3 at once through libcurl, which also signs.

It requests only what libcurl names exactly as it is. The caller reads everything else, and all that does not come whole
and in the listed state, through :class:`hashaudit.objectstores.s3.S3Store`
(docs/adr/0063-read-small-objects-with-libcurl.md).

Source: curl_easy_setopt(3), CURLOPT_AWS_SIGV4(3).
"""

import os
from collections.abc import Callable
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
import pycurl

from hashaudit.objectstores import s3_responses as responses
from hashaudit.objectstores.http_transfers import Transfer, Transfers
from hashaudit.objectstores.interface import Answer, BulkSettings, ObjectRef, OverwrittenError, StoreError

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
"""Longest wait for a byte. Even a few attempts stay below the time after which the parent ends a silent worker."""

EXACT_VERSION = 0x080B00
"""8.11.0. The signatures of earlier ones were not compared with botocore's."""

BUFFER_BYTES = 128 * 1024
"""Most bytes that libcurl receives at once."""


class S3Site(msgspec.Struct, frozen=True):
    """Where the objects of a bucket are."""

    base_url: str
    region: str


class _Request(msgspec.Struct, frozen=True):
    """A request for an object, without its signature."""

    entry: ObjectRef
    url: str
    headers: tuple[str, ...]
    region: str


class S3Bulk:
    """Requests whole objects. Implements :class:`hashaudit.objectstores.interface.Bulk`.

    Args:
        settings: limits, and what to do with arrived bytes.
        find_site: finds a bucket.
        credentials: returns access key, secret key and session token, renewed if they have expired.
        certificates: file or directory of the trusted certificates.
        request_payer: accept the charges.
    """

    def __init__(
        self,
        settings: BulkSettings,
        find_site: Callable[[str], S3Site],
        credentials: Callable[[], tuple[str, str, str | None]],
        certificates: str,
        *,
        request_payer: bool,
    ) -> None:
        self._settings = settings
        self._find_site = find_site
        self._credentials = credentials
        self._certificates = certificates
        self._headers = (
            "x-amz-checksum-mode: ENABLED",
            *(("x-amz-request-payer: requester",) if request_payer else ()),
        )
        self._transfers = Transfers(self._configure, settings.connections)
        self._signed_for: tuple[tuple[str, str, str | None], str] | None = None
        self._signing: tuple[tuple[int, str], ...] = ()
        self._requests: dict[Transfer, _Request] = {}

    @property
    def active(self) -> int:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        return self._transfers.active

    def request(self, entry: ObjectRef) -> _Request | None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        key, etag, version = entry.key, entry.state.etag, entry.state.version
        if not key or not is_plain_value(etag) or '"' in etag or not {b".", b".."}.isdisjoint(key.split(b"/")):
            return None
        try:
            site = self._find_site(entry.bucket.name)
        except Exception:  # noqa: BLE001 # the other client meets the same error and names it
            return None
        if not is_plain_base(site.base_url):
            return None
        query = f"?versionId={quote(version, safe='')}" if version is not None else ""
        url = f"{site.base_url}/{quote(key, safe='/~')}{query}"
        return _Request(entry, url, (f'If-Match: "{etag}"', *self._headers), site.region)

    def start(self, request: _Request) -> Transfer:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        size = request.entry.state.size
        transfer = Transfer(max(size, responses.ERROR_BYTES), self._settings.on_bytes)
        keys = self._credentials()
        if (keys, request.region) != self._signed_for:
            self._signed_for = keys, request.region
            self._signing = (
                (pycurl.USERNAME, keys[0]),
                (pycurl.PASSWORD, keys[1]),
                (pycurl.AWS_SIGV4, f"aws:amz:{request.region}:s3"),
            )
        token = keys[2]
        headers = request.headers if token is None else (*request.headers, f"x-amz-security-token: {token}")
        self._requests[transfer] = request
        self._transfers.start(transfer, request.url, headers, self._signing)
        return transfer

    def run(self, timeout_s: float) -> list[tuple[Transfer, Answer]]:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        return [(transfer, self._answer(transfer)) for transfer in self._transfers.run(timeout_s)]

    def cancel(self, ticket: Transfer) -> None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        self._requests.pop(ticket, None)
        self._transfers.cancel(ticket)

    def wake(self) -> None:
        """See :class:`hashaudit.objectstores.interface.Bulk`."""
        self._transfers.wake()

    def _answer(self, transfer: Transfer) -> Answer:
        entry = self._requests.pop(transfer).entry
        headers = transfer.headers()
        if headers is None:
            return Answer(None, [], responses.curl_failure(transfer.error))
        try:
            head = responses.accepted(transfer.status, headers, entry, None, lambda: b"".join(transfer.chunks))
        except (StoreError, OverwrittenError) as error:
            return Answer(None, [], error)
        broken = transfer.error is not None and not transfer.is_overlong
        return Answer(head, transfer.chunks, responses.curl_failure(transfer.error) if broken else None)

    def _configure(self, handle: pycurl.Curl) -> None:
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.PROXY, "")  # ignores the environment; if there is a proxy, the other client reads
        handle.setopt(pycurl.USERAGENT, "hashaudit")
        handle.setopt(pycurl.BUFFERSIZE, BUFFER_BYTES)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_S)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, READ_TIMEOUT_S)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        if os.path.isdir(self._certificates):
            handle.unsetopt(pycurl.CAINFO)
            handle.setopt(pycurl.CAPATH, self._certificates)
        else:
            handle.unsetopt(pycurl.CAPATH)
            handle.setopt(pycurl.CAINFO, self._certificates)


def is_exact() -> bool:
    """Returns whether this libcurl signs all keys as botocore does. Wheels have such a one, builds may have another."""
    return int(pycurl.version_info()[2]) >= EXACT_VERSION


def is_plain_value(text: str) -> bool:
    """Returns whether a text is the value of a header as it is."""
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def is_plain_base(url: str) -> bool:
    """Returns whether libcurl requests objects below a URL exactly as it is written."""
    parts: SplitResult = urlsplit(url)
    is_simple = url.isascii() and url.isprintable() and " " not in url and not parts.query and not parts.fragment
    return (
        is_simple
        and parts.scheme in {"http", "https"}
        and "@" not in parts.netloc
        and "%" not in url
        and {".", ".."}.isdisjoint(parts.path.split("/"))
    )
